//! Reads the file, lays the environment over it, and checks the whole.

use std::ffi::OsString;
use std::path::Path;

use chronos_types::DurationMs;
use serde_json::{Map, Value};

use super::keys::Config;

/// Before every variable of ours; `__` stands between a key and the one inside it.
const PREFIX: &str = "CHRONOS_";

/// Variables with our prefix that are no keys. The command line reads them.
const NOT_KEYS: [&str; 1] = ["CHRONOS_CONFIG"];

/// How a variable that is no key may have come to be there. Kubernetes tells each pod of each Service so.
const STRAY: &str = "a variable that begins with CHRONOS_ sets a key, with __ before each key inside another one; where \
                     Kubernetes sets it for a Service named chronos, enableServiceLinks: false in the pod keeps it out";

/// Why the configuration cannot be used: one sentence that names the key, the value and what was
/// expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

/// Loads the configuration from a file, where one is named, and from environment variables.
///
/// # Errors
/// The first key that is unknown or has a bad value, and where it stands.
pub fn load(
    file: Option<&Path>,
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Config, ConfigError> {
    let (mut tree, source) = match file {
        None => (Value::Object(Map::new()), "the configuration".to_owned()),
        Some(file) => (read(file)?, file.display().to_string()),
    };
    let mut variables =
        environment.filter_map(|pair| Variable::ours(pair).transpose()).collect::<Result<Vec<_>, _>>()?;
    // A key comes before those inside it, in whatever order they are given.
    variables.sort_unstable_by(|one, other| one.keys.cmp(&other.keys));
    for variable in &variables {
        variable.overlay(&mut tree)?;
    }
    let config: Config = serde_path_to_error::deserialize(tree).map_err(|error| {
        let (path, why) = (error.path().to_string(), error.inner().to_string());
        let key = if path == "." { String::new() } else { format!("{path}: ") };
        match variables.iter().rev().find(|variable| variable.is_about(&path)) {
            None => ConfigError(format!("{source}: {key}{why}")),
            Some(Variable { name, .. }) => {
                let hint =
                    if why.starts_with("unknown field") { format!("; {STRAY}") } else { String::new() };
                ConfigError(format!("environment variable {name}: {key}{why}{hint}"))
            }
        }
    })?;
    check(&config, &source)?;
    Ok(config)
}

fn read(file: &Path) -> Result<Value, ConfigError> {
    let name = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| ConfigError(format!("{name}: {error}")))?;
    if text.trim().is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    let tree: Value = serde_saphyr::from_str(&text)
        .map_err(|error| ConfigError(format!("{name} is not YAML: {}", first_line(&error.to_string()))))?;
    match tree {
        Value::Null => Ok(Value::Object(Map::new())),
        Value::Object(_) => Ok(tree),
        _ => Err(ConfigError(format!("{name}: expected keys such as \"server:\" at the top"))),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or(text).trim()
}

/// An environment variable of ours.
struct Variable {
    name: String,
    /// From the outermost key to the one that it sets.
    keys: Vec<String>,
    value: String,
}

impl Variable {
    /// None where it is somebody else's. Those may hold anything.
    fn ours((name, value): (OsString, OsString)) -> Result<Option<Self>, ConfigError> {
        let shown = name.to_string_lossy();
        let Some(path) = shown.strip_prefix(PREFIX).filter(|_| !NOT_KEYS.contains(&&*shown)) else {
            return Ok(None);
        };
        let not_text = |what| ConfigError(format!("environment variable {shown}: {what} is not UTF-8"));
        if name.to_str().is_none() {
            return Err(not_text("its name"));
        }
        let keys = path.split("__").map(str::to_lowercase).collect();
        let value = value.into_string().map_err(|_| not_text("its value"))?;
        Ok(Some(Self { name: shown.into_owned(), keys, value }))
    }

    /// Sets the key; the value is read as YAML, as it would be in the file.
    fn overlay(&self, tree: &mut Value) -> Result<(), ConfigError> {
        let Self { name, keys, value } = self;
        // A plain text such as `[::1]:8080` is not YAML and is taken as it is.
        let value = serde_saphyr::from_str(value).unwrap_or_else(|_| Value::String(value.clone()));
        let mut at = tree;
        for (depth, key) in keys.iter().enumerate() {
            if at.is_null() {
                *at = Value::Object(Map::new());
            }
            at = match at {
                Value::Object(inside) => inside.entry(key.clone()).or_insert(Value::Null),
                other => {
                    let outer = keys[..depth].join(".");
                    return Err(ConfigError(format!(
                        "environment variable {name} sets a key inside {outer}, which is {other}; expected keys"
                    )));
                }
            };
        }
        *at = value;
        Ok(())
    }

    /// Whether what stands at this path, or something in there, was set by it.
    fn is_about(&self, path: &str) -> bool {
        let keys = self.keys.join(".");
        let inside = |inner: &str, outer: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        inside(path, &keys) || inside(&keys, path)
    }
}

/// What no single key can say.
fn check(config: &Config, source: &str) -> Result<(), ConfigError> {
    let raft = &config.cluster.raft;
    if raft.election_timeout.as_millis() < 5 * raft.heartbeat_interval.as_millis() {
        return Err(ConfigError(format!(
            "{source}: cluster.raft.election_timeout: {} is less than five heartbeat intervals of {}",
            raft.election_timeout, raft.heartbeat_interval
        )));
    }
    // A follower that waits longer for a leader than it may fire without one would stop firing at each change of
    // the leader.
    let patience = DurationMs::from_millis(raft.election_timeout.as_millis() * 6 / 5);
    if config.cluster.reassign_after < patience {
        return Err(ConfigError(format!(
            "{source}: cluster.reassign_after: {} is less than {patience}, for which a node may wait for a leader; \
             expected at least six fifths of cluster.raft.election_timeout ({})",
            config.cluster.reassign_after, raft.election_timeout
        )));
    }
    if raft.tls.is_none() && !raft.address.ip().is_loopback() {
        return Err(ConfigError(format!(
            "{source}: cluster.raft.address: {} can be reached from other machines and no certificates say who may \
             speak to it; expected cluster.raft.tls, a loopback address, or \"tls: none\" to say that this is meant",
            raft.address
        )));
    }
    if raft.advertise.is_none() && raft.address.ip().is_unspecified() {
        return Err(ConfigError(format!(
            "{source}: cluster.raft.advertise: {} is no address that others could call; expected host:port, such as \
             \"chronos-1:7000\"",
            raft.address
        )));
    }
    let address = config.server.http.address;
    if config.auth.is_none() && !address.ip().is_loopback() {
        return Err(ConfigError(format!(
            "{source}: server.http.address: {address} can be reached from other machines and the API asks nobody \
             who they are; expected a loopback address, or \"auth: none\" to say that this is meant"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(yaml: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("chronos.yaml");
        std::fs::write(&file, yaml).expect("a file");
        let environment = environment.iter().map(|(k, v)| ((*k).into(), (*v).into()));
        load(Some(&file), environment).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_at_all_is_the_default() {
        assert_eq!(load(None, std::iter::empty()), Ok(Config::default()));
        assert_eq!(with("", &[]), Ok(Config::default()));
        assert_eq!(with("# nothing\n", &[]), Ok(Config::default()));
    }

    #[test]
    fn every_key_can_be_set_by_file_and_by_environment() {
        let yaml = "
cluster:
  node_id: n1
  data_dir: /d
  bootstrap: true
  max_voters: 3
  reassign_after: 2s
  raft:
    address: 0.0.0.0:7001
    advertise: n1.example:7001
    join: [n2.example:7001, \"[::1]:7001\"]
    tls: { cert_file: r.pem, key_file: rk.pem, ca_file: rca.pem }
    heartbeat_interval: 50ms
    election_timeout: 300ms
server: { http: { address: \"0.0.0.0:80\", tls: { cert_file: c.pem, key_file: k.pem } } }
scheduler: { misfire_threshold: 2m, catch_up_window: 1h }
dispatcher:
  max_concurrent: 7
  http: { timeout: 3s, max_response_body: 8KiB, tls: { ca_file: ca.pem }, egress: { deny: [\"10.0.0.0/8\"], allow: [10.1.1.1] } }
history: { max_per_job: 10, min_per_job: 5, max_age: 1h, max_bytes: 2GiB }
auth: none
metrics: { path: /m }
logging: { level: debug, format: pretty }
";
        let environment = [
            ("CHRONOS_CLUSTER__NODE_ID", "n1"),
            ("CHRONOS_CLUSTER__DATA_DIR", "/d"),
            ("CHRONOS_CLUSTER__BOOTSTRAP", "true"),
            ("CHRONOS_CLUSTER__MAX_VOTERS", "3"),
            ("CHRONOS_CLUSTER__REASSIGN_AFTER", "2s"),
            ("CHRONOS_CLUSTER__RAFT__ADDRESS", "0.0.0.0:7001"),
            ("CHRONOS_CLUSTER__RAFT__ADVERTISE", "n1.example:7001"),
            ("CHRONOS_CLUSTER__RAFT__JOIN", "[\"n2.example:7001\", \"[::1]:7001\"]"),
            ("CHRONOS_CLUSTER__RAFT__TLS__CERT_FILE", "r.pem"),
            ("CHRONOS_CLUSTER__RAFT__TLS__KEY_FILE", "rk.pem"),
            ("CHRONOS_CLUSTER__RAFT__TLS__CA_FILE", "rca.pem"),
            ("CHRONOS_CLUSTER__RAFT__HEARTBEAT_INTERVAL", "50ms"),
            ("CHRONOS_CLUSTER__RAFT__ELECTION_TIMEOUT", "300ms"),
            ("CHRONOS_SERVER__HTTP__ADDRESS", "0.0.0.0:80"),
            ("CHRONOS_SERVER__HTTP__TLS__CERT_FILE", "c.pem"),
            ("CHRONOS_SERVER__HTTP__TLS__KEY_FILE", "k.pem"),
            ("CHRONOS_SCHEDULER__MISFIRE_THRESHOLD", "2m"),
            ("CHRONOS_SCHEDULER__CATCH_UP_WINDOW", "1h"),
            ("CHRONOS_DISPATCHER__MAX_CONCURRENT", "7"),
            ("CHRONOS_DISPATCHER__HTTP__TIMEOUT", "3s"),
            ("CHRONOS_DISPATCHER__HTTP__MAX_RESPONSE_BODY", "8KiB"),
            ("CHRONOS_DISPATCHER__HTTP__TLS__CA_FILE", "ca.pem"),
            ("CHRONOS_DISPATCHER__HTTP__EGRESS__DENY", "[10.0.0.0/8]"),
            ("CHRONOS_DISPATCHER__HTTP__EGRESS__ALLOW", "[10.1.1.1]"),
            ("CHRONOS_HISTORY__MAX_PER_JOB", "10"),
            ("CHRONOS_HISTORY__MIN_PER_JOB", "5"),
            ("CHRONOS_HISTORY__MAX_AGE", "1h"),
            ("CHRONOS_HISTORY__MAX_BYTES", "2147483648"),
            ("CHRONOS_AUTH", "none"),
            ("CHRONOS_METRICS__PATH", "/m"),
            ("CHRONOS_LOGGING__LEVEL", "debug"),
            ("CHRONOS_LOGGING__FORMAT", "pretty"),
            ("CHRONOS_CONFIG", "chronos.yaml"),
            ("HOME", "/root"),
        ];
        let by_file = with(yaml, &[]).expect("file");
        assert_eq!(with("", &environment).expect("environment"), by_file);
        assert_eq!(by_file.dispatcher.http.max_response_body, 8192);
        assert_eq!(by_file.history.max_bytes, 2 << 30);
    }

    #[test]
    fn the_examples_are_good() {
        for n in 1..=3 {
            let file = format!("{}/../../examples/cluster/n{n}.yaml", env!("CARGO_MANIFEST_DIR"));
            let config = load(Some(Path::new(&file)), std::iter::empty()).expect("a configuration");
            assert_eq!(config.cluster.node_id.as_str(), format!("n{n}"));
            assert_eq!(config.cluster.bootstrap, (n == 1).then_some(true));
            assert_eq!(config.cluster.raft.join.len(), 3);
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_value_and_what_was_expected() {
        for (yaml, parts) in [
            ("sever: {}", &["sever", "expected one of"][..]),
            ("server: { http: { adress: x } }", &["server.http.adress", "expected"]),
            ("server: { http: { address: nowhere } }", &["server.http.address", "\"nowhere\"", "host:port"]),
            ("server: { http: { address: \"0.0.0.0:8080\" } }", &["server.http.address", "auth: none"]),
            ("scheduler: { misfire_threshold: 60 }", &["scheduler.misfire_threshold", "60", "\"30s\""]),
            ("dispatcher: { max_concurrent: 0 }", &["dispatcher.max_concurrent", "0", "1 to 100000"]),
            ("dispatcher: { http: { max_response_body: 1MiB } }", &["max_response_body", "1MiB", "64KiB"]),
            ("history: { max_bytes: 10GB }", &["history.max_bytes", "10GB", "\"10GiB\"", "\"1MiB\""]),
            ("history: { max_bytes: 1023KiB }", &["history.max_bytes", "1023KiB"]),
            ("history: { max_bytes: 99999999999TiB }", &["history.max_bytes", "expected a size"]),
            ("dispatcher: { http: { egress: { deny: [here] } } }", &["egress.deny", "here", "10.0.0.0/8"]),
            (
                "dispatcher: { http: { egress: { deny: [010.0.0.0/8] } } }",
                &["egress.deny", "\"010.0.0.0/8\" is not an address range", "expected", "\"fe80::/10\""],
            ),
            (
                "dispatcher: { http: { egress: { allow: 10.1.1.1 } } }",
                &["egress.allow", "10.1.1.1", "a list"],
            ),
            (
                "scheduler: { misfire_threshold: 1d }",
                &["scheduler.misfire_threshold", "unknown unit \"d\"", "\"30s\""],
            ),
            (
                "scheduler: { misfire_threshold: -1m }",
                &["scheduler.misfire_threshold", "\"-1m\" is negative"],
            ),
            (
                "scheduler: { misfire_threshold: +0s }",
                &["scheduler.misfire_threshold", "+0s", "more than nothing"],
            ),
            ("logging: { level: loud }", &["logging.level", "loud", "error, warn"]),
            ("auth: some", &["auth", "some", "none"]),
            ("cluster: { node_id: \"a b\" }", &["cluster.node_id", "a b"]),
            ("cluster: { raft: { election_timeout: 100ms } }", &["election_timeout", "100ms", "five"]),
            (
                "cluster: { reassign_after: 599ms }",
                &["cluster.reassign_after", "599ms", "at least", "500ms", "600ms"],
            ),
            (
                "cluster: { raft: { election_timeout: 5s } }",
                &["cluster.reassign_after", "5s", "six fifths of cluster.raft.election_timeout", "6s"],
            ),
            ("cluster: { max_voters: 4 }", &["cluster.max_voters", "4", "1, 3, 5"]),
            (
                "cluster: { raft: { address: \"0.0.0.0:7000\" } }",
                &["raft.address", "0.0.0.0:7000", "tls: none"],
            ),
            (
                "cluster: { raft: { address: \"0.0.0.0:7000\", tls: none } }",
                &["cluster.raft.advertise", "0.0.0.0:7000", "chronos-1:7000"],
            ),
            ("cluster: { raft: { join: n1 } }", &["cluster.raft.join", "n1", "list"]),
            ("cluster: { raft: { join: [n1] } }", &["cluster.raft.join", "n1", "host:port"]),
            ("cluster: { raft: { advertise: \"http://n1:7000\" } }", &["raft.advertise", "http://n1:7000"]),
            ("cluster: { raft: { tls: some } }", &["cluster.raft.tls", "some", "none"]),
            ("cluster: { raft: { tls: { cert_file: x } } }", &["cluster.raft.tls", "key_file"]),
            ("metrics: { path: metrics }", &["metrics.path", "metrics"]),
            ("- 1", &["expected keys"]),
            ("a: [", &["not YAML"]),
        ] {
            let error = with(yaml, &[]).expect_err(yaml);
            for part in parts {
                assert!(error.contains(part), "{yaml}: {error} lacks {part}");
            }
            assert!(error.contains("chronos.yaml"), "{error}");
        }
        assert!(with("cluster: { reassign_after: 600ms }", &[]).is_ok());
    }

    #[test]
    fn a_variable_that_is_wrong_is_named_as_it_is_written() {
        for (variables, parts) in [
            (&[("CHRONOS_SERVR__X", "1")][..], &["CHRONOS_SERVR__X", "servr", "expected one of"][..]),
            (
                &[("CHRONOS_SERVICE_HOST", "10.0.0.1")],
                &["CHRONOS_SERVICE_HOST", "`service_host`", "enableServiceLinks"],
            ),
            (&[("CHRONOS_PORT_8080_TCP_ADDR", "10.0.0.1")], &["CHRONOS_PORT_8080_TCP_ADDR"]),
            (&[("CHRONOS_SERVER_HTTP_ADDRESS", "127.0.0.1:1")], &["CHRONOS_SERVER_HTTP_ADDRESS", "with __"]),
            (&[("CHRONOS_SERVER", "http://elsewhere:8080")], &["CHRONOS_SERVER", "http://elsewhere:8080"]),
            (&[("CHRONOS_OUTPUT", "json")], &["CHRONOS_OUTPUT", "`output`"]),
            (
                &[("CHRONOS_DISPATCHER__MAX_CONCURRENT", "none")],
                &["CHRONOS_DISPATCHER__MAX_CONCURRENT", "none", "1 to 100000"],
            ),
            (&[("CHRONOS_CLUSTER__RAFT", "{join: n1}")], &["CHRONOS_CLUSTER__RAFT: ", "raft.join", "list"]),
            (
                &[("CHRONOS_SERVER__HTTP__ADDRESS", "127.0.0.1:1"), ("CHRONOS_SERVER", "elsewhere")],
                &["CHRONOS_SERVER__HTTP__ADDRESS", "inside server, which is \"elsewhere\""],
            ),
        ] {
            let error = with("", variables).expect_err("a refusal");
            for part in parts {
                assert!(error.contains(part), "{variables:?}: {error} lacks {part}");
            }
            assert!(!error.contains("chronos.yaml"), "{error}");
        }
        let error =
            with("cluster: { max_voters: 4 }", &[("CHRONOS_CLUSTER__NODE_ID", "n1")]).expect_err("even");
        assert!(error.contains("chronos.yaml") && !error.contains("CHRONOS_"), "{error}");
    }
}

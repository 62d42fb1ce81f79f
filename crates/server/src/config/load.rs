//! Reads the file, lays the environment over it, and checks the whole.

use std::path::Path;

use serde_json::{Map, Value};

use super::Config;

/// Before every variable of ours; `__` stands between a key and the one inside it.
const PREFIX: &str = "CHRONOS_";

/// Variables with our prefix that are no keys: the command line reads them.
const NOT_KEYS: [&str; 3] = ["CHRONOS_SERVER", "CHRONOS_CONFIG", "CHRONOS_OUTPUT"];

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
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let (mut tree, source) = match file {
        None => (Value::Object(Map::new()), "the configuration".to_owned()),
        Some(file) => (read(file)?, file.display().to_string()),
    };
    for (name, value) in environment {
        overlay(&mut tree, &name, &value)?;
    }
    let config: Config = serde_path_to_error::deserialize(tree).map_err(|error| {
        let path = error.path().to_string();
        let key = if path == "." { String::new() } else { format!("{path}: ") };
        ConfigError(format!("{source}: {key}{}", error.inner()))
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

/// Sets one key from `CHRONOS_A__B=value`; the value is read as YAML, as it would be in the file.
fn overlay(tree: &mut Value, name: &str, value: &str) -> Result<(), ConfigError> {
    let Some(path) = name.strip_prefix(PREFIX) else { return Ok(()) };
    if NOT_KEYS.contains(&name) {
        return Ok(());
    }
    let keys: Vec<String> = path.split("__").map(str::to_lowercase).collect();
    // A plain text such as `[::1]:8080` is not YAML and is taken as it is.
    let value = serde_saphyr::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    let wrong = || ConfigError(format!("environment variable {name} sets a key inside one that has no keys"));
    let mut at = tree;
    for key in &keys[..keys.len() - 1] {
        let inside = at.as_object_mut().ok_or_else(wrong)?;
        at = inside.entry(key.clone()).or_insert_with(|| Value::Object(Map::new()));
        if at.is_null() {
            *at = Value::Object(Map::new());
        }
    }
    at.as_object_mut().ok_or_else(wrong)?.insert(keys[keys.len() - 1].clone(), value);
    Ok(())
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
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
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
history: { max_per_job: 10, max_age: 1h }
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
            ("CHRONOS_HISTORY__MAX_AGE", "1h"),
            ("CHRONOS_AUTH", "none"),
            ("CHRONOS_METRICS__PATH", "/m"),
            ("CHRONOS_LOGGING__LEVEL", "debug"),
            ("CHRONOS_LOGGING__FORMAT", "pretty"),
            ("CHRONOS_SERVER", "http://elsewhere:8080"),
            ("HOME", "/root"),
        ];
        let by_file = with(yaml, &[]).expect("file");
        assert_eq!(with("", &environment).expect("environment"), by_file);
        assert_eq!(by_file.dispatcher.http.max_response_body, 8192);
    }

    #[test]
    fn the_examples_are_good() {
        for n in 1..=3 {
            let file = format!("{}/../../examples/cluster/n{n}.yaml", env!("CARGO_MANIFEST_DIR"));
            let config = load(Some(Path::new(&file)), std::iter::empty()).expect("a configuration");
            assert_eq!(config.cluster.node_id, format!("n{n}"));
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
            ("dispatcher: { http: { egress: { deny: [here] } } }", &["egress.deny", "here", "10.0.0.0/8"]),
            ("logging: { level: loud }", &["logging.level", "loud", "error, warn"]),
            ("auth: some", &["auth", "some", "none"]),
            ("cluster: { node_id: \"a b\" }", &["cluster.node_id", "a b"]),
            ("cluster: { raft: { election_timeout: 100ms } }", &["election_timeout", "100ms", "five"]),
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
        let error = with("", &[("CHRONOS_SERVR__X", "1")]).expect_err("unknown variable");
        assert!(error.contains("servr"), "{error}");
    }
}

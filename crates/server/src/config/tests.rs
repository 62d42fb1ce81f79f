//! Every key, and what is said of one that is wrong.

mod guesses;

use std::path::Path;

use super::{Config, Loaded, load};

/// What comes of a file of this content, and these variables.
fn with(yaml: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("chronos.yaml");
    std::fs::write(&file, yaml).expect("a file");
    let environment = environment.iter().map(|(k, v)| ((*k).into(), (*v).into()));
    load(Some(&file), environment).map(|loaded| loaded.config).map_err(|error| error.to_string())
}

#[test]
fn nothing_at_all_is_the_default() {
    let nothing = Loaded { config: Config::default(), passed_over: Vec::new() };
    assert_eq!(load(None, std::iter::empty()), Ok(nothing));
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
    tls: { cert_file: r.pem, key_file: rk.pem, ca_file: rca.pem, peer_names: any }
    heartbeat_interval: 50ms
    election_timeout: 300ms
server: { http: { address: \"0.0.0.0:80\", tls: { cert_file: c.pem, key_file: k.pem } } }
scheduler: { misfire_threshold: 2m, catch_up_window: 1h }
dispatcher:
  max_concurrent: 7
  http:
    timeout: 3s
    max_response_body: 8KiB
    tls: { ca_file: ca.pem }
    proxy: { url: \"http://ada@proxy.example:3128\", password: hunter2, resolve: remote }
    no_proxy: [\"*.internal\", 127.0.0.0/8]
    egress: { mode: public, deny: [\"10.0.0.0/8\", \":25\"], allow: [10.1.1.1, api.example.com] }
history: { max_per_job: 10, min_per_job: 5, max_age: 1h, max_bytes: 2GiB }
audit: { max_age: 2h, log: true }
auth: none
security: { allowed_hosts: [chronos.example, \"*.internal.example\"], trusted_proxies: [10.0.0.0/8], cors_origins: [\"https://ui.example\"], encryption_keys: [/k1, /k2], scope_tag: team }
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
        ("CHRONOS_CLUSTER__RAFT__TLS__PEER_NAMES", "any"),
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
        ("CHRONOS_DISPATCHER__HTTP__PROXY__URL", "http://ada@proxy.example:3128"),
        ("CHRONOS_DISPATCHER__HTTP__PROXY__PASSWORD", "hunter2"),
        ("CHRONOS_DISPATCHER__HTTP__PROXY__RESOLVE", "remote"),
        ("CHRONOS_DISPATCHER__HTTP__NO_PROXY", "[\"*.internal\", 127.0.0.0/8]"),
        ("CHRONOS_DISPATCHER__HTTP__EGRESS__MODE", "public"),
        ("CHRONOS_DISPATCHER__HTTP__EGRESS__DENY", "[10.0.0.0/8, \":25\"]"),
        ("CHRONOS_DISPATCHER__HTTP__EGRESS__ALLOW", "[10.1.1.1, api.example.com]"),
        ("CHRONOS_HISTORY__MAX_PER_JOB", "10"),
        ("CHRONOS_HISTORY__MIN_PER_JOB", "5"),
        ("CHRONOS_HISTORY__MAX_AGE", "1h"),
        ("CHRONOS_HISTORY__MAX_BYTES", "2147483648"),
        ("CHRONOS_AUDIT__MAX_AGE", "2h"),
        ("CHRONOS_AUDIT__LOG", "true"),
        ("CHRONOS_AUTH", "none"),
        ("CHRONOS_SECURITY__ALLOWED_HOSTS", "[chronos.example, \"*.internal.example\"]"),
        ("CHRONOS_SECURITY__TRUSTED_PROXIES", "[10.0.0.0/8]"),
        ("CHRONOS_SECURITY__CORS_ORIGINS", "[\"https://ui.example\"]"),
        ("CHRONOS_SECURITY__ENCRYPTION_KEYS", "[/k1, /k2]"),
        ("CHRONOS_SECURITY__SCOPE_TAG", "team"),
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
        let config = load(Some(Path::new(&file)), std::iter::empty()).expect("a configuration").config;
        assert_eq!(config.cluster.node_id.as_str(), format!("n{n}"));
        assert_eq!(config.cluster.bootstrap, (n == 1).then_some(true));
        assert_eq!(config.cluster.raft.join.len(), 3);
    }
}

#[test]
fn the_block_in_the_documentation_has_the_defaults() {
    let file = format!("{}/../../docs/operations.md", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(file).expect("the documentation");
    let block = text.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block");
    assert_eq!(with(block, &[]), Ok(Config::default()));
    // With what is commented out, but for what the rest of it must not be.
    let set = block.replace("    # address:", "    address:").replace("    # advertise:", "    advertise:");
    let config = with(&set, &[]).expect("a configuration");
    assert_eq!(config.cluster.raft.address, Some(([127, 0, 0, 1], 7000).into()));
    assert_eq!(config.cluster.raft.advertise.as_deref(), Some("chronos-1:7000"));
}

#[test]
fn a_key_that_stands_in_the_configuration_is_refused_and_not_shown() {
    let key = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
    for yaml in [
        format!("security: {{ encryption_keys: {key:?} }}"),
        format!("security: {{ encryption_keys: [{key:?}] }}"),
    ] {
        let error = with(&yaml, &[]).expect_err("refused").to_string();
        assert!(error.contains("security.encryption_keys") && error.contains("files"), "{error}");
        assert!(!error.contains(key), "{error}");
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
        ("security: { encryption_keys: /etc/key }", &["security.encryption_keys", "a list of files"]),
        ("security: { encryption_keys: [/k, /k] }", &["security.encryption_keys", "each file once"]),
        ("dispatcher: { max_concurrent: 0 }", &["dispatcher.max_concurrent", "0", "1 to 100000"]),
        ("dispatcher: { http: { max_response_body: 1MiB } }", &["max_response_body", "1MiB", "64KiB"]),
        ("history: { max_bytes: 10GB }", &["history.max_bytes", "10GB", "\"10GiB\"", "\"1MiB\""]),
        ("history: { max_bytes: 1023KiB }", &["history.max_bytes", "1023KiB"]),
        ("history: { max_bytes: 9TiB }", &["history.max_bytes", "9TiB", "to \"8TiB\""]),
        ("history: { max_bytes: 99999999999TiB }", &["history.max_bytes", "expected a size"]),
        (
            "dispatcher: { http: { egress: { deny: [a..b] } } }",
            &["egress.deny", "a..b", "10.0.0.0/8", "api.example.com", ":443"],
        ),
        (
            "dispatcher: { http: { egress: { deny: [010.0.0.0/8] } } }",
            &["egress.deny", "\"010.0.0.0/8\" is not an address range", "expected", "\"fe80::/10\""],
        ),
        ("dispatcher: { http: { egress: { allow: 10.1.1.1 } } }", &["egress.allow", "10.1.1.1", "a list"]),
        ("dispatcher: { http: { egress: { mode: closed } } }", &["egress.mode", "closed", "open or public"]),
        (
            "dispatcher: { http: { no_proxy: [.example.com] } }",
            &["http.no_proxy", ".example.com", "*.example.com"],
        ),
        (
            "dispatcher: { http: { proxy: { resolve: local } } }",
            &["http.proxy.url", "is missing", "expected"],
        ),
        (
            "dispatcher: { http: { proxy: { url: \"socks5://p:1\" } } }",
            &["http.proxy.url", "socks5://p:1", "another scheme", "expected an http or https URL"],
        ),
        (
            "dispatcher: { http: { proxy: { url: \"http://p:1\", resolve: both } } }",
            &["http.proxy.resolve", "both", "local or remote"],
        ),
        (
            "scheduler: { misfire_threshold: 1d }",
            &["scheduler.misfire_threshold", "unknown unit \"d\"", "\"30s\""],
        ),
        ("scheduler: { misfire_threshold: -1m }", &["scheduler.misfire_threshold", "\"-1m\" is negative"]),
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
        ("cluster: { raft: { address: \"0.0.0.0:7000\" } }", &["raft.address", "0.0.0.0:7000", "tls: none"]),
        (
            "cluster: { raft: { address: \"0.0.0.0:7000\", tls: none } }",
            &["cluster.raft.advertise", "0.0.0.0:7000", "chronos-1:7000"],
        ),
        ("cluster: { raft: { join: n1 } }", &["cluster.raft.join", "n1", "list"]),
        ("cluster: { raft: { join: [n1] } }", &["cluster.raft.join", "n1", "host:port"]),
        ("cluster: { raft: { advertise: \"http://n1:7000\" } }", &["raft.advertise", "http://n1:7000"]),
        ("cluster: { raft: { tls: some } }", &["cluster.raft.tls", "some", "none"]),
        (
            "cluster: { raft: { tls: { cert_file: x, key_file: x, ca_file: x, peer_names: host } } }",
            &["cluster.raft.tls.peer_names", "host", "node or any"],
        ),
        ("security: { allowed_hosts: [\"a:80\"] }", &["security.allowed_hosts", "a:80", "without a port"]),
        ("security: { allowed_hosts: [10.0.0.1] }", &["security.allowed_hosts", "10.0.0.1", "is an address"]),
        ("security: { allowed_hosts: [\"*\"] }", &["security.allowed_hosts", "*", "a name"]),
        ("security: { trusted_proxies: [proxy] }", &["security.trusted_proxies", "proxy", "10.0.0.0/8"]),
        ("security: { cors_origins: [\"*\"] }", &["security.cors_origins", "*", "https://ui.example.com"]),
        (
            "security: { cors_origins: [\"https://a.example/\"] }",
            &["security.cors_origins", "https://a.example/", "at most a port"],
        ),
        ("security: { hosts: [] }", &["security.hosts", "expected"]),
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
        (&[("CHRONOS_SERVER_HTTP_ADDRESS", "127.0.0.1:1")], &["CHRONOS_SERVER_HTTP_ADDRESS", "with __"]),
        (&[("CHRONOS_SERVER", "http://elsewhere:8080")], &["CHRONOS_SERVER", "http://elsewhere:8080"]),
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
    let error = with("cluster: { max_voters: 4 }", &[("CHRONOS_CLUSTER__NODE_ID", "n1")]).expect_err("even");
    assert!(error.contains("chronos.yaml") && !error.contains("CHRONOS_"), "{error}");
}

/// Whatever is wrong around it, and with it.
#[test]
fn no_error_shows_a_password() {
    let files = [
        "dispatcher: { http: { proxy: { url: \"http://ada:hunter2@p:1\" } } }",
        "dispatcher: { http: { proxy: { url: \"http://p:1\", password: hunter2 } } }",
        "dispatcher: { http: { proxy: { url: [\"http://ada:hunter2@p:1\"] } } }",
        "dispatcher: { http: { proxy: \"http://ada:hunter2@p:1\" } }",
        "dispatcher: { http: { proxy: { url: \"http://ada@p:1\", password: [hunter2] } } }",
        "dispatcher: { http: { proxy: { url: \"http://ada@p:1\", password: { a: hunter2 } } } }",
        "dispatcher: { http: { proxy: { url: \"http://ada@p:1\", password: hunter2, password: hunter2 } } }",
        "dispatcher: { http: { proxy: { url: \"http://ada@p:1\", password: hunter2 }, proxy: {} } }",
        "dispatcher: { http: { timeout: { password: hunter2 } } }",
        "dispatcher: [{ http: { proxy: { password: hunter2 } } }]",
        "dispatcher:\n  http:\n    proxy:\n      password: \"hunter2\n",
        "dispatcher:\n  http:\n    proxy:\n      password:\n        \"hunter2\n",
    ];
    let variables: [&[(&str, &str)]; 6] = [
        &[("CHRONOS_DISPATCHER__HTTP__PROXY", "http://ada:hunter2@p:1")],
        &[("CHRONOS_DISPATCHER__HTTP__PROXY", "{ url: \"http://ada@p:1\", password: hunter2")],
        &[("CHRONOS_DISPATCHER__HTTP__PROXY__URL", "http://ada:hunter2@p:1")],
        &[("CHRONOS_DISPATCHER__HTTP__PROXY__PASSWORD", "hunter2")],
        &[
            ("CHRONOS_DISPATCHER__HTTP__PROXY", "http://ada:hunter2@p:1"),
            ("CHRONOS_DISPATCHER__HTTP__PROXY__RESOLVE", "local"),
        ],
        &[
            ("CHRONOS_DISPATCHER__HTTP__PROXY__PASSWORD", "hunter2"),
            ("CHRONOS_DISPATCHER__HTTP__PROXY__PASSWORD__X", "y"),
        ],
    ];
    let refused = files.iter().map(|yaml| with(yaml, &[])).chain(variables.iter().map(|set| with("", set)));
    for result in refused {
        let error = result.expect_err("a refusal");
        assert!(error.contains("expected") || error.contains("not closed"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    let good = "dispatcher: { http: { proxy: { url: \"http://ada@p:1\", password: hunter2 } } }";
    let config = with(good, &[]).expect("a configuration");
    assert!(!format!("{config:?}").contains("hunter2"), "{config:?}");
}

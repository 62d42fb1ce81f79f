//! Variables that begin as ours do: those that others set are passed over, and a text is the text

use tokio::process::Command;

use crate::support::*;

/// As Kubernetes sets them in each pod for Services named chronos and chronos-api.
const KUBERNETES: [(&str, &str); 11] = [
    ("CHRONOS_SERVICE_HOST", "10.96.12.7"),
    ("CHRONOS_SERVICE_PORT", "8080"),
    ("CHRONOS_SERVICE_PORT_HTTP", "8080"),
    ("CHRONOS_PORT", "tcp://10.96.12.7:8080"),
    ("CHRONOS_PORT_8080_TCP", "tcp://10.96.12.7:8080"),
    ("CHRONOS_PORT_8080_TCP_PROTO", "tcp"),
    ("CHRONOS_PORT_8080_TCP_PORT", "8080"),
    ("CHRONOS_PORT_8080_TCP_ADDR", "10.96.12.7"),
    ("CHRONOS_API_SERVICE_HOST", "10.96.12.8"),
    ("CHRONOS_API_PORT_443_TCP", "tcp://10.96.12.8:443"),
    ("CHRONOS_API_PORT", "tcp://10.96.12.8:443"),
];
/// Those of the command line.
const COMMAND_LINE: [(&str, &str); 5] = [
    ("CHRONOS_URL", "http://elsewhere:8080"),
    ("CHRONOS_API_KEY", "a-secret"),
    ("CHRONOS_CONTEXT", "production"),
    ("CHRONOS_OUTPUT", "json"),
    ("CHRONOS_FORCE_TTY", "1"),
];

#[tokio::test]
async fn those_of_kubernetes_and_of_the_command_line_are_passed_over_with_a_warning() {
    for variables in [&KUBERNETES[..], &COMMAND_LINE] {
        let setup =
            variables.iter().fold(CHRONOS.setup(), |setup, (name, value)| setup.variable(*name, *value));
        let server = setup.start().await;
        let log = server.log();
        let warnings: Vec<_> = log.lines().filter(|line| line.contains("\"WARN\"")).collect();
        let warning =
            warnings.iter().find(|line| line.contains("passed over")).unwrap_or_else(|| panic!("{log}"));
        for (name, value) in variables {
            assert!(warning.contains(name), "{warning} lacks {name}");
            assert!(value.len() < 6 || !log.contains(value), "{value} is in {log}");
        }
    }
    let server = CHRONOS.start().await;
    assert!(!server.log().contains("passed over"), "{}", server.log());
}

#[tokio::test]
async fn a_command_says_on_standard_error_what_it_passes_over() {
    let server = CHRONOS.start().await;
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(CHRONOS.path());
    command.args(["cluster", "clock"]).current_dir(directory.path()).env_clear().kill_on_drop(true);
    command.env("CHRONOS_SERVER__HTTP__ADDRESS", server.address().to_string());
    command.env("CHRONOS_SERVICE_HOST", "10.96.12.7");
    let shown = soon("an answer", command.output()).await.unwrap();
    assert!(shown.status.success(), "{shown:?}");
    assert!(String::from_utf8_lossy(&shown.stdout).starts_with("the cluster's time is "), "{shown:?}");
    let said = String::from_utf8_lossy(&shown.stderr);
    assert!(said.starts_with("warning: ") && said.contains("CHRONOS_SERVICE_HOST"), "{said}");
}

#[tokio::test]
async fn what_nobody_else_sets_is_a_key_or_refused() {
    for (name, value) in [
        ("CHRONOS_PORT", "8080"),
        ("CHRONOS_HOST", "0.0.0.0"),
        ("CHRONOS_SERVER_HTTP_ADDRESS", "127.0.0.1:0"),
        ("CHRONOS_HTTP__ADDRESS", "127.0.0.1:0"),
        ("CHRONOS_", "1"),
        ("CHRONOS_SERVER__", "1"),
    ] {
        CHRONOS.setup().variable(name, value).refused().await.names(&[name, "expected"]);
    }
    let twice = CHRONOS.setup().variable("CHRONOS_Logging__Level", "debug").key("logging.level", "info");
    twice.refused().await.names(&["CHRONOS_LOGGING__LEVEL", "CHRONOS_Logging__Level", "logging.level"]);
}

#[tokio::test]
async fn the_text_of_a_variable_is_the_text() {
    for name in ["no", "0012", "1e3", "true", "null", "12:30"] {
        let server = CHRONOS.setup().key("cluster.node_id", name).start().await;
        assert_eq!(server.get("/cluster/status").await.ok(200)["node_id"], name);
    }
    let setup = CHRONOS.setup();
    let directory = setup.data().parent().unwrap().join("a #1: [x]");
    let server = setup.data_dir(&directory).start().await;
    assert!(directory.join("state.db").exists());
    drop(server);
    for (key, value, expected) in [
        ("cluster.bootstrap", "no", "true or false"),
        ("dispatcher.max_concurrent", "0012", "a whole number from 1 to 100000"),
        ("dispatcher.max_concurrent", "1e3", "a whole number from 1 to 100000"),
        ("dispatcher.max_concurrent", "", "a whole number from 1 to 100000"),
        ("logging.level", "", "one of error"),
        ("auth", "", "none"),
        ("cluster.raft.address", "", "host:port"),
        ("cluster.raft.join", "n1:7000,n2:7000", "a list such as"),
        ("dispatcher.http.egress.deny", "[10.0.0.0/8", "a list"),
    ] {
        let name = format!("CHRONOS_{}", key.replace('.', "__").to_uppercase());
        let refused = CHRONOS.setup().key(key, value).refused().await;
        refused.names(&[&name, key, &format!("{value:?}"), expected]);
    }
}

#[tokio::test]
async fn an_empty_file_name_is_refused() {
    for (arguments, variable) in [(&["server"][..], Some("")), (&["server", "--config", ""], None)] {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new(CHRONOS.path());
        command.args(arguments).current_dir(directory.path()).env_clear().kill_on_drop(true);
        command.envs(variable.map(|value| ("CHRONOS_CONFIG", value)));
        let refused = soon("chronos to refuse", command.output()).await.unwrap();
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        let said = String::from_utf8_lossy(&refused.stderr);
        for part in ["--config", "CHRONOS_CONFIG", "expected the path of a file"] {
            assert!(said.contains(part), "{said} lacks {part}");
        }
    }
}

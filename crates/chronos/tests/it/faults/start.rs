//! Starts that are refused: exit code 2 and one sentence that names the cause

use crate::support::*;

#[tokio::test]
async fn a_port_in_use_is_named() {
    let server = CHRONOS.start().await;
    let address = server.address().to_string();
    let refused = CHRONOS.setup().key("server.http.address", &address).refused().await;
    refused.names(&["server.http.address", &address]);
    server.root("/health").await.ok(200);
}

#[tokio::test]
async fn a_data_directory_in_use_is_named_and_unharmed() {
    let server = CHRONOS.start().await;
    server.create(&manual("job", json!({"url": "http://127.0.0.1:9/"}))).await;
    let data = server.setup().data().to_owned();
    let refused = CHRONOS.setup().data_dir(&data).refused().await;
    refused.names(&["cluster.data_dir", data.to_str().unwrap(), "another"]);
    server.create(&manual("still", json!({"url": "http://127.0.0.1:9/"}))).await;
    server.get("/jobs/job").await.ok(200);
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_one_is_named() {
    let setup = CHRONOS.setup();
    let file = setup.file("file", "not a directory");
    let refused = setup.data_dir(&file).refused().await;
    refused.names(&["cluster.data_dir", file.to_str().unwrap()]);
}

#[tokio::test]
async fn a_bad_configuration_names_the_key_the_value_and_what_was_expected() {
    for (yaml, parts) in [
        ("server: { http: { adress: x } }", &["server.http.adress", "expected"][..]),
        ("scheduler: { misfire_threshold: 60 }", &["scheduler.misfire_threshold", "60", "\"30s\""]),
        ("dispatcher: { max_concurrent: none }", &["dispatcher.max_concurrent", "none", "1 to"]),
        ("logging: { level: loud }", &["logging.level", "loud", "expected one of"]),
        ("a: [", &["YAML"]),
    ] {
        let refused = CHRONOS.setup().yaml(yaml).refused().await;
        refused.names(&[&["chronos.yaml"], parts].concat());
    }
    let refused = CHRONOS.setup().key("schedular.misfire_threshold", "1s").refused().await;
    refused.names(&["CHRONOS_SCHEDULAR__MISFIRE_THRESHOLD", "schedular", "expected"]);
    for (variable, value) in [("server", "http://elsewhere:8080"), ("version", "1")] {
        let refused = CHRONOS.setup().key(variable, value).refused().await;
        refused.names(&["CHRONOS_", variable]);
    }
    let refused = CHRONOS.setup().key("cluster.reassign_after", "500ms").refused().await;
    refused.names(&["cluster.reassign_after", "500ms", "expected at least", "600ms"]);
    let missing = CHRONOS.setup().yaml("");
    std::fs::remove_file(missing.data().parent().unwrap().join("chronos.yaml")).unwrap();
    missing.refused().await.names(&["chronos.yaml", "No such file"]);
}

#[tokio::test]
async fn an_open_address_without_auth_is_refused() {
    let refused = CHRONOS.setup().key("server.http.address", "0.0.0.0:0").refused().await;
    refused.names(&["server.http.address", "0.0.0.0", "auth: none"]);
    let meant = CHRONOS.setup().key("server.http.address", "0.0.0.0:0").key("auth", "none");
    meant.start().await.root("/health").await.ok(200);
}

#[tokio::test]
async fn a_missing_or_useless_ca_file_is_named() {
    let setup = CHRONOS.setup();
    let empty = setup.file("empty.crt", "nothing of use");
    for path in ["/nowhere/ca.crt", empty.to_str().unwrap()] {
        let refused = CHRONOS.setup().key("dispatcher.http.tls.ca_file", path).refused().await;
        refused.names(&["dispatcher.http.tls.ca_file", path]);
    }
}

#[tokio::test]
async fn a_missing_server_certificate_is_named() {
    let refused = CHRONOS
        .setup()
        .key("server.http.tls.cert_file", "/nowhere/cert.pem")
        .key("server.http.tls.key_file", "/nowhere/key.pem")
        .refused()
        .await;
    refused.names(&["server.http.tls.cert_file", "/nowhere/cert.pem"]);
    let half = CHRONOS.setup().key("server.http.tls.cert_file", "/nowhere/cert.pem").refused().await;
    half.names(&["server.http.tls", "key_file"]);
}

/// Gives a database the format number of a newer Chronos.
fn age(setup: &Setup, database: &str) {
    let database = rusqlite::Connection::open(setup.data().join(database)).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
}

#[tokio::test]
async fn data_of_a_newer_chronos_is_refused_with_both_formats() {
    for database in ["state.db", "log.db"] {
        let mut server = CHRONOS.start().await;
        let setup = server.setup().clone();
        server.stop().await;
        age(&setup, database);
        let refused = setup.refused().await;
        refused.names(&[database, "99", "newer"]);
    }
}

#[tokio::test]
async fn data_of_another_node_is_refused_with_both_names() {
    let mut server = CHRONOS.start().await;
    let setup = server.setup().clone();
    server.stop().await;
    let refused = setup.key("cluster.node_id", "somebody-else").refused().await;
    refused.names(&["cluster.node_id", "somebody-else", "chronos-1"]);
}

//! `chronos key bootstrap`, as a person at a terminal sees it

use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use hyper::Method;
use tokio::process::Command;

use super::{ask, say};
use crate::support::*;

async fn bootstrap(server: &Server, data: &std::path::Path, more: &[&str], auth: bool) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let config = if auth { "auth: {}\n" } else { "" };
    std::fs::write(directory.path().join("chronos.yaml"), config).unwrap();
    let mut command = Command::new(CHRONOS.path());
    command.args(["key", "bootstrap", "--config", "chronos.yaml"]).args(more).kill_on_drop(true);
    command.current_dir(directory.path()).env_clear();
    command.env("CHRONOS_SERVER__HTTP__ADDRESS", server.address().to_string());
    command.env("CHRONOS_CLUSTER__DATA_DIR", data);
    soon("an answer", command.output()).await.unwrap()
}

#[tokio::test]
async fn the_first_key_is_made_by_whoever_may_read_the_data_directory() {
    let setup = CHRONOS.setup().yaml("auth: {}\n");
    let data = setup.data().to_owned();
    let server = setup.start().await;
    server.get("/jobs").await.problem(401);
    let mode = std::fs::metadata(data.join("local-token")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Asked at once, while the cluster begins.
    let made = bootstrap(&server, &data, &["--name", "mine"], true).await;
    assert!(made.status.success(), "{made:?}");
    let token = String::from_utf8(made.stdout).unwrap();
    let token = token.strip_suffix('\n').unwrap();
    assert!(token.starts_with("chr_") && !token.contains('\n'), "{token}");
    let listed = ask(&server, Method::GET, "/api/v1/keys", token).await.ok(200);
    let [key] = listed["keys"].as_array().unwrap().as_slice() else { panic!("{listed:#}") };
    assert_eq!((&key["name"], &key["role"]), (&json!("mine"), &json!("admin")));
    assert_eq!(key["created_by"]["name"], "local", "{key:#}");
    let body = json!({"name": "ci", "role": "viewer"});
    say(&server, Method::POST, "/api/v1/keys", token, &body).await.ok(201);
    // Once more, as when all others are lost.
    let again = bootstrap(&server, &data, &[], true).await;
    assert!(again.status.success(), "{again:?}");
}

#[tokio::test]
async fn who_may_not_read_the_data_directory_and_who_needs_no_key_is_told_so() {
    let server = CHRONOS.start().await;
    let elsewhere = tempfile::tempdir().unwrap();
    for (auth, says) in [(false, "auth: {}"), (true, "local-token")] {
        let refused = bootstrap(&server, elsewhere.path(), &[], auth).await;
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        let text = String::from_utf8(refused.stderr).unwrap();
        assert!(text.contains(says) && text.contains("expected") && text.lines().count() == 1, "{text}");
    }
}

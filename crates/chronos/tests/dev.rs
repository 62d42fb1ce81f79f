//! `chronos dev`: the first thing that a newcomer runs.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::process::Stdio;

use support::*;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

#[tokio::test]
async fn dev_shows_where_to_look_and_each_call_as_it_happens() {
    let directory = tempfile::tempdir().unwrap();
    let mut dev = Command::new(env!("CARGO_BIN_EXE_chronos"))
        .arg("dev")
        .current_dir(directory.path())
        .env_clear()
        .env("CHRONOS_SERVER__HTTP__ADDRESS", "127.0.0.1:0")
        .env("CHRONOS_CLUSTER__RAFT__ADDRESS", "127.0.0.1:0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(dev.stdout.take().unwrap()).lines();
    let mut said = Vec::new();
    let call = soon("the first call", async {
        loop {
            let line = lines.next_line().await.unwrap().expect("a line");
            if line.contains("/hello") && line.contains("attempt") {
                return line;
            }
            said.push(line);
        }
    })
    .await;
    assert!(call.contains("POST") && call.contains("200"), "{call}");
    let api = said.iter().find_map(|line| line.trim().strip_prefix("API ")).unwrap().trim();
    assert!(said.iter().any(|line| line.contains("/api/docs")), "{said:#?}");
    let address = api.strip_prefix("http://").unwrap().strip_suffix("/api/v1").unwrap();
    let api = Api::new(address.parse().unwrap());
    let jobs = api.get("/jobs").await.ok(200);
    let names: Vec<_> = jobs["jobs"].as_array().unwrap().iter().map(|job| job["name"].clone()).collect();
    assert!(names.contains(&json!("hello")) && names.contains(&json!("flaky")), "{names:?}");
    until("the call's record", || async {
        let executions = api.executions("hello", 1).await;
        let shown = |execution: &Value| call.contains(execution["id"].as_str().unwrap());
        executions.into_iter().find(|execution| shown(execution) && execution["status"] == "success")
    })
    .await;
    assert!(directory.path().join("chronos-data").is_dir(), "its data is where the page says");
}

#[tokio::test]
async fn dev_never_listens_to_a_network() {
    let directory = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_chronos"))
        .arg("dev")
        .current_dir(directory.path())
        .env_clear()
        .env("CHRONOS_SERVER__HTTP__ADDRESS", "0.0.0.0:0")
        .env("CHRONOS_AUTH", "none")
        .kill_on_drop(true)
        .output();
    let output = soon("chronos dev to refuse", output).await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("loopback"));
}

//! `chronos dev`: the first thing that a newcomer runs.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::support::*;

/// A running `chronos dev`, which is killed when dropped.
struct Dev {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    said: Vec<String>,
}

impl Dev {
    /// Starts it in a directory, where it keeps its data, with these variables.
    fn start(directory: &Path, variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(CHRONOS.path())
            .arg("dev")
            .current_dir(directory)
            .env_clear()
            .env("CHRONOS_SERVER__HTTP__ADDRESS", "127.0.0.1:0")
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines, said: Vec::new() }
    }

    /// The next line that has all of these words.
    async fn says(&mut self, words: &[&str]) -> String {
        soon(&format!("dev to say {words:?}"), async {
            loop {
                let line = self.lines.next_line().await.unwrap().expect("a line");
                self.said.push(line.clone());
                if words.iter().all(|word| line.contains(word)) {
                    return line;
                }
            }
        })
        .await
    }

    /// Where its API is, as it says before the first call.
    fn api(&self) -> &str {
        let said = self.said.iter().find_map(|line| line.trim().strip_prefix("API "));
        said.expect("where the API is").trim()
    }

    /// Its API, which is not behind TLS.
    fn plain_api(&self) -> Api {
        let address = self.api().strip_prefix("http://").unwrap().strip_suffix("/api/v1").unwrap();
        Api::new(address.parse().unwrap())
    }
}

#[tokio::test]
async fn dev_shows_where_to_look_and_each_call_as_it_happens() {
    let directory = tempfile::tempdir().unwrap();
    let mut dev = Dev::start(directory.path(), &[]);
    let call = dev.says(&["/hello", "attempt"]).await;
    assert!(call.contains("POST") && call.contains("200"), "{call}");
    assert!(dev.said.iter().any(|line| line.contains("/api/docs")), "{:#?}", dev.said);
    let api = dev.plain_api();
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
async fn dev_is_not_driven_by_web_pages() {
    let directory = tempfile::tempdir().unwrap();
    let mut dev = Dev::start(directory.path(), &[]);
    dev.says(&["Ctrl-C stops"]).await;
    let api = dev.plain_api();
    for (header, status) in [
        (("host", "evil.example"), 421),
        (("origin", "http://evil.example"), 403),
        (("sec-fetch-site", "cross-site"), 403),
    ] {
        for (method, path) in [
            (hyper::Method::GET, "/api/v1/cluster/backup"),
            (hyper::Method::GET, "/api/v1/events"),
            (hyper::Method::POST, "/api/v1/jobs/hello/trigger"),
            (hyper::Method::DELETE, "/api/v1/jobs/hello"),
        ] {
            api.send(method, path, &[header], "").await.problem(status);
        }
    }
    let job = json!({"name": "x", "schedule": "@daily", "webhook": {"url": "http://127.0.0.1:9/"}});
    api.send(hyper::Method::POST, "/api/v1/jobs", &[], job.to_string()).await.problem(415);
    api.get("/jobs/hello").await.ok(200);
}

#[tokio::test]
async fn dev_runs_behind_https_whoever_signed_the_certificate() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = tls::Identity::self_signed().pem();
    std::fs::write(directory.path().join("own.crt"), certificate).unwrap();
    std::fs::write(directory.path().join("own.key"), key).unwrap();
    let files = [
        ("CHRONOS_SERVER__HTTP__TLS__CERT_FILE", "own.crt"),
        ("CHRONOS_SERVER__HTTP__TLS__KEY_FILE", "own.key"),
    ];
    let mut dev = Dev::start(directory.path(), &files);
    dev.says(&["/hello", "attempt", "200"]).await;
    assert!(dev.api().starts_with("https://"), "{}", dev.api());
}

#[tokio::test]
async fn another_start_of_dev_corrects_the_port_of_its_receiver_and_nothing_else() {
    let (directory, receiver) = (tempfile::tempdir().unwrap(), Receiver::start().await);
    let mut dev = Dev::start(directory.path(), &[]);
    dev.says(&["Ctrl-C stops"]).await;
    let api = dev.plain_api();
    let headers = json!({"X-Mine": "mine"});
    api.patch("/jobs/hello", &json!({"description": "mine", "webhook": {"headers": headers}})).await.ok(200);
    let elsewhere = json!({"webhook": {"url": receiver.url("/mine")}});
    api.patch("/jobs/flaky", &elsewhere).await.ok(200);
    dev.child.kill().await.unwrap();

    let mut dev = Dev::start(directory.path(), &[]);
    dev.says(&["/hello", "attempt", "200"]).await;
    let api = dev.plain_api();
    let hello = api.get("/jobs/hello").await.ok(200);
    assert_eq!((&hello["description"], &hello["webhook"]["headers"]), (&json!("mine"), &headers));
    assert_eq!(api.get("/jobs/flaky").await.ok(200)["webhook"]["url"], elsewhere["webhook"]["url"]);
    // With a secret in it, it stays where it is, for secrets do not move to another port.
    let auth = json!({"type": "bearer", "token": "mine"});
    api.patch("/jobs/hello", &json!({"webhook": {"auth": auth}})).await.ok(200);
    dev.child.kill().await.unwrap();
    let mut dev = Dev::start(directory.path(), &[]);
    dev.says(&["job hello has a secret", "of an earlier start"]).await;
    dev.says(&["Ctrl-C stops"]).await;
    assert_eq!(dev.plain_api().get("/jobs/hello").await.ok(200)["webhook"]["url"], hello["webhook"]["url"]);
}

#[tokio::test]
async fn dev_never_listens_to_a_network() {
    let directory = tempfile::tempdir().unwrap();
    let output = Command::new(CHRONOS.path())
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

//! "Timeouts"

use crate::support::*;

#[tokio::test]
async fn per_job_timeout_ends_an_attempt() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let mut example = pasted(
        r#"{
  "timeout": "5m",
  "webhook": {
    "url": "https://api.example.com/long-running"
  }
}"#,
        &receiver,
    );
    let job = server.create_from("job-timeout", &example).await;
    assert_eq!(job["timeout"], "5m");
    example["timeout"] = "40ms".into();
    example["retry_policy"] = json!({"max_attempts": 1});
    receiver.script("/long-running", [Answer::silence()]);
    server.create_from("short", &example).await;
    let execution = server.run_again("short").await;
    assert_eq!(execution["status"], "failed");
    assert_eq!(execution["error_kind"], "timeout");
    assert!(execution["last_error"].as_str().unwrap().contains("40ms"), "{execution:#}");
    assert!(execution["attempt_log"][0]["duration_ms"].as_u64().unwrap() >= 40);
}

#[tokio::test]
async fn webhook_specific_timeout_ends_an_attempt() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let mut example = pasted(
        r#"{
  "webhook": {
    "url": "https://api.example.com/endpoint",
    "timeout": "30s"
  }
}"#,
        &receiver,
    );
    let job = server.create_from("webhook-timeout", &example).await;
    assert_eq!(job["webhook"]["timeout"], "30s");
    example["webhook"]["timeout"] = "40ms".into();
    example["retry_policy"] = json!({"max_attempts": 1});
    receiver.script("/endpoint", [Answer::silence()]);
    server.create_from("short", &example).await;
    assert_eq!(server.run_again("short").await["error_kind"], "timeout");
}

/// A job with the given timeouts against a path that never answers; what the attempt's error says.
async fn timed_out(server: &Server, receiver: &Receiver, job: Option<&str>, webhook: Option<&str>) -> String {
    receiver.script("/silent", [Answer::silence()]);
    let mut spec = manual("timed", json!({"url": receiver.url("/silent")}));
    spec["retry_policy"] = json!({"max_attempts": 1});
    if let Some(timeout) = job {
        spec["timeout"] = timeout.into();
    }
    if let Some(timeout) = webhook {
        spec["webhook"]["timeout"] = timeout.into();
    }
    let execution = server.run(&spec).await;
    assert_eq!(execution["error_kind"], "timeout", "{execution:#}");
    execution["last_error"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn webhook_timeout_beats_job_timeout() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let said = timed_out(&server, &receiver, Some("1h"), Some("41ms")).await;
    assert!(said.contains("41ms"), "{said}");
}

#[tokio::test]
async fn a_longer_webhook_timeout_beats_a_short_job_timeout() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let said = timed_out(&server, &receiver, Some("41ms"), Some("42ms")).await;
    assert!(said.contains("42ms"), "{said}");
}

#[tokio::test]
async fn the_servers_timeout_holds_where_neither_says() {
    let receiver = Receiver::start().await;
    let server = CHRONOS.with(&[("dispatcher.http.timeout", "43ms")]).await;
    let said = timed_out(&server, &receiver, None, None).await;
    assert!(said.contains("43ms"), "{said}");
}

#[tokio::test]
async fn the_timeout_covers_the_last_byte_of_the_body() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    receiver.script("/stalled", [Answer::stalled()]);
    let webhook = json!({"url": receiver.url("/stalled"), "timeout": "60ms"});
    let execution = server.call_webhook("stalled", webhook).await;
    assert_eq!(execution["status"], "failed", "{execution:#}");
    assert_eq!((&execution["error_kind"], &execution["attempts"]), (&json!("timeout"), &json!(3)));
    receiver.abandoned("/stalled").await;
}

#[tokio::test]
async fn the_status_that_came_before_the_timeout_is_kept() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    receiver.script("/stalled", [Answer::stalled()]);
    let mut spec = manual("stalled", json!({"url": receiver.url("/stalled"), "timeout": "2s"}));
    spec["retry_policy"] = json!({"max_attempts": 1});
    let execution = server.run(&spec).await;
    assert_eq!(execution["error_kind"], "timeout", "{execution:#}");
    assert_eq!(execution["response"]["status_code"], 200, "{execution:#}");
    assert_eq!(execution["attempt_log"][0]["status_code"], 200, "{execution:#}");
    assert!(execution["last_error"].as_str().unwrap().contains("200 OK came"), "{execution:#}");
}

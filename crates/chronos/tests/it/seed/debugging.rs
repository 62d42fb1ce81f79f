//! "Debugging Webhooks"

use crate::support::*;

/// The names of an object's members, sorted.
fn members(value: &Value) -> Vec<&str> {
    let mut names: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn test_webhook_endpoint_calls_the_webhook_and_shows_its_answer() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let example = pasted(
        r#"{
    "webhook": {
      "url": "https://api.example.com/endpoint",
      "method": "POST",
      "headers": {
        "Content-Type": "application/json"
      },
      "body": "{\"test\": true}"
    }
  }"#,
        &receiver,
    );
    let tested = server.post("/webhooks/test", &example).await.ok(200);
    assert_eq!(tested["success"], true);
    assert_eq!(tested["status_code"], 200);
    assert_eq!(tested["response_body"], r#"{"received": true}"#);
    assert!(tested["duration_ms"].is_u64());
    assert!(tested.get("error").is_none(), "{tested:#}");
    let call = receiver.next("/endpoint").await;
    assert_eq!((call.method.as_str(), call.body.as_str()), ("POST", r#"{"test": true}"#));
    assert_eq!(call.sent("User-Agent"), "Chronos/1.0");
    let jobs = server.get("/jobs").await.ok(200);
    assert_eq!(jobs["jobs"], json!([]), "a test leaves nothing behind");
}

#[tokio::test]
async fn test_webhook_endpoint_says_why_there_was_no_success() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    receiver.script("/broken", [Answer::status(500).body("out of order")]);
    let webhook = json!({"webhook": {"url": receiver.url("/broken")}});
    let tested = server.post("/webhooks/test", &webhook).await.ok(200);
    assert_eq!((&tested["success"], &tested["status_code"]), (&json!(false), &json!(500)));
    assert_eq!(tested["response_body"], "out of order");
    assert_eq!(receiver.calls("/broken").len(), 1, "a test is not retried");
    let nobody = format!("http://127.0.0.1:{}/", closed_port());
    let tested = server.post("/webhooks/test", &json!({"webhook": {"url": nobody}})).await.ok(200);
    assert_eq!(tested["success"], false);
    assert!(!tested["error"].as_str().unwrap().is_empty(), "{tested:#}");
    let bad = json!({"webhook": {"url": "ftp://x/", "method": "FETCH"}});
    let refused = server.post("/webhooks/test", &bad).await;
    assert_eq!(refused.bad_fields(), ["webhook.method", "webhook.url"]);
}

#[tokio::test]
async fn view_execution_details_has_the_seeds_shape() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    receiver.script("/endpoint", [Answer::silence()]);
    let mut job = manual(
        "my-job",
        json!({
            "url": receiver.url("/endpoint"),
            "method": "POST",
            "headers": {"Content-Type": "application/json"},
            "timeout": "30ms",
        }),
    );
    job["retry_policy"] = json!({"max_attempts": 3, "initial_interval": "1ms"});
    let execution = server.run(&job).await;
    // The example of the documentation, member by member.
    assert_eq!(execution["status"], "failed");
    assert_eq!(execution["attempts"], 3);
    assert!(!execution["last_error"].as_str().unwrap().is_empty());
    let request = &execution["request"];
    assert_eq!(request["url"], receiver.url("/endpoint"));
    assert_eq!(request["method"], "POST");
    assert_eq!(request["headers"]["Content-Type"], "application/json");
    assert_eq!(execution["response"]["status_code"], 0);
    assert!(!execution["response"]["error"].as_str().unwrap().is_empty());
    // The job's id does as well as its name, and nothing else does.
    let id = execution["id"].as_str().unwrap();
    let by_id = server.execution(execution["job_id"].as_str().unwrap(), id).await;
    assert_eq!(by_id, execution);
    server.create(&manual("other-job", json!({"url": "http://127.0.0.1/"}))).await;
    server.get(&format!("/jobs/other-job/executions/{id}")).await.problem(404);
}

#[tokio::test]
async fn view_execution_details_has_every_member_of_the_product_page() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    receiver.script("/", [Answer::status(500), Answer::ok()]);
    let execution = server.call_webhook("whole", json!({"url": receiver.url("/")})).await;
    let names = members(&execution);
    for name in [
        "id",
        "job_id",
        "job_name",
        "job_version",
        "trigger",
        "scheduled_time",
        "started_at",
        "completed_at",
        "duration_ms",
        "status",
        "attempts",
        "last_error",
        "error_kind",
        "request",
        "response",
        "attempt_log",
        "node_id",
    ] {
        assert!(
            names.contains(&name) || execution["status"] == "success" && name.contains("error"),
            "{name}"
        );
    }
    assert_eq!((&execution["job_name"], &execution["job_version"]), (&json!("whole"), &json!(1)));
    assert_eq!(execution["node_id"], "chronos-1");
    let log = execution["attempt_log"].as_array().unwrap();
    assert_eq!(log.len(), 2);
    for attempt in log {
        for name in ["number", "started_at", "duration_ms", "status_code"] {
            assert!(!attempt[name].is_null(), "{name}: {attempt:#}");
        }
    }
    assert!(log[0]["error"].as_str().unwrap().contains("500"));
    assert_eq!(log[0]["started_at"], execution["started_at"]);
}

//! "When a job is due, Chronos makes an HTTP request to your specified endpoint."

use crate::support::*;

#[tokio::test]
async fn basic_configuration_calls_the_url_with_the_method_when_the_job_is_due() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let mut job = pasted(
        r#"{
  "webhook": {
    "url": "https://api.example.com/endpoint",
    "method": "POST"
  }
}"#,
        &receiver,
    );
    job["name"] = "basic".into();
    job["schedule"] = "@every 1s".into();
    server.create(&job).await;
    let call = receiver.next("/endpoint").await;
    assert_eq!((call.method.as_str(), call.target.as_str()), ("POST", "/endpoint"));
    assert_eq!(call.sent("X-Chronos-Trigger"), "schedule");
    let again = receiver.next("/endpoint").await;
    assert_ne!(call.execution(), again.execution(), "each instant is an execution of its own");
    let execution = server.finished("basic", call.execution()).await;
    assert_eq!(execution["status"], "success", "{execution:#}");
    assert_eq!(execution["trigger"], "schedule");
    assert_eq!(execution["scheduled_time"], call.sent("X-Chronos-Scheduled-Time"));
}

#[tokio::test]
async fn full_configuration_is_sent_as_written() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let example = pasted(
        r#"{
  "webhook": {
    "url": "https://api.example.com/endpoint",
    "method": "POST",
    "headers": {
      "Content-Type": "application/json",
      "X-Custom-Header": "value"
    },
    "body": "{\"action\": \"process\"}",
    "auth": {
      "type": "bearer",
      "token": "your-api-token"
    },
    "success_codes": [200, 201, 202],
    "timeout": "30s"
  }
}"#,
        &receiver,
    );
    receiver.script("/endpoint", [Answer::status(202)]);
    let job = server.create_from("full", &example).await;
    for (field, value) in example["webhook"].as_object().unwrap() {
        if field != "auth" {
            assert_eq!(job["webhook"][field], *value, "{field} reads back as written");
        }
    }
    let execution = server.run_again("full").await;
    let call = receiver.next("/endpoint").await;
    assert_eq!(call.method, "POST");
    assert_eq!(call.sent("Content-Type"), "application/json");
    assert_eq!(call.sent("X-Custom-Header"), "value");
    assert_eq!(call.sent("Authorization"), "Bearer your-api-token");
    assert_eq!(call.body, r#"{"action": "process"}"#);
    assert_eq!(execution["status"], "success");
    assert_eq!(execution["response"]["status_code"], 202);
}

#[tokio::test]
async fn a_method_omitted_is_get_and_with_a_body_post() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    server.call_webhook("bare", json!({"url": receiver.url("/bare")})).await;
    let call = receiver.next("/bare").await;
    assert_eq!((call.method.as_str(), call.body.as_str()), ("GET", ""));
    assert_eq!(call.header("Content-Type"), None);
    server.call_webhook("with-body", json!({"url": receiver.url("/body"), "body": "x"})).await;
    assert_eq!(receiver.next("/body").await.method, "POST");
}

#[tokio::test]
async fn every_method_is_sent_as_it_is_with_and_without_a_body() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        for body in [None, Some("payload")] {
            let path = format!("/{method}-{}", body.is_some());
            let mut webhook = json!({"url": receiver.url(&path), "method": method});
            if let Some(body) = body {
                webhook["body"] = body.into();
            }
            let execution = server.call_webhook(&path[1..], webhook).await;
            let call = receiver.next(&path).await;
            assert_eq!(call.method, method);
            assert_eq!(call.body, body.unwrap_or_default(), "{method}");
            assert_eq!(execution["status"], "success", "{method}: {execution:#}");
            assert_eq!(execution["request"]["method"], method);
        }
    }
}

//! "Request Body"

use crate::support::*;

#[tokio::test]
async fn static_body_is_sent_as_written() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let example = pasted(
        r#"{
  "webhook": {
    "url": "https://api.example.com/endpoint",
    "method": "POST",
    "headers": {
      "Content-Type": "application/json"
    },
    "body": "{\"action\": \"backup\", \"type\": \"full\"}"
  }
}"#,
        &receiver,
    );
    server.create_from("static", &example).await;
    server.run_again("static").await;
    let call = receiver.next("/endpoint").await;
    assert_eq!(call.body, r#"{"action": "backup", "type": "full"}"#);
    assert_eq!(call.sent("Content-Type"), "application/json");
}

#[tokio::test]
async fn template_variables_are_filled() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let mut example = pasted(
        r#"{
  "webhook": {
    "body": "{\"job_id\": \"{{.JobID}}\", \"execution_id\": \"{{.ExecutionID}}\", \"scheduled_time\": \"{{.ScheduledTime}}\"}"
  }
}"#,
        &receiver,
    );
    example["webhook"]["url"] = receiver.url("/endpoint").into();
    let job = server.create_from("templates", &example).await;
    assert_eq!(job["webhook"]["body"], example["webhook"]["body"], "it reads back unfilled");
    let execution = server.run_again("templates").await;
    let call = receiver.next("/endpoint").await;
    let expected = json!({
        "job_id": job["id"], "execution_id": execution["id"], "scheduled_time": execution["scheduled_time"],
    });
    assert_eq!(call.json(), expected);
    assert_eq!(call.execution(), execution["id"]);
}

#[tokio::test]
async fn every_variable_has_its_value_in_every_attempt() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    receiver.script("/all", [Answer::status(500), Answer::ok()]);
    let body = "{{.JobID}}|{{.JobName}}|{{.ExecutionID}}|{{.ScheduledTime}}|{{.Attempt}}";
    let webhook = json!({"url": receiver.url("/all"), "body": body});
    let execution = server.call_webhook("all:five", webhook).await;
    for attempt in 1..=2 {
        let call = receiver.next("/all").await;
        let text = |key: &str| execution[key].as_str().unwrap().to_owned();
        let (job, id, time) = (text("job_id"), text("id"), text("scheduled_time"));
        assert_eq!(call.body, format!("{job}|all:five|{id}|{time}|{attempt}"));
    }
}

#[tokio::test]
async fn blanks_inside_the_braces_are_allowed_and_other_braces_are_left_alone() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    for (name, body, sent) in [
        ("blanks", "{{ .JobName }} {{.Attempt  }}", "blanks 1"),
        ("others", "{{#if x}} {{name}} { {.JobID}} {{", "{{#if x}} {{name}} { {.JobID}} {{"),
        ("nested", r#"{"a": {"b": {"c": "{{.Attempt}}"}}}"#, r#"{"a": {"b": {"c": "1"}}}"#),
    ] {
        let path = format!("/{name}");
        server.call_webhook(name, json!({"url": receiver.url(&path), "body": body})).await;
        assert_eq!(receiver.next(&path).await.body, sent);
    }
}

#[tokio::test]
async fn an_unknown_variable_is_refused_with_the_five_that_are() {
    let server = CHRONOS.start().await;
    let job = manual("typo", json!({"url": "http://127.0.0.1/", "body": "{{.JobId}}"}));
    let refused = server.post("/jobs", &job).await;
    assert_eq!(refused.bad_fields(), ["webhook.body"]);
    let message = refused.json()["errors"][0]["message"].as_str().unwrap().to_owned();
    for word in ["JobId", ".JobID", ".JobName", ".ExecutionID", ".ScheduledTime", ".Attempt"] {
        assert!(message.contains(word), "{message} lacks {word}");
    }
}

#[tokio::test]
async fn a_content_type_omitted_is_told_by_the_body() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    for (name, body, kind) in [
        ("object", r#"{"a": 1}"#, "application/json"),
        ("template", r#"{"a": "{{.JobID}}"}"#, "application/json"),
        ("text", "hello, wörld", "text/plain; charset=utf-8"),
    ] {
        let path = format!("/{name}");
        server.call_webhook(name, json!({"url": receiver.url(&path), "body": body})).await;
        assert_eq!(receiver.next(&path).await.sent("Content-Type"), kind, "{body}");
    }
}

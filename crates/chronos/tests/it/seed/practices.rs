//! "Best Practices": what handlers are told to rely on

use std::collections::HashSet;

use crate::support::*;

#[tokio::test]
async fn idempotent_handlers_see_one_execution_id_in_all_attempts() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    receiver.script("/process", [Answer::status(500), Answer::reset(), Answer::ok()]);
    let execution = server.call_webhook("process", json!({"url": receiver.url("/process")})).await;
    let ids: HashSet<_> = receiver.calls("/process").iter().map(|c| c.execution().to_owned()).collect();
    assert_eq!(ids.into_iter().collect::<Vec<_>>(), [execution["id"].as_str().unwrap()]);
    let other = server.run_again("process").await;
    assert_ne!(other["id"], execution["id"]);
}

#[tokio::test]
async fn meaningful_status_codes_do_what_the_table_says() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    for (status, end, attempts) in [
        (200, "success", 1),
        (201, "success", 1),
        (204, "success", 1),
        (400, "failed", 1),
        (401, "failed", 1),
        (403, "failed", 1),
        (404, "failed", 1),
        (503, "failed", 3),
        (429, "failed", 3),
    ] {
        let path = format!("/{status}");
        receiver.script(&path, [Answer::status(status)]);
        let name = status.to_string();
        let execution = server.call_webhook(&name, json!({"url": receiver.url(&path)})).await;
        let came = (execution["status"].as_str().unwrap(), execution["attempts"].as_u64().unwrap());
        assert_eq!(came, (end, attempts), "{status}");
    }
}

#[tokio::test]
async fn appropriate_timeouts_are_a_jobs_default_and_a_webhooks_override() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let mut example = pasted(
        r#"{
  "timeout": "30s",
  "webhook": {
    "timeout": "10s"
  }
}"#,
        &receiver,
    );
    example["webhook"]["url"] = receiver.url("/fast").into();
    let job = server.create_from("fast", &example).await;
    assert_eq!((&job["timeout"], &job["webhook"]["timeout"]), (&json!("30s"), &json!("10s")));
    assert_eq!(server.run_again("fast").await["status"], "success");
}

#[tokio::test]
async fn correlation_ids_lead_to_the_record() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    server.call_webhook("logged", json!({"url": receiver.url("/webhook")})).await;
    let call = receiver.next("/webhook").await;
    let execution = server.execution(call.sent("X-Chronos-Job-ID"), call.execution()).await;
    assert_eq!(execution["job_name"], "logged");
}

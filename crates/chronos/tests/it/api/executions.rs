//! Trigger, cancel and replay

use crate::support::*;

/// A job whose one path holds its answers back, with a run of it under way; and its execution.
async fn under_way(server: &Server, receiver: &Receiver, gate: &Gate) -> String {
    receiver.script("/held", [Answer::ok().after(gate)]);
    server.create(&manual("held", json!({"url": receiver.url("/held")}))).await;
    let id = server.trigger("held").await["id"].as_str().unwrap().to_owned();
    receiver.next("/held").await;
    id
}

#[tokio::test]
async fn a_trigger_answers_202_with_the_execution() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let gate = Gate::closed();
    receiver.script("/", [Answer::ok().after(&gate)]);
    let job = server.create(&manual("job", json!({"url": receiver.url("/")}))).await;
    let execution = server.trigger("job").await;
    assert_eq!((&execution["job_id"], &execution["trigger"]), (&job["id"], &json!("manual")));
    assert!(matches!(execution["status"].as_str(), Some("pending" | "running")), "{execution:#}");
    let id = execution["id"].as_str().unwrap();
    receiver.next("/").await;
    let running = server.execution_is("job", id, "running").await;
    assert_eq!((&running["attempts"], &running["completed_at"]), (&json!(1), &Value::Null));
    assert!(running["started_at"].is_string());
    gate.open();
    assert_eq!(server.finished("job", id).await["status"], "success");
}

#[tokio::test]
async fn a_trigger_of_a_job_that_forbids_overlap_is_a_conflict_while_one_is_unfinished() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let gate = Gate::closed();
    let id = under_way(&server, &receiver, &gate).await;
    let problem = server.act("/jobs/held/trigger").await.problem(409);
    assert!(problem["detail"].as_str().unwrap().contains(&id), "it names the one: {problem:#}");
    gate.open();
    server.finished("held", &id).await;
    server.trigger("held").await;
    server.act("/jobs/nobody/trigger").await.problem(404);
}

#[tokio::test]
async fn waiting_for_a_retry_is_unfinished() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    receiver.script("/", [Answer::status(500)]);
    let mut job = manual("job", json!({"url": receiver.url("/")}));
    job["retry_policy"] = json!({"initial_interval": "1h", "max_interval": "1h"});
    server.create(&job).await;
    let id = server.trigger("job").await["id"].as_str().unwrap().to_owned();
    server.execution_is("job", &id, "retrying").await;
    server.act("/jobs/job/trigger").await.problem(409);
    let cancelled = server.act(&format!("/jobs/job/executions/{id}/cancel")).await.ok(200);
    assert_eq!(cancelled["status"], "cancelled");
    server.trigger("job").await;
}

#[tokio::test]
async fn cancel_ends_an_attempt_under_way_and_hangs_up() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let gate = Gate::closed();
    let id = under_way(&server, &receiver, &gate).await;
    server.execution_is("held", &id, "running").await;
    let cancelled = server.act(&format!("/jobs/held/executions/{id}/cancel")).await.ok(200);
    assert_eq!((&cancelled["status"], &cancelled["error_kind"]), (&json!("cancelled"), &json!("cancelled")));
    assert!(cancelled["completed_at"].is_string());
    receiver.abandoned("/held").await;
    gate.open();
    let again = server.act(&format!("/jobs/held/executions/{id}/cancel")).await;
    again.problem(409);
    let stays = server.execution("held", &id).await;
    assert_eq!(stays["status"], "cancelled", "what is over never changes");
    assert_eq!(receiver.calls("/held").len(), 1);
}

#[tokio::test]
async fn replay_makes_a_new_execution_of_the_same_request() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    receiver.script("/old", [Answer::status(400), Answer::ok()]);
    let webhook = json!({"url": receiver.url("/old"), "body": "{{.ScheduledTime}} {{.ExecutionID}}"});
    let failed = server.run(&manual("job", webhook)).await;
    assert_eq!(failed["status"], "failed");
    // The job has moved on since; the replay has not.
    server.put("/jobs/job", &manual("job", json!({"url": receiver.url("/new")}))).await.ok(200);
    let id = failed["id"].as_str().unwrap();
    let replay = server.act(&format!("/jobs/job/executions/{id}/replay")).await.ok(202);
    assert_eq!((&replay["trigger"], &replay["replay_of"]), (&json!("replay"), &failed["id"]));
    assert_ne!(replay["id"], failed["id"]);
    assert_eq!(replay["scheduled_time"], failed["scheduled_time"]);
    let done = server.finished("job", replay["id"].as_str().unwrap()).await;
    assert_eq!((&done["status"], &done["job_version"]), (&json!("success"), &json!(1)));
    let calls = receiver.calls("/old");
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[1].sent("X-Chronos-Trigger"), "replay");
    assert_eq!(calls[1].execution(), replay["id"]);
    // "Process what is due at this time" means the same time.
    let times = [&calls[0], &calls[1]].map(|call| call.sent("X-Chronos-Scheduled-Time").to_owned());
    assert_eq!(times[0], times[1]);
    let time = failed["scheduled_time"].as_str().unwrap();
    assert_eq!(calls[1].body, format!("{time} {}", replay["id"].as_str().unwrap()));
    assert_eq!(server.execution("job", id).await, failed, "the original stays as it was");
    // And so it is for a replay of the replay.
    let again = format!("/jobs/job/executions/{}/replay", replay["id"].as_str().unwrap());
    let again = server.act(&again).await.ok(202);
    assert_eq!((&again["scheduled_time"], &again["replay_of"]), (&failed["scheduled_time"], &replay["id"]));
    server.finished("job", again["id"].as_str().unwrap()).await;
    let nobody = "00000000-0000-8000-8000-000000000000";
    server.act(&format!("/jobs/job/executions/{nobody}/replay")).await.problem(404);
    server.act(&format!("/jobs/job/executions/{nobody}/cancel")).await.problem(404);
}

#[tokio::test]
async fn history_is_kept_to_the_newest() {
    let receiver = Receiver::start().await;
    let server = CHRONOS.with(&[("history.max_per_job", "3")]).await;
    server.create(&manual("job", json!({"url": receiver.url("/")}))).await;
    let mut newest = Vec::new();
    for _ in 0..6 {
        newest.insert(0, server.run_again("job").await["id"].clone());
    }
    let kept = until("the oldest to be forgotten", || async {
        let page = server.get("/jobs/job/executions").await.ok(200);
        let ids: Vec<_> =
            page["executions"].as_array().unwrap().iter().map(|execution| execution["id"].clone()).collect();
        (ids.len() <= 3).then_some(ids)
    })
    .await;
    assert_eq!(kept, newest[..3]);
}

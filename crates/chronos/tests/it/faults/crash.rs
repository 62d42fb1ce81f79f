//! kill -9: what was acknowledged is there, and what was under way is delivered again

use crate::support::*;

#[tokio::test]
async fn an_attempt_under_way_is_delivered_again_with_the_same_id_and_number() {
    let (receiver, mut server) = (Receiver::start().await, CHRONOS.start().await);
    let gate = Gate::closed();
    receiver.script("/held", [Answer::status(500), Answer::ok().after(&gate)]);
    let mut job = manual("held", json!({"url": receiver.url("/held"), "body": "{{.ScheduledTime}}"}));
    job["retry_policy"] = json!({"initial_interval": "1ms"});
    server.create(&job).await;
    let id = server.trigger("held").await["id"].as_str().unwrap().to_owned();
    let calls = receiver.wait_for("/held", 2).await;
    assert_eq!((calls[1].execution(), calls[1].attempt()), (id.as_str(), 2));
    server.execution_is("held", &id, "running").await;
    server.kill().await;
    let server = server.again().await;
    let calls = receiver.wait_for("/held", 3).await;
    assert_eq!((calls[2].execution(), calls[2].attempt()), (id.as_str(), 2), "the same attempt again");
    assert_eq!(calls[2].body, calls[1].body, "with the same body");
    assert_eq!(calls[2].sent("X-Chronos-Scheduled-Time"), calls[1].sent("X-Chronos-Scheduled-Time"));
    assert_eq!(calls[2].sent("X-Chronos-Trigger"), "manual");
    gate.open();
    let execution = server.finished("held", &id).await;
    assert_eq!((&execution["status"], &execution["attempts"]), (&json!("success"), &json!(2)));
    assert_eq!(execution["attempt_log"].as_array().unwrap().len(), 2);
    let page = server.get("/jobs/held/executions").await.ok(200);
    assert_eq!(page["executions"].as_array().unwrap().len(), 1, "one record, however often delivered");
}

#[tokio::test]
async fn a_retry_that_waits_survives() {
    let (receiver, mut server) = (Receiver::start().await, CHRONOS.start().await);
    receiver.script("/", [Answer::status(500), Answer::ok()]);
    let mut job = manual("job", json!({"url": receiver.url("/")}));
    job["retry_policy"] = json!({"initial_interval": "4s"});
    server.create(&job).await;
    let id = server.trigger("job").await["id"].as_str().unwrap().to_owned();
    server.execution_is("job", &id, "retrying").await;
    server.kill().await;
    assert_eq!(receiver.calls("/").len(), 1);
    let server = server.again().await;
    let execution = server.finished("job", &id).await;
    assert_eq!((&execution["status"], &execution["attempts"]), (&json!("success"), &json!(2)));
    let calls = receiver.calls("/");
    let seen: Vec<_> = calls.iter().map(|call| (call.execution(), call.attempt())).collect();
    assert_eq!(seen, [(id.as_str(), 1), (id.as_str(), 2)]);
}

#[tokio::test]
async fn every_acknowledged_write_is_there() {
    let mut server = CHRONOS.start().await;
    let mut acknowledged = Vec::new();
    for n in 0..20 {
        acknowledged
            .push(server.create(&manual(&format!("job-{n}"), json!({"url": "http://127.0.0.1:9/"}))).await);
    }
    let changed = server.patch("/jobs/job-0", &json!({"description": "last word"})).await.ok(200);
    server.delete("/jobs/job-1").await;
    server.kill().await;
    let server = server.again().await;
    server.get("/jobs/job-1").await.problem(404);
    for job in std::iter::once(&changed).chain(&acknowledged[2..]) {
        let path = format!("/jobs/{}", job["name"].as_str().unwrap());
        assert_eq!(without_stats(server.get(&path).await.ok(200)), *job);
    }
}

#[tokio::test]
async fn a_finished_execution_is_not_delivered_again() {
    let (receiver, mut server) = (Receiver::start().await, CHRONOS.start().await);
    let first = server.run(&manual("job", json!({"url": receiver.url("/")}))).await;
    server.kill().await;
    let server = server.again().await;
    let second = server.run_again("job").await;
    let ids: Vec<_> = receiver.calls("/").iter().map(|call| call.execution().to_owned()).collect();
    assert_eq!(ids, [first["id"].as_str().unwrap(), second["id"].as_str().unwrap()]);
    assert_eq!(server.execution("job", &ids[0]).await, first);
}

#[tokio::test]
async fn the_queue_of_a_job_and_its_policy_survive() {
    let (receiver, mut server) = (Receiver::start().await, CHRONOS.start().await);
    let gate = Gate::closed();
    receiver.script("/", [Answer::ok().after(&gate)]);
    let mut job = manual("job", json!({"url": receiver.url("/")}));
    job["concurrency"] = "queue".into();
    server.create(&job).await;
    let one = server.trigger("job").await["id"].as_str().unwrap().to_owned();
    receiver.next("/").await;
    server.execution_is("job", &one, "running").await;
    let two = server.trigger("job").await["id"].as_str().unwrap().to_owned();
    server.kill().await;
    let server = server.again().await;
    assert_eq!(receiver.next("/").await.execution(), one, "the one that had begun comes first");
    assert_eq!(receiver.calls("/").len(), 2, "and alone");
    gate.open();
    assert_eq!(server.finished("job", &two).await["status"], "success");
    assert_eq!(server.finished("job", &one).await["status"], "success");
}

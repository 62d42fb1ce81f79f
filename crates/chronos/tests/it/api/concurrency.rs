//! What happens when a run falls due while one of the same job is unfinished

use crate::support::*;

/// A job that falls due every second against a path that holds its answers back.
async fn busy(server: &Server, receiver: &Receiver, policy: &str, gate: &Gate) {
    receiver.script("/busy", [Answer::ok().after(gate)]);
    let job = json!({
        "name": "busy", "schedule": "@every 1s", "concurrency": policy, "webhook": {"url": receiver.url("/busy")},
    });
    server.create(&job).await;
}

/// The executions of the job with a status, oldest first, once there are so many.
async fn with_status(server: &Server, status: &str, count: usize) -> Vec<Value> {
    until(&format!("{count} {status} executions"), || async {
        let page = server.get(&format!("/jobs/busy/executions?limit=500&status={status}")).await.ok(200);
        let mut found = page["executions"].as_array().unwrap().clone();
        found.reverse();
        (found.len() >= count).then_some(found)
    })
    .await
}

#[tokio::test]
async fn forbid_records_the_new_run_as_skipped() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let gate = Gate::closed();
    busy(&server, &receiver, "forbid", &gate).await;
    let first = receiver.next("/busy").await;
    let skipped = with_status(&server, "skipped", 2).await;
    for execution in &skipped {
        assert_eq!((&execution["error_kind"], &execution["attempts"]), (&json!("overlap"), &json!(0)));
        assert!(!execution["last_error"].as_str().unwrap().is_empty());
    }
    assert_eq!(receiver.calls("/busy").len(), 1, "only one was delivered");
    gate.open();
    assert_eq!(server.finished("busy", first.execution()).await["status"], "success");
    receiver.next("/busy").await;
}

#[tokio::test]
async fn allow_runs_both() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let gate = Gate::closed();
    busy(&server, &receiver, "allow", &gate).await;
    let calls = receiver.wait_for("/busy", 3).await;
    with_status(&server, "running", 2).await;
    gate.open();
    for call in calls {
        assert_eq!(server.finished("busy", call.execution()).await["status"], "success");
    }
}

#[tokio::test]
async fn replace_cancels_the_running_one() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let gate = Gate::closed();
    busy(&server, &receiver, "replace", &gate).await;
    let first = receiver.next("/busy").await;
    let second = receiver.next("/busy").await;
    receiver.abandoned("/busy").await;
    let replaced = server.finished("busy", first.execution()).await;
    assert_eq!((&replaced["status"], &replaced["error_kind"]), (&json!("cancelled"), &json!("cancelled")));
    assert!(replaced["last_error"].as_str().unwrap().contains("replaced"), "{replaced:#}");
    server.act("/jobs/busy/disable").await.ok(200);
    gate.open();
    let last = server.finished("busy", second.execution()).await;
    assert!(matches!(last["status"].as_str(), Some("success" | "cancelled")), "{last:#}");
    with_status(&server, "success", 1).await;
}

#[tokio::test]
async fn queue_lets_one_wait_and_skips_more() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let gate = Gate::closed();
    busy(&server, &receiver, "queue", &gate).await;
    let first = receiver.next("/busy").await;
    let skipped = with_status(&server, "skipped", 1).await;
    assert_eq!(skipped[0]["error_kind"], "overlap");
    assert_eq!(receiver.calls("/busy").len(), 1, "the second waits, the third was skipped");
    gate.open();
    let second = receiver.next("/busy").await;
    let times = [&first, &second].map(|call| call.sent("X-Chronos-Scheduled-Time").to_owned());
    assert!(times[0] < times[1], "{times:?}");
    let skipped = skipped[0]["scheduled_time"].as_str().unwrap();
    assert!(times[1].as_str() < skipped, "the one that waited was due before the one skipped");
    assert_eq!(server.finished("busy", second.execution()).await["status"], "success");
}

#[tokio::test]
async fn triggers_follow_the_policy_too() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    for (policy, first, second) in [
        ("allow", "success", "success"),
        ("replace", "cancelled", "success"),
        ("queue", "success", "success"),
    ] {
        let gate = Gate::closed();
        let path = format!("/{policy}");
        receiver.script(&path, [Answer::ok().after(&gate)]);
        let mut job = manual(policy, json!({"url": receiver.url(&path)}));
        job["concurrency"] = policy.into();
        server.create(&job).await;
        let one = server.trigger(policy).await["id"].as_str().unwrap().to_owned();
        receiver.next(&path).await;
        let two = server.trigger(policy).await["id"].as_str().unwrap().to_owned();
        if policy != "queue" {
            assert_eq!(receiver.next(&path).await.execution(), two);
        }
        gate.open();
        let ends = [server.finished(policy, &one).await, server.finished(policy, &two).await];
        assert_eq!((ends[0]["status"].as_str(), ends[1]["status"].as_str()), (Some(first), Some(second)));
    }
}

#[tokio::test]
async fn a_replay_of_an_old_version_follows_the_policy_of_now() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let gate = Gate::closed();
    receiver.script("/", [Answer::ok(), Answer::ok().after(&gate)]);
    // It forbids overlap.
    let old = server.run(&manual("job", json!({"url": receiver.url("/")}))).await;
    server.patch("/jobs/job", &json!({"concurrency": "queue"})).await.ok(200);
    let under_way = server.trigger("job").await;
    receiver.wait_for("/", 2).await;
    let replay = format!("/jobs/job/executions/{}/replay", old["id"].as_str().unwrap());
    let replay = server.act(&replay).await.ok(202);
    // It waits, so there is no place for another one.
    let third = server.trigger("job").await;
    assert_eq!(server.finished("job", third["id"].as_str().unwrap()).await["status"], "skipped");
    assert_eq!(receiver.calls("/").len(), 2);
    gate.open();
    for run in [&under_way, &replay] {
        let done = server.finished("job", run["id"].as_str().unwrap()).await;
        assert_eq!((&done["status"], &done["job_version"]), (&json!("success"), &run["job_version"]));
    }
    assert_eq!(replay["job_version"], 1);
}

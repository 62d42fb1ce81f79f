//! Whichever node is asked for a run, it meets the unfinished runs of its job.

use hyper::Method;
use rustix::process::Signal;

use crate::support::*;

/// A job with this policy whose target holds its answers back until the gate opens.
fn held(receiver: &Receiver, policy: &str, gate: &Gate) -> Value {
    let path = format!("/{policy}");
    receiver.script(&path, [Answer::ok().after(gate)]);
    let mut job = manual(policy, json!({"url": receiver.url(&path)}));
    job["concurrency"] = policy.into();
    job
}

fn id(execution: &Value) -> &str {
    execution["id"].as_str().unwrap()
}

#[tokio::test]
async fn a_trigger_meets_a_run_that_another_node_was_asked_for() {
    let receiver = Receiver::start().await;
    let cluster = CHRONOS.calm_cluster(3).up().await;
    let (one, two, three) = (cluster.node(1), cluster.node(2), cluster.node(3));
    for policy in ["queue", "replace", "forbid", "allow"] {
        let (gate, path) = (Gate::closed(), format!("/{policy}"));
        one.create(&held(&receiver, policy, &gate)).await;
        let first = one.trigger(policy).await;
        assert_eq!(first["node_id"], "n1", "nothing of it is unfinished");
        receiver.next(&path).await;
        let asked = two.act(&format!("/jobs/{policy}/trigger")).await;
        if policy == "forbid" {
            assert!(asked.problem(409)["detail"].as_str().unwrap().contains(id(&first)));
            gate.open();
            continue;
        }
        let second = asked.ok(202);
        let beside = if policy == "allow" { "n2" } else { "n1" };
        assert_eq!(second["node_id"], beside, "{policy}");
        match policy {
            "queue" => {
                // It waits, and so there is no place for a third one.
                let third = three.trigger(policy).await;
                assert_eq!(three.finished(policy, id(&third)).await["status"], "skipped");
                assert_eq!(receiver.calls(&path).len(), 1, "the second one waits for the first");
                gate.open();
                assert_eq!(receiver.next(&path).await.execution(), id(&second));
            }
            "replace" => {
                assert_eq!(receiver.next(&path).await.execution(), id(&second));
                receiver.abandoned(&path).await;
                let replaced = two.finished(policy, id(&first)).await;
                assert_eq!(replaced["status"], "cancelled");
                assert!(replaced["last_error"].as_str().unwrap().contains("replaced"), "{replaced:#}");
                gate.open();
            }
            _ => {
                assert_eq!(receiver.next(&path).await.execution(), id(&second), "both run");
                gate.open();
            }
        }
        assert_eq!(two.finished(policy, id(&second)).await["status"], "success", "{policy}");
    }
}

#[tokio::test]
async fn a_replay_meets_a_run_that_another_node_was_asked_for() {
    let receiver = Receiver::start().await;
    let cluster = CHRONOS.calm_cluster(3).up().await;
    let (one, two) = (cluster.node(1), cluster.node(2));
    let gate = Gate::closed();
    receiver.script("/queue", [Answer::ok(), Answer::ok().after(&gate)]);
    let mut job = manual("queue", json!({"url": receiver.url("/queue")}));
    job["concurrency"] = "queue".into();
    let done = one.run(&job).await;
    one.trigger("queue").await;
    receiver.wait_for("/queue", 2).await;
    let replay = two.act(&format!("/jobs/queue/executions/{}/replay", id(&done))).await.ok(202);
    assert_eq!((&replay["node_id"], &replay["scheduled_time"]), (&json!("n1"), &done["scheduled_time"]));
    let third = two.trigger("queue").await;
    assert_eq!(two.finished("queue", id(&third)).await["status"], "skipped", "the replay waits");
    gate.open();
    assert_eq!(two.finished("queue", id(&replay)).await["status"], "success");
    let last = receiver.calls("/queue").pop().unwrap();
    assert_eq!((last.execution(), last.sent("X-Chronos-Trigger")), (id(&replay), "replay"));
}

#[tokio::test]
async fn a_scheduled_run_and_a_trigger_meet_whichever_comes_first() {
    let receiver = Receiver::start().await;
    let cluster = CHRONOS.calm_cluster(3).up().await;
    // Of a job that runs each second, some run is always planned: that one came first.
    let job = json!({"name": "often", "schedule": "@every 1s", "concurrency": "queue",
        "webhook": {"url": receiver.url("/often")}});
    cluster.node(1).create(&job).await;
    let planned = cluster.node(1).executions("often", 1).await.remove(0);
    for n in 1..=3 {
        let asked = cluster.node(n).trigger("often").await;
        assert_eq!(asked["node_id"], planned["node_id"], "asked of n{n}");
    }
    // Here the run by hand came first, and is under way when the schedule is due.
    let gate = Gate::closed();
    receiver.script("/later", [Answer::ok().after(&gate)]);
    for n in 1..=3 {
        let name = format!("later-{n}");
        let node = cluster.node(n);
        let mut job = manual(&name, json!({"url": receiver.url("/later")}));
        node.create(&job).await;
        let by_hand = node.trigger(&name).await;
        receiver.wait_for("/later", n).await;
        job["schedule"] = "@every 1s".into();
        node.put(&format!("/jobs/{name}"), &job).await.ok(200);
        let skipped = until("a scheduled run to be skipped", || async {
            let page = node.get(&format!("/jobs/{name}/executions?status=skipped")).await.ok(200);
            page["executions"].get(0).cloned()
        })
        .await;
        assert_eq!((&skipped["error_kind"], &skipped["node_id"]), (&json!("overlap"), &by_hand["node_id"]));
        assert_eq!(receiver.calls("/later").len(), n, "{name} was called beside its run by hand");
        node.act(&format!("/jobs/{name}/disable")).await.ok(200);
    }
    gate.open();
}

#[tokio::test]
async fn what_comes_for_a_node_that_stops_waits_for_the_end_of_what_it_would_overlap_with() {
    let receiver = Receiver::start().await;
    let cluster = CHRONOS.calm_cluster(3).up().await;
    let leader = cluster.leader().await;
    let (stops, other) = (leader % 3 + 1, cluster.node(leader));
    let stopping = cluster.node(stops);
    let gate = Gate::closed();
    stopping.create(&held(&receiver, "queue", &gate)).await;
    let mut free = manual("free", json!({"url": receiver.url("/free")}));
    free["concurrency"] = "allow".into();
    stopping.create(&free).await;
    let first = stopping.trigger("queue").await;
    receiver.next("/queue").await;
    stopping.terminate();
    stopping.logged("stopping: no new attempts; waiting for those under way").await;
    let second = other.trigger("queue").await;
    assert_eq!((&first["node_id"], &second["node_id"]), (&json!(format!("n{stops}")), &first["node_id"]));
    // What may overlap goes to another node, and with it all that may begin there.
    let given = stopping.trigger("free").await;
    assert_eq!(given["node_id"], first["node_id"]);
    other.get("/executions?consistent=true").await.ok(200);
    let given = other.finished("free", id(&given)).await;
    assert_ne!(given["node_id"], first["node_id"]);
    assert_eq!(other.execution("queue", id(&second)).await["node_id"], first["node_id"]);
    assert_eq!(receiver.calls("/queue").len(), 1);
    gate.open();
    let ends = [other.finished("queue", id(&first)).await, other.finished("queue", id(&second)).await];
    assert_eq!((&ends[0]["status"], &ends[1]["status"]), (&json!("success"), &json!("success")));
    assert_ne!(ends[1]["node_id"], first["node_id"], "another node made it, once it could");
}

#[tokio::test]
async fn a_repeat_is_known_to_every_node() {
    let receiver = Receiver::start().await;
    let cluster = CHRONOS.calm_cluster(3).up().await;
    for round in 0..10 {
        for n in 1..=3 {
            let name = format!("job-{round}-{n}");
            let (one, two, three) = (cluster.node(n), cluster.node(n % 3 + 1), cluster.node((n + 1) % 3 + 1));
            one.create(&manual(&name, json!({"url": receiver.url("/")}))).await;
            let path = format!("/api/v1/jobs/{name}/trigger");
            let key = [("idempotency-key", name.as_str())];
            let first = one.send(Method::POST, &path, &key, "").await.ok(202);
            assert_eq!(one.delete(&format!("/jobs/{name}")).await.status, 204);
            // Of all this they may not have heard yet.
            for node in [two, three] {
                assert_eq!(node.send(Method::POST, &path, &key, "").await.ok(202), first, "{name}");
            }
        }
    }
}

#[tokio::test]
async fn a_repeat_is_known_to_a_node_that_lags_behind() {
    let receiver = Receiver::start().await;
    let cluster = CHRONOS.calm_cluster(3).up().await;
    let leader = cluster.leader().await;
    let (one, lags) = (cluster.node(leader), cluster.node(leader % 3 + 1));
    for round in 0..20 {
        let name = format!("job-{round}");
        let path = format!("/api/v1/jobs/{name}/trigger");
        let key = [("idempotency-key", name.as_str())];
        // It hears of nothing until it is asked, and then of all at once.
        lags.signal(Signal::STOP);
        one.create(&manual(&name, json!({"url": receiver.url("/")}))).await;
        let first = one.send(Method::POST, &path, &key, "").await.ok(202);
        assert_eq!(one.delete(&format!("/jobs/{name}")).await.status, 204);
        let goes_on = async { lags.signal(Signal::CONT) };
        let (again, ()) = tokio::join!(lags.send(Method::POST, &path, &key, ""), goes_on);
        assert_eq!(again.ok(202), first, "{name}");
    }
}

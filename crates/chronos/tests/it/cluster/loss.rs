//! Nodes are lost; runs and acknowledged writes are not.

use crate::support::*;

fn every_second(name: &str, receiver: &Receiver) -> Value {
    json!({"name": name, "schedule": "@every 1s", "webhook": {"url": receiver.url(&format!("/{name}"))}})
}

#[tokio::test]
async fn the_loss_of_the_leader_loses_no_write_and_stops_no_job() {
    let receiver = Receiver::start().await;
    let mut cluster = CHRONOS.calm_cluster(3).up().await;
    for n in 0..20 {
        cluster.node(n % 3 + 1).create(&every_second(&format!("job-{n}"), &receiver)).await;
    }
    let leader = cluster.leader().await;
    cluster.kill(leader).await;
    let calls: Vec<_> = (0..20).map(|n| receiver.calls(&format!("/job-{n}")).len()).collect();
    let node = cluster.running().next().unwrap();
    until("a write to be taken again", || async {
        let reply = node.post("/jobs", &manual("after", json!({"url": receiver.url("/after")}))).await;
        (reply.status == 201 || reply.status == 409).then_some(())
    })
    .await;
    for (n, before) in calls.into_iter().enumerate() {
        receiver.wait_for(&format!("/job-{n}"), before + 3).await;
    }
    cluster.revive(leader).await;
    cluster.whole().await;
    for node in cluster.running() {
        let jobs = node.get("/jobs?consistent=true").await.ok(200);
        assert_eq!(jobs["jobs"].as_array().unwrap().len(), 21);
    }
    // Each instant has one record, and every delivery belongs to one.
    let node = cluster.node(1);
    for n in 0..20 {
        let name = format!("job-{n}");
        let page = node.get(&format!("/jobs/{name}/executions?limit=500")).await.ok(200);
        let executions = page["executions"].as_array().unwrap();
        let mut instants: Vec<_> =
            executions.iter().map(|e| e["scheduled_time"].as_str().unwrap().to_owned()).collect();
        let count = instants.len();
        instants.sort();
        instants.dedup();
        assert_eq!(instants.len(), count, "two records of one instant: {instants:?}");
        for call in receiver.calls(&format!("/{name}")) {
            let path = format!("/jobs/{name}/executions/{}", call.execution());
            until("its record", || async { (node.get(&path).await.status == 200).then_some(()) }).await;
        }
    }
}

#[tokio::test]
async fn what_a_lost_node_was_firing_is_fired_by_another() {
    let receiver = Receiver::start().await;
    let mut cluster = CHRONOS.calm_cluster(3).up().await;
    let gate = Gate::closed();
    let leader = cluster.leader().await;
    let victim = leader % 3 + 1;
    receiver.script("/held", [Answer::ok().after(&gate), Answer::ok()]);
    let node = cluster.node(victim);
    node.create(&manual("held", json!({"url": receiver.url("/held")}))).await;
    // A run by hand is fired by the node that was asked.
    let id = node.trigger("held").await["id"].as_str().unwrap().to_owned();
    receiver.wait_for("/held", 1).await;
    node.execution_is("held", &id, "running").await;
    cluster.kill(victim).await;
    let calls = receiver.wait_for("/held", 2).await;
    assert_eq!(calls[1].execution(), id, "the same execution");
    gate.open();
    let execution = cluster.node(leader).finished("held", &id).await;
    assert_eq!(execution["status"], "success");
    assert_ne!(execution["node_id"], json!(format!("n{victim}")));
}

#[tokio::test]
async fn without_a_majority_nothing_is_taken_and_the_reason_is_told() {
    let mut cluster = CHRONOS.calm_cluster(3).up().await;
    cluster.node(1).create(&manual("kept", json!({"url": "http://127.0.0.1:9/"}))).await;
    let id = cluster.node(1).get("/jobs/kept?consistent=true").await.ok(200)["id"].clone();
    cluster.node(3).get("/jobs/kept?consistent=true").await.ok(200);
    cluster.kill(1).await;
    cluster.kill(2).await;
    let node = cluster.node(3);
    let refused = until("a write to be refused", || async {
        let reply = node.patch("/jobs/kept", &json!({"description": "x"})).await;
        (reply.status == 503).then_some(reply)
    })
    .await;
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    // What it knows, it still tells.
    assert_eq!(node.get("/jobs/kept").await.ok(200)["id"], id);
    let ready = until("not to be ready", || async {
        let reply = node.root("/ready").await;
        (reply.status == 503).then_some(reply)
    })
    .await;
    assert!(ready.json()["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{ready:?}");
    cluster.revive(1).await;
    let node = cluster.node(3);
    until("writes to be taken again", || async {
        (node.patch("/jobs/kept", &json!({"description": "y"})).await.status == 200).then_some(())
    })
    .await;
}

//! Operations go on where a leader left them, and nothing is done twice.

use std::collections::BTreeSet;

use crate::support::*;

/// Jobs of the cluster.
const JOBS: usize = 30;
/// Each action takes this long at least, so that the leader is lost in the middle of it.
const PER_SECOND: usize = 20;

fn name(number: usize) -> String {
    format!("job-{number:02}")
}

/// Begins an operation on a node that does not lead, loses the leader in the middle of it, and waits for the end of the
/// operation. Answers with it.
async fn with_loss(cluster: &mut Cluster, path: &str, request: &Value) -> Value {
    let leader = cluster.leader().await;
    let other = leader % 3 + 1;
    let mut request = request.clone();
    request["per_second"] = json!(PER_SECOND);
    let id = cluster.node(other).post(path, &request).await.ok(202)["id"].as_str().unwrap().to_owned();
    let path = format!("/operations/{id}");
    until("the middle of the operation", || async {
        let operation = cluster.node(other).get(&path).await.ok(200);
        assert_eq!(operation["state"], "running", "too fast: {operation:#}");
        (operation["done"].as_u64().unwrap() > 3).then_some(())
    })
    .await;
    cluster.kill(leader).await;
    let over = until("the end of the operation", || async {
        let operation = cluster.node(other).get(&path).await.ok(200);
        (operation["state"] != "running").then_some(operation)
    })
    .await;
    assert_eq!((&over["state"], &over["refused"]), (&json!("done"), &json!(0)), "{over:#}");
    cluster.revive(leader).await;
    cluster.whole().await;
    over
}

/// All executions of a job with a trigger, once there are so many and all are over.
async fn runs(cluster: &Cluster, job: &str, trigger: &str, count: usize) -> Vec<Value> {
    let node = cluster.node(1);
    until(&format!("{count} runs of {job}"), || async {
        let page = node.get(&format!("/jobs/{job}/executions?limit=500&consistent=true")).await.ok(200);
        let all = page["executions"].as_array().unwrap().clone();
        let is_over = |run: &Value| run["completed_at"].is_string();
        let runs: Vec<_> = all.into_iter().filter(|run| run["trigger"] == trigger).collect();
        (runs.len() >= count && runs.iter().all(is_over)).then_some(runs)
    })
    .await
}

#[tokio::test]
async fn a_leader_that_is_lost_in_the_middle_of_an_operation_leaves_nothing_undone_and_nothing_done_twice() {
    let receiver = Receiver::start().await;
    let mut cluster = CHRONOS.calm_cluster(3).up().await;
    for number in 0..JOBS {
        let mut job = manual(&name(number), json!({"url": receiver.url(&format!("/{}", name(number)))}));
        (job["schedule"], job["concurrency"]) = (json!("@yearly"), json!("allow"));
        cluster.node(1).create(&job).await;
    }

    let done = with_loss(&mut cluster, "/jobs/actions", &json!({"action": "trigger", "filter": {}})).await;
    assert_eq!(done["done"], JOBS);
    for number in 0..JOBS {
        assert_eq!(runs(&cluster, &name(number), "manual", 1).await.len(), 1, "job {number}");
    }

    let replay = json!({"action": "replay", "filter": {"status": "success"}});
    let done = with_loss(&mut cluster, "/executions/actions", &replay).await;
    assert_eq!(done["done"], JOBS);
    for number in 0..JOBS {
        let original = &runs(&cluster, &name(number), "manual", 1).await[0]["id"];
        let replays = runs(&cluster, &name(number), "replay", 1).await;
        assert_eq!((replays.len(), &replays[0]["replay_of"]), (1, original), "job {number}");
    }

    let range = json!({"from": "1990-01-01T00:00:00Z", "to": "2019-12-31T00:00:00Z"});
    let done = with_loss(&mut cluster, "/jobs/job-00/backfill", &range).await;
    assert_eq!(done["done"], 30);
    let backfilled = runs(&cluster, "job-00", "backfill", 30).await;
    let instants: BTreeSet<_> = backfilled.iter().map(|run| run["scheduled_time"].to_string()).collect();
    assert_eq!((backfilled.len(), instants.len()), (30, 30));

    // Each call belongs to a run, and each run was made once where no node was lost with it.
    let ids: BTreeSet<_> =
        receiver.look(|calls| calls.iter().map(|call| call.execution().to_owned()).collect());
    assert_eq!(ids.len(), 2 * JOBS + 30);

    let patch =
        json!({"action": "patch", "filter": {}, "patch": {"timeout": "9s", "description": "patched"}});
    let done = with_loss(&mut cluster, "/jobs/actions", &patch).await;
    assert_eq!(done["done"], JOBS);
    for number in 0..JOBS {
        let job = cluster.node(1).get(&format!("/jobs/{}?consistent=true", name(number))).await.ok(200);
        assert_eq!((&job["version"], &job["description"]), (&json!(2), &json!("patched")));
    }

    let done = with_loss(&mut cluster, "/jobs/actions", &json!({"action": "pause", "filter": {}})).await;
    assert_eq!(done["done"], JOBS);
    let is_paused = |jobs: &Value| {
        let jobs = jobs["jobs"].as_array().unwrap();
        jobs.iter().filter(|job| job["paused"].is_object()).count()
    };
    let jobs = cluster.node(1).get("/jobs?limit=100&consistent=true").await.ok(200);
    assert_eq!(is_paused(&jobs), JOBS);
    let done = with_loss(&mut cluster, "/jobs/actions", &json!({"action": "resume", "filter": {}})).await;
    assert_eq!(done["done"], JOBS);
    let jobs = cluster.node(1).get("/jobs?limit=100&consistent=true").await.ok(200);
    assert_eq!(is_paused(&jobs), 0);

    let gate = Gate::closed();
    let held = gate.clone();
    receiver.respond(move |_| Answer::ok().after(&held));
    for number in 0..JOBS {
        cluster.node(1).trigger(&name(number)).await;
    }
    let done =
        with_loss(&mut cluster, "/executions/actions", &json!({"action": "cancel", "filter": {}})).await;
    assert_eq!(done["done"], JOBS);
    for number in 0..JOBS {
        let manual = runs(&cluster, &name(number), "manual", 2).await;
        assert_eq!(manual.iter().filter(|run| run["status"] == "cancelled").count(), 1, "job {number}");
    }
    gate.open();

    let done = with_loss(&mut cluster, "/jobs/actions", &json!({"action": "delete", "filter": {}})).await;
    assert_eq!(done["done"], JOBS);
    assert_eq!(cluster.node(1).get("/jobs?consistent=true").await.ok(200)["jobs"], json!([]));
}

//! Pauses end, and runs are skipped, whoever leads.

use jiff::{SignedDuration, Timestamp};

use crate::support::*;

fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap_or_else(|| panic!("no time: {value}")).parse().unwrap()
}

#[tokio::test]
async fn a_pause_ends_and_as_many_runs_are_skipped_as_asked_for_though_the_leader_is_lost() {
    let receiver = Receiver::start().await;
    let mut cluster = CHRONOS.calm_cluster(3).up().await;
    until("the version to rise", || async {
        let status = cluster.node(1).get("/cluster/status").await.ok(200);
        (status["cluster_version"].as_u64().unwrap() >= 2).then_some(())
    })
    .await;
    let leader = cluster.leader().await;
    let node = cluster.node(leader % 3 + 1);
    let end = Timestamp::from_second(Timestamp::now().as_second() + 15).unwrap();
    let mut job = json!({
        "name": "job", "schedule": "* * * * * *", "enabled": false, "concurrency": "allow",
        "webhook": {"url": receiver.url("/")},
    });
    node.create(&job).await;
    let pause = node.post("/jobs/job/pause", &json!({"until": end.to_string()})).await.ok(200);
    node.post("/jobs/job/skip", &json!({"count": 3})).await.ok(200);
    job["enabled"] = true.into();
    job["paused"] = pause["paused"].clone();
    node.put("/jobs/job", &job).await.ok(200);
    // Before its end, so that another node has to end it.
    cluster.kill(leader).await;
    assert!(Timestamp::now() < end, "the leader was lost too late");
    let node = cluster.running().next().unwrap();
    let first = receiver.next("/").await;
    let third = end + SignedDuration::from_secs(3);
    assert_eq!(first.sent("X-Chronos-Scheduled-Time").parse::<Timestamp>().unwrap(), third);
    let executions = until("four executions", || async {
        let page = node.get("/jobs/job/executions?limit=500").await.ok(200);
        let executions = page["executions"].as_array().unwrap().clone();
        (executions.len() >= 4).then_some(executions)
    })
    .await;
    let mut runs: Vec<_> =
        executions.iter().map(|run| (time(&run["scheduled_time"]), &run["status"])).collect();
    runs.sort_unstable_by_key(|(at, _)| *at);
    for (number, (at, status)) in (0..).zip(&runs) {
        assert_eq!(*at, end + SignedDuration::from_secs(number), "{runs:?}");
        assert_eq!(*status == "skipped", number < 3, "{runs:?}");
    }
    assert_eq!(node.get("/jobs/job").await.ok(200)["paused"], Value::Null);
}

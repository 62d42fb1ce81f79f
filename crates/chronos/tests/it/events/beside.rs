//! What happens to a job beside its specification

use chronos_client::api::StreamEvent;
use jiff::{SignedDuration, Timestamp};

use super::*;

fn yearly(name: &str) -> Value {
    json!({"name": name, "schedule": "@yearly", "webhook": {"url": "http://127.0.0.1:9/"}})
}

/// The types of the events that come next, and the versions of the job that they are about, of as many as are wanted.
async fn are_told(stream: &mut EventStream, job: &Value, wanted: &[(&str, u64)]) {
    for (kind, version) in wanted {
        let heard = next(stream).await;
        let StreamEvent::Job(event) = heard.event else { panic!("{heard:?}") };
        assert_eq!((event.kind.as_str(), event.job_version), (*kind, *version), "{wanted:?}");
        assert_eq!((json!(event.job_id), json!(event.job_name)), (job["id"].clone(), job["name"].clone()));
        assert!(heard.id.is_some(), "whoever comes back goes on behind it");
    }
}

#[tokio::test]
async fn a_pause_is_told_and_its_end_whoever_or_whatever_ends_it() {
    let server = server().await;
    let mut stream = listen(&server, types(&[])).await;
    let first = begun(&server, &mut stream).await;
    let job = server.create(&yearly("a")).await;
    server.post("/jobs/a/pause", &json!({"reason": "the target is being moved"})).await.ok(200);
    // It has another reason and an end now, and ends by itself.
    let end = Timestamp::now() + SignedDuration::from_secs(2);
    server.post("/jobs/a/pause", &json!({"until": end.to_string()})).await.ok(200);
    let (paused, resumed) = (("job.paused", 1), ("job.resumed", 1));
    are_told(&mut stream, &job, &[("job.created", 1), paused, paused, resumed]).await;
    assert_eq!(server.get("/jobs/a").await.ok(200)["paused"], Value::Null);
    // By hand; what is not paused does not go on.
    server.act("/jobs/a/pause").await.ok(200);
    server.act("/jobs/a/resume").await.ok(200);
    server.act("/jobs/a/resume").await.ok(200);
    are_told(&mut stream, &job, &[paused, resumed]).await;
    // By whoever says whether it runs.
    server.act("/jobs/a/pause").await.ok(200);
    server.patch("/jobs/a", &json!({"enabled": true})).await.ok(200);
    assert_eq!(server.delete("/jobs/a").await.status, 204);
    are_told(&mut stream, &job, &[paused, ("job.changed", 2), ("job.resumed", 2), ("job.deleted", 2)]).await;
    // Whoever asks for these alone hears these alone, also of what was missed.
    let query = EventQuery { after: Some(first), ..types(&["job.paused", "job.resumed"]) };
    let mut missed = listen(&server, query).await;
    let again = [paused, paused, resumed, paused, resumed, paused, ("job.resumed", 2)];
    are_told(&mut missed, &job, &again).await;
}

#[tokio::test]
async fn what_is_to_be_skipped_and_whose_a_job_is_are_changes_of_it() {
    let server = server().await;
    let mut stream = listen(&server, types(&[])).await;
    begun(&server, &mut stream).await;
    let job = server.create(&yearly("a")).await;
    server.post("/jobs/a/skip", &json!({"count": 2})).await.ok(200);
    server.delete("/jobs/a/skip").await.ok(200);
    // There is nothing to take back any more.
    server.delete("/jobs/a/skip").await.ok(200);
    let changed = ("job.changed", 1);
    are_told(&mut stream, &job, &[("job.created", 1), changed, changed]).await;
    let batch = json!({"jobs": [yearly("a")], "set": "s", "adopt": true});
    for outcome in ["changed", "unchanged"] {
        let answer = server.post("/jobs/batch", &batch).await.ok(200);
        assert_eq!(answer["jobs"][0]["outcome"], outcome, "{answer:#}");
    }
    assert_eq!(server.delete("/jobs/a").await.status, 204);
    are_told(&mut stream, &job, &[changed, ("job.deleted", 1)]).await;
}

#[tokio::test]
async fn a_run_that_is_skipped_is_told_once_and_a_pause_ends_though_its_leader_is_lost() {
    let receiver = Receiver::start().await;
    let mut cluster = CHRONOS.calm_cluster(3).up().await;
    for node in cluster.running() {
        raised(node).await;
    }
    let leader = cluster.leader().await;
    let [second, third] = [leader % 3 + 1, (leader + 1) % 3 + 1];
    let mut stream = listen(cluster.node(third), types(&["job.*", "execution.skipped"])).await;
    begun(cluster.node(third), &mut stream).await;
    let end = Timestamp::from_second(Timestamp::now().as_second() + 15).unwrap();
    let job = json!({
        "name": "a", "schedule": "* * * * * *", "enabled": false, "concurrency": "allow",
        "webhook": {"url": receiver.url("/")},
    });
    let node = cluster.node(second);
    let job = node.create(&job).await;
    let paused = node.post("/jobs/a/pause", &json!({"until": end.to_string()})).await.ok(200);
    node.post("/jobs/a/skip", &json!({"count": 2})).await.ok(200);
    // Enabled as one that is paused still.
    let enabled = json!({"enabled": true, "paused": paused["paused"]});
    assert!(node.patch("/jobs/a", &enabled).await.ok(200)["paused"].is_object());
    are_told(&mut stream, &job, &[("job.created", 1), ("job.paused", 1), ("job.changed", 1)]).await;
    are_told(&mut stream, &job, &[("job.changed", 2)]).await;
    cluster.kill(leader).await;
    assert!(Timestamp::now() < end, "the leader was lost too late");
    // The runs at its end and a second later come on record just before them: the end is told among them.
    let mut told = kinds(&mut stream, 3).await;
    told.sort();
    assert_eq!(told, ["execution.skipped", "execution.skipped", "job.resumed"]);
    receiver.next("/").await;
    let deleted = cluster.node(second).delete("/jobs/a").await;
    assert_eq!(deleted.status, 204);
    assert_eq!(next(&mut stream).await.event.kind(), "job.deleted");
}

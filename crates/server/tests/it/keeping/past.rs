//! `history.min_per_job`: a job that runs seldom has a past.

use chronos_server::config::Config;
use chronos_testkit::{Api, Receiver, Value, json, manual, until};

use super::start;
use crate::clock::step::StepClock;

/// More than the 30 days that executions are kept.
const MONTH_MS: i64 = 31 * 24 * 3_600_000;
/// Executions that stay.
const STAY: usize = 5;

/// The executions of a job, the newest first.
async fn ids(api: &Api, job: &str) -> Vec<String> {
    let page = api.get(&format!("/jobs/{job}/executions")).await.ok(200);
    let executions = page["executions"].as_array().unwrap();
    executions.iter().map(|execution| execution["id"].as_str().unwrap().to_owned()).collect()
}

async fn run(api: &Api, job: &str) -> String {
    api.run_again(job).await["id"].as_str().unwrap().to_owned()
}

/// Says that the time is right once it is seen to have jumped.
async fn is_right(api: &Api) {
    until("the jump to be seen", || async {
        let time = api.get("/cluster/status").await.ok(200)["time"].clone();
        time["trimming_suspended"].is_string().then_some(())
    })
    .await;
    api.post("/cluster/clock", &json!({"time": "right"})).await.ok(200);
}

async fn executions_are(api: &Api, job: &str, wanted: &[String]) {
    until("the oldest to be forgotten", || async { (ids(api, job).await == wanted).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_executions_of_a_job_stay_whatever_their_age() {
    let receiver = Receiver::start().await;
    let clock = StepClock::new();
    let directory = tempfile::tempdir().expect("a directory");
    let configure = |config: &mut Config| config.history.min_per_job = STAY as u64;
    let (node, api) = start(&clock, directory.path(), configure).await;
    let mut gone = Value::Null;
    for job in ["monthly", "seldom", "gone"] {
        gone = api.create(&manual(job, json!({"url": receiver.url("/")}))).await;
    }
    let (mut monthly, mut deleted) = (Vec::new(), Vec::new());
    for _ in 0..STAY + 3 {
        monthly.insert(0, run(&api, "monthly").await);
    }
    let seldom = [run(&api, "seldom").await];
    for _ in 0..2 {
        deleted.push(run(&api, "gone").await);
    }
    node.stop().await;

    clock.step(MONTH_MS);
    let (node, api) = start(&clock, directory.path(), configure).await;
    is_right(&api).await;
    executions_are(&api, "monthly", &monthly[..STAY]).await;
    // A job that is deleted has no past to keep. While its executions go, all others are looked at again.
    assert_eq!(ids(&api, "gone").await.len(), 2);
    assert_eq!(api.delete("/jobs/gone").await.status, 204);
    for id in &deleted {
        let path = format!("/jobs/{}/executions/{id}", gone["id"].as_str().unwrap());
        until("it to be forgotten", || async { (api.get(&path).await.status == 404).then_some(()) }).await;
    }
    assert_eq!(ids(&api, "monthly").await, monthly[..STAY]);
    assert_eq!(ids(&api, "seldom").await, seldom);
    // With each new one the oldest goes.
    for _ in 0..2 {
        monthly.insert(0, run(&api, "monthly").await);
    }
    executions_are(&api, "monthly", &monthly[..STAY]).await;
    node.stop().await;

    // Where none is to stay, all that is past its age goes.
    clock.step(MONTH_MS);
    let none = |config: &mut Config| config.history.min_per_job = 0;
    let (node, api) = start(&clock, directory.path(), none).await;
    is_right(&api).await;
    executions_are(&api, "monthly", &[]).await;
    executions_are(&api, "seldom", &[]).await;
    node.stop().await;
}

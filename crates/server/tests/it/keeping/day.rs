//! The answer to a request with an `Idempotency-Key` is kept for a whole day, also when what it is about is forgotten
//! long before.

use chronos_client::Method;
use chronos_server::config::Config;
use chronos_testkit::{Api, Receiver, json, manual, until};
use chronos_types::DurationMs;

use super::start;
use crate::clock::step::StepClock;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// Triggers the job with a key; answers the id of the execution.
async fn trigger(api: &Api, key: &str) -> String {
    let reply = api.send(Method::POST, "/api/v1/jobs/job/trigger", &[("idempotency-key", key)], "").await;
    reply.ok(202)["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_kept_for_a_day_and_its_execution_for_an_hour() {
    let receiver = Receiver::start().await;
    let clock = StepClock::new();
    let directory = tempfile::tempdir().expect("a directory");
    let an_hour = |config: &mut Config| {
        config.history.max_age = DurationMs::from_secs(3_600);
        config.history.min_per_job = 0;
    };
    let (node, api) = start(&clock, directory.path(), an_hour).await;
    api.create(&manual("job", json!({"url": receiver.url("/")}))).await;
    let older = trigger(&api, "older").await;
    api.execution_is("job", &older, "success").await;
    clock.step(2 * MINUTE_MS);
    let younger = trigger(&api, "younger").await;
    api.execution_is("job", &younger, "success").await;
    node.stop().await;

    // A day and a minute after the first request, and a minute less than a day after the second.
    clock.step(DAY_MS - MINUTE_MS);
    let (node, api) = start(&clock, directory.path(), an_hour).await;
    until("the older key to be forgotten", || async {
        (trigger(&api, "older").await != older).then_some(())
    })
    .await;
    until("the executions to be forgotten", || async {
        let path = format!("/jobs/job/executions/{younger}");
        (api.get(&path).await.status == 404).then_some(())
    })
    .await;
    assert_eq!(trigger(&api, "younger").await, younger);
    node.stop().await;
}

//! A clock that is a month ahead when a node starts, and is set right later.

use chronos_client::Method;
use chronos_server::config::Config;
use chronos_testkit::{Answer, Api, Receiver, Value, instant, json, manual, until};

use super::start;
use crate::clock::step::StepClock;

/// More than the 30 days that executions are kept.
const MONTH_MS: i64 = 31 * 24 * 3_600_000;

async fn cluster_time(api: &Api) -> Value {
    api.get("/cluster/status").await.ok(200)["time"].clone()
}

/// Triggers a job with an `Idempotency-Key`; answers the id of the execution.
async fn trigger_once(api: &Api, job: &str) -> String {
    let path = format!("/api/v1/jobs/{job}/trigger");
    let key = [("idempotency-key", "once")];
    let reply = api.send(Method::POST, &path, &key, "").await.ok(202);
    reply["id"].as_str().unwrap().to_owned()
}

fn each_second(name: &str, receiver: &Receiver) -> Value {
    json!({
        "name": name, "schedule": "@every 1s", "concurrency": "allow", "missed_runs": "ignore",
        "webhook": {"url": receiver.url(&format!("/{name}"))},
    })
}

/// Waits until a job was called for `count` instants between two.
async fn runs_between(receiver: &Receiver, job: &str, from: i64, to: i64, count: usize) {
    let path = format!("/{job}");
    until(&format!("{count} runs of {job}"), || async {
        let calls = receiver.calls(&path);
        let instants = calls.iter().map(|call| instant(call.sent("X-Chronos-Scheduled-Time")));
        (instants.filter(|at| (from..to).contains(at)).count() >= count).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_boot_a_month_ahead_forgets_nothing_for_its_age_until_the_time_is_said_to_be_right() {
    let receiver = Receiver::start().await;
    let clock = StepClock::new();
    let directory = tempfile::tempdir().expect("a directory");
    let (node, api) = start(&clock, directory.path(), |_| {}).await;
    api.create(&manual("old", json!({"url": receiver.url("/old")}))).await;
    let id = trigger_once(&api, "old").await;
    api.execution_is("old", &id, "success").await;
    assert_eq!(cluster_time(&api).await["trimming_suspended"], Value::Null);
    node.stop().await;

    let ahead = clock.step(MONTH_MS);
    let keep_few = |config: &mut Config| {
        config.history.max_per_job = 3;
        config.history.min_per_job = 0;
    };
    let (node, api) = start(&clock, directory.path(), keep_few).await;
    let why = until("the jump to be seen", || async {
        let why = cluster_time(&api).await["trimming_suspended"].as_str().map(str::to_owned);
        why.filter(|why| why.contains("jumped from"))
    })
    .await;
    for part in ["24 hours", "/api/v1/cluster/clock"] {
        assert!(why.contains(part), "{why}");
    }
    // Runs go on, and what a job has beyond its number goes, so the records were looked at again and again.
    api.create(&each_second("busy", &receiver)).await;
    runs_between(&receiver, "busy", ahead, i64::MAX, 8).await;
    until("its executions to be few", || async {
        let page = api.get("/jobs/busy/executions").await.ok(200);
        (page["executions"].as_array().unwrap().len() <= 6).then_some(())
    })
    .await;
    assert_eq!(api.execution("old", &id).await["status"], "success");
    assert_eq!(trigger_once(&api, "old").await, id, "the key is remembered");
    // It is the same after another start, though the clock does not jump any more.
    node.stop().await;
    let (node, api) = start(&clock, directory.path(), |config| config.history.min_per_job = 0).await;
    assert!(cluster_time(&api).await["trimming_suspended"].is_string());

    let metrics = api.root("/metrics").await.body;
    assert!(metrics.contains("chronos_age_trimming_suspended 1"), "{metrics}");
    for body in [json!({}), json!({"time": "wrong"})] {
        assert_eq!(api.post("/cluster/clock", &body).await.bad_fields(), ["time"]);
    }
    let time = api.post("/cluster/clock", &json!({"time": "right"})).await.ok(200);
    assert_eq!(time["trimming_suspended"], Value::Null);
    until("what is past its age to be forgotten", || async {
        let reply = api.get(&format!("/jobs/old/executions/{id}")).await;
        (reply.status == 404).then_some(())
    })
    .await;
    until("its key to be forgotten", || async { (trigger_once(&api, "old").await != id).then_some(()) })
        .await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_is_set_back_and_what_waits_for_a_month_to_come_runs_now() {
    let receiver = Receiver::start().await;
    let clock = StepClock::new();
    let directory = tempfile::tempdir().expect("a directory");
    let (node, api) = start(&clock, directory.path(), |_| {}).await;
    let begin = clock.now_ms();
    api.create(&each_second("early", &receiver)).await;
    runs_between(&receiver, "early", begin, i64::MAX, 2).await;
    node.stop().await;

    let ahead = clock.step(MONTH_MS);
    let (node, api) = start(&clock, directory.path(), |_| {}).await;
    api.create(&each_second("late", &receiver)).await;
    for job in ["early", "late"] {
        runs_between(&receiver, job, ahead, i64::MAX, 2).await;
    }
    let mut retried = manual("retried", json!({"url": receiver.url("/retried")}));
    retried["retry_policy"] = json!({"initial_interval": "1h", "max_interval": "1h"});
    receiver.script("/retried", [Answer::status(500), Answer::status(200)]);
    api.create(&retried).await;
    let execution = api.trigger("retried").await["id"].as_str().unwrap().to_owned();
    api.execution_is("retried", &execution, "retrying").await;
    node.stop().await;

    let right = clock.step(-MONTH_MS);
    let (node, api) = start(&clock, directory.path(), |_| {}).await;
    let time = cluster_time(&api).await;
    assert!(instant(time["at"].as_str().unwrap()) > right + MONTH_MS / 2, "{time:#}");
    assert!(time["ahead"].as_str().unwrap().contains("set_back"), "{time:#}");
    let time = api.post("/cluster/clock", &json!({"time": "set_back"})).await.ok(200);
    assert!(instant(time["at"].as_str().unwrap()) < right + MONTH_MS / 2, "{time:#}");
    assert_eq!((&time["trimming_suspended"], &time["ahead"]), (&Value::Null, &Value::Null));
    for job in ["early", "late"] {
        runs_between(&receiver, job, right, right + MONTH_MS / 2, 3).await;
    }
    until("all to be computed anew", || async {
        (cluster_time(&api).await["setting_back"] == Value::Bool(false)).then_some(())
    })
    .await;
    api.execution_is("retried", &execution, "success").await;
    // What is made now is of now, and it cannot be set back twice.
    let triggered = api.run_again("retried").await;
    assert!(instant(triggered["scheduled_time"].as_str().unwrap()) < right + MONTH_MS / 2, "{triggered:#}");
    let refused = api.post("/cluster/clock", &json!({"time": "set_back"})).await.problem(409);
    assert_eq!(refused["code"], "clock_not_behind");
    // No run was made twice.
    for path in ["/early", "/late"] {
        let mut ids: Vec<_> = receiver.calls(path).iter().map(|call| call.execution().to_owned()).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "{path}");
    }
    node.stop().await;
}

//! `audit.max_age`.

use chronos_server::config::Config;
use chronos_testkit::{json, manual, until};
use chronos_types::DurationMs;

use super::start;
use crate::clock::step::StepClock;

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_of_the_audit_is_kept_for_as_long_as_was_said_and_the_newest_stays() {
    let clock = StepClock::new();
    let directory = tempfile::tempdir().expect("a directory");
    let an_hour = |config: &mut Config| config.audit.max_age = DurationMs::from_secs(3_600);
    let (node, api) = start(&clock, directory.path(), an_hour).await;
    until("the version to rise", || async {
        let status = api.get("/cluster/status").await.ok(200);
        (status["cluster_version"].as_u64()? >= 2).then_some(())
    })
    .await;
    for name in ["a", "b"] {
        api.create(&manual(name, json!({"url": "http://127.0.0.1:9/"}))).await;
    }
    let names = async || {
        let page = api.get("/audit").await.ok(200);
        let entries = page["entries"].as_array().unwrap().iter();
        entries.map(|entry| entry["target_name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names().await, ["b", "a"]);
    clock.step(2 * 3_600_000);
    until("the older one to be forgotten", || async { (names().await == ["b"]).then_some(()) }).await;
    api.create(&manual("c", json!({"url": "http://127.0.0.1:9/"}))).await;
    until("the next one to be forgotten", || async { (names().await == ["c"]).then_some(()) }).await;
    node.stop().await;
}

//! `history.max_bytes`.

use chronos_testkit::{Answer, Api, NEVER, Receiver, Value, json, manual, until};

use super::start;
use crate::clock::step::StepClock;

const BOUND: u64 = 2 << 20;

async fn storage(api: &Api) -> Value {
    api.get("/cluster/status").await.ok(200)["storage"].clone()
}

/// Waits until no more is in use than may be, with something of each kind of record written meanwhile.
async fn within_bound(api: &Api) {
    until("the bound to be kept", || async {
        let storage = storage(api).await;
        (storage["bytes_in_use"].as_u64().unwrap() <= BOUND).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn history_past_the_bound_goes_the_oldest_first_whatever_its_age() {
    let receiver = Receiver::start().await;
    receiver.respond(|_| Answer::status(200).body("x".repeat(4_000)));
    let directory = tempfile::tempdir().expect("a directory");
    let bound = |config: &mut chronos_server::config::Config| config.history.max_bytes = BOUND;
    let (node, api) = start(&StepClock::new(), directory.path(), bound).await;
    let mut job = manual("a", json!({"url": receiver.url("/a")}));
    job["concurrency"] = "allow".into();
    let first = api.run(&job).await["id"].as_str().unwrap().to_owned();
    let mut last = String::new();
    for _ in 0..800 {
        last = api.run_again("a").await["id"].as_str().unwrap().to_owned();
    }
    within_bound(&api).await;
    // No more is forgotten than has to be.
    let in_use = storage(&api).await["bytes_in_use"].as_u64().unwrap();
    assert!(in_use > BOUND / 2, "{in_use}");
    assert_eq!(api.get(&format!("/jobs/a/executions/{first}")).await.status, 404);
    assert_eq!(api.execution("a", &last).await["status"], "success");
    // Superseded versions are history too. More of them than the bound allows were never run.
    for n in 0..60 {
        job["webhook"]["body"] = format!("{n}").repeat(30_000).into();
        api.put("/jobs/a", &job).await.ok(200);
    }
    within_bound(&api).await;
    let stored = api.get("/jobs/a").await.ok(200);
    assert_eq!(stored["webhook"]["body"], job["webhook"]["body"]);
    assert_eq!(storage(&api).await["refuses_growth"], false);
    assert_eq!(storage(&api).await["max_bytes"], BOUND);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_jobs_alone_exceed_the_bound_growth_is_refused_and_all_else_goes_on() {
    let receiver = Receiver::start().await;
    let directory = tempfile::tempdir().expect("a directory");
    let bound = |config: &mut chronos_server::config::Config| config.history.max_bytes = BOUND;
    let (node, api) = start(&StepClock::new(), directory.path(), bound).await;
    let large = |name: &str| {
        json!({"name": name, "schedule": NEVER, "concurrency": "allow",
            "webhook": {"url": receiver.url("/"), "body": "x".repeat(100_000)}})
    };
    api.create(&json!({"name": "each-second", "schedule": "@every 1s", "concurrency": "allow",
        "webhook": {"url": receiver.url("/each-second")}}))
        .await;
    for n in 0..24 {
        let reply = api.post("/jobs", &large(&format!("large-{n}"))).await;
        // It may be noticed by now that there are too many: some twenty are too many.
        if n >= 15 && reply.status == 507 {
            break;
        }
        reply.ok(201);
    }
    let refused = until("growth to be refused", || async {
        let reply = api.act("/jobs/large-0/trigger").await;
        (reply.status == 507).then(|| reply.problem(507))
    })
    .await;
    assert_eq!(refused["code"], "over_max_bytes");
    let detail = refused["detail"].as_str().unwrap();
    for part in ["history.max_bytes", "2097152", "delete jobs"] {
        assert!(detail.contains(part), "{detail}");
    }
    assert_eq!(storage(&api).await["refuses_growth"], true);
    assert_eq!(api.post("/jobs", &large("more")).await.problem(507)["code"], "over_max_bytes");
    let longer = json!({"webhook": {"body": "x".repeat(100_001)}});
    assert_eq!(api.patch("/jobs/large-0", &longer).await.problem(507)["code"], "over_max_bytes");
    let batch = |job: Value| json!({"jobs": [large("large-1"), job]});
    assert_eq!(api.post("/jobs/batch", &batch(large("more"))).await.problem(507)["code"], "over_max_bytes");
    // What is scheduled goes on, and so does what makes the state no larger.
    let before = receiver.calls("/each-second").len();
    receiver.wait_for("/each-second", before + 2).await;
    api.patch("/jobs/large-0", &json!({"webhook": {"body": "short"}})).await.ok(200);
    let shorter = json!({"name": "large-0", "schedule": NEVER, "webhook": {"url": receiver.url("/")}});
    let written = api.post("/jobs/batch", &batch(shorter)).await.ok(200);
    assert_eq!((&written["counts"]["unchanged"], &written["counts"]["changed"]), (&json!(1), &json!(1)));
    api.act("/jobs/large-1/disable").await.ok(200);
    for n in 2..14 {
        assert_eq!(api.delete(&format!("/jobs/large-{n}")).await.status, 204);
    }
    until("a job to be taken again", || async {
        (api.post("/jobs", &manual("more", json!({"url": receiver.url("/")}))).await.status == 201)
            .then_some(())
    })
    .await;
    let metrics = api.root("/metrics").await.body;
    assert!(!metrics.contains("chronos_refused_for_max_bytes_total 0"), "{metrics}");
    node.stop().await;
}

//! Any node takes a batch, and prunes.

use crate::support::*;

#[tokio::test]
async fn any_node_takes_a_batch_and_all_nodes_show_it() {
    let cluster = CHRONOS.calm_cluster(3).up().await;
    for node in cluster.running() {
        until("the version to rise", || async {
            let status = node.get("/cluster/status").await.ok(200);
            (status["cluster_version"].as_u64().unwrap() >= 2).then_some(())
        })
        .await;
    }
    // Texts that are as long as a portion may be, so that a message between nodes has to take it.
    let job = |name: String| {
        let mut job = manual(&name, json!({"url": "http://127.0.0.1:9/"}));
        job["webhook"]["body"] = "\u{1}".repeat(20 << 10).into();
        job
    };
    for n in 1..=3 {
        let (node, elsewhere) = (cluster.node(n), cluster.node(n % 3 + 1));
        let jobs: Vec<_> = (0..60).map(|job_n| job(format!("job-{n}-{job_n}"))).collect();
        let batch = json!({"jobs": jobs, "set": "s", "apply_id": n.to_string(), "adopt": true});
        let answer = node.post("/jobs/batch", &batch).await.ok(200);
        assert_eq!(answer["counts"]["created"], 60, "{}", answer["jobs"][0]);
        // Another node knows that it is done already.
        let again = elsewhere.post("/jobs/batch", &batch).await.ok(200);
        assert_eq!(again["counts"]["unchanged"], 60, "{}", again["jobs"][0]);
        for node in cluster.running() {
            let shown = node.get(&format!("/jobs/job-{n}-59?consistent=true")).await.ok(200);
            assert_eq!(shown["set"], "s");
        }
    }
    let pruned = cluster.node(2).post("/sets/s/prune", &json!({"apply_id": "3", "max": 200})).await.ok(200);
    assert_eq!(pruned["deleted"].as_array().unwrap().len(), 120);
    let left = cluster.node(1).get("/jobs?consistent=true&limit=500").await.ok(200);
    let left: Vec<_> = left["jobs"].as_array().unwrap().iter().map(|job| job["name"].clone()).collect();
    assert!(left.iter().all(|name| name.as_str().unwrap().starts_with("job-3-")), "{left:?}");
}

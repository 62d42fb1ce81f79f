//! One cluster comes to be, never two.

use crate::support::*;

#[tokio::test]
async fn three_nodes_that_start_together_form_one_cluster() {
    let cluster = CHRONOS.calm_cluster(3).up().await;
    let mut ids = Vec::new();
    for node in cluster.running() {
        // One that does not answer in time has no figures of its own.
        let status = until("all to answer", || async {
            let status = node.get("/cluster/status").await.ok(200);
            let answers = |member: &Value| !member["applied_index"].is_null();
            let all = status["nodes"].as_array()?.iter().all(answers);
            // It rises by itself.
            (all && status["cluster_version"] == 2).then_some(status)
        })
        .await;
        ids.push(status["cluster_id"].clone());
        let mut names: Vec<_> = status["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|n| n["id"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        assert_eq!(names, ["n1", "n2", "n3"], "{status:#}");
        let leaders = status["nodes"].as_array().unwrap().iter().filter(|n| n["role"] == "leader").count();
        assert_eq!(leaders, 1, "{status:#}");
        let metrics = node.root("/metrics").await.body;
        assert!(metrics.lines().any(|line| line == "chronos_cluster_version 2"), "{metrics}");
        for member in status["nodes"].as_array().unwrap() {
            for field in ["raft_address", "http_address", "version", "tz_release", "applied_index", "firing"]
            {
                assert!(!member[field].is_null(), "{field} of {member:#}");
            }
            assert_eq!(member["max_cluster_version"], 2, "{member:#}");
        }
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
}

#[tokio::test]
async fn a_node_that_joins_has_what_was_there_before_it() {
    // The first is a cluster of one until the others come.
    let mut cluster = CHRONOS.calm_cluster(3).key_of(1, "cluster.raft.join", "[]");
    cluster.revive(1).await;
    cluster.node(1).create(&manual("before", json!({"url": "http://127.0.0.1:9/"}))).await;
    cluster.revive(3).await;
    cluster.revive(2).await;
    cluster.whole().await;
    for node in cluster.running() {
        let job = node.get("/jobs/before?consistent=true").await.ok(200);
        assert_eq!(job["name"], "before");
    }
}

#[tokio::test]
async fn nodes_that_come_back_are_members_as_before() {
    let mut cluster = CHRONOS.calm_cluster(3).up().await;
    cluster.node(2).create(&manual("kept", json!({"url": "http://127.0.0.1:9/"}))).await;
    let id = cluster.node(1).get("/cluster/status").await.ok(200)["cluster_id"].clone();
    for n in 1..=3 {
        cluster.kill(n).await;
    }
    // Another order, and the one that founded it comes last.
    let again = [3, 2, 1].map(|n| cluster.setup(n).clone().start());
    let [three, two, one] = <[Server; 3]>::try_from(futures::future::join_all(again).await).ok().unwrap();
    for node in [&one, &two, &three] {
        let status = node.get("/cluster/status").await.ok(200);
        assert_eq!(status["cluster_id"], id);
        let kept = until("a leader that vouches for it", || async {
            Some(node.get("/jobs/kept?consistent=true").await).filter(|reply| reply.status != 503)
        });
        assert_eq!(kept.await.ok(200)["name"], "kept");
    }
}

#[tokio::test]
async fn an_address_that_others_can_reach_needs_certificates_or_a_word() {
    let open = CHRONOS.setup().key("cluster.raft.address", "0.0.0.0:0");
    open.refused().await.names(&["cluster.raft.address", "0.0.0.0:0", "tls: none"]);
}

//! A node whose state is not that of the others: it fires nothing, does not lead, says why, and is replaced.

use rusqlite::Connection;

use crate::support::*;

#[tokio::test]
async fn a_node_whose_state_differs_fires_nothing_says_why_and_is_replaced() {
    let receiver = Receiver::start().await;
    let mut cluster = CHRONOS.calm_cluster(3).up().await;
    let bad = cluster.leader().await % 3 + 1;
    let (good, name) = (bad % 3 + 1, format!("n{bad}"));
    for n in 0..30 {
        let webhook = json!({"url": receiver.url("/")});
        let job = json!({"name": format!("job-{n}"), "schedule": "@every 1s", "webhook": webhook, "tags": {"n": "1"}});
        cluster.node(good).create(&job).await;
    }
    receiver.wait_for("/", 60).await;

    // Its disk loses a row that nothing else in the file tells of.
    cluster.stop(bad).await;
    let state = Connection::open(cluster.setup(bad).data().join("state.db")).unwrap();
    let lost = state.execute("DELETE FROM tags WHERE seq = (SELECT max(seq) FROM tags)", []).unwrap();
    assert_eq!(lost, 1);
    state.close().unwrap();
    cluster.revive(bad).await;

    // That is found when the nodes next go through their states.
    let sentence = format!("the state of {name} is not that of most nodes, as was found at log entry ");
    until("it to find out", || async {
        let ready = cluster.node(bad).root("/ready").await;
        let found = ready.status == 503 && ready.json()["reason"].as_str()?.starts_with(&sentence);
        found.then_some(())
    })
    .await;
    for n in [bad, good] {
        let problem = until("the problem to be told", || async {
            let status = cluster.node(n).get("/cluster/status").await.ok(200);
            let nodes = status["nodes"].as_array()?;
            let node = nodes.iter().find(|node| node["id"] == json!(name))?;
            let mut problems = node["problems"].as_array()?.iter().filter_map(Value::as_str);
            problems.find(|problem| problem.starts_with(&sentence)).map(str::to_owned)
        })
        .await;
        assert!(problem.contains(&format!("DELETE /api/v1/cluster/nodes/{name}")), "{problem}");
    }
    let metrics = cluster.node(bad).root("/metrics").await.body;
    assert!(metrics.contains("chronos_states_differ 1\n"), "{metrics}");

    // What it has is not shown as if it were what was acknowledged.
    for path in ["/jobs?consistent=true", "/cluster/backup"] {
        let refused = cluster.node(bad).get(path).await.problem(503);
        assert!(refused["detail"].as_str().unwrap().starts_with(&sentence), "{refused:#}");
    }

    // The others take over what it was to fire, and it does not lead.
    until("nothing to be left to it", || async {
        let page = cluster.node(good).get("/executions?limit=500&consistent=true").await.ok(200);
        let open = |e: &&Value| e["node_id"] == json!(name) && e["completed_at"].is_null();
        page["executions"].as_array()?.iter().find(open).is_none().then_some(())
    })
    .await;
    let so_far = receiver.calls("/").len();
    receiver.wait_for("/", so_far + 90).await;
    let leads =
        cluster.node(good).post("/cluster/transfer-leadership", &json!({"to": name})).await.problem(409);
    assert!(leads["detail"].as_str().unwrap().starts_with(&sentence), "{leads:#}");

    // The operator has it join anew.
    assert_eq!(cluster.node(good).delete(&format!("/cluster/nodes/{name}")).await.status, 204);
    cluster.kill(bad).await;
    std::fs::remove_dir_all(cluster.setup(bad).data()).unwrap();
    cluster.revive(bad).await;
    cluster.whole().await;
}

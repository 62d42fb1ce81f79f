//! Members come and go, and the lead is handed over.

use crate::support::*;

#[tokio::test]
async fn the_lead_is_handed_to_the_node_that_is_named() {
    let cluster = CHRONOS.calm_cluster(3).up().await;
    for _ in 0..3 {
        let leader = cluster.leader().await;
        let next = format!("n{}", leader % 3 + 1);
        // Asked of a node that is neither.
        let node = cluster.node((leader + 1) % 3 + 1);
        let answer = node.post("/cluster/transfer-leadership", &json!({"to": next})).await.ok(200);
        assert_eq!(answer["leader"], json!(next));
        until("all to know", || async {
            for node in cluster.running() {
                if node.get("/cluster/status").await.json()["leader"] != json!(next) {
                    return None;
                }
            }
            Some(())
        })
        .await;
    }
    // Without a body it goes to anybody.
    let leader = format!("n{}", cluster.leader().await);
    let answer = cluster.node(1).act("/cluster/transfer-leadership").await.ok(200);
    assert!(answer["leader"].is_string() && answer["leader"] != json!(leader), "{leader}: {answer:#}");
    let node = cluster.node(1);
    let unknown = node.post("/cluster/transfer-leadership", &json!({"to": "nobody"})).await.problem(404);
    assert!(unknown["detail"].as_str().unwrap().contains("nobody"), "{unknown:#}");
}

#[tokio::test]
async fn a_dead_node_is_removed_and_replaced() {
    let mut cluster = CHRONOS.calm_cluster(3).up().await;
    let leader = cluster.leader().await;
    let dead = leader % 3 + 1;
    cluster.kill(dead).await;
    let node = cluster.node(leader);
    let gone = node.delete(&format!("/cluster/nodes/n{dead}")).await;
    assert_eq!(gone.status, 204, "{gone:?}");
    let status = node.get("/cluster/status").await.ok(200);
    assert_eq!(status["nodes"].as_array().unwrap().len(), 2, "{status:#}");
    assert_eq!(node.delete(&format!("/cluster/nodes/n{dead}")).await.problem(404)["code"], "node_not_found");
    // A new machine under the old name, with nothing on its disk.
    std::fs::remove_dir_all(cluster.setup(dead).data()).unwrap();
    cluster.revive(dead).await;
    cluster.whole().await;
}

#[tokio::test]
async fn a_node_that_is_removed_while_it_fires_makes_no_call_that_another_makes() {
    let receiver = Receiver::start().await;
    let cluster = CHRONOS.calm_cluster(3).up().await;
    let leader = cluster.leader().await;
    let (node, removed) = (cluster.node(leader), leader % 3 + 1);
    for n in 0..30 {
        let job = json!({"name": format!("job-{n}"), "schedule": "@every 1s", "webhook": {"url": receiver.url("/")}});
        node.create(&job).await;
    }
    receiver.wait_for("/", 60).await;
    assert_eq!(node.delete(&format!("/cluster/nodes/n{removed}")).await.status, 204);
    // What it held last goes to others once it must have fenced itself.
    until("the removed node to fence itself", || async {
        let ready = cluster.node(removed).root("/ready").await;
        (ready.status == 503).then_some(())
    })
    .await;
    let id = format!("n{removed}");
    until("nothing to be left to it", || async {
        let page = node.get("/executions?limit=500&consistent=true").await.ok(200);
        let open = |e: &&Value| e["node_id"] == json!(id) && e["completed_at"].is_null();
        page["executions"].as_array()?.iter().find(open).is_none().then_some(())
    })
    .await;
    let so_far = receiver.calls("/").len();
    let calls = receiver.wait_for("/", so_far + 60).await;
    let mut made: Vec<_> = calls.iter().map(|call| (call.execution(), call.attempt())).collect();
    made.sort_unstable();
    let again: Vec<_> = made.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    assert!(again.is_empty(), "{} of {} calls were made twice: {again:?}", again.len(), made.len());
}

#[tokio::test]
async fn a_node_that_lost_its_disk_must_be_removed_first() {
    let mut cluster = CHRONOS.calm_cluster(3).up().await;
    let lost = cluster.leader().await % 3 + 1;
    cluster.kill(lost).await;
    std::fs::remove_dir_all(cluster.setup(lost).data()).unwrap();
    cluster.revive(lost).await;
    let node = cluster.node(lost);
    let reason = until("the reason", || async {
        let reply = node.root("/ready").await;
        assert_eq!(reply.status, 503, "{reply:?}");
        let reason = reply.json()["reason"].as_str().unwrap_or_default().to_owned();
        reason.contains("remove it first").then_some(reason)
    })
    .await;
    assert!(reason.contains(&format!("n{lost}")), "{reason}");
}

#[tokio::test]
async fn more_than_max_voters_follow_and_fire() {
    let mut cluster = CHRONOS.calm_cluster(4).key("cluster.max_voters", "3");
    for n in 1..=4 {
        cluster.revive(n).await;
    }
    until("four members, of whom three vote", || async {
        let status = cluster.node(1).get("/cluster/status").await;
        let status = if status.status == 200 { status.json() } else { return None };
        let nodes = status["nodes"].as_array().unwrap().clone();
        let mut roles: Vec<_> = nodes.iter().map(|n| n["role"].as_str().unwrap().to_owned()).collect();
        roles.sort();
        (roles == ["leader", "learner", "voter", "voter"]).then_some(())
    })
    .await;
    let receiver = Receiver::start().await;
    for n in 0..40 {
        let job = json!({"name": format!("job-{n}"), "schedule": "@every 1s", "webhook": {"url": receiver.url("/")}});
        cluster.node(1).create(&job).await;
    }
    let mut nodes = until("every node to fire", || async {
        let page = cluster.node(1).get("/executions?status=success&limit=500").await.ok(200);
        let mut nodes: Vec<_> =
            page["executions"].as_array().unwrap().iter().map(|e| e["node_id"].clone()).collect();
        nodes.sort_by_key(ToString::to_string);
        nodes.dedup();
        (nodes.len() == 4).then_some(nodes)
    })
    .await;
    nodes.sort_by_key(ToString::to_string);
    assert_eq!(nodes, ["n1", "n2", "n3", "n4"]);
}

#[tokio::test]
async fn a_node_that_leaves_is_no_member_when_it_has_stopped() {
    let mut cluster = CHRONOS.calm_cluster(3).up().await;
    let leaving = cluster.leader().await;
    // As `chronos server --leave`.
    cluster.kill(leaving).await;
    cluster.revive_with(leaving, &["--leave"]).await;
    cluster.whole().await;
    cluster.stop(leaving).await;
    let rest = cluster.leader().await;
    let status = cluster.node(rest).get("/cluster/status").await.ok(200);
    let names: Vec<_> = status["nodes"].as_array().unwrap().iter().map(|n| n["id"].clone()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(!names.contains(&json!(format!("n{leaving}"))), "{names:?}");
    cluster.node(rest).create(&manual("after", json!({"url": "http://127.0.0.1:9/"}))).await;
}

#[tokio::test]
async fn a_node_that_cannot_leave_says_so_when_it_has_stopped() {
    let mut server = CHRONOS.setup().argument("--leave").start().await;
    server.terminate();
    assert_eq!(server.ended().await.code(), Some(1));
    let said = until("the sentence", || async {
        server.log().lines().find(|line| line.starts_with("chronos: ")).map(str::to_owned)
    });
    let said = said.await;
    assert!(said.contains("chronos-1 is the only voter"), "{said}");
}

#[tokio::test]
async fn a_node_that_was_removed_has_left() {
    let mut cluster = CHRONOS.calm_cluster(2);
    cluster.revive(1).await;
    cluster.revive_with(2, &["--leave"]).await;
    cluster.whole().await;
    assert_eq!(cluster.node(1).delete("/cluster/nodes/n2").await.status, 204);
    until("it to know", || async {
        let ready = cluster.node(2).root("/ready").await;
        (ready.status == 503 && ready.body.contains("was removed from the cluster")).then_some(())
    })
    .await;
    cluster.stop(2).await;
}

#[tokio::test]
async fn a_node_that_waits_is_taken_in_by_any_member() {
    let receiver = Receiver::start().await;
    let cluster = CHRONOS.calm_cluster(3).up().await;
    let asked = cluster.node(cluster.leader().await % 3 + 1);
    let job = json!({"name": "job", "schedule": "@every 1s", "webhook": {"url": receiver.url("/job")}});
    asked.create(&job).await;
    let address = free_addresses(1)[0].to_string();
    let waiting = CHRONOS
        .setup()
        .key("cluster.node_id", "n4")
        .key("cluster.bootstrap", "false")
        .key("cluster.raft.address", &address);
    let mut waiting = waiting.start().await;
    until("it to say what it waits for", || async {
        let ready = waiting.root("/ready").await;
        assert_eq!(ready.status, 503, "{ready:?}");
        ready.json()["reason"].as_str()?.contains("/api/v1/cluster/nodes").then_some(())
    })
    .await;
    // It goes on waiting over a restart.
    waiting.stop().await;
    waiting = waiting.again().await;

    let invite = json!({"raft_address": address});
    let node = asked.post("/cluster/nodes", &invite).await.ok(201);
    assert_eq!((&node["id"], &node["role"]), (&json!("n4"), &json!("voter")), "{node:#}");
    waiting.get("/jobs/job").await.ok(200);
    assert_eq!(asked.post("/cluster/nodes", &invite).await.ok(200)["id"], "n4");
    waiting.stop().await;
    let waiting = waiting.again().await;
    until("it to be back", || async { (waiting.root("/ready").await.status == 200).then_some(()) }).await;
}

#[tokio::test]
async fn a_node_that_cannot_be_taken_in_is_refused_with_the_reason() {
    let cluster = CHRONOS.calm_cluster(1).up().await;
    let node = cluster.node(1);
    let refused = |body: Value, status: u16| async move {
        let problem = node.post("/cluster/nodes", &body).await.problem(status);
        format!("{} {}", problem["code"].as_str().unwrap(), problem["detail"].as_str().unwrap())
    };
    for (body, word) in [
        (json!({}), "raft_address"),
        (json!({"raft_address": "nowhere"}), "\"nowhere\"; expected host:port"),
        (json!({"raft_address": "a:1", "name": "x"}), "name"),
    ] {
        let why = refused(body.clone(), 400).await;
        assert!(why.contains(word), "{body}: {why}");
    }
    let nobody = free_addresses(1)[0].to_string();
    let why = refused(json!({"raft_address": nobody}), 409).await;
    assert!(why.starts_with("membership_refused") && why.contains(&nobody), "{why}");

    let address = free_addresses(1)[0].to_string();
    let _other = CHRONOS.setup().key("cluster.raft.address", &address).start().await;
    let why = refused(json!({"raft_address": address}), 409).await;
    assert!(why.contains("is in cluster"), "{why}");

    let address = free_addresses(1)[0].to_string();
    let same = CHRONOS.setup().key("cluster.node_id", "n1").key("cluster.bootstrap", "false");
    let _same = same.key("cluster.raft.address", &address).start().await;
    let why = refused(json!({"raft_address": address}), 409).await;
    assert!(why.contains("n1 is already a member"), "{why}");
}

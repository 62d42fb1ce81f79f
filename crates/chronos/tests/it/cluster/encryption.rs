//! Encryption keys of several nodes: who lacks one fires nothing, and is not let in

use crate::support::*;

/// 32 bytes in base64.
const KEYS: [&str; 2] =
    ["AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=", "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="];
const TOKEN: &str = "p1anted-token";

/// Has a node have these keys from its next start on.
fn give(cluster: Cluster, n: usize, keys: &[&str]) -> Cluster {
    let setup = cluster.setup(n);
    let files = keys.iter().enumerate().map(|(number, key)| setup.file(&format!("key{number}"), key));
    let files: Vec<_> = files.map(|file| format!("{file:?}")).collect();
    cluster.key_of(n, "security.encryption_keys", &format!("[{}]", files.join(", ")))
}

fn with_keys(cluster: Cluster, keys: &[&str]) -> Cluster {
    (1..=3).fold(cluster, |cluster, n| give(cluster, n, keys))
}

/// Waits until all is sealed by the key in use, as a node has it.
async fn sealed(server: &Server) -> Value {
    until("all to be sealed", || async {
        let reply = server.get("/cluster/encryption").await;
        let now = if reply.status == 200 { reply.json() } else { return None };
        (!now["sealing"]["ended_at"].is_null()).then_some(now)
    })
    .await
}

async fn of_node(server: &Server, id: &str) -> Value {
    let status = server.get("/cluster/status").await.ok(200);
    let nodes = status["nodes"].as_array().unwrap();
    nodes.iter().find(|node| node["id"] == id).cloned().unwrap_or_default()
}

fn holds(what: &[u8]) -> bool {
    what.windows(TOKEN.len()).any(|part| part == TOKEN.as_bytes())
}

fn job(receiver: &Receiver) -> Value {
    let auth = json!({"type": "bearer", "token": TOKEN});
    json!({"name": "job", "schedule": "@every 1s", "webhook": {"url": receiver.url("/"), "auth": auth}})
}

#[tokio::test]
async fn no_node_and_no_copy_has_a_credential_in_the_clear() {
    let receiver = Receiver::start().await;
    let cluster = with_keys(CHRONOS.calm_cluster(3), &KEYS[..1]).up().await;
    sealed(cluster.node(1)).await;
    cluster.node(2).create(&job(&receiver)).await;
    let calls = receiver.wait_for("/", 6).await;
    assert!(calls.iter().all(|call| call.sent("Authorization") == format!("Bearer {TOKEN}")));
    // A node that joins later gets a copy, or the log.
    let mut cluster = cluster;
    cluster.stop(3).await;
    std::fs::remove_dir_all(cluster.setup(3).data()).unwrap();
    assert_eq!(cluster.node(1).delete("/cluster/nodes/n3").await.status, 204);
    cluster.revive(3).await;
    cluster.whole().await;
    for n in 1..=3 {
        assert!(!holds(&cluster.node(n).get_bytes("/cluster/backup").await), "n{n}");
        for entry in std::fs::read_dir(cluster.setup(n).data()).unwrap() {
            let path = entry.unwrap().path();
            let bytes = if path.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
            assert!(!holds(&bytes), "{}", path.display());
        }
    }
}

#[tokio::test]
async fn nothing_is_sealed_before_all_nodes_have_the_key() {
    let receiver = Receiver::start().await;
    let cluster = give(CHRONOS.calm_cluster(3), 1, &KEYS[..1]);
    let cluster = give(cluster, 2, &KEYS[..1]);
    let mut cluster = cluster.up().await;
    cluster.node(3).create(&job(&receiver)).await;
    receiver.wait_for("/", 3).await;
    let now = cluster.node(1).get("/cluster/encryption").await.ok(200);
    assert_eq!((&now["key"], &now["nodes_without"]), (&Value::Null, &json!(["n3"])), "{now:#}");
    let warnings = cluster.node(1).get("/cluster/status").await.ok(200)["warnings"].clone();
    assert!(warnings[0].as_str().unwrap().starts_with("n3 has no key"), "{warnings:#}");
    let refused = cluster.node(1).act("/cluster/encryption/rotate").await.problem(409);
    assert_eq!(refused["code"], "encryption_key_missing");
    cluster.stop(3).await;
    let mut cluster = give(cluster, 3, &KEYS[..1]);
    cluster.revive(3).await;
    let now = sealed(cluster.node(3)).await;
    assert!(now["sealing"]["sealed"].as_u64().unwrap() >= 1, "{now:#}");
}

#[tokio::test]
async fn a_node_that_lacks_a_key_fires_nothing_and_does_not_lead() {
    let receiver = Receiver::start().await;
    let mut cluster = with_keys(CHRONOS.calm_cluster(3), &KEYS[..1]).up().await;
    sealed(cluster.node(1)).await;
    cluster.node(1).create(&job(&receiver)).await;
    let leader = cluster.leader().await;
    let name = format!("n{leader}");
    cluster.stop(leader).await;
    let mut cluster = give(cluster, leader, &KEYS[1..]);
    cluster.revive(leader).await;
    let other = cluster.node(leader % 3 + 1);
    until("it to be known that it lacks the key", || async {
        let node = of_node(other, &name).await;
        let told = node["problems"].to_string();
        (told.contains("lacks the encryption key") && node["fires"] == false).then_some(())
    })
    .await;
    let before = receiver.calls("/").len();
    let calls = receiver.wait_for("/", before + 3).await;
    assert!(calls.iter().all(|call| call.sent("Authorization") == format!("Bearer {TOKEN}")));
    let page = other.get("/executions?limit=3").await.ok(200);
    for execution in page["executions"].as_array().unwrap() {
        assert_ne!(execution["node_id"], json!(name), "{execution:#}");
    }
    assert_ne!(other.get("/cluster/status").await.ok(200)["leader"], json!(name));
    // It says so itself, and is all right again with the key.
    cluster.stop(leader).await;
    let mut cluster = give(cluster, leader, &KEYS[..1]);
    cluster.revive(leader).await;
    cluster.whole().await;
}

#[tokio::test]
async fn a_new_node_without_the_key_is_not_let_in() {
    let cluster = with_keys(CHRONOS.calm_cluster(3), &KEYS[..1]);
    let cluster = give(cluster, 3, &KEYS[1..]);
    let mut cluster = cluster;
    // Of three, two are there first.
    for n in [1, 2] {
        cluster.revive(n).await;
    }
    sealed(cluster.node(1)).await;
    let third = cluster.setup(3).clone().launch();
    until("the refusal", || async { third.log().contains("n3 lacks the encryption key").then_some(()) })
        .await;
    let status = cluster.node(1).get("/cluster/status").await.ok(200);
    assert_eq!(status["nodes"].as_array().unwrap().len(), 2, "{status:#}");
    drop(third);
    let mut cluster = give(cluster, 3, &KEYS[..1]);
    cluster.revive(3).await;
    cluster.whole().await;
}

#[tokio::test]
async fn the_key_of_a_cluster_is_changed_while_its_leader_is_lost() {
    let receiver = Receiver::start().await;
    let mut cluster = with_keys(CHRONOS.calm_cluster(3), &KEYS[..1]).up().await;
    sealed(cluster.node(1)).await;
    let jobs: Vec<_> = (0..1_500)
        .map(|number| {
            let auth = json!({"type": "bearer", "token": format!("{TOKEN}-{number}")});
            manual(&format!("job{number}"), json!({"url": receiver.url("/"), "auth": auth}))
        })
        .collect();
    let answer = cluster.node(1).post("/jobs/batch", &json!({"jobs": jobs})).await.ok(200);
    assert_eq!(answer["counts"]["created"], 1_500, "{}", answer["counts"]);
    for n in 1..=3 {
        cluster.stop(n).await;
        cluster = give(cluster, n, &[KEYS[1], KEYS[0]]);
        cluster.revive(n).await;
        cluster.whole().await;
    }
    let first = cluster.node(1).get("/cluster/encryption").await.ok(200)["first_key"].clone();
    until("all to have the key", || async {
        let now = cluster.node(1).get("/cluster/encryption").await.ok(200);
        (now["nodes_without"] == json!([])).then_some(())
    })
    .await;
    let leader = cluster.leader().await;
    cluster.node(leader % 3 + 1).act("/cluster/encryption/rotate").await.ok(200);
    cluster.kill(leader).await;
    let now = sealed(cluster.node(leader % 3 + 1)).await;
    assert_eq!((&now["key"], &now["sealing"]["failed"]), (&first, &json!(0)), "{now:#}");
    assert_eq!(now["sealing"]["sealed"], 1_500, "each of them once: {now:#}");
    let node = cluster.node(leader % 3 + 1);
    assert_eq!(node.run_again("job1499").await["status"], "success");
    assert_eq!(receiver.next("/").await.sent("Authorization"), format!("Bearer {TOKEN}-1499"));
}

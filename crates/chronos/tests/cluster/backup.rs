//! A backup is taken while the cluster works, and a new cluster is made from it.

use tokio::process::Command;

use crate::support::*;

async fn restore(setup: &Setup, file: &std::path::Path) -> std::process::Output {
    let restore = Command::new(env!("CARGO_BIN_EXE_chronos"))
        .args(["cluster", "restore"])
        .arg(file)
        .env_clear()
        .env("CHRONOS_CLUSTER__DATA_DIR", setup.data())
        .env("CHRONOS_CLUSTER__NODE_ID", "n1")
        .output();
    soon("chronos cluster restore", restore).await.unwrap()
}

#[tokio::test]
async fn a_backup_becomes_a_new_cluster_with_jobs_history_and_versions() {
    let receiver = Receiver::start().await;
    let cluster = Cluster::start(3).await;
    let node = cluster.node(2);
    node.create(&manual("kept", json!({"url": receiver.url("/")}))).await;
    let id = node.trigger("kept").await["id"].as_str().unwrap().to_owned();
    node.finished("kept", &id).await;
    node.patch("/jobs/kept", &json!({"description": "second"})).await.ok(200);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("chronos.backup");
    std::fs::write(&file, node.get_bytes("/cluster/backup").await).unwrap();

    let fresh = Setup::new().key("cluster.node_id", "n1");
    let output = restore(&fresh, &file).await;
    assert!(output.status.success(), "{output:?}");
    let server = fresh.clone().start().await;
    let job = server.get("/jobs/kept").await.ok(200);
    assert_eq!((&job["version"], &job["description"]), (&json!(2), &json!("second")));
    assert_eq!(server.execution("kept", &id).await["status"], "success");
    let versions = server.get("/jobs/kept/versions").await.ok(200);
    assert_eq!(versions["versions"].as_array().unwrap().len(), 2);
    let old = node.get("/cluster/status").await.ok(200)["cluster_id"].clone();
    assert_ne!(server.get("/cluster/status").await.ok(200)["cluster_id"], old, "another cluster");

    // Data that is there is not overwritten.
    drop(server);
    let refused = restore(&fresh, &file).await;
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("state.db"), "{refused:?}");
}

#[tokio::test]
async fn a_damaged_backup_is_refused_and_leaves_nothing_behind() {
    let server = Server::start().await;
    server.create(&manual("kept", json!({"url": "http://127.0.0.1:9/"}))).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("chronos.backup");
    let mut bytes = server.get_bytes("/cluster/backup").await.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let fresh = Setup::new();
    let refused = restore(&fresh, &file).await;
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("chronos.backup"), "{refused:?}");
    assert!(!fresh.data().join("state.db").exists());
}

#[tokio::test]
async fn a_node_that_joins_a_restored_cluster_has_what_was_restored() {
    let server = Server::start().await;
    server.create(&manual("kept", json!({"url": "http://127.0.0.1:9/"}))).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("chronos.backup");
    std::fs::write(&file, server.get_bytes("/cluster/backup").await).unwrap();
    let cluster = Cluster::calm(2);
    let output = restore(cluster.setup(1), &file).await;
    assert!(output.status.success(), "{output:?}");
    let cluster = cluster.up().await;
    for node in cluster.running() {
        assert_eq!(node.get("/jobs/kept?consistent=true").await.ok(200)["name"], "kept");
    }
}

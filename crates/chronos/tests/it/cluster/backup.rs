//! A new cluster is made: from a backup that was taken while the old one worked, or from what a node
//! of the old one left behind.

use std::collections::BTreeMap;
use std::path::Path;

use rustix::process::Signal;
use tokio::process::Command;

use crate::support::*;

async fn restore(setup: &Setup, from: &Path) -> std::process::Output {
    let restore = Command::new(CHRONOS.path())
        .args(["cluster", "restore"])
        .arg(from)
        .env_clear()
        .env("CHRONOS_CLUSTER__DATA_DIR", setup.data())
        .env("CHRONOS_CLUSTER__NODE_ID", "n1")
        .output();
    soon("chronos cluster restore", restore).await.unwrap()
}

#[tokio::test]
async fn a_backup_becomes_a_new_cluster_with_jobs_history_and_versions() {
    let receiver = Receiver::start().await;
    let cluster = CHRONOS.calm_cluster(3).up().await;
    let node = cluster.node(2);
    node.create(&manual("kept", json!({"url": receiver.url("/")}))).await;
    let id = node.trigger("kept").await["id"].as_str().unwrap().to_owned();
    node.finished("kept", &id).await;
    node.patch("/jobs/kept", &json!({"description": "second"})).await.ok(200);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("chronos.backup");
    std::fs::write(&file, node.get_bytes("/cluster/backup").await).unwrap();

    let fresh = CHRONOS.setup().key("cluster.node_id", "n1");
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
    let server = CHRONOS.start().await;
    server.create(&manual("kept", json!({"url": "http://127.0.0.1:9/"}))).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("chronos.backup");
    let mut bytes = server.get_bytes("/cluster/backup").await.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let fresh = CHRONOS.setup();
    let refused = restore(&fresh, &file).await;
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("chronos.backup"), "{refused:?}");
    assert!(!fresh.data().join("state.db").exists());
}

#[tokio::test]
async fn a_node_that_joins_a_restored_cluster_has_what_was_restored() {
    let server = CHRONOS.start().await;
    server.create(&manual("kept", json!({"url": "http://127.0.0.1:9/"}))).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("chronos.backup");
    std::fs::write(&file, server.get_bytes("/cluster/backup").await).unwrap();
    let cluster = CHRONOS.calm_cluster(2);
    let output = restore(cluster.setup(1), &file).await;
    assert!(output.status.success(), "{output:?}");
    let cluster = cluster.up().await;
    for node in cluster.running() {
        assert_eq!(node.get("/jobs/kept?consistent=true").await.ok(200)["name"], "kept");
    }
}

/// All files in a directory, to the byte.
fn contents(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(directory).unwrap().map(Result::unwrap);
    let read = |entry: std::fs::DirEntry| {
        (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())
    };
    entries.map(read).collect()
}

#[tokio::test]
async fn when_a_majority_is_gone_a_node_that_is_left_has_all_that_was_acknowledged_through_it() {
    let receiver = Receiver::start().await;
    let mut cluster = CHRONOS.calm_cluster(3).up().await;
    let old = cluster.node(1).get("/cluster/status").await.ok(200)["cluster_id"].clone();
    // A follower, which need not know what is committed; and what it answered is in its log.
    let left = cluster.leader().await % 3 + 1;
    let node = cluster.node(left);
    let gate = Gate::closed();
    receiver.script("/held", [Answer::ok().after(&gate), Answer::ok()]);
    let mut history = Vec::new();
    for n in 0..25 {
        let name = format!("job-{n}");
        node.create(&manual(&name, json!({"url": receiver.url("/")}))).await;
        if n % 5 == 0 {
            let id = node.run_again(&name).await["id"].as_str().unwrap().to_owned();
            history.push((name, id));
        }
    }
    node.create(&manual("held", json!({"url": receiver.url("/held")}))).await;
    let held = node.trigger("held").await["id"].as_str().unwrap().to_owned();
    receiver.wait_for("/held", 1).await;

    cluster.running().for_each(|node| node.signal(Signal::KILL));
    for n in 1..=3 {
        cluster.kill(n).await;
    }
    // The state is synced only when its write-ahead log is brought back into the file, so a power cut
    // may take all that was written to it since then. The log is synced with each batch and loses nothing.
    let from = cluster.setup(left).data();
    std::fs::remove_file(from.join("state.db-wal")).unwrap();
    let before = contents(from);

    let fresh = CHRONOS.setup().key("cluster.node_id", "n1");
    let output = restore(&fresh, from).await;
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("26 jobs and 6 executions"), "{said}");
    assert!(
        said.contains(&format!("entries of the log of n{left} were replayed; it ends with term ")),
        "{said}"
    );
    assert!(contents(from) == before, "the directory is only read");
    assert_eq!(contents(fresh.data()).into_keys().collect::<Vec<_>>(), ["lock", "state.db"]);

    let server = fresh.start().await;
    for n in 0..25 {
        server.get(&format!("/jobs/job-{n}")).await.ok(200);
    }
    for (name, id) in history {
        assert_eq!(server.execution(&name, &id).await["status"], "success");
    }
    // What was unfinished is owed by the new node, under its id.
    let calls = receiver.wait_for("/held", 2).await;
    assert_eq!(calls[1].execution(), held);
    assert_eq!(server.finished("held", &held).await["node_id"], "n1");
    assert_ne!(server.get("/cluster/status").await.ok(200)["cluster_id"], old, "another cluster");
    gate.open();
}

#[tokio::test]
async fn a_directory_that_does_not_do_is_refused_and_nothing_is_changed() {
    let mut server = CHRONOS.start().await;
    server.create(&manual("kept", json!({"url": "http://127.0.0.1:9/"}))).await;
    let from = server.setup().data().to_owned();
    let fresh = CHRONOS.setup();
    let refuse = async |setup: &Setup, from: &Path, parts: &[&str]| {
        let output = restore(setup, from).await;
        let stderr = String::from_utf8(output.stderr).unwrap();
        Refused { code: output.status.code(), stderr }.names(parts);
    };
    let name = from.to_str().unwrap();
    refuse(&fresh, &from, &[name, "a Chronos is running on it"]).await;
    server.kill().await;
    let before = contents(&from);

    // Not what a node left behind.
    let directory = tempfile::tempdir().unwrap();
    let other = directory.path();
    refuse(&fresh, other, &[other.to_str().unwrap(), "holds no state.db"]).await;
    std::fs::copy(from.join("state.db"), other.join("state.db")).unwrap();
    refuse(&fresh, other, &[other.to_str().unwrap(), "holds no log.db"]).await;
    refuse(&fresh, &other.join("missing"), &["missing"]).await;
    assert!(!fresh.data().exists());

    // Nowhere to put it.
    refuse(server.setup(), &from, &[name, "set cluster.data_dir to another"]).await;
    refuse(&CHRONOS.setup().data_dir(&from.join("new")), &from, &[name, "set cluster.data_dir to another"])
        .await;
    let taken = CHRONOS.setup().data_dir(other);
    refuse(&taken, &from, &["state.db exists", other.to_str().unwrap()]).await;
    assert_eq!(contents(other).into_keys().collect::<Vec<_>>(), ["state.db"]);
    assert!(contents(&from) == before, "the directory is only read");

    // A node that was killed leaves its lock file, and nobody holds that.
    assert!(before.contains_key("lock"));
    let output = restore(&fresh, &from).await;
    assert!(output.status.success(), "{output:?}");
}

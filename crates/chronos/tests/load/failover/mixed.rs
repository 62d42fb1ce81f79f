//! A cluster of two releases: its nodes are upgraded in turn, go back, and are upgraded to the end. What the next
//! release adds (a command that only counts) is used once every node can follow, and not before.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use chronos_testkit::load::Target;
use chronos_testkit::{Chronos, Cluster, Value, free_addresses, json, until};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use tempfile::TempDir;

use super::nodes;
use super::run::Run;
use crate::CHRONOS;
use crate::turn::begin;

/// Jobs that fire each second where `CHRONOS_RATE` says nothing.
const RATE: u64 = 200;
/// For how long a client that is turned away asks again.
const RETRY: Duration = Duration::from_secs(10);
/// The binary of the next release: it can follow cluster version 3.
const NEXT: Chronos = Chronos::at(concat!(env!("CARGO_BIN_EXE_chronos"), "-next"));

#[tokio::test(flavor = "multi_thread")]
async fn a_new_release_is_used_once_every_node_can_follow_and_there_is_a_way_back_until_then() {
    let (_turn, mut dice) = begin("a_new_release").await;
    build_next();
    let target = Target::start(dice.fork()).await;
    let cluster = nodes(3).up().await;
    let mut run = Run::start_at(RATE, cluster, target, &mut dice, RETRY).await;

    // Two of three are upgraded, and go back.
    two_of_three(&mut run.cluster).await;
    for node in [1, 2] {
        change(&mut run.cluster, node, CHRONOS).await;
        is_at_version_2(&run.cluster).await;
    }
    assert_eq!(can_follow(&run.cluster).await, [2, 2, 2]);

    two_of_three(&mut run.cluster).await;
    let before = data_of(&mut run.cluster, 3).await;
    change(&mut run.cluster, 3, NEXT).await;
    for node in 1..=3 {
        until("the new version to be used", || async {
            let version = version(&run.cluster, node).await;
            (version == 3 && probes(&run.cluster, node).is_some_and(|count| count > 0)).then_some(())
        })
        .await;
    }
    // No fault explains a delivery that was repeated.
    run.audit().await;

    is_refused_at_joining(&run.cluster).await;
    cannot_come_back(&mut run.cluster, 3, before.path()).await;
    run.same_history().await;
    let refused = run.cluster.setup(1).clone().binary(CHRONOS).refused().await;
    refused.names(&["state.db", " 3, ", " up to 2; ", "start a newer Chronos on it"]);
}

/// Upgrades two of three nodes, one of which leads then: it uses nothing that the third does not know.
async fn two_of_three(cluster: &mut Cluster) {
    for node in [1, 2] {
        change(cluster, node, NEXT).await;
        is_at_version_2(cluster).await;
    }
    assert_eq!(can_follow(cluster).await, [3, 3, 2]);
    cluster.node(1).post("/cluster/transfer-leadership", &json!({"to": "n1"})).await.ok(200);
}

/// Restarts a node on another binary, once the cluster has been under load as it was.
async fn change(cluster: &mut Cluster, node: usize, binary: Chronos) {
    tokio::time::sleep(Duration::from_secs(1)).await;
    cluster.change_binary(node, binary).await;
}

/// Nothing of the next release was used.
async fn is_at_version_2(cluster: &Cluster) {
    for node in 1..=3 {
        assert_eq!(version(cluster, node).await, 2, "n{node}");
        assert_eq!(probes(cluster, node), None, "n{node}");
    }
}

/// A node of the old release cannot become a member, by itself or invited: it says why, and stops.
async fn is_refused_at_joining(cluster: &Cluster) {
    let addresses = free_addresses(2);
    let old = CHRONOS.setup().key("cluster.node_id", "n4").key("cluster.bootstrap", "false");
    let old = cluster.admitted(old.key("cluster.raft.address", &addresses[0].to_string()));
    let mut waits = old.clone().start().await;
    let invited =
        cluster.node(2).post("/cluster/nodes", &json!({"raft_address": addresses[0].to_string()})).await;
    let problem = invited.problem(409);
    let detail = problem["detail"].as_str().unwrap();
    let sentence = "n4 can follow cluster versions up to 2, and this cluster is at version 3; start a newer Chronos on it";
    assert_eq!(detail, sentence);
    waits.ended().await;

    let raft = cluster.node(2).get("/cluster/status").await.ok(200)["nodes"][0]["raft_address"].clone();
    let joins = old.key("cluster.raft.join", &format!("[{raft}]"));
    let refused = joins.refused().await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    let said: Vec<_> = refused.stderr.lines().filter(|line| line.starts_with("chronos: ")).collect();
    assert_eq!(said, [format!("chronos: stopped: {sentence}")], "{refused:?}");
    assert_eq!(can_follow(cluster).await, [3, 3, 3]);
}

/// A copy of what a node has on its disk now. The node is away for as long as that takes.
async fn data_of(cluster: &mut Cluster, node: usize) -> TempDir {
    cluster.stop(node).await;
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(cluster.setup(node).data()).unwrap().map(Result::unwrap) {
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    cluster.revive(node).await;
    cluster.whole().await;
    copy
}

/// A member that is put back on the old release, with what it had then, knows nothing of the new version. What the
/// others send it then, it cannot read: it says so and ends, and the others go on without it.
async fn cannot_come_back(cluster: &mut Cluster, node: usize, before: &Path) {
    cluster.stop(node).await;
    let refused = cluster.setup(node).clone().binary(CHRONOS).data_dir(before).refused().await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    let said: Vec<_> = refused.stderr.lines().filter(|line| line.starts_with("chronos: ")).collect();
    let [said] = said[..] else { panic!("{refused:?}") };
    let parts = ["chronos: stopped: ", " cluster version", " up to 2", "; start a newer Chronos"];
    assert!(parts.iter().all(|part| said.contains(part)), "{said}");
    let others = cluster.node(1).post("/cluster/transfer-leadership", &json!({"to": "n2"})).await;
    assert_eq!(others.status, 200, "{others:?}");
    cluster.revive(node).await;
    cluster.whole().await;
}

/// The version of the cluster, as a node says.
async fn version(cluster: &Cluster, node: usize) -> u64 {
    let status = cluster.node(node).get("/cluster/status").await.ok(200);
    status["cluster_version"].as_u64().unwrap()
}

/// The highest version that each member can follow, as one of them says.
async fn can_follow(cluster: &Cluster) -> Vec<u64> {
    let status = cluster.node(1).get("/cluster/status").await.ok(200);
    let follows = |node: &Value| node["max_cluster_version"].as_u64().unwrap();
    status["nodes"].as_array().unwrap().iter().map(follows).collect()
}

/// How often a node's state counted the new command; none while the state does not have it.
fn probes(cluster: &Cluster, node: usize) -> Option<i64> {
    let path = cluster.setup(node).data().join("state.db");
    let state = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    state.busy_timeout(RETRY).unwrap();
    let sql = "SELECT last FROM counters WHERE name = 'probe'";
    state.query_row(sql, [], |row| row.get(0)).optional().unwrap()
}

/// Builds [`NEXT`] beside the binary under test.
fn build_next() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--offline", "--locked", "--quiet", "--package", "chronos"]);
    cargo.args(["--features", "next", "--bin", "chronos-next"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    // Cargo says to a test which package it is of. Build scripts would read that, and much would be built anew.
    for (name, _) in std::env::vars() {
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(name);
        }
    }
    let began = Instant::now();
    let output = cargo.output().unwrap_or_else(|error| panic!("{cargo:?}: {error}"));
    assert!(output.status.success(), "{cargo:?}: {}", String::from_utf8_lossy(&output.stderr));
    println!("chronos-next was built in {:.0?}", began.elapsed());
}

//! A node without `cluster.raft.address` is a cluster of one, and opens no port for others.

use std::collections::BTreeSet;

use crate::support::*;

/// The ports that a process listens on.
fn listens_on(server: &Server) -> BTreeSet<u16> {
    let process = format!("/proc/{}", server.pid().as_raw_nonzero());
    let open = std::fs::read_dir(format!("{process}/fd")).unwrap();
    let open = open.filter_map(|file| std::fs::read_link(file.unwrap().path()).ok());
    let sockets: Vec<_> = open
        .filter_map(|to| Some(to.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let mut ports = BTreeSet::new();
    for table in ["tcp", "tcp6"] {
        // The columns of proc_pid_net(5): the second is the address here, the fourth the state, the tenth the inode.
        let table = std::fs::read_to_string(format!("{process}/net/{table}")).unwrap_or_default();
        for line in table.lines().skip(1) {
            let columns: Vec<_> = line.split_whitespace().collect();
            let listens = columns[3] == "0A" && sockets.iter().any(|socket| socket == columns[9]);
            if listens {
                let (_, port) = columns[1].rsplit_once(':').unwrap();
                ports.insert(u16::from_str_radix(port, 16).unwrap());
            }
        }
    }
    ports
}

#[tokio::test]
async fn a_lone_node_listens_for_its_clients_only() {
    let server = CHRONOS.start().await;
    assert_eq!(listens_on(&server), [server.address().port()].into());
    let status = server.get("/cluster/status").await.ok(200);
    assert_eq!(status["leader"], "chronos-1", "{status:#}");
    assert!(status["nodes"][0]["raft_address"].is_null(), "{status:#}");
    assert_eq!(status["nodes"][0]["reachable"], true, "{status:#}");
    server.create(&manual("job", json!({"url": "http://127.0.0.1:9/"}))).await;
    let ready = server.root("/ready").await;
    assert_eq!(ready.status, 200, "{ready:?}");
    // With an address it has a port for others.
    let address = free_addresses(1)[0];
    let other = CHRONOS.setup().key("cluster.raft.address", &address.to_string()).start().await;
    assert_eq!(listens_on(&other), [other.address().port(), address.port()].into());
    let status = other.get("/cluster/status").await.ok(200);
    assert_eq!(status["nodes"][0]["raft_address"], address.to_string(), "{status:#}");
}

#[tokio::test]
async fn what_is_about_others_is_refused_without_an_address() {
    for (key, value) in [
        ("cluster.raft.join", "[\"127.0.0.1:7001\"]"),
        ("cluster.raft.advertise", "chronos-1:7000"),
        ("cluster.raft.tls", "{cert_file: a, key_file: b, ca_file: c}"),
        ("cluster.bootstrap", "false"),
    ] {
        let refused = CHRONOS.setup().key(key, value).refused().await;
        refused.names(&[key, "expected cluster.raft.address"]);
    }
    let refused = CHRONOS.setup().yaml("cluster:\n  raft:\n    join: [n1:7000]\n").refused().await;
    refused.names(&[
        "chronos.yaml, line 3",
        "cluster.raft.join",
        "[\"n1:7000\"]",
        "expected cluster.raft.address",
    ]);
    // Nobody to join, and no certificates.
    let none = CHRONOS.setup().key("cluster.raft.join", "[]").key("cluster.raft.tls", "none");
    let server = none.start().await;
    assert_eq!(listens_on(&server).len(), 1);
}

#[tokio::test]
async fn a_lone_node_takes_others_in_once_it_has_an_address() {
    let mut cluster = CHRONOS.calm_cluster(2);
    let founder = cluster.setup(1).clone().without("cluster.raft.address").without("cluster.raft.join");
    let mut node = founder.start().await;
    node.create(&manual("before", json!({"url": "http://127.0.0.1:9/"}))).await;
    let id = node.get("/cluster/status").await.ok(200)["cluster_id"].clone();
    let address = free_addresses(1)[0].to_string();
    let refused = node.post("/cluster/nodes", &json!({"raft_address": address})).await.problem(409);
    assert_eq!(refused["code"], "membership_refused", "{refused:#}");
    let why = refused["detail"].as_str().unwrap();
    assert!(why.contains(&address) && why.contains("set cluster.raft.address on n1"), "{why}");
    node.stop().await;
    drop(node);
    cluster.revive(1).await;
    cluster.revive(2).await;
    cluster.whole().await;
    for node in cluster.running() {
        assert_eq!(node.get("/jobs/before?consistent=true").await.ok(200)["name"], "before");
        assert_eq!(node.get("/cluster/status").await.ok(200)["cluster_id"], id);
    }
}

#[tokio::test]
async fn a_node_of_several_does_not_start_without_an_address() {
    let mut cluster = CHRONOS.calm_cluster(2).up().await;
    let alone = |setup: &Setup| {
        let setup = setup.clone().without("cluster.raft.address").without("cluster.raft.join");
        setup.without("cluster.bootstrap")
    };
    for n in [1, 2] {
        cluster.stop(n).await;
        let refused = alone(cluster.setup(n)).refused().await;
        let other = format!("n{}", 3 - n);
        let data = cluster.setup(n).data().to_str().unwrap();
        refused.names(&["cluster.raft.address is not set", data, &other, "expected the address"]);
        cluster.revive(n).await;
        cluster.whole().await;
    }
    // Once it is the only one that is left, it needs none.
    assert_eq!(cluster.node(1).delete("/cluster/nodes/n2").await.status, 204);
    cluster.stop(1).await;
    let node = alone(cluster.setup(1)).start().await;
    until("it to be ready", || async { (node.root("/ready").await.status == 200).then_some(()) }).await;
    assert_eq!(listens_on(&node).len(), 1);
    until("it to say that it listens for none", || async {
        let status = node.get("/cluster/status").await.ok(200);
        status["nodes"][0]["raft_address"].is_null().then_some(())
    })
    .await;
}

//! Name servers that never answer delay only those who ask them.

use std::collections::BTreeSet;

use chronos_env::{Env, NameFiles};
use chronos_server::{Node, config::Config};
use chronos_testkit::{Api, Receiver, json, manual, soon};
use futures::{StreamExt as _, stream};
use tokio::net::UdpSocket;

const HOSTS: usize = 3;
/// More than the runtime has threads for blocking work.
const JOBS: usize = 900;
/// Requests of the test that are under way at a time.
const AT_ONCE: usize = 32;

/// A node that looks names up as these files say.
async fn start(directory: &std::path::Path, port: u16) -> (Node, Api) {
    let files =
        NameFiles { hosts: directory.join("hosts"), resolv_conf: directory.join("resolv.conf"), port };
    std::fs::write(&files.hosts, "127.0.0.1 healthy.test\n").unwrap();
    std::fs::write(&files.resolv_conf, "nameserver 127.0.0.1\n").unwrap();
    let mut config = Config::default();
    config.cluster.data_dir = directory.join("data");
    config.server.http.address = ([127, 0, 0, 1], 0).into();
    config.cluster.raft.address = Some(([127, 0, 0, 1], 0).into());
    let node = Node::start(config, Env::real().with_name_files(files)).await.expect("a node");
    let api = Api::new(node.address());
    (node, api)
}

/// Waits until so many names were asked about.
async fn asked(silent: &UdpSocket, count: usize) {
    let (mut names, mut buffer) = (BTreeSet::new(), [0; 512]);
    while names.len() < count {
        let bytes = silent.recv(&mut buffer).await.unwrap();
        let name: Vec<u8> = buffer[12..bytes].iter().copied().take_while(|&byte| byte != 0).collect();
        names.insert(name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_name_servers_delay_no_request_and_no_other_job() {
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let (node, api) = start(directory.path(), silent.local_addr().unwrap().port()).await;
    let receiver = Receiver::start().await;
    let url = format!("http://healthy.test:{}/healthy", receiver.port());
    api.create(&manual("healthy", json!({"url": url}))).await;
    let created = stream::iter(0..JOBS).map(|n| {
        let job = manual(&format!("silent-{n}"), json!({"url": format!("http://host{}.test/", n % HOSTS)}));
        let api = &api;
        async move { api.create(&job).await }
    });
    let jobs: Vec<_> = created.buffered(AT_ONCE).collect().await;
    let triggered = jobs.iter().map(|job| api.trigger(job["name"].as_str().unwrap()));
    let runs: Vec<_> = stream::iter(triggered).buffered(AT_ONCE).collect().await;
    soon("the name servers to be asked", asked(&silent, HOSTS)).await;
    for _ in 0..10 {
        api.get("/jobs?limit=10").await.ok(200);
        let run = api.run_again("healthy").await;
        assert_eq!(run["status"], "success", "{run:#}");
    }
    receiver.wait_for("/healthy", 10).await;
    // All that was before any of the others had an answer.
    let metrics = api.root("/metrics").await.body;
    assert!(!metrics.contains("chronos_attempts_total{outcome=\"dns\"}"), "{metrics}");
    assert_eq!(runs.len(), JOBS);
    node.stop().await;
}

//! The leader is cut off from the others, and they from it. Clients and targets still reach all.

use std::time::{Duration, Instant};

use crate::load::{Fault, Receiver};
use crate::network::Network;
use crate::run::{Run, begin, first_write};
use crate::support::{Cluster, Server, json, until};

/// What a node sent before it stopped firing may be read so much later.
const READ_LATE: Duration = Duration::from_millis(500);

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_cut_off_takes_nothing_and_fires_nothing() {
    let (_turn, mut dice) = begin("cut_off").await;
    let Some(network) = Network::new(3) else { return };
    let (raft, http): (Vec<_>, Vec<_>) = (0..3).map(|n| (network.raft(n), network.http(n))).unzip();
    let names: Vec<_> = (0..3).map(|n| network.namespace(n)).collect();
    let receiver = Receiver::start_on(network.us(), dice.fork()).await;
    let cluster = Cluster::at(&raft, &http)
        .namespaces(&names)
        .key("auth", "none")
        .key("cluster.raft.tls", "none")
        .key("cluster.reassign_after", "2s")
        .key("history.max_per_job", "1000000")
        .up()
        .await;
    let mut run = Run::start(cluster, receiver, &mut dice, Duration::ZERO).await;
    tokio::time::sleep(Duration::from_secs(2)).await;

    let leader = run.cluster.leader().await;
    let (name, address) = (format!("n{leader}"), http[leader - 1]);
    network.cut(leader - 1);
    let cut = Instant::now();
    let others: Vec<_> = run.cluster.running().map(Server::address).filter(|at| *at != address).collect();
    first_write(&others).await;
    println!("cut to first write taken by the majority: {:.1?}", cut.elapsed());

    let node = run.cluster.node(leader);
    let refused = until("a write to be refused", || async {
        let reply = node.patch("/jobs/probe", &json!({"description": "of the minority"})).await;
        assert_ne!(reply.status, 200, "a leader without followers took a write");
        (reply.status == 503).then_some(reply)
    })
    .await;
    let detail = refused.problem(503)["detail"].as_str().unwrap_or_default().to_owned();
    assert!(!detail.is_empty(), "{refused:?}");
    println!("the minority says: {detail}");
    until("the node to fence itself", || async {
        let status = node.get("/cluster/status").await.ok(200);
        let nodes = status["nodes"].as_array()?;
        nodes.iter().any(|node| node["id"] == json!(name) && node["fenced"] == true).then_some(())
    })
    .await;
    let fenced = Instant::now();
    println!("cut to fence, at the latest: {:.1?}", fenced - cut);
    run.faults.push(Fault { from: cut, until: fenced });
    // Long enough for its runs to be given to others, and for it to fire if it did.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let healed = Instant::now();
    network.heal(leader - 1);

    run.cluster.whole().await;
    println!("healed to whole: {:.1?}", healed.elapsed());
    let deliveries = run.receiver.deliveries();
    let silent = (fenced + READ_LATE)..healed;
    let of = |theirs: bool| {
        let all = deliveries.values().flatten();
        all.filter(|one| silent.contains(&one.at) && (one.from == address.ip()) == theirs).count()
    };
    println!("while it was cut off {} were delivered by others", of(false));
    assert_eq!(of(true), 0, "deliveries by a node that is cut off");
    assert!(of(false) > 0, "the majority fires");
    // What was its own may be fired again by others, and only once it has stopped.
    for (execution, arrivals) in &deliveries {
        let taken = arrivals.iter().find(|one| one.at > cut && one.from != address.ip());
        let still = arrivals.iter().rfind(|one| one.at > cut && one.from == address.ip());
        if let (Some(taken), Some(still)) = (taken, still) {
            assert!(still.at < taken.at, "{execution} was fired by two nodes at once: {arrivals:?}");
        }
    }
    run.audit().await;
    run.same_history().await;
}

//! The leader is cut off from the others, and they from it. Clients and targets still reach all.

use std::time::{Duration, Instant};

use chronos_testkit::load::{Fault, Target, number};
use chronos_testkit::{Server, json, until};

use super::keeping;
use super::network::Network;
use super::run::{Run, first_write};
use crate::CHRONOS;
use crate::turn::begin;

/// For how many seconds the leader is cut off at least, where `CHRONOS_CUT` says nothing.
const CUT: u64 = 8;
/// What a node sent before it stopped firing may be read so much later.
const READ_LATE: Duration = Duration::from_secs(2);
/// Runs of the leader that are under way when it is cut off.
const RETRIED: usize = 10;
/// Later than the fence.
const RETRY_AFTER: &str = "6s";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root and iproute2; .ci/run runs it"]
async fn a_leader_that_is_cut_off_takes_nothing_and_fires_nothing() {
    let (_turn, mut dice) = begin("cut_off").await;
    let network = Network::new(3);
    let (raft, http): (Vec<_>, Vec<_>) = (0..3).map(|n| (network.raft(n), network.http(n))).unzip();
    let names: Vec<_> = (0..3).map(|n| network.namespace(n)).collect();
    let target = Target::start_at(network.us(), dice.fork()).await;
    let cluster = CHRONOS
        .cluster_at(&raft, &http)
        .namespaces(&names)
        .key("auth", "none")
        .key("cluster.raft.tls", "none")
        .key("cluster.reassign_after", "2s");
    let cluster = keeping(cluster).up().await;
    let mut run = Run::start(cluster, target, &mut dice, Duration::ZERO).await;
    tokio::time::sleep(Duration::from_secs(2)).await;

    let leader = run.cluster.leader().await;
    let (name, address) = (format!("n{leader}"), http[leader - 1]);
    // What is planned is soon fired, so it takes retries that are due after the fence to see it hold.
    let retried = json!({
        "name": "retried", "concurrency": "allow", "schedule": "0 0 1 1 *",
        "webhook": {"url": run.target.refusing_url()},
        "retry_policy": {
            "max_attempts": 9, "initial_interval": RETRY_AFTER, "max_interval": RETRY_AFTER, "jitter": 0,
        },
    });
    let node = run.cluster.node(leader);
    node.create(&retried).await;
    for _ in 0..RETRIED {
        // A run by hand is fired by the node that was asked.
        node.trigger("retried").await;
    }
    let retrying = "/jobs/retried/executions?consistent=true&status=retrying";
    until("the retries to be armed", || async {
        let page = run.cluster.node(leader).get(retrying).await.ok(200);
        (page["executions"].as_array()?.len() == RETRIED).then_some(())
    })
    .await;
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
    let ours = address.ip();
    let taken = || run.target.refused().into_values().filter(|all| all.iter().any(|one| one.from != ours));
    until("its retries to be made by others", || async { (taken().count() == RETRIED).then_some(()) }).await;
    let rest = Duration::from_secs(number("CHRONOS_CUT").unwrap_or(CUT)).saturating_sub(cut.elapsed());
    tokio::time::sleep(rest).await;
    let healed = Instant::now();
    network.heal(leader - 1);

    run.cluster.whole().await;
    // The end of the retries, through the node that was cut off.
    let node = run.cluster.node(leader);
    until("the healed node to take a write", || async {
        let status = node.delete("/jobs/retried").await.status;
        // A try before may have been taken, and its answer lost.
        (status == 204 || status == 404).then_some(())
    })
    .await;
    println!("healed to a write taken by the node that was cut off: {:.1?}", healed.elapsed());
    let mut arrivals = run.target.deliveries();
    arrivals.extend(run.target.refused());
    let silent = (fenced + READ_LATE)..healed;
    let of = |theirs: bool| {
        let all = arrivals.values().flatten();
        all.filter(|one| silent.contains(&one.at) && (one.from == ours) == theirs).count()
    };
    println!("while it was cut off {} attempts were made by others", of(false));
    assert_eq!(of(true), 0, "attempts by a node that is cut off");
    assert!(of(false) > 0, "the majority fires");
    // What was its own may be fired again by others, and only once it has stopped.
    for (execution, arrivals) in &arrivals {
        let taken = arrivals.iter().find(|one| one.at > cut && one.from != ours);
        let still = arrivals.iter().rfind(|one| one.at > cut && one.from == ours);
        if let (Some(taken), Some(still)) = (taken, still) {
            assert!(still.at < taken.at, "{execution} was fired by two nodes at once: {arrivals:?}");
        }
    }
    run.audit().await;
    run.same_history().await;
}

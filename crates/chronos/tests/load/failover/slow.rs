//! The link of a node is slower than what is to pass it.

use std::time::{Duration, Instant};

use chronos_client::Client;
use chronos_testkit::load::{Dice, Fault, Target, input, number};
use chronos_testkit::{Cluster, PATIENCE, Server, json};

use super::network::Network;
use super::run::{Run, first_write};
use super::{figures, keeping};
use crate::CHRONOS;
use crate::turn::begin;

/// A fraction of what the load makes.
const KBIT: u32 = 64;
/// 2.5 MB a second.
const COPY_KBIT: u32 = 20_000;
/// Megabytes of state where `CHRONOS_STATE_MB` says nothing.
const STATE_MB: u64 = 20;
/// Of one job's body, in bytes: it is hexadecimal, so it takes so much on the way, too.
const BODY: usize = 200_000;
const SLOW_FOR: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root and iproute2; .ci/run runs it"]
async fn nothing_is_lost_behind_a_slow_link() {
    let (_turn, mut dice) = begin("slow_link").await;
    let network = Network::new(3);
    let target = Target::start_at(network.us(), dice.fork()).await;
    let cluster = on(&network).up().await;
    let mut run = Run::start(cluster, target, &mut dice, Duration::ZERO).await;
    for of_leader in [false, true] {
        let leader = run.cluster.leader().await;
        let slow = if of_leader { leader } else { leader % 3 + 1 };
        network.slow(slow - 1, KBIT);
        let from = Instant::now();
        tokio::time::sleep(SLOW_FOR).await;
        let all: Vec<_> = run.cluster.running().map(Server::address).collect();
        let asked = Instant::now();
        first_write(&all).await;
        let whose = if of_leader { "leader" } else { "follower" };
        println!("the link of the {whose} is slow: a write was taken within {:.1?}", asked.elapsed());
        network.fast(slow - 1);
        run.cluster.whole().await;
        run.faults.push(Fault { from, until: Instant::now() });
    }
    run.audit().await;
    let records = run.client.all_executions().await;
    println!("lateness: {}", figures::lateness(&records, &run.target.deliveries(), |_, _| true));
    run.same_history().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root and iproute2; .ci/run runs it"]
async fn a_node_that_has_nothing_joins_over_a_slow_link_while_the_cluster_works() {
    let (_turn, mut dice) = begin("slow_join").await;
    let network = Network::new(3);
    let target = Target::start_at(network.us(), dice.fork()).await;
    let cluster = on(&network).up().await;
    let mut run = Run::start(cluster, target, &mut dice, PATIENCE).await;
    let megabytes = number("CHRONOS_STATE_MB").unwrap_or(STATE_MB);
    grow(&run, megabytes, &mut dice).await;

    // Its disk was lost, so it is removed and comes with another one.
    let new = run.cluster.leader().await % 3 + 1;
    let from = Instant::now();
    run.cluster.stop(new).await;
    run.faults.push(Fault { from, until: Instant::now() });
    let other = run.cluster.leader().await;
    let removed = run.cluster.node(other).delete(&format!("/cluster/nodes/n{new}")).await;
    assert_eq!(removed.status, 204, "{removed:?}");
    std::fs::remove_dir_all(run.cluster.setup(new).data()).unwrap();
    network.slow(new - 1, COPY_KBIT);
    let began = Instant::now();
    run.cluster.revive(new).await;
    let in_vain = Duration::from_secs(megabytes * 8_000 / u64::from(COPY_KBIT) * 3) + PATIENCE;
    while !run.cluster.is_whole().await {
        assert!(began.elapsed() < in_vain, "n{new} has not joined within {in_vain:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    println!("{megabytes} MB of state over {COPY_KBIT} kbit/s: joined after {:.1?}", began.elapsed());
    network.fast(new - 1);
    let metrics = run.cluster.node(new).root("/metrics").await.body;
    let received = "chronos_snapshots_received_total{outcome=\"done\"} ";
    let copies = metrics.lines().find_map(|line| line.strip_prefix(received));
    assert_eq!(copies, Some("1"), "one copy is enough");
    run.audit().await;
    let records = run.client.all_executions().await;
    println!("lateness: {}", figures::lateness(&records, &run.target.deliveries(), |_, _| true));
}

/// Three nodes on these networks.
fn on(network: &Network) -> Cluster {
    let (raft, http): (Vec<_>, Vec<_>) = (0..3).map(|n| (network.raft(n), network.http(n))).unzip();
    let names: Vec<_> = (0..3).map(|n| network.namespace(n)).collect();
    let cluster = CHRONOS
        .cluster_at(&raft, &http)
        .namespaces(&names)
        .key("auth", "none")
        .key("cluster.raft.tls", "none")
        .key("cluster.reassign_after", "2s");
    keeping(cluster)
}

/// Gives the cluster jobs whose bodies come to so many megabytes.
async fn grow(run: &Run, megabytes: u64, dice: &mut Dice) {
    for n in 0..(megabytes * 1_000_000).div_ceil(BODY as u64) {
        let body: String = (0..BODY / 16).map(|_| format!("{:016x}", dice.next())).collect();
        let name = format!("large-{n}");
        let webhook = json!({"url": run.target.url(), "body": body});
        let job = input(json!({"name": name, "schedule": "0 0 1 1 *", "webhook": webhook}));
        let (job, name) = (&job, &name);
        let create = |node: Client, _| async move { node.create_job(job, Some(name)).await };
        run.client.ask(create).await.expect("a job");
    }
}

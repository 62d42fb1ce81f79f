//! The link of a node is slower than what is to pass it.

use std::time::{Duration, Instant};

use chronos_testkit::Server;
use chronos_testkit::load::{Fault, Target};

use super::network::Network;
use super::run::{Run, first_write};
use super::{figures, keeping};
use crate::CHRONOS;
use crate::turn::begin;

/// A fraction of what the load makes.
const KBIT: u32 = 64;
const SLOW_FOR: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root and iproute2; .ci/run runs it"]
async fn nothing_is_lost_behind_a_slow_link() {
    let (_turn, mut dice) = begin("slow_link").await;
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

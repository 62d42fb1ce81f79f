//! As many nodes are lost as can be.

use std::time::Duration;

use chronos_testkit::load::Target;

use super::run::Run;
use super::{figures, nodes};
use crate::turn::begin;

#[tokio::test(flavor = "multi_thread")]
async fn five_nodes_go_on_without_two() {
    let (_turn, mut dice) = begin("without_two").await;
    let target = Target::start(dice.fork()).await;
    let cluster = nodes(5).up().await;
    let mut run = Run::start(cluster, target, &mut dice, Duration::ZERO).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let leader = run.cluster.leader().await;
    let lost = [leader, leader % 5 + 1];
    let outage = run.kill(&lost).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    // While they are away: what was theirs is fired by others.
    run.audit().await;
    for node in lost {
        run.cluster.revive(node).await;
    }
    run.cluster.whole().await;
    run.same_history().await;
    figures::print(&[outage], &run.target.deliveries());
}

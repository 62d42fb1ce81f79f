//! The leader is lost, again and again.

use std::time::Duration;

use chronos_testkit::load::{Target, number};

use super::run::Run;
use super::{figures, nodes};
use crate::turn::begin;

/// Where `CHRONOS_KILLS` says nothing.
const KILLS: u64 = 5;
/// Of a whole cluster, until its leader is killed.
const LIFE_MS: (u64, u64) = (200, 2_000);
/// Of the node that was killed, once writes are taken again: some return before their runs are
/// given to others, and some after.
const DEATH_MS: (u64, u64) = (0, 7_000);

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_by_killing_the_leader() {
    let (_turn, mut dice) = begin("killing_the_leader").await;
    let target = Target::start(dice.fork()).await;
    let cluster = nodes(3).up().await;
    let mut run = Run::start(cluster, target, &mut dice, Duration::ZERO).await;
    let mut outages = Vec::new();
    for _ in 0..number("CHRONOS_KILLS").unwrap_or(KILLS) {
        tokio::time::sleep(Duration::from_millis(dice.between(LIFE_MS.0, LIFE_MS.1))).await;
        let leader = run.cluster.leader().await;
        outages.push(run.kill(&[leader]).await);
        tokio::time::sleep(Duration::from_millis(dice.between(DEATH_MS.0, DEATH_MS.1))).await;
        run.cluster.revive(leader).await;
        run.cluster.whole().await;
    }
    run.audit().await;
    run.same_history().await;
    figures::print(&outages, &run.target.deliveries());
}

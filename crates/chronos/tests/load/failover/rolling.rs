//! The nodes are restarted in turn, as for an upgrade.

use std::time::Duration;

use chronos_testkit::load::{Target, number};

use super::run::Run;
use super::{figures, nodes};
use crate::turn::begin;

/// For how many seconds a client that is turned away asks again, where `CHRONOS_RETRY` says nothing. Two
/// are promised; a machine that does other things as well may need more.
const RETRY: u64 = 10;
/// How often each node is restarted.
const ROUNDS: usize = 2;

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_fails_no_call_and_repeats_no_delivery() {
    let (_turn, mut dice) = begin("rolling_restart").await;
    let target = Target::start(dice.fork()).await;
    let cluster = nodes(3).up().await;
    let retry = Duration::from_secs(number("CHRONOS_RETRY").unwrap_or(RETRY));
    let mut run = Run::start(cluster, target, &mut dice, retry).await;
    for node in (1..=3).cycle().take(3 * ROUNDS) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        run.cluster.stop(node).await;
        run.cluster.revive(node).await;
        run.cluster.whole().await;
    }
    // No fault explains a delivery that was repeated.
    let audit = run.audit().await;
    let records = run.client.all_executions().await;
    println!("lateness: {}", figures::lateness(&records, &run.target.deliveries(), |_, _| true));
    run.same_history().await;
    let failed = &audit.unanswered;
    assert!(failed.is_empty(), "asked again for {retry:?} and not answered: {failed:#?}");
}

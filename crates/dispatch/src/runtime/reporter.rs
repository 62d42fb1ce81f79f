//! Sends outcomes to the log: those of some milliseconds travel together, and none is given up.

use std::time::Duration;

use chronos_replica::Proposer;
use chronos_state::{Command, Proposal, Report};
use tokio::sync::mpsc;

/// How long outcomes are gathered. It delays only the record of an outcome, never a first
/// attempt; at a thousand fires a second it turns as many log entries into 200.
const GATHER: Duration = Duration::from_millis(5);
/// Outcomes in one go; more travel as soon as these have left.
const MOST: usize = 1_000;
/// Between tries while the log takes nothing.
const PAUSE: Duration = Duration::from_millis(200);

/// Runs until the sending side is gone and everything is reported.
pub(super) async fn run(proposer: Proposer, mut reports: mpsc::UnboundedReceiver<Report>) {
    let mut batch = Vec::new();
    while reports.recv_many(&mut batch, MOST).await > 0 {
        if batch.len() < MOST {
            tokio::time::sleep(GATHER).await;
            while batch.len() < MOST {
                match reports.try_recv() {
                    Ok(report) => batch.push(report),
                    Err(_) => break,
                }
            }
        }
        let items: Vec<Proposal> = batch.drain(..).map(|report| Command::Report(report).into()).collect();
        // A report may be sent twice where nobody can say whether it was taken: the second one
        // changes nothing.
        while let Err(error) = proposer.propose_all(items.clone()).await {
            if matches!(error, chronos_replica::ProposeError::Stopped(_)) {
                tracing::warn!(%error, count = items.len(), "outcomes could not be recorded; they are fired again");
                return;
            }
            tracing::warn!(%error, count = items.len(), "outcomes wait to be recorded");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

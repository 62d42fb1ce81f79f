//! Sends outcomes to the log: those of some milliseconds travel together, and none is given up.

mod backlog;

use std::time::Duration;

use chronos_replica::{ProposeError, Proposer};
use chronos_state::{Command, Outcome, Proposal, Report};

pub(super) use backlog::{Backlog, Reports, channel};

/// Between tries while the log takes nothing.
const PAUSE: Duration = Duration::from_millis(200);

/// Runs until the sending side is gone and everything is reported.
pub(super) async fn run(proposer: Proposer, mut backlog: Backlog) {
    while let Some(reports) = backlog.next().await {
        if let Err(error) = record(&proposer, &backlog, reports).await {
            tracing::warn!(%error, "outcomes could not be recorded; they are fired again");
            return;
        }
    }
}

/// Has reports recorded, in their order. One that is refused does not hold up the others: those that are sent
/// together are divided until it is alone, and it is sent without what makes it large.
///
/// # Errors
/// The node has stopped, or must.
async fn record(proposer: &Proposer, backlog: &Backlog, reports: Vec<Report>) -> Result<(), ProposeError> {
    let mut parts = vec![reports];
    while let Some(mut part) = parts.pop() {
        let version = proposer.version();
        let command = |report: &Report| Command::Report(report.clone().at_version(version)).into();
        let items: Vec<Proposal> = part.iter().map(command).collect();
        match proposer.propose_all(items).await {
            Ok(outcomes) => note_refusals(backlog, &part, &outcomes),
            Err(error @ ProposeError::Stopped(_)) => return Err(error),
            Err(error) if !is_refusal(&error) => {
                tracing::warn!(%error, count = part.len(), "outcomes wait to be recorded");
                tokio::time::sleep(PAUSE).await;
                // A report may be sent twice where nobody can say whether it was taken: the second one
                // changes nothing.
                parts.push(part);
            }
            Err(_) if part.len() > 1 => {
                let second = part.split_off(part.len() / 2);
                parts.extend([second, part]);
            }
            Err(error) => {
                let execution = part[0].run.execution;
                if backlog::drop_body(&mut part[0]) {
                    tracing::warn!(%error, %execution, "an outcome is recorded without its response's body");
                    backlog.metrics.body_dropped();
                    parts.push(part);
                } else {
                    tracing::error!(%error, %execution, "an outcome cannot be recorded; it may be fired again");
                    backlog.metrics.report_refused();
                }
            }
        }
    }
    Ok(())
}

/// Whether the same commands would be refused again, however often they are sent.
fn is_refusal(error: &ProposeError) -> bool {
    match error {
        ProposeError::TooLarge { .. } | ProposeError::TooManyRows { .. } | ProposeError::NotInUse { .. } => {
            true
        }
        ProposeError::NoLeader { .. }
        | ProposeError::DiskFull(_)
        | ProposeError::Busy(_)
        | ProposeError::Unknown(_)
        | ProposeError::Stopped(_) => false,
    }
}

/// A report that the state refuses changes nothing there, and would be refused again.
fn note_refusals(backlog: &Backlog, reports: &[Report], outcomes: &[Outcome]) {
    for (report, outcome) in reports.iter().zip(outcomes) {
        if let Outcome::Refused { refusal } = outcome {
            let execution = report.run.execution;
            tracing::error!(?refusal, %execution, "the state refuses an outcome; it may be fired again");
            backlog.metrics.report_refused();
        }
    }
}

//! An operation that was acknowledged comes to its end, whoever led meanwhile, and does what it is to do once for each of
//! its targets.

use std::collections::HashSet;

use chronos_types::{Execution, Trigger};

use crate::evidence::{Evidence, NodeState};
use crate::ledger::{Bulk, Operation};

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    for state in evidence.whole() {
        wrong.extend(twice(state).map(|what| format!("{}: {what}", state.node)));
        for operation in &evidence.seen.operations {
            let found = unlike(evidence, state, operation);
            wrong.extend(found.map(|what| format!("{}: the operation {} {what}", state.node, operation.id)));
        }
    }
    wrong
}

/// Runs that operations made of a target they had made a run of already.
fn twice(state: &NodeState) -> impl Iterator<Item = String> {
    let mut known = HashSet::new();
    let again = move |run: &&Execution| {
        let Some(operation) = run.operation else { return false };
        let instant = (run.trigger == Trigger::Backfill).then_some(run.scheduled_time);
        !known.insert((operation, run.job_id, run.replay_of, instant))
    };
    let again = state.executions.iter().filter(again);
    again.map(|run| format!("{} is made by an operation a second time", run.id))
}

/// How an operation is not as it should be.
fn unlike(evidence: &Evidence<'_>, state: &NodeState, operation: &Operation) -> Option<String> {
    let Some(row) = state.operations.get(&operation.id) else {
        return Some("is not on record, and was acknowledged".to_owned());
    };
    if !evidence.seen.drained {
        return None;
    }
    if row.ended_at.is_none() {
        return Some(format!("is not over: {} done, {} refused", row.done, row.refused));
    }
    let runs: Vec<_> =
        state.executions.iter().filter(|run| run.operation.is_some_and(|by| by == row.id)).collect();
    if runs.len() as u64 > row.done {
        return Some(format!("made {} runs, and tells of {}", runs.len(), row.done));
    }
    // With what was refused nothing was done, and which that was is not told of each.
    if row.refused > 0 {
        return None;
    }
    let is_left = |job: &String, is_it: &dyn Fn(&Execution) -> bool| {
        !state.forgets(job) && !runs.iter().any(|run| run.job_id.to_string() == *job && is_it(run))
    };
    match &operation.what {
        Bulk::Trigger { jobs } => {
            let left = jobs.iter().find(|job| is_left(job, &|_| true))?;
            Some(format!("did not run {left}"))
        }
        Bulk::Replay { executions } => {
            let is_of = |id: &String, run: &Execution| run.replay_of.is_some_and(|of| of.to_string() == *id);
            let (_, left) = executions.iter().find(|(job, id)| is_left(job, &|run| is_of(id, run)))?;
            Some(format!("did not repeat {left}"))
        }
        Bulk::Cancel => None,
        Bulk::Backfill { job, from, to } => {
            let range = *from..=*to;
            let outside = runs.iter().find(|run| !range.contains(&run.scheduled_time));
            if let Some(run) = outside {
                return Some(format!("ran {}, which is not within {range:?}", run.scheduled_time));
            }
            let is_short = !state.forgets(job) && (runs.len() as u64) < row.done;
            is_short.then(|| format!("tells of {} runs, and {} are on record", row.done, runs.len()))
        }
    }
}

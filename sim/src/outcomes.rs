//! What the load came to, as it is on record: counted, so that it is seen whether all of it happens.

use std::collections::HashSet;

use chronos_types::{Execution, Status, Trigger};

use crate::evidence::Evidence;
use crate::invariants::{judged, paused_throughout};

/// How often each kind came about.
pub(crate) fn counts(evidence: &Evidence<'_>) -> Vec<(&'static str, u64)> {
    let Some(state) = evidence.whole().first().copied() else { return Vec::new() };
    let count = |is_it: &dyn Fn(&Execution) -> bool| {
        state.executions.iter().filter(|found| is_it(found)).count() as u64
    };
    let is_run = |found: &Execution| found.missed.is_none();
    let recorded: HashSet<_> = state.executions.iter().map(|found| found.id.to_string()).collect();
    let deliveries = &evidence.seen.deliveries;
    let forgotten: HashSet<_> =
        deliveries.iter().map(|found| &found.execution).filter(|id| !recorded.contains(*id)).collect();
    let mut attempts = HashSet::new();
    let again = deliveries
        .iter()
        .filter(|found| !attempts.insert((&found.execution, found.attempt, &found.path)))
        .count();
    let judged = judged(evidence);
    let in_trouble = judged.iter().filter(|judged| judged.in_trouble).count();
    vec![
        ("run_succeeded", count(&|found| found.status == Status::Success)),
        ("run_failed", count(&|found| found.status == Status::Failed)),
        ("run_skipped", count(&|found| found.status == Status::Skipped && is_run(found))),
        ("run_cancelled", count(&|found| found.status == Status::Cancelled)),
        ("run_caught_up", count(&|found| found.trigger == Trigger::CatchUp && is_run(found))),
        ("run_backfilled", count(&|found| found.trigger == Trigger::Backfill)),
        ("stretch_missed", count(&|found| found.missed.is_some())),
        ("run_forgotten", forgotten.len() as u64),
        ("delivered_again", again as u64),
        ("judged_on_time", (judged.len() - in_trouble) as u64),
        ("judged_in_trouble", in_trouble as u64),
        ("paused_throughout", paused_throughout(evidence) as u64),
    ]
}

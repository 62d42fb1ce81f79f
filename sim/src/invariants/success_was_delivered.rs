//! An execution that is on record as a success was received, and answered with a success.

use std::collections::HashSet;

use chronos_types::Status;

use crate::evidence::Evidence;

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<String> {
    let good = evidence.seen.deliveries.iter().filter(|delivery| delivery.status == 200);
    let good: HashSet<_> = good.map(|delivery| delivery.execution.clone()).collect();
    let Some(state) = evidence.whole().first().copied() else { return Vec::new() };
    let successes = state.executions.iter().filter(|found| found.status == Status::Success);
    let never = successes.filter(|found| !good.contains(&found.id.to_string()));
    never.map(|found| format!("{} is a success that nobody received", found.id)).collect()
}

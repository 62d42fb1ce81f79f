//! An execution that is on record as a success was received, and an attempt of it that is on record was answered with a
//! success. It would not be so if a response could be taken for that of another request.

use std::collections::HashSet;

use chronos_types::Status;

use crate::evidence::Evidence;

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<String> {
    let good = evidence.seen.deliveries.iter().filter(|delivery| delivery.reply.status == 200);
    let good: HashSet<_> = good.map(|delivery| (delivery.execution.clone(), delivery.attempt)).collect();
    let Some(state) = evidence.whole().first().copied() else { return Vec::new() };
    let successes = state.executions.iter().filter(|found| found.status == Status::Success);
    let never = successes.filter(|found| {
        let mut logged = found.attempt_log.iter().filter(|attempt| attempt.error_kind.is_none());
        !logged.any(|attempt| good.contains(&(found.id.to_string(), attempt.number)))
    });
    never.map(|found| format!("{} is a success that nobody received", found.id)).collect()
}

//! Once all is well again, each node fires the jobs that are its own: no node is passed over for what it was or said before.

use crate::evidence::Evidence;
use crate::invariants::nobody_is_late::home;

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<String> {
    let Some((from, until)) = evidence.seen.settled else { return Vec::new() };
    let mut wrong = Vec::new();
    for delivery in evidence.seen.deliveries.iter().filter(|delivery| (from..until).contains(&delivery.at)) {
        // A run of a job that does not allow overlap stays where another one is unfinished.
        let concurrency = evidence.concurrency_without_jitter(&delivery.job);
        if !delivery.is_first_of_schedule() || concurrency != Some("allow") {
            continue;
        }
        let (job, at, node) = (&delivery.job, delivery.at, &delivery.node);
        let own = home(job, evidence.states.len());
        if own.as_ref().is_some_and(|own| own != node) {
            wrong.push(format!("a run of {job} came from {node} at {at:?}, and its own node is {own:?}"));
        }
    }
    wrong
}

//! Runs of a job that does not allow overlap come one after the other: no attempt of one arrives between two attempts of
//! another, nor while the answer to one is waited for, but where a fault of the node that made that one explains it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::evidence::Evidence;
use crate::ledger::Delivery;

/// The end of an attempt may be heard of so much sooner than it should, as far as the network alone tells.
const JITTER: Duration = Duration::from_millis(5);

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<String> {
    let mut of_job = BTreeMap::<&String, Vec<&Delivery>>::new();
    for delivery in &evidence.seen.deliveries {
        of_job.entry(&delivery.job).or_default().push(delivery);
    }
    let mut wrong = Vec::new();
    for (job, deliveries) in of_job {
        let Some(concurrency) = evidence.concurrency(job).filter(|policy| *policy != "allow") else {
            continue;
        };
        for (place, next) in deliveries.iter().enumerate().skip(1) {
            let other = |delivery: &&&Delivery| delivery.execution != next.execution;
            let Some(begun) = deliveries[..place].iter().rev().find(other) else { continue };
            // The outcome of the node that was the first to make the attempt may end the run under the other one's
            // hands. Whether the attempt should have been made twice is looked at elsewhere.
            let is_same = |delivery: &&&Delivery| {
                delivery.execution == begun.execution && delivery.attempt == begun.attempt
            };
            if deliveries[..place].iter().filter(is_same).any(|first| first.node != begun.node) {
                continue;
            }
            let goes_on = deliveries[place..].iter().find(|later| later.execution == begun.execution);
            let is_under_way = next.at + JITTER < begun.at + begun.reply.late;
            // A run that is replaced, or that a client cancels, ends at once.
            let may_be_cut_off = concurrency == "replace" || is_cancelled(evidence, begun);
            if !(goes_on.is_some() || is_under_way && !may_be_cut_off) {
                continue;
            }
            if evidence.may_be_withdrawn_unheard(next) {
                continue;
            }
            // What ended the first of them may be lost as late as that.
            let until = goes_on.map_or(next.at, |later| later.at);
            if !evidence.troubles.keep_from_record(&begun.node, begun.at, until) {
                let (one, other) = (&begun.execution, &next.execution);
                wrong.push(format!(
                    "{job} has {concurrency}, and {other} (by {} at {:?}) came while {one} (by {} at {:?}) was not over",
                    next.node, next.at, begun.node, begun.at
                ));
            }
        }
    }
    wrong
}

fn is_cancelled(evidence: &Evidence<'_>, delivery: &Delivery) -> bool {
    let seen = evidence.seen;
    seen.cancelled.contains_key(&delivery.execution)
        || seen.jobs.get(&delivery.job).is_some_and(|job| job.deleting)
}

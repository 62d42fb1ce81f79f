//! An attempt is delivered once, but where a fault explains that its outcome did not come on record: a fault of the node
//! that delivered it first, between the two deliveries.
//!
//! A node whose run others made again, while it was cut off or paused, delivers second. Nothing was wrong with those who
//! delivered first. So a node that goes on with what it has lost is found.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::evidence::Evidence;
use crate::trouble::Kind;

/// A node that comes back may be heard of just when its runs are given to others.
const COMES_BACK: Duration = Duration::from_secs(2);
/// What keeps an outcome from the record: its node ends before it is reported, does not run, is not heard, or takes no
/// writes. And a node whose clock is off gives its runs up.
const EXPLAIN: [Kind; 10] = [
    Kind::Down,
    Kind::Paused,
    Kind::CutOff,
    Kind::HalfCutOff,
    Kind::SlowDisk,
    Kind::FullDisk,
    Kind::HungDisk,
    Kind::Clock,
    Kind::Network,
    Kind::Narrow,
];

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<String> {
    let mut last = BTreeMap::new();
    let mut wrong = Vec::new();
    for delivery in &evidence.seen.deliveries {
        let attempt = (&delivery.execution, delivery.attempt, &delivery.path);
        let Some(first) = last.insert(attempt, delivery) else { continue };
        let from = first.at.saturating_sub(COMES_BACK);
        if !evidence.troubles.explain(&first.node, from, delivery.at, &EXPLAIN) {
            let (id, number) = (&delivery.execution, delivery.attempt);
            wrong.push(format!(
                "attempt {number} of {id} was delivered by {} at {:?} and by {} at {:?}, and nothing was wrong with {}",
                first.node, first.at, delivery.node, delivery.at, first.node
            ));
        }
    }
    wrong
}

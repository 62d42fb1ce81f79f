//! An attempt is delivered once, but where a fault explains that its outcome did not come on record: a fault of the node
//! that delivered it first, between the two deliveries.
//!
//! A node whose run others made again, while it was cut off or paused, delivers second. Nothing was wrong with those who
//! delivered first. So a node that goes on with what it has lost is found.

use std::collections::BTreeMap;

use crate::evidence::Evidence;
use crate::trouble::{COMES_BACK, Kind};

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<String> {
    let mut last = BTreeMap::new();
    let mut wrong = Vec::new();
    for delivery in &evidence.seen.deliveries {
        let attempt = (&delivery.execution, delivery.attempt, &delivery.path);
        let Some(first) = last.insert(attempt, delivery) else { continue };
        let from = first.at.saturating_sub(COMES_BACK);
        // A node whose clock is off gives its runs up.
        let is_off = || evidence.troubles.explain(&first.node, from, delivery.at, &[Kind::Clock]);
        let is_explained = evidence.troubles.keep_from_record(&first.node, first.at, delivery.at)
            || is_off()
            || evidence.may_be_withdrawn_unheard(delivery);
        if !is_explained {
            let (id, number) = (&delivery.execution, delivery.attempt);
            wrong.push(format!(
                "attempt {number} of {id} was delivered by {} at {:?} and by {} at {:?}, and nothing was wrong with {}",
                first.node, first.at, delivery.node, delivery.at, first.node
            ));
        }
    }
    wrong
}

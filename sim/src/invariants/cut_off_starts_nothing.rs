//! A node that is cut off from all others starts no attempt once it must have fenced itself: others may be making it.

use std::time::Duration;

use crate::evidence::Evidence;
use crate::trouble::Kind;

/// `cluster.reassign_after`.
const REASSIGN_AFTER: Duration = Duration::from_secs(5);
/// Until a node looks at its lease, and until the request of an attempt arrives.
const ARRIVES: Duration = Duration::from_millis(500);
/// The same on the slowest network.
const ARRIVES_LATE: Duration = Duration::from_secs(1);

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (node, from, to) in evidence.troubles.cut_off() {
        // What it sent before may come at any time.
        if evidence.troubles.explain(&node, from.saturating_sub(REASSIGN_AFTER), to, &[Kind::Narrow]) {
            continue;
        }
        let is_slow = evidence.troubles.explain(&node, from, to, &[Kind::Network]);
        let fenced = from + REASSIGN_AFTER + if is_slow { ARRIVES_LATE } else { ARRIVES };
        let is_late = |at: Duration| at > fenced && at < to;
        let mut of_node = evidence.seen.deliveries.iter().filter(|delivery| delivery.node == node);
        if let Some(delivery) = of_node.find(|delivery| is_late(delivery.at)) {
            let (id, at) = (&delivery.execution, delivery.at);
            wrong.push(format!("{node} was cut off from {from:?} to {to:?}, and delivered {id} at {at:?}"));
        }
    }
    wrong
}

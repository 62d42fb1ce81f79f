//! A cancelled execution starts no attempt after the cancellation was acknowledged and its node could know of it. A node
//! that was started since, or was cut off or paused for long, knows of it before it starts anything.

use std::time::Duration;

use crate::evidence::Evidence;
use crate::trouble::HINDERS;

/// What was acknowledged is applied by a node that is well within a heartbeat and a message or two. And an attempt that it
/// had begun arrives.
const KNOWN_WITHIN: Duration = Duration::from_millis(700);
/// A leader with which something goes wrong as it acknowledges, or so shortly before or after, may have told nobody. Its
/// successor tells them.
const SPREADS: Duration = Duration::from_millis(100);
/// How long it takes at most until a successor has told them.
const SUCCEEDED: Duration = Duration::from_secs(12);
/// A connection that a cut has broken is given up after this, where entries are sent on it.
const HANGS: Duration = Duration::from_secs(3);

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<String> {
    let seen = evidence.seen;
    let mut wrong = Vec::new();
    for delivery in &seen.deliveries {
        let (id, node, at) = (&delivery.execution, &delivery.node, delivery.at);
        let Some(acknowledged) = seen.cancelled.get(id).copied().flatten() else { continue };
        let from = acknowledged.saturating_sub(HANGS);
        let spread = (acknowledged.saturating_sub(SPREADS), acknowledged + SPREADS);
        let is_untold = at < acknowledged + SUCCEEDED && evidence.troubles.any_begins(spread.0, spread.1);
        // That the node was down keeps it from nothing: it asks before it starts anything.
        let is_excused = is_untold || evidence.troubles.explain(node, from, at, &HINDERS);
        if at > acknowledged + KNOWN_WITHIN && !is_excused {
            wrong.push(format!("{id} was cancelled at {acknowledged:?}, and {node} delivered it at {at:?}"));
        }
    }
    wrong
}

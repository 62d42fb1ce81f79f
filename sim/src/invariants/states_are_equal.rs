//! Nodes that applied the same log have the same state.

use crate::evidence::Evidence;

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<String> {
    let Some((first, others)) = evidence.states.split_first() else { return Vec::new() };
    // Where the cluster has not come to rest, some nodes have not applied all of the log.
    let others = others.iter().filter(|state| evidence.seen.drained && state.hash != first.hash);
    others
        .map(|state| format!("{} is {}, {} is {}", first.node, first.hash, state.node, state.hash))
        .collect()
}

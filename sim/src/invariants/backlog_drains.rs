//! When the faults stop, every execution is finished in bounded time, and for every withdrawn run a node has
//! said whether it had begun.

use crate::evidence::Evidence;

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<String> {
    if evidence.seen.drained {
        let waiting = evidence.states.iter().filter(|state| state.withdrawn > 0);
        return waiting
            .map(|state| format!("{} waits for word of {}", state.node, state.withdrawn))
            .collect();
    }
    let open = evidence.states.iter().map(|state| {
        let open = state.executions.iter().filter(|execution| !execution.status.is_finished()).count();
        format!("{open} on {}", state.node)
    });
    let open: Vec<_> = open.collect();
    vec![format!("the cluster has not come to rest; unfinished: {}", open.join(", "))]
}

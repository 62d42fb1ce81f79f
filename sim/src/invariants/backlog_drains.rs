//! When the faults stop, every execution is finished in bounded time, and for every withdrawn run a node has
//! said whether it had begun.

use chronos_types::Execution;

use crate::evidence::Evidence;

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<String> {
    if evidence.seen.drained {
        let waiting = evidence.states.iter().filter(|state| state.withdrawn > 0);
        return waiting
            .map(|state| format!("{} waits for word of {}", state.node, state.withdrawn))
            .collect();
    }
    let open = evidence.states.iter().map(|state| {
        let open = state.executions.iter().filter(|execution| !execution.status.is_finished());
        let first = open.clone().next_back().map(|found| {
            let Execution { id, status, node_id, attempts, .. } = found;
            format!(", the first of them {id}, {} on {node_id} after {attempts} attempts", status.as_str())
        });
        format!("{} on {}{}", open.count(), state.node, first.unwrap_or_default())
    });
    let open: Vec<_> = open.collect();
    vec![format!("the cluster has not come to rest; unfinished: {}", open.join(", "))]
}

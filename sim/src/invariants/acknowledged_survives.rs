//! What a client heard was done is done, on every node that has come so far.

use std::collections::HashSet;

use crate::evidence::Evidence;

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    for state in evidence.whole() {
        let jobs: HashSet<_> = state.jobs.iter().map(|row| row.job.id.to_string()).collect();
        let executions: HashSet<_> = state.executions.iter().map(|found| found.id.to_string()).collect();
        for (id, job) in &evidence.seen.jobs {
            if !job.deleting && !jobs.contains(id) {
                wrong.push(format!("{} does not know {} ({id}), which was created", state.node, job.name));
            }
            if job.deleted && jobs.contains(id) {
                wrong.push(format!("{} still has {} ({id}), which was deleted", state.node, job.name));
            }
        }
        for row in &state.jobs {
            let job = evidence.seen.jobs.get(&row.job.id.to_string());
            if job.is_some_and(|job| job.disabled) && row.job.spec.enabled {
                let (node, name) = (&state.node, &row.job.spec.name);
                wrong.push(format!("{node} has {name} ({}) enabled, which was disabled", row.job.id));
            }
        }
        for id in evidence.seen.triggered.iter().filter(|id| !executions.contains(*id)) {
            wrong.push(format!("{} does not know execution {id}, which was triggered", state.node));
        }
    }
    wrong
}

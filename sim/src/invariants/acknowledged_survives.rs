//! Everything that was acknowledged to a client is in the state of every node that has applied it.

use std::collections::HashSet;

use chronos_state::ReadSpec;
use chronos_types::Job;

use crate::evidence::Evidence;
use crate::ledger::{Change, Created, To};

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
            let Some(job) = evidence.seen.jobs.get(&row.job.id.to_string()) else { continue };
            let what = unlike(job, &row.job).map(|what| format!("{} has {} {what}", state.node, job.name));
            wrong.extend(what);
        }
        for id in evidence.seen.triggered.iter().filter(|id| !executions.contains(*id)) {
            wrong.push(format!("{} does not know execution {id}, which was triggered", state.node));
        }
    }
    wrong
}

/// Says where a job matches neither the last acknowledged change of a kind nor a change whose outcome is
/// unknown.
fn unlike(job: &Created, found: &Job<ReadSpec>) -> Option<String> {
    let newest = job.changes.iter().filter_map(|change| change.done).map(|(_, version)| version).max();
    if newest.is_some_and(|newest| newest > found.version) {
        return Some(format!("at version {}, and {newest:?} was acknowledged", found.version));
    }
    let differs = |last: Vec<&Change>, is: To| {
        let acknowledged = last.iter().any(|change| change.done.is_some());
        acknowledged && !last.iter().any(|change| change.to == is)
    };
    let switched = job.last(|to| matches!(to, To::Enabled(_)));
    let described = job.last(|to| matches!(to, To::Described(_)));
    let spec = match &found.spec {
        Ok(spec) => spec,
        Err(bad) => return Some(format!("in a form that cannot be read: {}", bad.why)),
    };
    let (enabled, description) = (spec.enabled, spec.description.clone());
    if differs(switched, To::Enabled(enabled)) {
        return Some(format!("with enabled={enabled}, which is not what was acknowledged last"));
    }
    let text = format!("described as {description:?}, which is not what was acknowledged last");
    differs(described, To::Described(description)).then_some(text)
}

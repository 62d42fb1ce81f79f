//! Everything that was acknowledged to a client is in the state of every node that has applied it.

use std::collections::HashMap;

use chronos_state::ReadSpec;
use chronos_types::{Job, Status};

use crate::evidence::Evidence;
use crate::ledger::Created;

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    let seen = evidence.seen;
    for state in evidence.whole() {
        let node = &state.node;
        let jobs: HashMap<_, _> = state.jobs.iter().map(|row| (row.job.id.to_string(), &row.job)).collect();
        let executions: HashMap<_, _> =
            state.executions.iter().map(|found| (found.id.to_string(), found)).collect();
        for (id, job) in &seen.jobs {
            let name = &job.name;
            match jobs.get(id) {
                None if !job.deleting => {
                    wrong.push(format!("{node} does not know {name} ({id}), which was created"));
                }
                Some(_) if job.deleted => {
                    wrong.push(format!("{node} still has {name} ({id}), which was deleted"));
                }
                Some(found) => {
                    wrong.extend(unlike(job, found).map(|what| format!("{node} has {name} {what}")))
                }
                None => {}
            }
        }
        for (id, job) in &seen.triggered {
            if !executions.contains_key(id) && !state.may_be_forgotten(job, id) {
                wrong.push(format!("{node} does not know execution {id}, which was asked for"));
            }
        }
        let cancelled = seen.cancelled.iter().filter(|(_, acknowledged)| acknowledged.is_some());
        for (id, found) in cancelled.filter_map(|(id, _)| Some((id, executions.get(id)?))) {
            if found.status != Status::Cancelled {
                let status = found.status.as_str();
                wrong.push(format!("{node} has {id} as {status}, and it was acknowledged as cancelled"));
            }
        }
    }
    wrong
}

/// Says where a job matches neither the last acknowledged change of a field nor a change whose outcome is unknown.
fn unlike(job: &Created, found: &Job<ReadSpec>) -> Option<String> {
    let newest = job.changes.iter().filter_map(|change| change.version).max();
    if newest.is_some_and(|newest| newest > found.version) {
        return Some(format!("at version {}, and {newest:?} was acknowledged", found.version));
    }
    let spec = match &found.spec {
        Ok(spec) => spec,
        Err(bad) => return Some(format!("in a form that cannot be read: {}", bad.why)),
    };
    let enabled = job.may_be(|sets| sets.enabled);
    if !enabled.contains(&spec.enabled) {
        return Some(format!("with enabled={}, and not one of {enabled:?}", spec.enabled));
    }
    let descriptions = job.may_be(|sets| sets.description.clone());
    if !descriptions.contains(&spec.description) {
        return Some(format!("described as {:?}, and not as one of {descriptions:?}", spec.description));
    }
    let schedules = job.may_be(|sets| sets.schedule.clone());
    let is_one = |(text, zone): &(String, &str)| *text == spec.schedule && *zone == spec.timezone;
    if !schedules.iter().any(is_one) {
        let (text, zone) = (&spec.schedule, &spec.timezone);
        return Some(format!("scheduled as {text:?} in {zone:?}, and not as one of {schedules:?}"));
    }
    None
}

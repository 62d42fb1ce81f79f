//! Each instant of a job has one execution, on record and at the receiver.

use std::collections::HashMap;

use chronos_types::Trigger;

use crate::evidence::Evidence;

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    for state in &evidence.states {
        let mut known = HashMap::new();
        // What stands for a stretch that was passed over is none of an instant.
        let runs = state.executions.iter().filter(|found| found.missed.is_none());
        for execution in runs.filter(|found| found.trigger == Trigger::Schedule) {
            let run = (execution.job_id, execution.scheduled_time);
            if let Some(other) = known.insert(run, execution.id) {
                let (node, id) = (&state.node, execution.id);
                wrong.push(format!("{node} has {other} and {id} for one instant, {}", run.1));
            }
        }
    }
    let mut received = HashMap::new();
    let scheduled = Trigger::Schedule.as_str();
    for delivery in evidence.seen.deliveries.iter().filter(|delivery| delivery.trigger == scheduled) {
        let first = received.entry((&delivery.job, &delivery.scheduled)).or_insert(&delivery.execution);
        if *first != &delivery.execution {
            let (other, at) = (&delivery.execution, &delivery.scheduled);
            wrong.push(format!("{first} and {other} were received for one instant, {at}"));
        }
    }
    wrong
}

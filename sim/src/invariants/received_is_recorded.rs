//! Every request that the receiver got is an attempt of an execution on record.
//!
//! There is one exception. A node may deliver an execution while it is cut off, and another node makes it
//! again. The report of the success may then come while the other node's next attempt is under way. That
//! attempt is not counted, because a finished execution never changes.

use std::collections::HashMap;

use chronos_types::Status;

use crate::evidence::Evidence;

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    let succeeded = |execution: &String, attempts: u32| {
        let mut of = evidence.seen.deliveries.iter().filter(|delivery| delivery.execution == *execution);
        of.any(|delivery| delivery.status == 200 && delivery.attempt <= attempts)
    };
    for state in evidence.whole() {
        let known: HashMap<_, _> =
            state.executions.iter().map(|found| (found.id.to_string(), found)).collect();
        for delivery in &evidence.seen.deliveries {
            let (node, id) = (&state.node, &delivery.execution);
            match known.get(id) {
                None => wrong.push(format!("{node} does not know {id}, which was received")),
                Some(found) if found.job_id.to_string() != delivery.job => {
                    wrong.push(format!("{node} has {id} under another job than was received"));
                }
                // A report counts its attempt later. A cancelled execution keeps the count it had.
                Some(found)
                    if evidence.seen.drained
                        && found.status != Status::Cancelled
                        && !(found.status == Status::Success
                            && succeeded(&delivery.execution, found.attempts))
                        && found.attempts < delivery.attempt =>
                {
                    let (has, came) = (found.attempts, delivery.attempt);
                    wrong.push(format!("{node} has {has} attempts of {id}, and attempt {came} was received"));
                }
                Some(_) => {}
            }
        }
    }
    wrong
}

//! Every request that the receiver got is an attempt of an execution on record, unless enough newer ones of its job are.
//!
//! There are two exceptions.
//!
//! - A node may deliver an execution while it is cut off, and another node makes it again. The report of the success may
//!   then come while the other node's next attempt is under way. That attempt is not counted, because a finished execution
//!   never changes.
//! - A node may begin a run, and something keeps it from saying so for good. The run is pending on record then, and whoever
//!   has it next may skip it, because another run of the job is unfinished.

use std::collections::HashMap;

use chronos_types::{Execution, Status};

use crate::evidence::Evidence;
use crate::ledger::Delivery;
use crate::world::since_ms;

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    let succeeded = |execution: &String, attempts: u32| {
        let mut of = evidence.seen.deliveries.iter().filter(|delivery| delivery.execution == *execution);
        of.any(|delivery| delivery.reply.status == 200 && delivery.attempt <= attempts)
    };
    for state in evidence.whole() {
        let known: HashMap<_, _> =
            state.executions.iter().map(|found| (found.id.to_string(), found)).collect();
        for delivery in &evidence.seen.deliveries {
            let (node, id) = (&state.node, &delivery.execution);
            match known.get(id) {
                None if state.may_be_forgotten(&delivery.job, id) => {}
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
                        && !was_skipped_untold(evidence, delivery, found)
                        && found.attempts < delivery.attempt =>
                {
                    let (has, came, status) = (found.attempts, delivery.attempt, found.status.as_str());
                    let sender = &delivery.node;
                    wrong.push(format!(
                        "{node} has {has} attempts of {id}, which is {status}, and attempt {came} of {sender} was received"
                    ));
                }
                Some(_) => {}
            }
        }
    }
    wrong
}

/// Whether an execution was skipped when nobody had heard that it had begun.
fn was_skipped_untold(evidence: &Evidence<'_>, delivery: &Delivery, found: &Execution) -> bool {
    let skipped = since_ms(found.completed_at.unwrap_or_default() + evidence.troubles.off_ms);
    found.status == Status::Skipped
        && evidence.troubles.keep_from_record(&delivery.node, delivery.at, skipped)
}

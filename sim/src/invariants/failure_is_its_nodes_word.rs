//! An execution that is on record as failed did not succeed on the node that the record names: a failure counts only if
//! that node met it. A node that has lost the run to another one does not have the last word.

use std::collections::HashMap;
use std::time::Duration;

use chronos_types::Status;

use crate::evidence::Evidence;
use crate::trouble::Kind;
use crate::world::since_ms;

/// From an answer until it is on record: the answer's way, a report, and a leader that is looked for.
const REPORTED_WITHIN: Duration = Duration::from_secs(3);
/// The longest time-out of a job.
const TIMEOUT: Duration = Duration::from_secs(3);
/// What takes an answer away from a node for good.
const EXPLAIN: [Kind; 1] = [Kind::Down];
/// What lets the time-out pass before the node sees the answer.
const TOO_LATE: [Kind; 2] = [Kind::Paused, Kind::Narrow];

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<String> {
    let Some(state) = evidence.whole().first().copied() else { return Vec::new() };
    let failed = state.executions.iter().filter(|found| found.status == Status::Failed);
    let mut failed: HashMap<_, _> = failed
        .map(|found| {
            let of = (found.id.to_string(), found.node_id.as_str().to_owned());
            (of, found.completed_at.unwrap_or_default())
        })
        .collect();
    failed.extend(evidence.seen.failed.clone());
    let mut wrong = Vec::new();
    for delivery in evidence.seen.deliveries.iter().filter(|delivery| delivery.surely_succeeds()) {
        let (id, node, at) = (&delivery.execution, &delivery.node, delivery.at);
        let Some(completed) = failed.get(&(id.clone(), node.clone())) else { continue };
        // What a clock that is days behind has stamped may be of any time.
        let over = match since_ms(completed + evidence.troubles.off_ms) {
            Duration::ZERO => Duration::MAX,
            over => over,
        };
        // The node had met that failure before a crash, and made the run again before the record was agreed on.
        let had_failed = evidence.seen.deliveries.iter().any(|before| {
            let is_of_it = before.execution == *id && before.node == *node;
            is_of_it && !before.surely_succeeds() && before.at <= over
        });
        if at > over && had_failed {
            continue;
        }
        let recorded = over.max(at + delivery.reply.late);
        let until = recorded.saturating_add(REPORTED_WITHIN);
        let is_too_late = evidence.troubles.explain(node, at.saturating_sub(TIMEOUT), until, &TOO_LATE);
        if !is_too_late && !evidence.troubles.explain(node, at, until, &EXPLAIN) {
            wrong.push(format!(
                "{id} is on record as failed on {node}, which delivered it with success at {at:?}"
            ));
        }
    }
    wrong
}

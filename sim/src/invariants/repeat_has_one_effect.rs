//! A request with an idempotency key has one effect, however often it is repeated and whichever nodes are asked, and each
//! answer that says that it was done says the same.

use std::collections::{BTreeMap, HashSet};

use chronos_types::{Execution, Trigger};

use crate::evidence::Evidence;
use crate::ledger::{Answered, Keyed, Seen, What};

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<String> {
    let seen = evidence.seen;
    let mut wrong: Vec<_> = seen.keyed.iter().filter_map(|(key, keyed)| differs(key, keyed)).collect();
    for state in evidence.whole() {
        // Those of operations are looked at elsewhere.
        let is_asked_for = |found: &&Execution| {
            found.operation.is_none() && matches!(found.trigger, Trigger::Manual | Trigger::Replay)
        };
        let mut runs = BTreeMap::<String, u64>::new();
        for run in state.executions.iter().filter(is_asked_for) {
            *runs.entry(run.job_id.to_string()).or_default() += 1;
        }
        for (job, count) in runs {
            let asked = effects(seen, &What::Run { job: job.clone() });
            if count > asked {
                wrong.push(format!("{} has {count} runs by hand of {job}, of {asked} requests", state.node));
            }
        }
        for row in &state.jobs {
            let id = row.job.id.to_string();
            let Some(created) = seen.jobs.get(&id) else { continue };
            // Those that have no key were not repeated.
            let single = created.changes.iter().filter(|change| !change.is_keyed).count() as u64;
            let asked = single + effects(seen, &What::Change { job: id });
            let made = row.job.version - 1;
            if made > asked {
                let (node, name) = (&state.node, &created.name);
                wrong.push(format!("{node} has {made} changes of {name}, of {asked} requests"));
            }
        }
    }
    wrong
}

/// Says where the answers to one request differ.
fn differs(key: &str, keyed: &Keyed) -> Option<String> {
    let answers = || keyed.answers.iter().flatten();
    let done: Vec<_> = answers().filter(|answer| answer.is_done()).collect();
    let same: HashSet<_> = done.iter().map(|answer| (&answer.id, answer.version)).collect();
    let refused_after_done = answers().skip_while(|answer| !answer.is_done()).any(Answered::is_refused);
    let what = &keyed.what;
    if same.len() > 1 {
        return Some(format!("{what:?} under {key} was answered in different ways: {done:?}"));
    }
    refused_after_done
        .then(|| format!("{what:?} under {key} was done, and a repeat was refused: {:?}", keyed.answers))
}

/// How many requests for this may have had their effect: not those that were refused each time.
fn effects(seen: &Seen, what: &What) -> u64 {
    let may = |keyed: &&Keyed| {
        let is_refused = |answer: &Option<Answered>| answer.as_ref().is_some_and(Answered::is_refused);
        keyed.what == *what && !keyed.answers.iter().all(is_refused)
    };
    seen.keyed.values().filter(may).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(answers: &[(u16, &str, u64)]) -> Option<String> {
        let answered = |(status, id, version): &(u16, &str, u64)| {
            Some(Answered { status: *status, id: (*id).to_owned(), version: Some(*version) })
        };
        let answers = std::iter::once(None).chain(answers.iter().map(answered)).collect();
        differs("key", &Keyed { what: What::Create, answers })
    }

    #[test]
    fn a_second_effect_is_seen_in_the_answers() {
        assert_eq!(of(&[(409, "", 0), (503, "", 0), (201, "a", 1), (503, "", 0), (201, "a", 1)]), None);
        assert!(of(&[(201, "a", 1), (201, "b", 1)]).is_some());
        assert!(of(&[(200, "a", 1), (200, "a", 2)]).is_some());
        assert!(of(&[(201, "a", 1), (409, "", 0)]).is_some());
    }
}

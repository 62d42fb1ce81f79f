//! A job that is paused starts no run of its schedule, and none of its instants meanwhile is told to be missed.
//!
//! What was planned before is taken back where the pause is applied. A node that cannot hear of that fires it all the same.
//! What comes after that was planned when the job was paused, and no fault explains it.

use std::time::Duration;

use crate::evidence::{Evidence, PLANNED};
use crate::ledger::{Created, Delivery};
use crate::world::{at_ms, since_ms};

/// A node that is well knows of a pause so soon after its answer. An attempt that it had begun arrives.
const KNOWN_WITHIN: Duration = Duration::from_millis(700);
/// How long a cluster takes to recover from what is over.
const RECOVERS: Duration = Duration::from_secs(12);

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<String> {
    let mut wrong = started(evidence);
    // What a clock made due that was days ahead was decided by the jobs' policies.
    if !evidence.seen.time_jumped {
        wrong.extend(missed(evidence));
    }
    wrong
}

/// Runs that began while their job was paused.
fn started(evidence: &Evidence<'_>) -> Vec<String> {
    let off = off(evidence);
    let in_pause = |delivery: &Delivery| {
        let job = evidence.seen.jobs.get(&delivery.job).filter(|_| delivery.is_first_of_schedule())?;
        let instant = since_ms(delivery.scheduled_ms());
        let since = job.paused_since(instant, off)?;
        let was_planned = instant <= since + PLANNED + 2 * off || evidence.seen.time_jumped;
        let is_excused = || evidence.troubles.any(since.saturating_sub(RECOVERS), delivery.at);
        let is_wrong = instant > since + KNOWN_WITHIN + off && !(was_planned && is_excused());
        is_wrong.then(|| {
            format!("{} was paused at {since:?}, and {} ran it for {instant:?}", job.name, delivery.node)
        })
    };
    evidence.seen.deliveries.iter().filter_map(in_pause).collect()
}

/// Instants of a pause that are told to be missed.
fn missed(evidence: &Evidence<'_>) -> Vec<String> {
    let off = off(evidence);
    let mut wrong = Vec::new();
    for state in evidence.whole() {
        for missed in state.executions.iter().filter_map(|found| Some((found, found.missed.as_ref()?))) {
            let (execution, stretch) = missed;
            let Some(job) = evidence.seen.jobs.get(&execution.job_id.to_string()) else { continue };
            let (from, to) = (since_ms(stretch.from), since_ms(stretch.to));
            // What was missed before the pause is told as such.
            let is_within = |since: Duration| from > since + KNOWN_WITHIN + 2 * off;
            if job.paused_since(from, off).is_some_and(is_within) && job.paused_since(to, off).is_some() {
                let (name, node) = (&job.name, &state.node);
                wrong.push(format!(
                    "{node} tells of {} missed instants of {name} from {} on, when it was paused",
                    stretch.count,
                    at_ms(from)
                ));
            }
        }
    }
    wrong
}

/// How many jobs were paused for all of the time in which the others ran on without faults.
pub(crate) fn paused_throughout(evidence: &Evidence<'_>) -> usize {
    let Some((from, until)) = evidence.seen.settled else { return 0 };
    let off = off(evidence);
    let is_paused = |job: &&Created| [from, until].iter().all(|at| job.paused_since(*at, off).is_some());
    evidence.seen.jobs.values().filter(is_paused).count()
}

fn off(evidence: &Evidence<'_>) -> Duration {
    Duration::from_millis(evidence.troubles.off_ms.unsigned_abs())
}

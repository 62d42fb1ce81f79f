//! Runs are on time, and later than that only by as much as the trouble of a minority may make them.
//!
//! | what was wrong | how late | because |
//! | --- | --- | --- |
//! | nothing | [`ON_TIME`] | runs are planned ahead |
//! | something, with a minority to which the job's own node does not belong | [`PLANNED_ANEW`] | runs are planned two seconds ahead, and planning goes on within that time or little more |
//! | the same, and the job's own node belongs to it | [`GIVEN_AWAY`] | `docs/cluster.md`, "When nodes are lost" |
//!
//! While a guest is there, or was a moment ago, only the last of them holds: runs are the guest's own, and it may have the
//! vote of another node.
//!
//! Where something is wrong with half of the nodes, nothing is promised. So what is looked at is how things stood for as
//! long as a cluster takes to recover, and then for as long as a run may be late, until the run came. All of that must lie
//! behind the time when all founders had their votes: a majority is fewer nodes before.
//!
//! A run of a job that does not allow overlap may wait for those before it. Its lateness has no bound then.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chronos_types::JobId;
use sha2::{Digest as _, Sha256};

use crate::evidence::Evidence;
use crate::ledger::{Asked, Delivery};
use crate::trouble::{Kind, name};
use crate::world::{at_ms, since_ms};

/// A few messages, of a millisecond or two each, and a look at a disk that takes no time.
const ON_TIME: Duration = Duration::from_millis(100);
/// A disk that hangs for a second before its node gives the lead up, an election of up to two, and a plan, less the two
/// seconds.
const PLANNED_ANEW: Duration = Duration::from_secs(1);
/// Eight seconds for a leader that is lost, and what its successor takes to propose.
const GIVEN_AWAY: Duration = Duration::from_millis(8_500);
/// How long a cluster takes to recover from what is over: its nodes count silence from an election.
const RECOVERS: Duration = Duration::from_secs(12);
/// A change falls into place this much after its answer. One whose outcome is not known may be made so much later.
const CHANGED: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(20));

/// A run whose lateness has a bound.
pub(crate) struct Judged<'a> {
    delivery: &'a Delivery,
    late: Duration,
    bound: Duration,
    /// Whether anything was wrong at all.
    pub(crate) in_trouble: bool,
}

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<String> {
    let late = judged(evidence).into_iter().filter(|judged| judged.late > judged.bound);
    let told = late.map(|Judged { delivery, late, bound, .. }| {
        let Delivery { job, scheduled, node, at, .. } = delivery;
        format!(
            "the run of {job} for {scheduled} came {late:?} late from {node}, at {at:?}; it may be {bound:?}"
        )
    });
    told.collect()
}

/// The runs whose lateness has a bound.
pub(crate) fn judged<'a>(evidence: &'a Evidence<'_>) -> Vec<Judged<'a>> {
    let mut known = BTreeSet::new();
    let first = evidence.seen.deliveries.iter().filter(|delivery| known.insert(&delivery.execution));
    first.filter_map(|delivery| judge(evidence, delivery)).collect()
}

fn judge<'a>(evidence: &Evidence<'_>, delivery: &'a Delivery) -> Option<Judged<'a>> {
    let concurrency = evidence.concurrency_without_jitter(&delivery.job)?;
    if !delivery.is_first_of_schedule() || is_changed(evidence, delivery) {
        return None;
    }
    if concurrency != "allow" && has_waited(evidence, delivery) {
        return None;
    }
    let late_ms = at_ms(delivery.at) - delivery.scheduled_ms();
    let late = Duration::from_millis(late_ms.max(0).cast_unsigned());
    let since = |bound: Duration| delivery.at.saturating_sub(RECOVERS + late.min(bound));
    let troubles = &evidence.troubles;
    let has_guest = has_guest(evidence, since(GIVEN_AWAY), delivery.at);
    if !has_guest && !troubles.any(since(ON_TIME), delivery.at) {
        return Some(Judged { delivery, late, bound: ON_TIME, in_trouble: false });
    }
    // A run that does not allow overlap may have to wait for one that was made again.
    let home = home(&delivery.job, evidence.states.len()).filter(|_| concurrency == "allow")?;
    let formed = evidence.seen.formed?;
    let bears = |bound: Duration| {
        let since = Some(since(bound)).filter(|since| *since >= formed)?;
        let well = troubles.well(since, delivery.at);
        // One of them may have no vote, where a guest has it.
        let votes = well.len().saturating_sub(usize::from(has_guest));
        let has_majority = votes > evidence.states.len() / 2 && well.contains(&delivery.node);
        has_majority.then_some(well)
    };
    // A leader plans by its own clock, which may be so much behind.
    let planned_anew = PLANNED_ANEW + Duration::from_millis(troubles.off_ms.unsigned_abs());
    let bound = match bears(planned_anew) {
        // Where a link fails, either end may be the leader, to whom the other one is lost.
        Some(well)
            if well.contains(&home)
                && !has_guest
                && !troubles.explain(&home, since(planned_anew), delivery.at, &[Kind::HalfCutOff]) =>
        {
            planned_anew
        }
        _ => bears(GIVEN_AWAY).map(|_| GIVEN_AWAY)?,
    };
    Some(Judged { delivery, late, bound, in_trouble: true })
}

/// Whether another run of the job was not over at the run's instant: an attempt of it, or the run, which may have waited for
/// a retry. When that was over is on record. Of one that was forgotten, the last attempt says whether it surely was.
fn has_waited(evidence: &Evidence<'_>, delivery: &Delivery) -> bool {
    let instant = since_ms(delivery.scheduled_ms());
    let before = evidence.seen.deliveries.iter().take_while(|before| before.at <= delivery.at);
    let others = before.filter(|before| before.job == delivery.job && before.execution != delivery.execution);
    let last: BTreeMap<_, _> = others.map(|before| (&before.execution, before)).collect();
    last.into_iter().any(|(execution, last)| {
        let over = match evidence.over_at(execution) {
            Some(over) => over,
            None if last.surely_succeeds() => Some(last.at + last.reply.late),
            None => None,
        };
        over.is_none_or(|over| over + ON_TIME > instant)
    })
}

/// Whether a node beside the founders was there between these times.
fn has_guest(evidence: &Evidence<'_>, from: Duration, to: Duration) -> bool {
    let mut guests = evidence.seen.guests.iter();
    guests.any(|(invited, removed)| *invited <= to && removed.is_none_or(|removed| removed >= from))
}

/// Whether the job may have been created or changed so shortly before that a run could not be planned in time, or after its
/// instant: an `@at` that a change brings may be a little late, and runs all the same.
fn is_changed(evidence: &Evidence<'_>, delivery: &Delivery) -> bool {
    let Some(job) = evidence.seen.jobs.get(&delivery.job) else { return true };
    let (scheduled, came, off) = (delivery.scheduled_ms(), at_ms(delivery.at), evidence.troubles.off_ms);
    job.times().any(|Asked { asked, answered }| {
        let until = answered.map_or(asked + CHANGED.1, |answered| answered + CHANGED.0);
        at_ms(asked) - off <= came && scheduled <= at_ms(until) + off
    })
}

/// The node that fires the runs of a job while all nodes are live: the one whose name weighs most together with the job.
pub(super) fn home(job: &str, nodes: usize) -> Option<String> {
    let job = JobId::parse(job).ok()?;
    let weight = |name: &String| {
        let digest = Sha256::new().chain_update(job.as_bytes()).chain_update(name).finalize();
        (digest[..8].to_vec(), name.clone())
    };
    (0..nodes).map(name).max_by_key(weight)
}

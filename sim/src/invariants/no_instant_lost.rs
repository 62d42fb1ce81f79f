//! Every instant of a job has its execution, from the first instant to the one that is due next, one period
//! after the other.
//!
//! A job that was disabled goes on with the first instant after it was enabled. Of the runs that were planned
//! when it was disabled, some may be missing: by a clock that is ahead, a later run may have begun when an
//! earlier one had not.

use chronos_types::{Millis, Trigger};

use crate::evidence::Evidence;
use crate::faults::MAX_OFF_MS;
use crate::ledger::{Created, To};
use crate::world::at_ms;

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    // What the jump made due was decided by the jobs' policies, and what waited was computed anew.
    if evidence.seen.time_jumped {
        return wrong;
    }
    let Some(state) = evidence.whole().first().copied() else { return wrong };
    for row in &state.jobs {
        let job = &row.job;
        let name = match &job.spec {
            Ok(spec) => &spec.name,
            Err(bad) => {
                wrong.push(format!("{}: it cannot be read: {}", job.id, bad.why));
                continue;
            }
        };
        let Some(created) = evidence.seen.jobs.get(&job.id.to_string()) else { continue };
        let own = state.executions.iter().filter(|found| found.job_id == job.id);
        let own = own.filter(|found| found.trigger == Trigger::Schedule && found.missed.is_none());
        let mut times: Vec<_> = own.map(|found| found.scheduled_time).chain(job.next_due).collect();
        times.sort_unstable();
        let period = created.every_s * 1_000;
        // Count as if there had been an instant at the job's creation. It may be off by less than a second.
        let begin = times.first().map(|first| first - (first - job.created_at + 500) / period * period);
        if begin.is_some_and(|begin| (begin - job.created_at).abs() >= 1_000) {
            wrong.push(format!("{name}: created at {}, first run at {:?}", job.created_at, times.first()));
        }
        let pairs = begin.iter().chain(&times).zip(&times);
        for (last, next) in pairs.filter(|(last, next)| *next - *last != period) {
            let is_due = (next - last) % period == 0 && next > last;
            let goes_on = was_enabled(created, next - period, *next) || was_disabled(created, *last, *next);
            if !is_due || !goes_on {
                wrong.push(format!("{name}: nothing between {last} and {next}, period {period} ms"));
            }
        }
    }
    wrong
}

/// Whether the job may have been disabled between these instants, by any node's clock.
fn was_disabled(job: &Created, from: Millis, until: Millis) -> bool {
    job.changes.iter().filter(|change| change.to == To::Enabled(false)).any(|change| {
        let ends = change.done.is_none_or(|(answered, _)| at_ms(answered) + MAX_OFF_MS >= from);
        at_ms(change.asked) - MAX_OFF_MS <= until && ends
    })
}

/// Whether the job may have been enabled between these instants, by any node's clock, after a client had
/// disabled it.
fn was_enabled(job: &Created, from: Millis, until: Millis) -> bool {
    let asked = |enabled| job.changes.iter().filter(move |change| change.to == To::Enabled(enabled));
    let disabled = asked(false).map(|change| change.asked).min();
    asked(true).any(|change| {
        let answered = change.done.map(|(answered, _)| answered);
        let begins = at_ms(change.asked) - MAX_OFF_MS <= until;
        let ends = answered.is_none_or(|answered| at_ms(answered) + MAX_OFF_MS >= from);
        let second = disabled.is_some_and(|first| answered.is_none_or(|answered| first <= answered));
        begins && ends && second
    })
}

//! Runs that no schedule asked for: manual ones, and replays of earlier executions.

use chronos_types::{Concurrency, ExecutionId, Status, Trigger};
use rusqlite::Row;

use super::context::{Context, LiveJob};
use super::insert::insert;
use super::{job as jobs, remainder};
use crate::command::TriggerRun;
use crate::error::StateError;
use crate::outcome::{Effect, Outcome, Refusal};
use crate::run::{Fire, RunRef};
use crate::stored::{raw, row};

pub(super) fn trigger(context: &mut Context<'_>, run: &TriggerRun) -> Result<Outcome, StateError> {
    let Some(job) = context.job(run.job)? else {
        return Context::refuse(Refusal::NoSuchJob);
    };
    let (version, trigger) = match run.replay_of {
        None => (job.version, Trigger::Manual),
        Some(original) => {
            remainder::settle_first(context, original)?;
            let sql = "SELECT seq, version FROM executions WHERE id = ?1 AND job = ?2";
            let mut statement = context.db.prepare_cached(sql)?;
            let mut rows = statement.query((original.as_bytes(), job.seq.get()))?;
            let read = |row: &Row<'_>| Ok(row.get(1)?);
            let version = rows.next()?.map(|row| row::read("executions", row, read)).transpose()?;
            let Some(version) = version else {
                return Context::refuse(Refusal::NoSuchExecution);
            };
            (version, Trigger::Replay)
        }
    };
    // The policy of the job as it stands now counts, also for a replay of an old version.
    match raw::concurrency_is(jobs::text(&job.spec), Concurrency::Forbid.as_str()) {
        None => return Context::refuse(Refusal::Unreadable),
        Some(false) => {}
        Some(true) => {
            if let Some(unfinished) = in_the_way(context, &job, run.execution)? {
                return Context::refuse(Refusal::Overlap { unfinished });
            }
        }
    }
    let identity =
        RunRef { execution: run.execution, job: job.seq, version, scheduled_time: context.at, trigger };
    let fire = Fire::first(identity, context.at, run.node.clone());
    if insert(context, &fire, run.replay_of)? {
        context.add_held(job.seq, 1)?;
        context.effects.push(Effect::Fire(fire));
    }
    Ok(Outcome::Execution { id: run.execution, job: run.job })
}

/// Unfinished runs that are looked at in one go for one that is in the way. Mostly it is the first.
const LOOK_AT: usize = 16;

/// The first unfinished execution of a job whose instant has come. A trigger may arrive twice, and its own execution
/// is not in its way.
fn in_the_way(
    context: &Context<'_>,
    job: &LiveJob,
    own: ExecutionId,
) -> Result<Option<ExecutionId>, StateError> {
    let remainders = remainder::of_job(context, job.seq)?;
    let mut after = 0;
    loop {
        let open = context.open_of(job.seq, after, i64::MAX, LOOK_AT)?;
        for open in &open {
            let (run, is_pending) = (&open.run, open.status == Status::Pending);
            let is_over = remainders
                .iter()
                .filter(|remainder| remainder.is_about(open.seq))
                .any(|remainder| remainder.fate(run, open.fire_at, is_pending).is_end());
            if run.scheduled_time <= context.at && run.execution != own && !is_over {
                return Ok(Some(run.execution));
            }
        }
        match open.last() {
            Some(last) => after = last.seq,
            None => return Ok(None),
        }
    }
}

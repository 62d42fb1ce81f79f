//! Runs that no schedule asked for: manual ones, replays of earlier executions, and instants of the past that an
//! operation runs.

use chronos_types::{By, Concurrency, EventType, ExecutionId, Trigger};
use rusqlite::Row;

use super::context::{Context, LiveJob};
use super::insert::{Origin, insert};
use super::{job as jobs, overlap, overrides, record, remainder};
use crate::command::TriggerRun;
use crate::error::StateError;
use crate::outcome::{Effect, Outcome, Refusal};
use crate::run::{Fire, RunRef};
use crate::stored::event::{Event, ExecutionEvent};
use crate::stored::{raw, row};

pub(super) fn trigger(
    context: &mut Context<'_>,
    run: &TriggerRun,
    by: Option<&By>,
) -> Result<Outcome, StateError> {
    let Some(job) = context.job(run.job)? else {
        return Context::refuse(Refusal::NoSuchJob);
    };
    let backfill = run.operation.and_then(|operation| operation.backfill);
    let identity = match run.replay_of {
        None => RunRef {
            execution: run.execution,
            job: job.seq,
            version: job.version,
            scheduled_time: backfill.unwrap_or(context.at),
            trigger: if backfill.is_some() { Trigger::Backfill } else { Trigger::Manual },
        },
        Some(original) => match replay(context, &job, run.execution, original)? {
            Some(identity) => identity,
            None => return Context::refuse(Refusal::NoSuchExecution),
        },
    };
    // The policy of the job as it stands now counts, also for a replay of an old version.
    let Some(policy) = raw::concurrency(jobs::text(&job.spec)) else {
        return Context::refuse(Refusal::Unreadable);
    };
    // The instants of a backfill run in turn, as missed ones do.
    if policy == Concurrency::Forbid.as_str()
        && backfill.is_none()
        && let Some(unfinished) = overlap::in_the_way(context, job.seq, run.execution)?
    {
        return Context::refuse(Refusal::Overlap { unfinished });
    }
    let may_overlap = policy == Concurrency::Allow.as_str();
    let holder = if may_overlap { None } else { overlap::holder(context, job.seq)? };
    let overrides = match (&run.overrides, run.replay_of) {
        (Some(given), _) => Some(given.clone()),
        (None, Some(original)) => overrides::of(context, original)?,
        (None, None) => None,
    };
    let fire = Fire::first(identity, context.at, holder.unwrap_or_else(|| run.node.clone()));
    let fire = Fire {
        behind: run.operation.is_some(),
        overridden: overrides.is_some(),
        ..raw::with_policy(context.db, fire)?
    };
    let operation = run.operation.map(|operation| operation.id);
    let is_new = insert(context, &fire, &Origin { replay_of: run.replay_of, by, operation })?;
    // Where the command arrives twice, the answer is of what is on record.
    let record = record::of_inserted(context, run.execution)?;
    if is_new {
        if let Some(overrides) = &overrides {
            overrides::keep(context, record.seq, overrides)?;
        }
        context.add_held(job.seq, 1)?;
        tell(context, &fire.run);
        context.effects.push(Effect::Fire(fire));
    }
    Ok(Outcome::Execution(record.answer(context)?))
}

/// Tells those who listen that a run was asked for.
fn tell(context: &Context<'_>, run: &RunRef) {
    let event = ExecutionEvent {
        what: EventType::ExecutionTriggered,
        job: run.job,
        id: run.execution,
        trigger: run.trigger,
        scheduled_time: run.scheduled_time,
        attempts: 0,
        status_code: None,
        error_kind: None,
        duration_ms: None,
    };
    context.events.add(context.at, &Event::Execution(event));
}

/// The run that repeats an execution of a job: the same version under the same scheduled time. None where there is no
/// such execution.
fn replay(
    context: &mut Context<'_>,
    job: &LiveJob,
    execution: ExecutionId,
    original: ExecutionId,
) -> Result<Option<RunRef>, StateError> {
    remainder::settle_first(context, original)?;
    let sql = "SELECT seq, version, scheduled_time FROM executions WHERE id = ?1 AND job = ?2";
    let mut statement = context.db.prepare_cached(sql)?;
    let mut rows = statement.query((original.as_bytes(), job.seq.get()))?;
    let read = |row: &Row<'_>| {
        let (version, scheduled_time) = (row.get(1)?, row.get(2)?);
        Ok(RunRef { execution, job: job.seq, version, scheduled_time, trigger: Trigger::Replay })
    };
    rows.next()?.map(|row| row::read("executions", row, read)).transpose()
}

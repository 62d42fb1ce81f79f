//! The time of the cluster: how it passes, what is said of it, and what is computed anew when it was set back.

use chronos_types::{ExecutionId, Millis};
use rusqlite::types::Value;
use rusqlite::{Connection, Row};

use super::context::Context;
use super::{pauses, record, remainder};
use crate::command::{Anew, Batch, ClockWord, DueAnew, STATS_SINCE};
use crate::error::StateError;
use crate::outcome::{Effect, Outcome, Refusal};
use crate::run::is_due_at_once;
use crate::stored::clock::{self, BACK_FROM, BACK_TO, FIGURES_SINCE, JUMPED_FROM, JUMPED_TO, NOTED};
use crate::stored::{row, scope_rollups};

/// A gap of more than this between two batches is a jump of the time: the leader writes every hour.
const JUMP_MS: i64 = 24 * 3_600_000;
/// The time is noted in steps of this, and not with each batch. So it costs nothing.
const STEP_MS: i64 = 60_000;

/// Notes the time of a batch, and a jump that led to it.
pub(super) fn pass(db: &Connection, batch: &Batch) -> Result<(), StateError> {
    if batch.sets_back() {
        return Ok(());
    }
    let noted = clock::at(db, NOTED)?.unwrap_or_default();
    let gap = batch.at.saturating_sub(noted);
    if gap < STEP_MS {
        return Ok(());
    }
    // Before the first batch there was no time to jump from.
    if gap > JUMP_MS && noted > 0 {
        if clock::at(db, JUMPED_FROM)?.is_none() {
            clock::set(db, JUMPED_FROM, noted)?;
        }
        clock::set(db, JUMPED_TO, batch.at)?;
    }
    clock::set(db, NOTED, batch.at)
}

pub(super) fn word(context: &mut Context<'_>, word: &ClockWord) -> Result<Outcome, StateError> {
    match word {
        ClockWord::Passes => Ok(Outcome::Done),
        ClockWord::Right { jumped_to } => {
            if clock::at(context.db, JUMPED_TO)? == Some(*jumped_to) {
                clock::forget(context.db, &[JUMPED_FROM, JUMPED_TO])?;
            }
            Ok(Outcome::Done)
        }
        ClockWord::Back => back(context),
        ClockWord::Anew(anew) => compute_anew(context, anew),
    }
}

/// Sets the time back to that of the batch.
fn back(context: &Context<'_>) -> Result<Outcome, StateError> {
    let noted = clock::at(context.db, NOTED)?.unwrap_or_default();
    if noted.saturating_sub(context.at) < STEP_MS {
        return Context::refuse(Refusal::ClockNotBehind { least_ms: STEP_MS });
    }
    clock::forget(context.db, &[JUMPED_FROM, JUMPED_TO])?;
    // Where it was set back twice, what waits may wait for the later of both instants.
    let from = clock::at(context.db, BACK_FROM)?.map_or(noted, |from| from.max(noted));
    clock::set(context.db, BACK_FROM, from)?;
    clock::set(context.db, BACK_TO, context.at)?;
    clock::set(context.db, NOTED, context.at)?;
    if clock::at(context.db, FIGURES_SINCE)?.is_some_and(|since| since > context.at) {
        clock::set(context.db, FIGURES_SINCE, context.at)?;
    }
    if context.version()? >= STATS_SINCE
        && let Some((tag, since)) = scope_rollups::tag(context.db)?
        && since > context.at
    {
        scope_rollups::set_tag(context.db, &tag, context.at)?;
    }
    Ok(Outcome::Done)
}

/// A portion of what waits. A portion that arrives twice or late changes nothing.
fn compute_anew(context: &mut Context<'_>, anew: &Anew) -> Result<Outcome, StateError> {
    if clock::at(context.db, BACK_TO)? != Some(anew.to) {
        return Ok(Outcome::Done);
    }
    let mut moved = false;
    for due in &anew.due {
        if fall_due(context, due, anew.to)? {
            moved = true;
            context.changed.push(due.job);
        }
    }
    for seq in &anew.runs {
        due_at_once(context, *seq)?;
    }
    if anew.done {
        clock::forget(context.db, &[BACK_FROM, BACK_TO])?;
    }
    if moved {
        context.effects.push(Effect::DueChanged);
    }
    Ok(Outcome::Done)
}

/// Moves the due instant of a job, this once also back. A job that was created in the time to come was created now:
/// an `@every` schedule counts from there. Answers whether it was moved.
fn fall_due(context: &Context<'_>, due: &DueAnew, to: Millis) -> Result<bool, StateError> {
    // Whoever ends its pause says when it falls due.
    if pauses::is_paused(context, due.job)? {
        return Ok(false);
    }
    let sql = "UPDATE due SET at = ?2, sum = ?4 WHERE seq = ?1 AND version = ?3 AND at IS ?5";
    let moved = row::write(
        context.db,
        sql,
        row::cells![due.job.get(), due.next_due, due.version],
        row::cells![due.from],
    )?;
    if moved == 0 {
        return Ok(false);
    }
    let sql = "SELECT seq, id, name, state, version, created_at, updated_at, spec FROM jobs
        WHERE seq = ?1 AND created_at > ?2";
    let mut statement = context.db.prepare_cached(sql)?;
    let mut rows = statement.query((due.job.get(), to))?;
    if let Some(found) = rows.next()? {
        row::read("jobs", found, |found| created_at(context, found, to))?;
    }
    Ok(true)
}

fn created_at(context: &Context<'_>, job: &Row<'_>, at: Millis) -> Result<(), StateError> {
    let (seq, id): (i64, [u8; 16]) = (job.get(0)?, job.get(1)?);
    let (name, state, version): (Option<String>, i64, i64) = (job.get(2)?, job.get(3)?, job.get(4)?);
    let updated_at = job.get::<_, Millis>(6)?.min(at);
    // As it stands: it may be one that cannot be read.
    let spec: Value = job.get(7)?;
    let sql = "UPDATE jobs SET created_at = ?6, updated_at = ?7, sum = ?9 WHERE seq = ?1";
    row::write(
        context.db,
        sql,
        row::cells![seq, id, name, state, version, at, updated_at, spec],
        row::cells![],
    )?;
    Ok(())
}

/// Makes the next attempt of an execution due now, if it waits for an instant that no schedule gave it.
fn due_at_once(context: &mut Context<'_>, seq: i64) -> Result<(), StateError> {
    let mut statement = context.db.prepare_cached("SELECT seq, id FROM executions WHERE seq = ?1")?;
    let mut rows = statement.query([seq])?;
    let read = |row: &Row<'_>| Ok(ExecutionId::from_bytes(row.get(1)?));
    let Some(id) = rows.next()?.map(|row| row::read("executions", row, read)).transpose()? else {
        return Ok(());
    };
    drop(rows);
    drop(statement);
    remainder::settle_first(context, id)?;
    let Some(mut record) = record::load(context, id)? else { return Ok(()) };
    if record.fire_at <= context.at || !is_due_at_once(record.status, record.trigger()) {
        return Ok(());
    }
    record.fire_at = context.at;
    record.store(context)?;
    // Its node waits for the old instant. It keeps the run's place in its job, and moves it sooner.
    context.effects.push(Effect::Fire(record.owed(context)?));
    Ok(())
}

//! Operations: they are made, go on in steps, and end. What a step does with a target is what a client could have asked
//! for, and is judged in the same way. What is refused is counted, and the first of it kept with the reason.

use chronos_types::{Actor, ActorKind, By, EventType, Millis, OperationId};
use rusqlite::Row;

use super::audit;
use super::context::Context;
use crate::command::{
    BeginOperation, Command, Cursor, FORGOTTEN_AT_ONCE, ItemError, KEPT_ERRORS, KEPT_OPERATIONS,
    MAX_OPERATIONS, OperationItem, OperationStep, OperationWord, Targets, Todo,
};
use crate::error::StateError;
use crate::outcome::{Outcome, Refusal};
use crate::stored::event::{Event, OperationEvent};
use crate::stored::operation::{self as stored, StoredEnd, StoredOperation};
use crate::stored::row;

/// What changes of an operation.
struct Progress {
    id: OperationId,
    /// None where it cannot be read.
    cursor: Option<Cursor>,
    done: u64,
    refused: u64,
    ended_at: Option<Millis>,
    cancelled: Option<String>,
}

/// What never changes of it, as far as steps need it.
struct Frozen {
    by: Option<By>,
    /// The last job, or the last execution, that was there when it was made. It does nothing with later ones.
    upto: i64,
}

pub(super) fn word(
    context: &mut Context<'_>,
    word: &OperationWord,
    by: Option<&By>,
) -> Result<Outcome, StateError> {
    match word {
        OperationWord::Begin(begin) => make(context, begin, by),
        OperationWord::Step(step) => go_on(context, step),
        OperationWord::Cancel { id } => cancel(context, *id, by),
    }
}

fn make(context: &Context<'_>, begin: &BeginOperation, by: Option<&By>) -> Result<Outcome, StateError> {
    let BeginOperation { id, spec } = begin;
    // One that arrives twice is made once.
    if load(context, *id)?.is_some() {
        return Ok(Outcome::Operation { id: *id });
    }
    let running = "SELECT count(*) FROM operation_progress WHERE ended_at IS NULL";
    let running: usize = context.db.prepare_cached(running)?.query_row([], |row| row.get(0))?;
    if running >= MAX_OPERATIONS {
        return Context::refuse(Refusal::TooManyOperations { most: MAX_OPERATIONS });
    }
    let upto = match &spec.targets {
        Targets::Jobs(_) | Targets::NamedJobs(_) => context.jobs.next(context.db)? - 1,
        Targets::Executions(_) | Targets::NamedExecutions(_) => context.executions.next(context.db)? - 1,
        Targets::Instants { .. } => i64::MAX,
    };
    let asked = stored::to_json(&StoredOperation { spec: spec.clone(), by: by.cloned() })?;
    row::write(
        context.db,
        "INSERT INTO operations VALUES (?1, ?2, ?3, ?4, ?5)",
        row::cells![id.as_bytes(), context.at, upto, asked],
        row::cells![],
    )?;
    let progress = Progress {
        id: *id,
        cursor: Some(Cursor::Start),
        done: 0,
        refused: 0,
        ended_at: None,
        cancelled: None,
    };
    progress.store(context)?;
    progress.tell(context, EventType::OperationStarted);
    forget_old(context)?;
    Ok(Outcome::Operation { id: *id })
}

/// Forgets the oldest of those that are over, where there are more than are kept.
fn forget_old(context: &Context<'_>) -> Result<(), StateError> {
    let count: usize = context
        .db
        .prepare_cached("SELECT count(*) FROM operation_progress")?
        .query_row([], |row| row.get(0))?;
    let most = count.saturating_sub(KEPT_OPERATIONS).min(FORGOTTEN_AT_ONCE);
    let sql = "SELECT id FROM operation_progress WHERE ended_at IS NOT NULL ORDER BY id LIMIT ?1";
    let mut statement = context.db.prepare_cached(sql)?;
    let ids = statement.query_map([most], |row| row.get::<_, [u8; 16]>(0))?.collect::<Result<Vec<_>, _>>()?;
    for id in ids {
        for sql in [
            "DELETE FROM operation_errors WHERE operation = ?1",
            "DELETE FROM operation_progress WHERE id = ?1",
            "DELETE FROM operations WHERE id = ?1",
        ] {
            context.db.prepare_cached(sql)?.execute([id])?;
        }
    }
    Ok(())
}

fn go_on(context: &mut Context<'_>, step: &OperationStep) -> Result<Outcome, StateError> {
    let Some(mut progress) = load(context, step.id)? else {
        return Context::refuse(Refusal::NoSuchOperation);
    };
    if progress.ended_at.is_some() {
        return Context::refuse(Refusal::OperationEnded { cancelled: progress.cancelled.is_some() });
    }
    if progress.cursor != Some(step.from) {
        return Context::refuse(Refusal::OperationMovedOn);
    }
    let frozen = frozen(context, step.id)?;
    let [done, refused] = [progress.done, progress.refused];
    let portion = |progress: &Progress| [progress.done - done, progress.refused - refused];
    for item in &step.items {
        if !one(context, &frozen, item, &mut progress)? {
            // What comes behind it is proposed anew, with it.
            progress.store(context)?;
            if progress.cursor != Some(step.from) {
                progress.tell(context, EventType::OperationProgressed);
            }
            audit::step(context, frozen.by.as_ref(), step.id, portion(&progress))?;
            return Ok(Outcome::Done);
        }
        progress.cursor = Some(item.place);
    }
    progress.cursor = Some(step.to);
    progress.ended_at = step.is_last.then_some(context.at);
    progress.store(context)?;
    let what = if step.is_last { EventType::OperationDone } else { EventType::OperationProgressed };
    progress.tell(context, what);
    audit::step(context, frozen.by.as_ref(), step.id, portion(&progress))?;
    Ok(Outcome::Done)
}

/// Does what is to be done with a target. Answers false where it is to be proposed anew: the job has changed since.
fn one(
    context: &mut Context<'_>,
    frozen: &Frozen,
    item: &OperationItem,
    progress: &mut Progress,
) -> Result<bool, StateError> {
    let error = match &item.todo {
        Todo::Not(error) => error.clone(),
        Todo::Do(command) if is_later(context, command, frozen.upto)? => return Ok(true),
        Todo::Do(command) => match super::bulk(context, command, frozen.by.as_ref())? {
            Outcome::Refused { refusal: Refusal::VersionMismatch { .. } }
                if matches!(**command, Command::PutJob(_) | Command::Confirm(_) | Command::Resume(_)) =>
            {
                return Ok(false);
            }
            Outcome::Refused { refusal } => ItemError::Refused(refusal),
            _ => {
                progress.done += 1;
                return Ok(true);
            }
        },
    };
    if progress.refused < KEPT_ERRORS {
        row::write(
            context.db,
            "INSERT INTO operation_errors VALUES (?1, ?2, ?3, ?4, ?5)",
            row::cells![progress.id.as_bytes(), progress.refused, item.target, stored::to_json(&error)?],
            row::cells![],
        )?;
    }
    progress.refused += 1;
    Ok(true)
}

/// Whether an execution that is to be repeated or ended was put on record after the operation was made. Of jobs the
/// leader knows it by their number.
fn is_later(context: &Context<'_>, command: &Command, upto: i64) -> Result<bool, StateError> {
    let execution = match command {
        Command::Trigger(run) => run.replay_of,
        Command::Cancel(cancel) => Some(cancel.execution),
        _ => None,
    };
    let Some(execution) = execution else { return Ok(false) };
    let sql = "SELECT 1 FROM executions WHERE id = ?1 AND seq > ?2";
    Ok(context.db.prepare_cached(sql)?.exists((execution.as_bytes(), upto))?)
}

fn cancel(context: &Context<'_>, id: OperationId, by: Option<&By>) -> Result<Outcome, StateError> {
    let Some(mut progress) = load(context, id)? else {
        return Context::refuse(Refusal::NoSuchOperation);
    };
    if progress.ended_at.is_some() {
        return Context::refuse(Refusal::OperationEnded { cancelled: progress.cancelled.is_some() });
    }
    progress.ended_at = Some(context.at);
    progress.cancelled = Some(stored::to_json(&StoredEnd { by: by.cloned() })?);
    progress.store(context)?;
    progress.tell(context, EventType::OperationCancelled);
    Ok(Outcome::Operation { id })
}

/// Ends the operations that a key asked for and that are under way.
pub(super) fn cancel_of(context: &mut Context<'_>, key: &str, by: Option<&By>) -> Result<(), StateError> {
    let sql = "SELECT id FROM operation_progress WHERE ended_at IS NULL ORDER BY id";
    let mut statement = context.db.prepare_cached(sql)?;
    let ids = statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<_>, _>>()?;
    drop(statement);
    for id in ids.into_iter().map(OperationId::from_bytes) {
        let is_of_key = |actor: &Actor| actor.kind == ActorKind::Key && actor.id.as_deref() == Some(key);
        if frozen(context, id)?.by.is_some_and(|by| is_of_key(&by.actor)) {
            cancel(context, id, by)?;
        }
    }
    Ok(())
}

fn load(context: &Context<'_>, id: OperationId) -> Result<Option<Progress>, StateError> {
    let sql = "SELECT id, cursor, done, refused, ended_at, cancelled FROM operation_progress WHERE id = ?1";
    let mut statement = context.db.prepare_cached(sql)?;
    let mut rows = statement.query([id.as_bytes()])?;
    let read = |row: &Row<'_>| {
        Ok(Progress {
            id,
            cursor: stored::cursor(row.get_ref(1)?),
            done: row.get(2)?,
            refused: row.get(3)?,
            ended_at: row.get(4)?,
            cancelled: row.get(5)?,
        })
    };
    rows.next()?.map(|row| row::read("operation_progress", row, read)).transpose()
}

fn frozen(context: &Context<'_>, id: OperationId) -> Result<Frozen, StateError> {
    let mut statement = context.db.prepare_cached("SELECT id, upto, asked FROM operations WHERE id = ?1")?;
    let mut rows = statement.query([id.as_bytes()])?;
    let row = rows.next()?.ok_or_else(|| row::missing("operations", id))?;
    row::read("operations", row, |row| {
        // Who asked is all that is needed of it.
        let asked = stored::read::<StoredOperation>(row.get_ref(2)?).ok();
        Ok(Frozen { by: asked.and_then(|asked| asked.by), upto: row.get(1)? })
    })
}

impl Progress {
    /// Tells whoever listens how far it is.
    fn tell(&self, context: &Context<'_>, what: EventType) {
        let Self { id, done, refused, .. } = *self;
        context.events.add(context.at, &Event::Operation(OperationEvent { what, id, done, refused }));
    }

    fn store(&self, context: &Context<'_>) -> Result<(), StateError> {
        let Self { id, cursor, done, refused, ended_at, cancelled } = self;
        let cursor = cursor.as_ref().map_or(Ok(String::new()), stored::to_json)?;
        row::write(
            context.db,
            "INSERT OR REPLACE INTO operation_progress VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            row::cells![id.as_bytes(), cursor, done, refused, ended_at, cancelled],
            row::cells![],
        )?;
        Ok(())
    }
}

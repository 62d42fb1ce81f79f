//! Where executions are found by more than their job, their status and their time: those that failed, those that are not of
//! the trigger `schedule`, and those that came on record long after their time. They are few, so each has a row beside it,
//! which goes with it.

use chronos_types::{ExecutionId, NodeName, Status, Trigger};

use super::context::Context;
use super::job_stats::Failure;
use crate::command::STATS_SINCE;
use crate::error::StateError;
use crate::run::RunRef;
use crate::stored::code::Code;
use crate::stored::row;

/// An execution failed.
pub(super) fn failed(
    context: &Context<'_>,
    run: &RunRef,
    failure: &Failure,
    node: &NodeName,
) -> Result<(), StateError> {
    let Failure { kind, status_code, host } = failure;
    row::write_often(
        &context.statements,
        "INSERT OR REPLACE INTO failures VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        row::cells![
            run.execution.as_bytes(),
            run.job.get(),
            kind.map(Code::code),
            status_code.map(i64::from),
            host,
            node.as_str(),
        ],
        0..0,
        row::cells![],
    )?;
    Ok(())
}

/// An execution was put on record.
pub(super) fn put(context: &Context<'_>, run: &RunRef) -> Result<(), StateError> {
    if run.trigger == Trigger::Schedule || context.version()? < STATS_SINCE {
        return Ok(());
    }
    row::write_often(
        &context.statements,
        "INSERT OR REPLACE INTO triggers VALUES (?1, ?2, ?3)",
        row::cells![run.trigger.code(), run.execution.as_bytes()],
        0..0,
        row::cells![],
    )?;
    if run.trigger == Trigger::CatchUp {
        caught_up(context, run.execution)?;
    }
    Ok(())
}

/// An entry for missed instants was put on record.
pub(super) fn put_missed(context: &Context<'_>, entry: ExecutionId) -> Result<(), StateError> {
    if context.version()? < STATS_SINCE {
        return Ok(());
    }
    caught_up(context, entry)
}

fn caught_up(context: &Context<'_>, id: ExecutionId) -> Result<(), StateError> {
    row::write_often(
        &context.statements,
        "INSERT OR REPLACE INTO caught_up VALUES (?1, ?2, ?3)",
        row::cells![id.as_bytes(), context.at],
        0..0,
        row::cells![],
    )?;
    Ok(())
}

/// An execution that is over: its id, where it stands, and what asked for it, as it was stored.
pub(super) type Over = (ExecutionId, Status, i64);

/// Whether one may have been caught up on: entries for missed instants are skipped.
fn may_be_caught_up((_, status, trigger): Over) -> bool {
    trigger == Trigger::CatchUp.code() || status == Status::Skipped
}

/// How many rows at most an execution is found by.
pub(super) fn count(context: &Context<'_>, over: Over) -> Result<usize, StateError> {
    if context.version()? < STATS_SINCE {
        return Ok(0);
    }
    let (_, status, trigger) = over;
    let found_by = [status == Status::Failed, trigger != Trigger::Schedule.code(), may_be_caught_up(over)];
    Ok(found_by.into_iter().filter(|is_found| *is_found).count())
}

/// An execution was taken off the record.
pub(super) fn forget(context: &Context<'_>, over: Over) -> Result<(), StateError> {
    if context.version()? < STATS_SINCE {
        return Ok(());
    }
    let (id, status, trigger) = over;
    if status == Status::Failed {
        context.db.prepare_cached("DELETE FROM failures WHERE id = ?1")?.execute([id.as_bytes()])?;
    }
    if trigger != Trigger::Schedule.code() {
        let sql = "DELETE FROM triggers WHERE trigger = ?1 AND id = ?2";
        context.db.prepare_cached(sql)?.execute((trigger, id.as_bytes()))?;
    }
    if may_be_caught_up(over) {
        context.db.prepare_cached("DELETE FROM caught_up WHERE id = ?1")?.execute([id.as_bytes()])?;
    }
    Ok(())
}

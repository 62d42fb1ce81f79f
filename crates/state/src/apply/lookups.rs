//! Where executions are found by more than their job, their status and their time: those that failed, and those that are
//! not of the trigger `schedule`. They are few, so each has a row beside it, which goes with it.

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
    Ok(())
}

/// An execution that is over: its id, where it stands, and what asked for it, as it was stored.
pub(super) type Over = (ExecutionId, Status, i64);

/// How many rows at most an execution is found by.
pub(super) fn count(context: &Context<'_>, (_, status, trigger): Over) -> Result<usize, StateError> {
    if context.version()? < STATS_SINCE {
        return Ok(0);
    }
    Ok(usize::from(status == Status::Failed) + usize::from(trigger != Trigger::Schedule.code()))
}

/// An execution was taken off the record.
pub(super) fn forget(context: &Context<'_>, (id, status, trigger): Over) -> Result<(), StateError> {
    if context.version()? < STATS_SINCE {
        return Ok(());
    }
    if status == Status::Failed {
        context.db.prepare_cached("DELETE FROM failures WHERE id = ?1")?.execute([id.as_bytes()])?;
    }
    if trigger != Trigger::Schedule.code() {
        let sql = "DELETE FROM triggers WHERE trigger = ?1 AND id = ?2";
        context.db.prepare_cached(sql)?.execute((trigger, id.as_bytes()))?;
    }
    Ok(())
}

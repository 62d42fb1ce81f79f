//! Ending an unfinished execution.

use chronos_types::{ErrorKind, Status};
use rusqlite::OptionalExtension;

use super::{Context, Open};
use crate::apply::report;
use crate::run::JobSeq;
use crate::stored::{self, Code};
use crate::{Cancel, Effect, Outcome, Refusal, StateError};

pub(super) fn cancel(context: &mut Context<'_>, cancel: &Cancel) -> Result<Outcome, StateError> {
    let sql = "SELECT job, status FROM executions WHERE id = ?1";
    let found: Option<(JobSeq, i64)> = context
        .db
        .prepare_cached(sql)?
        .query_row([cancel.execution.as_bytes()], |row| Ok((stored::job_seq(row, 0)?, row.get(1)?)))
        .optional()?;
    let Some((job, status)) = found else {
        return Context::refuse(Refusal::NoSuchExecution);
    };
    let open = context.open(job)?.into_iter().find(|open| open.run.execution == cancel.execution);
    let Some(open) = open else {
        let status = Status::from_code(status)?.as_str().to_owned();
        return Context::refuse(Refusal::Finished { status });
    };
    end(context, &open, "cancelled by request")?;
    Ok(Outcome::Done)
}

/// Ends an execution as cancelled. An attempt under way counts, and is logged as cut off.
pub(super) fn end(context: &mut Context<'_>, open: &Open, why: &str) -> Result<(), StateError> {
    let mut row = report::load(context, open.run.execution)?.ok_or_else(|| {
        StateError::Corrupt(format!("execution {} is in one index only", open.run.execution))
    })?;
    if open.status == Status::Running {
        let (number, started_at) = (row.attempts, row.last_started_at());
        let duration_ms = (context.at - started_at).max(0).cast_unsigned();
        row.log_attempt(number, started_at, duration_ms, None, Some((ErrorKind::Cancelled, why.to_owned())));
    }
    row.fail(ErrorKind::Cancelled, why);
    row.finish(Status::Cancelled, context.at);
    row.store(context)?;
    context.effects.push(Effect::Cancel(open.run.execution));
    Ok(())
}

//! Ending an unfinished execution.

use chronos_types::Status;
use rusqlite::OptionalExtension;

use super::context::Context;
use super::record;
use crate::command::Cancel;
use crate::error::StateError;
use crate::outcome::{Outcome, Refusal};
use crate::run::JobSeq;
use crate::stored::code::Code;
use crate::stored::columns;

pub(super) fn cancel(context: &mut Context<'_>, cancel: &Cancel) -> Result<Outcome, StateError> {
    let sql = "SELECT job, status FROM executions WHERE id = ?1";
    let found: Option<(JobSeq, i64)> = context
        .db
        .prepare_cached(sql)?
        .query_row([cancel.execution.as_bytes()], |row| Ok((columns::job_seq(row, 0)?, row.get(1)?)))
        .optional()?;
    let Some((job, status)) = found else {
        return Context::refuse(Refusal::NoSuchExecution);
    };
    let open = context.open_of(job)?.into_iter().find(|open| open.run.execution == cancel.execution);
    let Some(open) = open else {
        let status = Status::from_code(status)?.as_str().to_owned();
        return Context::refuse(Refusal::Finished { status });
    };
    record::cancel(context, &open, "cancelled by request")?;
    Ok(Outcome::Done)
}

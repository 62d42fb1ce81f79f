//! Ending an unfinished execution.

use chronos_types::Status;
use rusqlite::Row;

use super::context::Context;
use super::record;
use crate::command::Cancel;
use crate::error::StateError;
use crate::outcome::{Outcome, Refusal};
use crate::stored::code::Code;
use crate::stored::{columns, row};

pub(super) fn cancel(context: &mut Context<'_>, cancel: &Cancel) -> Result<Outcome, StateError> {
    let sql = "SELECT seq, job, status FROM executions WHERE id = ?1";
    let mut statement = context.db.prepare_cached(sql)?;
    let mut rows = statement.query([cancel.execution.as_bytes()])?;
    let read = |row: &Row<'_>| Ok((columns::job_seq(row, 1)?, Status::from_code(row.get(2)?)?));
    let found = rows.next()?.map(|row| row::read("executions", row, read)).transpose()?;
    let Some((job, status)) = found else {
        return Context::refuse(Refusal::NoSuchExecution);
    };
    let open = context.open_of(job)?.into_iter().find(|open| open.run.execution == cancel.execution);
    let Some(open) = open else {
        return Context::refuse(Refusal::Finished { status: status.as_str().to_owned() });
    };
    record::cancel(context, &open, "cancelled by request")?;
    Ok(Outcome::Done)
}

//! Ending an unfinished execution.

use super::context::Context;
use super::{record, remainder};
use crate::command::Cancel;
use crate::error::StateError;
use crate::outcome::{CANCELLED, ExecutionAnswer, Outcome, Refusal};

pub(super) fn cancel(context: &mut Context<'_>, cancel: &Cancel) -> Result<Outcome, StateError> {
    remainder::settle_first(context, cancel.execution)?;
    let Some(record) = record::load(context, cancel.execution)? else {
        return Context::refuse(Refusal::NoSuchExecution);
    };
    let Some(open) = record.open() else {
        return Context::refuse(Refusal::Finished { status: record.status.as_str().to_owned() });
    };
    let at = context.at;
    record::cancel(context, &open, at, CANCELLED)?;
    let answer = record.answer(context)?;
    Ok(Outcome::Execution(ExecutionAnswer { cancelled_at: Some(at), ..answer }))
}

//! Ending an unfinished execution.

use chronos_types::By;

use super::context::Context;
use super::{record, remainder};
use crate::command::Cancel;
use crate::error::StateError;
use crate::outcome::{CANCELLED, ExecutionAnswer, Outcome, Refusal};

pub(super) fn cancel(
    context: &mut Context<'_>,
    cancel: &Cancel,
    by: Option<&By>,
) -> Result<Outcome, StateError> {
    remainder::settle_first(context, cancel.execution)?;
    let Some(record) = record::load(context, cancel.execution)? else {
        return Context::refuse(Refusal::NoSuchExecution);
    };
    let Some(open) = record.open() else {
        return Context::refuse(Refusal::Finished { status: record.status.as_str().to_owned() });
    };
    let at = context.at;
    record::cancel(context, &open, at, CANCELLED, by)?;
    let answer = record.answer(context)?;
    let cancelled_by = by.cloned().map(Box::new);
    Ok(Outcome::Execution(ExecutionAnswer { cancelled_at: Some(at), cancelled_by, ..answer }))
}

//! Putting an execution on record.

use chronos_types::{By, ExecutionId, OperationId, Status};
use rusqlite::types::Null;

use super::context::Context;
use super::{lookups, record, remainder, withdrawn};
use crate::error::StateError;
use crate::run::{Fire, RunRef};
use crate::stored::code::Code;
use crate::stored::execution::StoredDetail;
use crate::stored::row;

/// Puts a record of an execution where there is none of its id.
pub(super) const INSERT: &str = "INSERT OR IGNORE INTO executions
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";

/// What asked for an execution, where that was no schedule.
#[derive(Default)]
pub(super) struct Origin<'a> {
    /// The execution that it repeats.
    pub(super) replay_of: Option<ExecutionId>,
    /// Who asked, where that is known.
    pub(super) by: Option<&'a By>,
    /// The operation that they asked by.
    pub(super) operation: Option<OperationId>,
}

/// Puts a pending execution on record. Answers false if it was there already.
pub(super) fn insert(
    context: &mut Context<'_>,
    fire: &Fire,
    origin: &Origin<'_>,
) -> Result<bool, StateError> {
    let RunRef { execution, job, version, scheduled_time, trigger } = fire.run;
    // What a change left to withdraw may be planned anew.
    remainder::settle_first(context, execution)?;
    let Origin { replay_of, by, operation } = origin;
    let (by, operation, overridden) = (by.cloned(), *operation, fire.overridden);
    let detail = StoredDetail { by, operation, overridden, ..StoredDetail::default() };
    let detail = (!detail.is_empty()).then(|| detail.to_json()).transpose()?;
    let number = context.executions.next(context.db)?;
    let count = row::write_often(
        &context.statements,
        INSERT,
        row::cells![
            number,
            execution.as_bytes(),
            job.get(),
            version,
            trigger.code(),
            scheduled_time,
            fire.fire_at,
            Status::Pending.code(),
            0,
            Null,
            Null,
            fire.node.as_str(),
            replay_of.as_ref().map(ExecutionId::as_bytes),
            detail,
        ],
        0..0,
        row::cells![],
    )?;
    if count == 1 {
        context.executions.give(number);
        context.open_runs.add(&fire.node, 1);
        lookups::put(context, &fire.run)?;
        settle_withdrawn(context, fire)?;
    }
    Ok(count == 1)
}

/// Forgets the withdrawn run of the same id, if there is one: the run is on record again. If a node that
/// cannot be asked any more may have begun the withdrawn one, the new record says so.
fn settle_withdrawn(context: &Context<'_>, fire: &Fire) -> Result<(), StateError> {
    let Some(waiting) = withdrawn::find(context, fire.run.execution)? else { return Ok(()) };
    withdrawn::forget(context, fire.run.execution)?;
    if waiting.begun || waiting.node != fire.node {
        let mut record = record::of_inserted(context, fire.run.execution)?;
        record.may_have_begun();
        record.store(context)?;
    }
    Ok(())
}

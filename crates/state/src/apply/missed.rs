//! Putting on record what a missed-runs policy passes over: one entry for a stretch of instants, however many they are.
//!
//! The entry is an execution that is over and has no attempt. So it is listed, kept and forgotten as all others are.

use chronos_types::{EventType, Status, Trigger};
use rusqlite::types::Null;

use super::context::Context;
use super::insert::INSERT;
use super::lookups;
use crate::command::{PassedOver, PlanStep, STATS_SINCE};
use crate::error::StateError;
use crate::stored::code::Code;
use crate::stored::event::{Event, ExecutionEvent};
use crate::stored::execution::{StoredDetail, StoredMissed};
use crate::stored::row;

/// Puts the entry on record. Answers false if it was there already.
pub(super) fn record(
    context: &mut Context<'_>,
    step: &PlanStep,
    passed_over: &PassedOver,
) -> Result<bool, StateError> {
    let PassedOver { entry, from, to, count, reason, node } = passed_over;
    let missed = StoredMissed { from: *from, to: *to, count: *count };
    let detail =
        StoredDetail { error: Some(reason.clone()), missed: Some(missed), ..StoredDetail::default() };
    let detail = detail.to_json()?;
    let number = context.executions.next(context.db)?;
    let written = row::write_often(
        &context.statements,
        INSERT,
        row::cells![
            number,
            entry.as_bytes(),
            step.job.get(),
            step.version,
            Trigger::Schedule.code(),
            to,
            to,
            Status::Skipped.code(),
            0,
            Null,
            context.at,
            node.as_str(),
            Null,
            detail,
        ],
        0..0,
        row::cells![],
    )?;
    if written == 1 {
        context.executions.give(number);
        lookups::put_missed(context, *entry)?;
        let event = ExecutionEvent {
            what: EventType::ExecutionMissed,
            job: step.job,
            id: *entry,
            trigger: Trigger::Schedule,
            scheduled_time: *to,
            attempts: 0,
            status_code: None,
            error_kind: None,
            duration_ms: None,
        };
        context.events.add(context.at, &Event::Execution(event));
        if context.version()? >= STATS_SINCE {
            let scope = context.rollups.scope_of(context.db, step.job)?;
            context.rollups.count(scope.as_deref(), |figures| figures.pass_over(*count));
        }
    }
    Ok(written == 1)
}

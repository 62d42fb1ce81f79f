//! What a change of a job does to its planned runs whose instant has not come. If the job still falls due
//! at the same instants, they run the new version. Otherwise they are withdrawn: taken off the record.
//!
//! A node may have begun such a run before it hears of the change: the change may be agreed on late, or
//! the node's clock may be ahead. So a withdrawn run is kept until its node has said what became of it.
//! That way every call has a record.

use chronos_types::{ErrorKind, Millis, Status};

use super::context::{Context, Open};
use super::insert::{Origin, insert};
use super::{record, withdrawn};
use crate::command::Report;
use crate::error::StateError;
use crate::outcome::Effect;
use crate::run::{Fire, JobSeq};

/// Withdraws a run whose instant has not come.
pub(super) fn planned(context: &mut Context<'_>, open: Open) -> Result<(), StateError> {
    let unsure = record::load(context, open.run.execution)?.is_some_and(|record| record.is_unsure());
    context.db.prepare_cached("DELETE FROM executions WHERE seq = ?1")?.execute([open.seq])?;
    context.add_held(open.run.job, -1)?;
    context.open_runs.add(&open.node, -1);
    let fire = Fire { begun: unsure, ..open.planned() };
    withdrawn::keep(context, &fire)?;
    context.effects.push(Effect::Withdraw(fire));
    Ok(())
}

/// Makes a run whose instant has not come run another version of its job.
pub(super) fn renew(context: &mut Context<'_>, mut open: Open, version: u64) -> Result<(), StateError> {
    let mut record = record::of_inserted(context, open.run.execution)?;
    record.runs(version);
    record.store(context)?;
    open.run.version = version;
    context.effects.push(Effect::Fire(open.planned()));
    Ok(())
}

/// Whether a job is still to be planned for this instant or one before it.
fn is_due_by(context: &Context<'_>, job: JobSeq, scheduled_time: Millis) -> Result<bool, StateError> {
    let mut statement = context.db.prepare_cached("SELECT 1 FROM due WHERE seq = ?1 AND at <= ?2")?;
    Ok(statement.exists((job.get(), scheduled_time))?)
}

/// Puts a run back on record if it was withdrawn. Answers whether it was.
pub(super) fn bring_back(context: &mut Context<'_>, report: &Report) -> Result<bool, StateError> {
    if withdrawn::find(context, report.run.execution)?.is_none() {
        return Ok(false);
    }
    let fire = Fire::first(report.run, report.run.scheduled_time, report.node.clone());
    // Only what a schedule asked for is withdrawn.
    insert(context, &fire, &Origin::default())?;
    context.add_held(report.run.job, 1)?;
    Ok(true)
}

/// Takes in what became of a withdrawn run that is not delivered. If it had not begun (`known`), it is
/// forgotten. If nobody knows, that stays on record, unless the job is to be planned for its instant still.
pub(super) fn answered(context: &mut Context<'_>, report: &Report, known: bool) -> Result<(), StateError> {
    // If it was planned anew and withdrawn again meanwhile, the report that counts is still to come.
    let counts = |waiting: &Fire| waiting.node == report.node && waiting.run.version == report.run.version;
    let Some(waiting) = withdrawn::find(context, report.run.execution)?.filter(counts) else { return Ok(()) };
    if known && !waiting.begun {
        return withdrawn::forget(context, report.run.execution);
    }
    if is_due_by(context, report.run.job, report.run.scheduled_time)? {
        if waiting.run.is_beyond_plans(context.at) {
            // A clock that was wrong planned it, and it is planned anew when its time comes. Nobody is to be asked
            // until then, and a record would keep it from being called at its time.
            return withdrawn::forget(context, report.run.execution);
        }
        // It may be planned anew in a moment, and a record would be in the way of that. So its node is
        // asked once more.
        context.effects.push(Effect::Withdraw(Fire { begun: true, ..waiting }));
        return Ok(());
    }
    bring_back(context, report)?;
    let mut record = record::of_inserted(context, report.run.execution)?;
    let why = "the job was changed before this instant; its node stopped about then, so it is not known \
        whether the webhook was called";
    record.fail(ErrorKind::Cancelled, why);
    record.finish(Status::Cancelled, context.at);
    record.store(context)
}

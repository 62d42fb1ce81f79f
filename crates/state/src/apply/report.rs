//! Takes in what a node reports: it ends the execution, or arms its next attempt.

use chronos_types::{ErrorKind, Millis, Status};

use super::context::Context;
use super::record::{self, Record};
use super::{authors, remainder, withdraw};
use crate::command::CLOCKS_DIFFER_MS;
use crate::command::{Report, Reported};
use crate::error::StateError;
use crate::outcome::{Effect, Outcome};
use crate::run::JobSeq;
use crate::stored::code::deleted_job;

pub(super) fn report(context: &mut Context<'_>, report: &Report) -> Result<Outcome, StateError> {
    remainder::settle_first(context, report.run.execution)?;
    if let known @ (Reported::NotBegun | Reported::Unknown) = &report.what {
        withdraw::answered(context, report, *known == Reported::NotBegun)?;
        return Ok(Outcome::Done);
    }
    let Some(record) = record::load(context, report.run.execution)? else {
        return bring_back(context, report);
    };
    // A finished execution never changes, so a late report about it is dropped.
    if record.is_finished() {
        context.effects.push(Effect::Settled(report.run.execution));
        return Ok(Outcome::Done);
    }
    // The execution was given to another node, which makes the attempt again under the same number. A
    // success of the earlier node counts all the same. Anything else that it reports would set back the
    // attempt of the other node. The effect tells it whose the execution is now.
    if record.node != report.node && !report.what.is_success() && !context.takes_lost_word {
        context.effects.push(Effect::Fire(record.owed(context)?));
        return Ok(Outcome::Done);
    }
    settle(context, report, record)
}

/// Puts a run back on record that was withdrawn while it was delivered, so that every delivery has a
/// record.
fn bring_back(context: &mut Context<'_>, report: &Report) -> Result<Outcome, StateError> {
    if !withdraw::bring_back(context, report)? {
        context.effects.push(Effect::Settled(report.run.execution));
        return Ok(Outcome::Done);
    }
    let record = record::of_inserted(context, report.run.execution)?;
    let effects = context.effects.len();
    let outcome = settle(context, report, record)?;
    // A deleted job has no unfinished executions. One that comes back is recorded and ended at once.
    if is_deleted(context, report.run.job)? {
        let record = record::of_inserted(context, report.run.execution)?;
        if let Some(open) = record.open() {
            context.effects.truncate(effects);
            let at = context.at;
            let by = authors::of_deletion(context, report.run.job)?;
            record::cancel(context, &open, at, "the job was deleted", by.as_ref())?;
        }
    }
    Ok(outcome)
}

fn settle(context: &mut Context<'_>, report: &Report, mut record: Record) -> Result<Outcome, StateError> {
    match &report.what {
        Reported::Begun { attempt, started_at } => {
            if *attempt <= record.ended() {
                return Ok(Outcome::Done);
            }
            record.runs(report.run.version);
            record.begin(context, *attempt, *started_at)?;
            record.status = Status::Running;
        }
        Reported::Ended {
            attempt,
            started_at,
            duration_ms,
            response,
            failure,
            retry_at,
            phases,
            waited,
            host,
        } => {
            // A success counts whoever delivered it, even after a failure of the same number.
            if *attempt <= record.ended() && failure.is_some() {
                // Its node may have made the attempt twice, and waits to be told of the next.
                context.effects.push(Effect::Fire(record.owed(context)?));
                return Ok(Outcome::Done);
            }
            record.runs(report.run.version);
            record.begin(context, *attempt, *started_at)?;
            let status_code = (response.status_code != 0).then_some(response.status_code);
            let begun = (*attempt, *started_at);
            record.log_attempt(begun, *duration_ms, status_code, failure.clone(), *phases);
            record.wait(*waited);
            record.respond(response);
            let ended_at = started_at.saturating_add_unsigned(*duration_ms);
            match (failure, retry_at) {
                (None, _) => {
                    record.finish(Status::Success, ended_at);
                    record.node.clone_from(&report.node);
                }
                (Some((kind, message)), Some(retry_at)) => {
                    record.fail(*kind, message);
                    record.status = Status::Retrying;
                    record.fire_at = next_attempt(context.at, ended_at, *retry_at);
                    context.effects.push(Effect::Fire(record.owed(context)?));
                }
                (Some((kind, message)), None) => {
                    record.fail(*kind, message);
                    record.called(host.as_deref());
                    record.finish(Status::Failed, ended_at);
                }
            }
        }
        Reported::Skipped { reason } => {
            record.fail(ErrorKind::Overlap, reason);
            record.finish(Status::Skipped, context.at);
        }
        Reported::Replaced { attempt } => {
            let why = "replaced by a newer run";
            if let Some((number, started_at)) = *attempt
                && number > record.ended()
            {
                record.begin(context, number, started_at)?;
                record.cut_off(number, started_at, context.at, why);
            }
            record.fail(ErrorKind::Cancelled, why);
            record.finish(Status::Cancelled, context.at);
        }
        // `report` has answered these: they are about runs that are not on record.
        Reported::NotBegun | Reported::Unknown => {}
    }
    if record.is_finished() {
        context.effects.push(Effect::Settled(report.run.execution));
        context.ended.push(report.run.job);
    }
    record.store(context)?;
    Ok(Outcome::Done)
}

/// When the next attempt is to be made. The node whose attempt failed says when, by its clock. Where that is ahead of
/// the cluster's time by more than clocks may differ, what counts is how long it was to wait: others may make the
/// attempt, and by their clocks it could be days away.
fn next_attempt(now: Millis, ended_at: Millis, retry_at: Millis) -> Millis {
    if ended_at <= now.saturating_add(CLOCKS_DIFFER_MS) {
        return retry_at;
    }
    now.saturating_add(retry_at.saturating_sub(ended_at).max(0))
}

fn is_deleted(context: &Context<'_>, job: JobSeq) -> Result<bool, StateError> {
    let mut statement =
        context.db.prepare_cached(concat!("SELECT 1 FROM jobs WHERE seq = ?1 AND ", deleted_job!()))?;
    Ok(statement.exists([job.get()])?)
}

//! Applies one batch of commands. What each command does is in the file of its name.

mod audit;
mod authors;
mod cancel;
mod clock;
mod compare;
mod context;
mod counter;
pub(crate) mod events;
mod insert;
mod job;
mod job_stats;
mod keys;
mod lookups;
mod missed;
mod open_runs;
mod operation;
mod overlap;
mod overrides;
mod pauses;
mod plan;
#[cfg(feature = "next")]
mod probe;
mod raise;
mod reassign;
mod record;
mod remainder;
mod report;
mod rollups;
mod sealing;
mod secrets;
mod sessions;
mod sets;
mod skips;
mod trigger;
mod trim;
mod withdraw;
mod withdrawn;

use chronos_types::By;
use rusqlite::Connection;

use self::context::Context;
use crate::command::{Command, Idempotency, LogBatch, Proposal};
use crate::error::StateError;
use crate::outcome::{Applied, Outcome, Refusal};
use crate::range;
use crate::stored::answers;

/// Applies the commands of a batch in order.
/// `takes_lost_word` plants a bug.
pub(crate) fn batch(
    db: &Connection,
    batch: LogBatch<'_>,
    takes_lost_word: bool,
) -> Result<Applied, StateError> {
    let LogBatch { batch, index, follows } = batch;
    clock::pass(db, batch)?;
    let mut context = Context { takes_lost_word, ..Context::new(db, batch.at, index, follows) };
    let mut outcomes = Vec::with_capacity(batch.items.len());
    for item in &batch.items {
        outcomes.push(match &item.idempotency {
            None => command(&mut context, item)?,
            Some(key) => once(&mut context, key, item)?,
        });
    }
    let compare = context.compare.take();
    let applied = context.close()?;
    // Now that all of the batch is written.
    let digest = compare.map(|compare| range::digest(db, compare).map(Box::new)).transpose()?;
    Ok(Applied { outcomes, digest, ..applied })
}

fn command(context: &mut Context<'_>, item: &Proposal) -> Result<Outcome, StateError> {
    if let Some(refusal) = raise::too_new(context, item)? {
        return Context::refuse(refusal);
    }
    if let Some(refusal) = sealing::fence(context, item)? {
        return Context::refuse(refusal);
    }
    let Some(by) = &item.by else { return execute(context, &item.command, None) };
    let before = audit::before(context, &item.command)?;
    let outcome = execute(context, &item.command, Some(by))?;
    audit::after(context, before, &item.command, by, &outcome)?;
    Ok(outcome)
}

fn execute(context: &mut Context<'_>, command: &Command, by: Option<&By>) -> Result<Outcome, StateError> {
    match command {
        Command::PutJob(put) => job::put(context, put, by),
        Command::PutJobs(puts) => sets::put(context, puts, by),
        Command::DeleteJob(delete) => job::delete(context, delete, by),
        Command::PruneSet(prune) => sets::prune(context, prune, by),
        Command::Trigger(run) => trigger::trigger(context, run, by),
        Command::Cancel(cancel) => cancel::cancel(context, cancel, by),
        Command::Confirm(confirm) => job::confirm(context, confirm),
        Command::Plan(plan) => plan::plan(context, plan),
        Command::Report(report) => report::report(context, report),
        Command::Trim(trim) => trim::trim(context, trim),
        Command::Reassign(reassign) => reassign::reassign(context, reassign),
        Command::Portion => remainder::portion(context),
        Command::Clock(word) => clock::word(context, word),
        Command::Compare(range) => Ok(compare::note(context, range)),
        Command::Pause(pause) => pauses::pause(context, pause, by),
        Command::Resume(resume) => pauses::resume(context, resume),
        Command::EndPauses(ends) => pauses::end_by_themselves(context, ends),
        Command::Skip(skip) => skips::skip(context, skip, by),
        Command::Operation(word) => operation::word(context, word, by),
        Command::Keys(word) => keys::word(context, word, by),
        Command::Audit(word) => audit::word(context, word),
        Command::Secret(word) => {
            context.secrets = true;
            secrets::word(context, word, by)
        }
        Command::RaiseVersion { to } => raise::raise(context, *to),
        #[cfg(feature = "next")]
        Command::Probe => probe::probe(context),
    }
}

/// Applies a command of an operation, which somebody asked for. Only what changes jobs and asks for runs is one.
fn bulk(context: &mut Context<'_>, command: &Command, by: Option<&By>) -> Result<Outcome, StateError> {
    match command {
        Command::PutJob(put) => job::put(context, put, by),
        Command::DeleteJob(delete) => job::delete(context, delete, by),
        Command::Confirm(confirm) => job::confirm(context, confirm),
        Command::Trigger(run) => trigger::trigger(context, run, by),
        Command::Cancel(cancel) => cancel::cancel(context, cancel, by),
        Command::Pause(pause) => pauses::pause(context, pause, by),
        Command::Resume(resume) => pauses::resume(context, resume),
        _ => Context::refuse(Refusal::Unreadable),
    }
}

/// Applies a command unless its key was seen before; then it answers what it answered the first time.
fn once(context: &mut Context<'_>, key: &Idempotency, wanted: &Proposal) -> Result<Outcome, StateError> {
    if let Some(outcome) = answers::find(context.db, key)? {
        return Ok(outcome);
    }
    let outcome = command(context, wanted)?;
    // A refusal changed nothing, so the client may try the same key again once its cause is gone.
    if !matches!(outcome, Outcome::Refused { .. }) {
        answers::keep(context.db, key, context.at, &outcome)?;
    }
    Ok(outcome)
}

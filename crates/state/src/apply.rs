//! Applies one batch of commands. What each command does is in the file of its name.

mod cancel;
mod clock;
mod context;
mod counter;
mod insert;
mod job;
mod missed;
mod open_runs;
mod plan;
#[cfg(feature = "next")]
mod probe;
mod raise;
mod reassign;
mod record;
mod remainder;
mod report;
mod trigger;
mod trim;
mod withdraw;
mod withdrawn;

use rusqlite::Connection;

use self::context::Context;
use crate::command::{Command, Idempotency, LogBatch};
use crate::error::StateError;
use crate::outcome::{Applied, Outcome, Refusal};
use crate::stored::row;

/// Applies the commands of a batch in order.
pub(crate) fn batch(db: &Connection, batch: LogBatch<'_>) -> Result<Applied, StateError> {
    let LogBatch { batch, follows } = batch;
    clock::pass(db, batch)?;
    let mut context = Context::new(db, batch.at, follows);
    let mut outcomes = Vec::with_capacity(batch.items.len());
    for item in &batch.items {
        outcomes.push(match &item.idempotency {
            None => command(&mut context, &item.command)?,
            Some(key) => once(&mut context, key, &item.command)?,
        });
    }
    let (effects, ended) = context.close()?;
    Ok(Applied { at: batch.at, outcomes, effects, ended })
}

fn command(context: &mut Context<'_>, command: &Command) -> Result<Outcome, StateError> {
    if let Some(refusal) = raise::too_new(context, command)? {
        return Context::refuse(refusal);
    }
    match command {
        Command::PutJob(put) => job::put(context, put),
        Command::DeleteJob(delete) => job::delete(context, delete),
        Command::Trigger(run) => trigger::trigger(context, run),
        Command::Cancel(cancel) => cancel::cancel(context, cancel),
        Command::Plan(plan) => plan::plan(context, plan),
        Command::Report(report) => report::report(context, report),
        Command::Trim(trim) => trim::trim(context, trim),
        Command::Reassign(reassign) => reassign::reassign(context, reassign),
        Command::Portion => remainder::portion(context),
        Command::Clock(word) => clock::word(context, word),
        Command::RaiseVersion { to } => raise::raise(context, *to),
        #[cfg(feature = "next")]
        Command::Probe => probe::probe(context),
    }
}

/// Applies a command unless its key was seen before; then it answers what it answered the first time.
fn once(context: &mut Context<'_>, key: &Idempotency, wanted: &Command) -> Result<Outcome, StateError> {
    if let Some(outcome) = answered(context.db, key)? {
        return Ok(outcome);
    }
    let outcome = command(context, wanted)?;
    // A refusal changed nothing, so the client may try the same key again once its cause is gone.
    if !matches!(outcome, Outcome::Refused { .. }) {
        let text = serde_json::to_string(&outcome).map_err(StateError::encode)?;
        row::write(
            context.db,
            "INSERT INTO keys VALUES (?1, ?2, ?3, ?4, ?5)",
            row::cells![key.key, key.fingerprint, context.at, text],
            row::cells![],
        )?;
    }
    Ok(outcome)
}

/// What was answered to a request of this key.
fn answered(db: &Connection, key: &Idempotency) -> Result<Option<Outcome>, StateError> {
    let mut find = db.prepare_cached("SELECT key, fingerprint, outcome FROM keys WHERE key = ?1")?;
    let mut rows = find.query([&key.key])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    row::read("keys", row, |row| {
        if row.get_ref(1)?.as_str()? != key.fingerprint {
            return Ok(Some(Outcome::Refused { refusal: Refusal::KeyReused }));
        }
        // Something was done. What was answered then cannot be said again, and it must not be done twice.
        let text = row.get_ref(2)?.as_str().unwrap_or_default();
        let unreadable = Outcome::Refused { refusal: Refusal::Unreadable };
        Ok(Some(serde_json::from_str(text).unwrap_or(unreadable)))
    })
}

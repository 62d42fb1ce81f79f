//! The audit: a row for each change that somebody asks for, written in the step that makes the change. What was refused,
//! and what changed nothing, leaves none.
//!
//! A portion of many at once is one row with counts. The rows have a bound in bytes: where it is reached, the oldest go.
//! The newest row always stays, for the next is numbered by it.

use chronos_seal::WrappedKey;
use chronos_types::{By, JobId, Millis};
use rusqlite::Row;
use serde_json::json;

use super::context::Context;
use super::job::text;
use super::{keys, sealing, secrets};
use crate::command::{
    AUDIT_AT_ONCE, AuditWord, BulkAction, ClockWord, Command, KeyWord, OperationWord, SecretWord,
};
use crate::error::StateError;
use crate::outcome::{Outcome, PutOutcome};
use crate::stored::columns::ByColumns;
use crate::stored::difference::Written;
use crate::stored::row;

/// So many bytes of it are kept: some hundred thousand entries.
const MOST_BYTES: u64 = 256 << 20;
/// What a row takes beside its texts, roughly.
const ROW_BYTES: u64 = 128;
/// So many old rows go with each new one, where there are too many: these have more bytes than the longest.
const FORGOTTEN_AT_ONCE: usize = 64;

/// What is noted of a command before it is applied.
pub(super) struct Before {
    /// Whether it was done before, so it changes nothing.
    is_repeat: bool,
    /// How many events the batch had by then.
    events: usize,
    /// What the job was called, where it is about one that was there.
    name: Option<String>,
    /// Its specification, where it is changed; of a secret all but its value.
    spec: Option<String>,
}

/// What is told of a change, but for who made it.
#[derive(Default)]
struct Entry {
    what: &'static str,
    target: Option<String>,
    name: Option<String>,
    difference: Written,
}

/// Looks at what a command is to change.
pub(super) fn before(context: &Context<'_>, command: &Command) -> Result<Before, StateError> {
    let job = match command {
        Command::PutJob(put) if put.from_version.is_some() => Some(put.id),
        Command::DeleteJob(delete) => Some(delete.id),
        Command::Pause(pause) => Some(pause.id),
        Command::Resume(resume) => Some(resume.id),
        Command::Skip(skip) => Some(skip.id),
        _ => None,
    };
    let found = job.map(|id: JobId| context.job(id)).transpose()?.flatten();
    let spec = found.map(|job| text(&job.spec).to_owned());
    let name = spec.as_deref().map(crate::stored::raw::name);
    let spec = match command {
        Command::Secret(SecretWord::Put(put)) => secrets::facts(context, &put.name)?,
        _ => spec,
    };
    let is_repeat = match command {
        Command::Keys(word) => keys::is_done(context, word)?,
        Command::Secret(SecretWord::Key(key) | SecretWord::KeyAfterLoss(key)) => {
            sealing::stays(context, key)?
        }
        _ => false,
    };
    Ok(Before { is_repeat, events: context.events.count(), name, spec })
}

/// Puts on record what somebody has changed by a command.
pub(super) fn after(
    context: &Context<'_>,
    before: Before,
    command: &Command,
    by: &By,
    outcome: &Outcome,
) -> Result<(), StateError> {
    if before.is_repeat || matches!(outcome, Outcome::Refused { .. }) {
        return Ok(());
    }
    let Some(entry) = entry(context, &before, command, outcome)? else { return Ok(()) };
    // What changes jobs and runs is told to those who listen. Where nothing is, nothing has changed.
    let is_told =
        !matches!(command, Command::Keys(_) | Command::Secret(_) | Command::Clock(_) | Command::Audit(_));
    if is_told && context.events.count() == before.events {
        return Ok(());
    }
    write(context, by, entry)
}

/// Puts on record what a portion of an operation came to.
pub(super) fn step(
    context: &Context<'_>,
    by: Option<&By>,
    id: impl ToString,
    [done, refused]: [u64; 2],
) -> Result<(), StateError> {
    let Some(by) = by else { return Ok(()) };
    if done + refused == 0 {
        return Ok(());
    }
    let difference = Written::of_counts([("done", done), ("refused", refused)]);
    let target = Some(id.to_string());
    write(context, by, Entry { what: "operation.portion", target, name: None, difference })
}

/// A word that somebody or the leader says of the audit.
pub(super) fn word(context: &Context<'_>, word: &AuditWord) -> Result<Outcome, StateError> {
    if let AuditWord::Forget { before } = word {
        forget(context, *before)?;
    }
    Ok(Outcome::Done)
}

fn forget(context: &Context<'_>, before: Millis) -> Result<(), StateError> {
    let sql = "DELETE FROM audit WHERE seq IN (SELECT seq FROM audit ORDER BY seq LIMIT ?2)
        AND at < ?1 AND seq < (SELECT max(seq) FROM audit)";
    context.db.prepare_cached(sql)?.execute((before, AUDIT_AT_ONCE))?;
    Ok(())
}

/// What is told of a command that was applied; none of one that changes nothing for anybody.
fn entry(
    context: &Context<'_>,
    before: &Before,
    command: &Command,
    outcome: &Outcome,
) -> Result<Option<Entry>, StateError> {
    let of_job = |what, id: JobId, difference| Entry {
        what,
        target: Some(id.to_string()),
        name: before.name.clone(),
        difference,
    };
    let none = Written::default;
    Ok(Some(match command {
        Command::PutJob(put) => {
            let next = context.written_spec.take();
            let what = if put.from_version.is_some() { "job.update" } else { "job.create" };
            let difference = Written::of_specs(before.spec.as_deref().unwrap_or_default(), &next)?;
            Entry { name: Some(put.spec.name.to_string()), ..of_job(what, put.id, difference) }
        }
        Command::DeleteJob(delete) => of_job("job.delete", delete.id, none()),
        Command::Pause(pause) => {
            let values = [("reason", json!(pause.reason)), ("until", json!(pause.until))];
            of_job("job.pause", pause.id, Written::of_values(values)?)
        }
        Command::Resume(resume) => of_job("job.resume", resume.id, none()),
        Command::Skip(skip) => {
            let values = [("count", json!(skip.count)), ("until", json!(skip.until))];
            of_job("job.skip", skip.id, Written::of_values(values)?)
        }
        Command::PutJobs(puts) => {
            let target = puts.set.as_ref().map(|set| set.name.clone());
            Entry { what: "jobs.apply", target, name: None, difference: counts(outcome) }
        }
        Command::PruneSet(prune) => Entry {
            what: "jobs.prune",
            target: Some(prune.set.clone()),
            name: None,
            difference: counts(outcome),
        },
        Command::Trigger(run) => {
            let what = if run.replay_of.is_some() { "execution.replay" } else { "job.trigger" };
            let name = match outcome {
                Outcome::Execution(answer) => Some(answer.job_name.clone()),
                _ => None,
            };
            let values = [
                ("execution", json!(run.execution.to_string())),
                ("replay_of", json!(run.replay_of.map(|id| id.to_string()))),
            ];
            Entry { name, ..of_job(what, run.job, Written::of_values(values)?) }
        }
        Command::Cancel(cancel) => {
            let name = match outcome {
                Outcome::Execution(answer) => Some(answer.job_name.clone()),
                _ => None,
            };
            let target = Some(cancel.execution.to_string());
            Entry { what: "execution.cancel", target, name, difference: none() }
        }
        Command::Operation(OperationWord::Begin(begin)) => {
            let values = [("action", json!(action(&begin.spec.action))), ("count", json!(begin.spec.count))];
            let difference = Written::of_values(values)?;
            Entry { what: "operation.start", target: Some(begin.id.to_string()), name: None, difference }
        }
        Command::Operation(OperationWord::Cancel { id }) => {
            Entry { what: "operation.cancel", target: Some(id.to_string()), ..Entry::default() }
        }
        Command::Keys(word) => return of_key(word),
        Command::Secret(word) => return of_secret(before, word),
        Command::Clock(ClockWord::Right { .. }) => Entry { what: "clock.confirm", ..Entry::default() },
        Command::Clock(ClockWord::Back) => Entry { what: "clock.set_back", ..Entry::default() },
        Command::Audit(AuditWord::Note { what, target }) => match known(what) {
            Some(what) => Entry { what, target: target.clone(), ..Entry::default() },
            None => return Ok(None),
        },
        // Nobody asks for them, or they change nothing.
        Command::Confirm(_)
        | Command::Plan(_)
        | Command::Report(_)
        | Command::Trim(_)
        | Command::Reassign(_)
        | Command::Portion
        | Command::Clock(ClockWord::Passes | ClockWord::Anew(_))
        | Command::Compare(_)
        | Command::EndPauses(_)
        | Command::Operation(OperationWord::Step(_))
        | Command::Audit(AuditWord::Forget { .. })
        | Command::RaiseVersion { .. } => return Ok(None),
        #[cfg(feature = "next")]
        Command::Probe => return Ok(None),
    }))
}

/// What is told of keys and sessions. Nothing of the tokens is.
fn of_key(word: &KeyWord) -> Result<Option<Entry>, StateError> {
    let of = |what, target: String, difference| Entry { what, target: Some(target), name: None, difference };
    Ok(Some(match word {
        KeyWord::Create(key) => {
            let values = [
                ("role", json!(key.role.as_str())),
                ("expires_at", json!(key.expires_at)),
                ("per_second", json!(key.per_second)),
            ];
            let difference = Written::of_values(values)?;
            Entry { name: Some(key.name.clone()), ..of("key.create", key.id.to_string(), difference) }
        }
        KeyWord::Revoke { id } => of("key.revoke", id.to_string(), Written::default()),
        KeyWord::BeginSession(session) => {
            let values = [("expires_at", json!(session.expires_at))];
            of("session.create", session.id.to_string(), Written::of_values(values)?)
        }
        KeyWord::EndSession { id } => of("session.delete", id.to_string(), Written::default()),
        KeyWord::End { .. } | KeyWord::Used { .. } | KeyWord::Node(_) => return Ok(None),
    }))
}

/// What is told of secrets. Nothing of their values is, and nothing of the keys that seal them.
fn of_secret(before: &Before, word: &SecretWord) -> Result<Option<Entry>, StateError> {
    let of = |what, name: &String, difference| Entry {
        what,
        target: Some(name.clone()),
        difference,
        ..Entry::default()
    };
    Ok(Some(match word {
        SecretWord::Put(put) => {
            let what = if put.from_version.is_some() { "secret.update" } else { "secret.create" };
            let next = secrets::told(&put.description, &json!(put.hosts), put.scope.as_ref());
            of(what, &put.name, Written::of_secret(before.spec.as_deref(), &next)?)
        }
        SecretWord::Delete { name } => of("secret.delete", name, Written::default()),
        SecretWord::Key(key) => of_encryption(key, false)?,
        SecretWord::KeyAfterLoss(key) => of_encryption(key, true)?,
        // Nobody asks for them.
        SecretWord::Fingerprints(_) | SecretWord::Reseal(_) => return Ok(None),
    }))
}

/// What is told of a change of the encryption key: the id of the one that is in use from then on.
fn of_encryption(key: &WrappedKey, are_lost: bool) -> Result<Entry, StateError> {
    let difference = Written::of_values([("lost", json!(are_lost.then_some(true)))])?;
    let target = key.by().map(|by| by.to_string());
    Ok(Entry { what: "encryption.rotate", target, name: None, difference })
}

/// The words for what changes no state.
const NOTES: [&str; 4] = ["backup.download", "cluster.add_node", "cluster.remove_node", "cluster.transfer"];

fn known(what: &str) -> Option<&'static str> {
    NOTES.into_iter().find(|known| *known == what)
}

fn action(action: &BulkAction) -> &'static str {
    match action {
        BulkAction::Trigger => "trigger",
        BulkAction::Delete => "delete",
        BulkAction::Patch(_) | BulkAction::SealedPatch(_) => "patch",
        BulkAction::Pause { .. } => "pause",
        BulkAction::Resume => "resume",
        BulkAction::Replay { .. } => "replay",
        BulkAction::Cancel => "cancel",
        BulkAction::Backfill => "backfill",
    }
}

/// How many jobs there are of each outcome.
fn counts(outcome: &Outcome) -> Written {
    match outcome {
        Outcome::Jobs { jobs } => {
            let count = |is: fn(&PutOutcome) -> bool| jobs.iter().filter(|job| is(job)).count() as u64;
            Written::of_counts([
                ("created", count(|job| matches!(job, PutOutcome::Created))),
                ("changed", count(|job| matches!(job, PutOutcome::Changed(_)))),
                ("unchanged", count(|job| matches!(job, PutOutcome::Unchanged(_)))),
                ("refused", count(|job| matches!(job, PutOutcome::Refused))),
            ])
        }
        Outcome::Pruned { names, .. } => Written::of_counts([("deleted", names.len() as u64)]),
        _ => Written::default(),
    }
}

fn write(context: &Context<'_>, by: &By, entry: Entry) -> Result<(), StateError> {
    let Entry { what, target, name, difference } = entry;
    let difference = difference.into_json()?;
    let ByColumns { kind, id, name: by_name, address, note } = Some(by).into();
    let texts = [Some(what), id, by_name, address.as_deref(), note, target.as_deref(), name.as_deref()];
    let length: usize = texts.into_iter().chain([difference.as_deref()]).flatten().map(str::len).sum();
    let last = context.last_audit.get().map_or_else(|| last(context), Ok)?;
    let (seq, upto) = (last.seq + 1, last.upto + ROW_BYTES + length as u64);
    row::write_often(
        &context.statements,
        "INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        row::cells![seq, context.at, upto, *what, kind, id, by_name, address, note, target, name, difference],
        0..0,
        row::cells![],
    )?;
    context.last_audit.set(Some(Last { seq, upto }));
    if upto > MOST_BYTES {
        let sql =
            "DELETE FROM audit WHERE seq IN (SELECT seq FROM audit ORDER BY seq LIMIT ?2) AND upto <= ?1";
        context.db.prepare_cached(sql)?.execute((upto - MOST_BYTES, FORGOTTEN_AT_ONCE))?;
    }
    Ok(())
}

/// The newest row.
#[derive(Clone, Copy, Default)]
pub(super) struct Last {
    /// Its number.
    seq: u64,
    /// The bytes of all up to it.
    upto: u64,
}

fn last(context: &Context<'_>) -> Result<Last, StateError> {
    let sql = "SELECT seq, upto FROM audit ORDER BY seq DESC LIMIT 1";
    let read = |row: &Row<'_>| Ok(Last { seq: row.get(0)?, upto: row.get(1)? });
    context.statements.with(sql, |statement| {
        let mut rows = statement.query([])?;
        Ok(rows.next()?.map(|row| row::read("audit", row, read)).transpose()?.unwrap_or_default())
    })
}

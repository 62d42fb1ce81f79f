//! Which data key seals, and what is sealed by it anew.
//!
//! From the moment at which a data key comes, no command is done whose credentials are sealed by another one, or not at
//! all: so what has been sealed anew stays so. What is there is sealed anew in portions that the leader proposes; each
//! value is a compare-and-set, and so is the place that it has come to.

use chronos_seal::{KeyId, WrappedKey};
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row};

use super::context::Context;
use crate::command::{
    BulkAction, MAX_DATA_KEYS, Proposal, Reseal, ResealStep, Resealed, SECRETS_SINCE, SealedPatch,
};
use crate::error::StateError;
use crate::outcome::{Outcome, Refusal};
use crate::run::JobSeq;
use crate::stored::operation::{self, StoredOperation};
use crate::stored::overrides::StoredOverrides;
use crate::stored::sealing::{self, Sealing};
use crate::stored::spec::{self, StoredSpec};
use crate::stored::webhook::StoredWebhook;
use crate::stored::{columns, row};

/// Why a command is not to be done: what it has is sealed by another data key than what is written now.
pub(super) fn fence(context: &Context<'_>, item: &Proposal) -> Result<Option<Refusal>, StateError> {
    if !item.command.may_have_credentials() || context.version()? < SECRETS_SINCE {
        return Ok(None);
    }
    Ok((data_key(context)? != item.sealed_by).then_some(Refusal::SealedOtherwise))
}

/// The data key that seals. It is looked for once in a batch.
fn data_key(context: &Context<'_>) -> Result<Option<KeyId>, StateError> {
    if let Some(known) = context.data_key.get() {
        return Ok(known);
    }
    let found = sealing::key(context.db)?;
    context.data_key.set(Some(found));
    Ok(found)
}

/// Whether a data key that comes changes nothing: the one that seals is wrapped by the same encryption key, or is that one.
pub(super) fn stays(context: &Context<'_>, key: &WrappedKey) -> Result<bool, StateError> {
    let (Some(current), Some(wrapping)) = (data_key(context)?, key.by()) else { return Ok(false) };
    let sql = "SELECT 1 FROM data_keys WHERE id = ?1 AND wrapped_by = ?2";
    let is_wrapped_so =
        || context.db.prepare_cached(sql)?.exists((current.to_string(), wrapping.to_string()));
    Ok(current == key.id || is_wrapped_so()?)
}

/// A data key comes, and all is to be sealed by it. Where the others are lost, they go, and nothing is waited for.
pub(super) fn begin(context: &Context<'_>, key: &WrappedKey, are_lost: bool) -> Result<Outcome, StateError> {
    let Some(wrapping) = key.by() else { return Context::refuse(Refusal::Unreadable) };
    if stays(context, key)? {
        return Ok(Outcome::Done);
    }
    let (id, wrapping, current) = (key.id.to_string(), wrapping.to_string(), data_key(context)?);
    if are_lost {
        context.db.prepare_cached("DELETE FROM data_keys")?.execute([])?;
        // Another one is made. Repeats of what was asked for before are refused then, and nothing is done twice.
        sealing::forget_fingerprints(context.db)?;
    } else if sealing::progress(context.db)?.is_some_and(|progress| progress.ended_at.is_none()) {
        return Context::refuse(Refusal::SealingMovedOn);
    }
    let count: usize =
        context.db.prepare_cached("SELECT count(*) FROM data_keys")?.query_row([], |row| row.get(0))?;
    if count >= MAX_DATA_KEYS {
        return Context::refuse(Refusal::TooManySecrets { most: MAX_DATA_KEYS });
    }
    row::write(
        context.db,
        "INSERT OR REPLACE INTO data_keys VALUES (?1, ?2, ?3, ?4, ?5)",
        row::cells![id, wrapping, key.sealed.to_text(), context.at],
        row::cells![],
    )?;
    sealing::set_key(context.db, key.id)?;
    context.data_key.set(Some(Some(key.id)));
    let was_clear = current.is_none() && has_written(context)?;
    sealing::set_progress(context.db, &Sealing { was_clear, ..Sealing::new(context.at) })?;
    Ok(Outcome::Done)
}

/// Whether there ever was something that may have had credentials: also what was deleted is in files still.
fn has_written(context: &Context<'_>) -> Result<bool, StateError> {
    let sql =
        "SELECT 1 FROM counters WHERE name = 'job' AND last > 0 UNION ALL SELECT 1 FROM secrets LIMIT 1";
    Ok(context.db.prepare_cached(sql)?.exists([])?)
}

/// Seals a portion anew.
pub(super) fn step(context: &Context<'_>, step: &ResealStep) -> Result<Outcome, StateError> {
    let ResealStep { key, from, items, to, left, is_last } = step;
    let Some(mut progress) = sealing::progress(context.db)? else {
        return Context::refuse(Refusal::SealingMovedOn);
    };
    if progress.ended_at.is_some() || progress.cursor != *from || data_key(context)? != Some(*key) {
        return Context::refuse(Refusal::SealingMovedOn);
    }
    for item in items {
        if one(context, item)? {
            progress.done += 1;
            progress.was_clear |= item.from.is_none();
        }
    }
    progress.left += u64::from(*left);
    progress.cursor = to.clone();
    if *is_last {
        progress.ended_at = Some(context.at);
        // What could not be opened may open yet, where the key for it is found again.
        if progress.left == 0 {
            let sql = "DELETE FROM data_keys WHERE id <> ?1";
            context.db.prepare_cached(sql)?.execute([key.to_string()])?;
        }
    }
    sealing::set_progress(context.db, &progress)?;
    Ok(Outcome::Done)
}

/// Seals one value anew, if it is sealed as whoever proposed it has read.
fn one(context: &Context<'_>, item: &Reseal) -> Result<bool, StateError> {
    let Reseal { from, to } = item;
    match to {
        Resealed::Secret { name, version, value } => {
            let is_so =
                |text: &str| chronos_seal::Sealed::parse(text).is_ok_and(|sealed| sealed.key() == *from);
            let sql = "SELECT * FROM secrets WHERE name = ?1 AND version = ?2";
            let mut statement = context.db.prepare_cached(sql)?;
            let mut rows = statement.query((name, number(*version)))?;
            let Some(found) = rows.next()? else { return Ok(false) };
            if !is_so(found.get_ref("value")?.as_str()?) {
                return Ok(false);
            }
            replace(context, "secrets", &with(found, "value", value.to_text())?)
        }
        Resealed::Webhook { job, version, webhook } => {
            for table in ["jobs", "versions"] {
                if let Some(is_done) = webhook_of(context, table, (*job, *version), *from, webhook)? {
                    return Ok(is_done);
                }
            }
            Ok(false)
        }
        Resealed::Overrides { execution, overrides } => overrides_of(context, *execution, *from, overrides),
        Resealed::Patch { operation, patch } => {
            let sql = "SELECT * FROM operations WHERE id = ?1";
            let mut statement = context.db.prepare_cached(sql)?;
            let mut rows = statement.query([operation.as_bytes()])?;
            let Some(found) = rows.next()? else { return Ok(false) };
            let Ok(mut asked) = operation::read::<StoredOperation>(found.get_ref("asked")?) else {
                return Ok(false);
            };
            let is_so = match &asked.spec.action {
                BulkAction::Patch(_) => from.is_none(),
                BulkAction::SealedPatch(SealedPatch { sealed, .. }) => sealed.key() == *from,
                _ => false,
            };
            if !is_so {
                return Ok(false);
            }
            asked.spec.action = BulkAction::SealedPatch(patch.clone());
            replace(context, "operations", &with(found, "asked", operation::to_json(&asked)?)?)
        }
        Resealed::Fingerprints(key) => {
            let found = sealing::fingerprints(context.db)?;
            let is_so = found.is_some_and(|found| found.key() == *from);
            if is_so {
                sealing::set_fingerprints(context.db, key)?;
            }
            Ok(is_so)
        }
    }
}

/// The webhook of a version of a job, in one of the tables that may have it. Answers nothing where it is not there.
fn webhook_of(
    context: &Context<'_>,
    table: &str,
    (job, version): (JobSeq, u64),
    from: Option<KeyId>,
    webhook: &StoredWebhook<'static>,
) -> Result<Option<bool>, StateError> {
    let sql = format!("SELECT * FROM {table} WHERE seq = ?1 AND version = ?2");
    let mut statement = context.db.prepare_cached(&sql)?;
    let mut rows = statement.query((job.get(), number(version)))?;
    let Some(found) = rows.next()? else { return Ok(None) };
    let text = found.get_ref("spec")?.as_str().unwrap_or_default();
    let Ok(mut spec) = serde_json::from_str::<StoredSpec<'_>>(text) else { return Ok(Some(false)) };
    if spec.webhook.sealed.as_ref().and_then(|sealed| sealed.value.key()) != from {
        return Ok(Some(false));
    }
    let body = spec.webhook.body.take();
    spec.webhook = StoredWebhook { body, ..webhook.clone() };
    let json = spec::to_json(&spec)?;
    replace(context, table, &with(found, "spec", json)?).map(Some)
}

fn overrides_of(
    context: &Context<'_>,
    execution: i64,
    from: Option<KeyId>,
    overrides: &StoredOverrides,
) -> Result<bool, StateError> {
    let sql = "SELECT execution, body, headers, sealed FROM overrides WHERE execution = ?1";
    let found = context
        .db
        .prepare_cached(sql)?
        .query_row([execution], |row| {
            Ok(columns::overrides(row).ok().and_then(Result::ok).map(|stored| (stored.sealed, stored.body)))
        })
        .optional()?
        .flatten();
    let Some((sealed, body)) = found else { return Ok(false) };
    if sealed.and_then(|sealed| sealed.value.key()) != from {
        return Ok(false);
    }
    super::overrides::forget(context, execution)?;
    super::overrides::keep(context, execution, &StoredOverrides { body, ..overrides.clone() })?;
    Ok(true)
}

/// A number that SQLite does not have is that of no row.
fn number(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

/// The values of a row before its sum, with another text in one of them.
fn with(row: &Row<'_>, column: &str, text: String) -> Result<Vec<Value>, StateError> {
    let (place, sum) = (row.as_ref().column_index(column)?, row.as_ref().column_index(row::SUM)?);
    let mut values = (0..sum).map(|column| row.get(column)).collect::<Result<Vec<Value>, _>>()?;
    if let Some(value) = values.get_mut(place) {
        *value = Value::Text(text);
    }
    Ok(values)
}

/// Writes a row in place of the one with its key.
fn replace(context: &Context<'_>, table: &str, row: &[Value]) -> Result<bool, StateError> {
    let columns: Vec<_> = (1..=row.len() + 1).map(|number| format!("?{number}")).collect();
    let sql = format!("INSERT OR REPLACE INTO {table} VALUES ({})", columns.join(", "));
    let cells: Vec<_> = row.iter().map(row::Cell::cell).collect();
    row::write(context.db, &sql, &cells, row::cells![])?;
    Ok(true)
}

//! Named secrets, the keys that seal them, and the jobs that name them.

use std::collections::BTreeSet;

use chronos_types::By;
use rusqlite::Row;
use serde_json::{Value, json};

use super::context::Context;
use super::sealing;
use crate::command::{MAX_SECRETS, PutSecret, SECRETS_SINCE, SecretWord};
use crate::error::StateError;
use crate::outcome::{Outcome, Refusal};
use crate::run::JobSeq;
use crate::stored::columns::ByColumns;
use crate::stored::scope::StoredScope;
use crate::stored::webhook::StoredWebhook;
use crate::stored::{row, sealing as stored, secret_names};

/// So many of the jobs that name a secret are told where it is to be deleted.
const SHOWN: usize = 3;

pub(super) fn word(context: &Context<'_>, word: &SecretWord, by: Option<&By>) -> Result<Outcome, StateError> {
    match word {
        SecretWord::Key(key) => sealing::begin(context, key, false),
        SecretWord::KeyAfterLoss(key) => sealing::begin(context, key, true),
        SecretWord::Reseal(step) => sealing::step(context, step),
        SecretWord::Fingerprints(key) => {
            if stored::fingerprints(context.db)?.is_none() {
                stored::set_fingerprints(context.db, key)?;
            }
            Ok(Outcome::Done)
        }
        SecretWord::Put(put) => self::put(context, put, by),
        SecretWord::Delete { name } => delete(context, name),
    }
}

fn put(context: &Context<'_>, put: &PutSecret, by: Option<&By>) -> Result<Outcome, StateError> {
    let PutSecret { name, from_version, description, hosts, scope, value } = put;
    let found = find(context, name)?;
    let (version, created_at) = match (found, from_version) {
        (Some((current, created_at)), Some(from)) if current == *from => (current + 1, created_at),
        (Some((current, _)), _) => return Context::refuse(Refusal::VersionMismatch { current }),
        (None, Some(_)) => return Context::refuse(Refusal::NoSuchSecret { name: name.clone() }),
        (None, None) if count(context, "SELECT count(*) FROM secrets")? >= MAX_SECRETS => {
            return Context::refuse(Refusal::TooManySecrets { most: MAX_SECRETS });
        }
        (None, None) => (1, context.at),
    };
    let hosts = serde_json::to_string(hosts).map_err(StateError::encode)?;
    let scope = scope.as_ref().map(serde_json::to_string).transpose().map_err(StateError::encode)?;
    let ByColumns { kind, id, name: actor, address, note } = by.into();
    row::write(
        context.db,
        "INSERT OR REPLACE INTO secrets VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        row::cells![
            name,
            version,
            created_at,
            context.at,
            description,
            hosts,
            kind,
            id,
            actor,
            address,
            note,
            value.to_text(),
            scope
        ],
        row::cells![],
    )?;
    Ok(Outcome::Done)
}

fn delete(context: &Context<'_>, name: &str) -> Result<Outcome, StateError> {
    if find(context, name)?.is_none() {
        return Context::refuse(Refusal::NoSuchSecret { name: name.to_owned() });
    }
    let sql = "SELECT j.name FROM secret_uses u JOIN jobs j ON j.seq = u.job WHERE u.name = ?1
        ORDER BY u.job LIMIT ?2";
    let mut statement = context.db.prepare_cached(sql)?;
    let jobs = statement.query_map((name, SHOWN + 1), |row| row.get(0))?;
    let mut jobs: Vec<String> = jobs.collect::<Result<_, _>>()?;
    if !jobs.is_empty() {
        let more = jobs.len() > SHOWN;
        jobs.truncate(SHOWN);
        return Context::refuse(Refusal::SecretInUse { jobs, more });
    }
    context.db.prepare_cached("DELETE FROM secrets WHERE name = ?1")?.execute([name])?;
    Ok(Outcome::Done)
}

/// The version of a secret, and when it was created.
fn find(context: &Context<'_>, name: &str) -> Result<Option<(u64, i64)>, StateError> {
    let sql = "SELECT name, version, created_at FROM secrets WHERE name = ?1";
    let mut statement = context.db.prepare_cached(sql)?;
    let mut rows = statement.query([name])?;
    let read = |row: &Row<'_>| Ok((row.get(1)?, row.get(2)?));
    rows.next()?.map(|row| row::read("secrets", row, read)).transpose()
}

/// What is told of a secret that is there, as the audit compares it.
pub(super) fn facts(context: &Context<'_>, name: &str) -> Result<Option<String>, StateError> {
    let sql = "SELECT name, description, hosts, scope FROM secrets WHERE name = ?1";
    let mut statement = context.db.prepare_cached(sql)?;
    let mut rows = statement.query([name])?;
    let read = |row: &Row<'_>| {
        // What cannot be read is told as nothing.
        let hosts = serde_json::from_str(row.get_ref(2)?.as_str()?).unwrap_or_default();
        let scope = row.get_ref(3)?.as_str_or_null()?.and_then(|text| serde_json::from_str(text).ok());
        Ok(told(row.get_ref(1)?.as_str()?, &hosts, scope.as_ref()))
    };
    rows.next()?.map(|row| row::read("secrets", row, read)).transpose()
}

/// The same, of what it is to be.
pub(super) fn told(description: &str, hosts: &Value, scope: Option<&StoredScope>) -> String {
    let description = (!description.is_empty()).then_some(description);
    let mut told = json!({"description": description, "hosts": hosts});
    if let Some(scope) = scope {
        told["scope"] = json!(scope);
    }
    told.to_string()
}

fn count(context: &Context<'_>, sql: &str) -> Result<usize, StateError> {
    Ok(context.db.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

/// Notes which secrets the webhook of a job names: of a new job, or in place of those that its last version named.
pub(super) fn note_uses(
    context: &Context<'_>,
    job: JobSeq,
    webhook: &StoredWebhook<'_>,
    is_new: bool,
) -> Result<(), StateError> {
    if context.version()? < SECRETS_SINCE {
        return Ok(());
    }
    let wanted = secret_names::of(webhook);
    if !is_new {
        let sql = "SELECT name FROM secret_uses WHERE job = ?1";
        let mut statement = context.db.prepare_cached(sql)?;
        let found = statement.query_map([job.get()], |row| row.get(0))?;
        if found.collect::<Result<BTreeSet<String>, _>>()? == wanted {
            return Ok(());
        }
        forget_uses(context, job)?;
    }
    for name in &wanted {
        row::write(
            context.db,
            "INSERT INTO secret_uses VALUES (?1, ?2, ?3)",
            row::cells![name, job.get()],
            row::cells![],
        )?;
    }
    Ok(())
}

/// A deleted job names none.
pub(super) fn forget_uses(context: &Context<'_>, job: JobSeq) -> Result<(), StateError> {
    if context.version()? >= SECRETS_SINCE {
        context.db.prepare_cached("DELETE FROM secret_uses WHERE job = ?1")?.execute([job.get()])?;
    }
    Ok(())
}

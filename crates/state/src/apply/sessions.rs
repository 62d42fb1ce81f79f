//! Sessions of browsers. Each stands for a key, and ends with it.

use chronos_types::{KeyId, Millis};
use rusqlite::OptionalExtension as _;

use super::context::Context;
use super::keys::count;
use crate::command::{BeginSession, MAX_SESSIONS, MAX_SESSIONS_OF_KEY, SESSIONS_AT_ONCE};
use crate::error::StateError;
use crate::outcome::{Outcome, Refusal};
use crate::stored::row;

/// Begins a session, unless its key is over by now.
pub(super) fn begin(context: &mut Context<'_>, session: &BeginSession) -> Result<Outcome, StateError> {
    let BeginSession { id, key, hash, expires_at } = session;
    if is_over(context, *key)? || is_denied(context, *key)? {
        return Context::refuse(Refusal::NoSuchKey);
    }
    let sql = "DELETE FROM sessions WHERE id IN
        (SELECT id FROM sessions WHERE expires_at <= ?1 ORDER BY expires_at, id LIMIT ?2)";
    context.db.prepare_cached(sql)?.execute((context.at, SESSIONS_AT_ONCE))?;
    let key = key.to_string();
    let sql = "SELECT count(*) FROM sessions WHERE key = ?1";
    let of_key: usize = context.db.prepare_cached(sql)?.query_row([&key], |row| row.get(0))?;
    if of_key >= MAX_SESSIONS_OF_KEY {
        let sql = "DELETE FROM sessions WHERE id =
            (SELECT id FROM sessions WHERE key = ?1 ORDER BY created_at, id LIMIT 1)";
        context.db.prepare_cached(sql)?.execute([&key])?;
    } else if count(context, "sessions")? >= MAX_SESSIONS {
        let sql = "DELETE FROM sessions WHERE id = (SELECT id FROM sessions ORDER BY expires_at, id LIMIT 1)";
        context.db.prepare_cached(sql)?.execute([])?;
    }
    row::write(
        context.db,
        "INSERT OR REPLACE INTO sessions VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        row::cells![id.to_string(), key, hash.as_bytes(), context.at, *expires_at],
        row::cells![],
    )?;
    context.keys = true;
    Ok(Outcome::Done)
}

/// Whether a key is on record and over.
fn is_over(context: &Context<'_>, key: KeyId) -> Result<bool, StateError> {
    let sql = "SELECT revoked_at, expires_at FROM api_keys WHERE id = ?1";
    let ends: Option<(Option<Millis>, Option<Millis>)> = context
        .db
        .prepare_cached(sql)?
        .query_row([key.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(ends.is_some_and(|(revoked, expires)| {
        revoked.is_some() || expires.is_some_and(|expires| expires <= context.at)
    }))
}

/// Whether a key of a configuration is denied.
pub(super) fn is_denied(context: &Context<'_>, key: KeyId) -> Result<bool, StateError> {
    let sql = "SELECT 1 FROM denied_keys WHERE id = ?1";
    Ok(context.db.prepare_cached(sql)?.exists([key.to_string()])?)
}

/// Whether there is such a session.
pub(super) fn is_on_record(context: &Context<'_>, id: KeyId) -> Result<bool, StateError> {
    let sql = "SELECT 1 FROM sessions WHERE id = ?1";
    Ok(context.db.prepare_cached(sql)?.exists([id.to_string()])?)
}

/// Ends a session. One that is over already is over.
pub(super) fn end(context: &mut Context<'_>, id: KeyId) -> Result<Outcome, StateError> {
    context.db.prepare_cached("DELETE FROM sessions WHERE id = ?1")?.execute([id.to_string()])?;
    context.keys = true;
    Ok(Outcome::Done)
}

/// Ends the sessions of a key.
pub(super) fn end_of(context: &Context<'_>, key: KeyId) -> Result<(), StateError> {
    context.db.prepare_cached("DELETE FROM sessions WHERE key = ?1")?.execute([key.to_string()])?;
    Ok(())
}

//! Keys of the API: they are made, end, and are used. What ends with a key ends in the same step.

use chronos_types::{By, KeyId, Millis};
use rusqlite::{OptionalExtension as _, Row};

use super::context::Context;
use super::{operation, sessions};
use crate::command::{CreateKey, KeyUse, KeyWord, MAX_KEYS, MAX_NODES, MAX_USES, NodeKeys};
use crate::error::StateError;
use crate::outcome::{Outcome, Refusal};
use crate::stored::code::Code as _;
use crate::stored::{key as stored, row, scope_rollups};

pub(super) fn word(
    context: &mut Context<'_>,
    word: &KeyWord,
    by: Option<&By>,
) -> Result<Outcome, StateError> {
    match word {
        KeyWord::Create(key) => create(context, key, by),
        KeyWord::Revoke { id } => revoke(context, *id, by),
        KeyWord::End { id } => {
            end(context, *id, by)?;
            Ok(Outcome::Done)
        }
        KeyWord::Used { keys } => {
            keys.iter().try_for_each(|key| used(context, key))?;
            Ok(Outcome::Done)
        }
        KeyWord::Node(node) => of_node(context, node),
        KeyWord::BeginSession(session) => sessions::begin(context, session),
        KeyWord::EndSession { id } => sessions::end(context, *id),
    }
}

/// How many rows a table has.
pub(super) fn count(context: &Context<'_>, table: &str) -> Result<usize, StateError> {
    let sql = format!("SELECT count(*) FROM {table}");
    Ok(context.db.prepare_cached(&sql)?.query_row([], |row| row.get(0))?)
}

fn create(context: &mut Context<'_>, key: &CreateKey, by: Option<&By>) -> Result<Outcome, StateError> {
    let CreateKey { id, name, role, hash, expires_at, per_second, scope } = key;
    // One that arrives twice is made once.
    if is_on_record(context, *id)? {
        return Ok(Outcome::Done);
    }
    if count(context, "api_keys")? >= MAX_KEYS && !forget_one(context)? {
        return Context::refuse(Refusal::TooManyKeys { most: MAX_KEYS });
    }
    let none: Option<Millis> = None;
    row::write(
        context.db,
        "INSERT INTO api_keys VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        row::cells![
            id.to_string(),
            name,
            role.code(),
            hash.as_bytes(),
            context.at,
            *expires_at,
            *per_second,
            stored::scope(scope)?,
            none,
            stored::asker(by)?,
            None::<String>
        ],
        row::cells![],
    )?;
    context.keys = true;
    Ok(Outcome::Done)
}

/// Whether what a word says is so before it is said.
pub(super) fn is_done(context: &Context<'_>, word: &KeyWord) -> Result<bool, StateError> {
    match word {
        KeyWord::Create(key) => is_on_record(context, key.id),
        KeyWord::Revoke { id } => {
            let sql = "SELECT 1 FROM api_keys WHERE id = ?1 AND revoked_at IS NOT NULL";
            let is_revoked = context.db.prepare_cached(sql)?.exists([id.to_string()])?;
            Ok(is_revoked || sessions::is_denied(context, *id)?)
        }
        KeyWord::EndSession { id } => Ok(!sessions::is_on_record(context, *id)?),
        KeyWord::End { .. } | KeyWord::Used { .. } | KeyWord::Node(_) | KeyWord::BeginSession(_) => Ok(false),
    }
}

/// Whether the API has made this key.
fn is_on_record(context: &Context<'_>, id: KeyId) -> Result<bool, StateError> {
    let sql = "SELECT 1 FROM api_keys WHERE id = ?1";
    Ok(context.db.prepare_cached(sql)?.exists([id.to_string()])?)
}

/// Forgets the key that is over for the longest time. Answers whether any is over.
fn forget_one(context: &Context<'_>) -> Result<bool, StateError> {
    let sql = "SELECT id FROM api_keys
        WHERE min(ifnull(revoked_at, ?2), ifnull(expires_at, ?2)) <= ?1
        ORDER BY min(ifnull(revoked_at, ?2), ifnull(expires_at, ?2)), id LIMIT 1";
    let id: Option<String> =
        context.db.prepare_cached(sql)?.query_row((context.at, Millis::MAX), |row| row.get(0)).optional()?;
    let Some(id) = id else { return Ok(false) };
    for sql in ["DELETE FROM api_keys WHERE id = ?1", "DELETE FROM key_uses WHERE id = ?1"] {
        context.db.prepare_cached(sql)?.execute([&id])?;
    }
    Ok(true)
}

fn revoke(context: &mut Context<'_>, id: KeyId, by: Option<&By>) -> Result<Outcome, StateError> {
    if is_on_record(context, id)? {
        end_key(context, id, by)?;
    } else if !sessions::is_denied(context, id)? {
        if count(context, "denied_keys")? >= MAX_KEYS {
            return Context::refuse(Refusal::TooManyKeys { most: MAX_KEYS });
        }
        row::write(
            context.db,
            "INSERT INTO denied_keys VALUES (?1, ?2, ?3, ?4)",
            row::cells![id.to_string(), context.at, stored::asker(by)?],
            row::cells![],
        )?;
    }
    end(context, id, by)?;
    Ok(Outcome::Done)
}

/// Puts on record that a key is over. One that is over already stays as it is.
fn end_key(context: &Context<'_>, id: KeyId, by: Option<&By>) -> Result<(), StateError> {
    let sql = "SELECT id, name, role, hash, created_at, expires_at, per_second, revoked_at, created_by, scope
        FROM api_keys WHERE id = ?1 AND revoked_at IS NULL";
    let mut statement = context.db.prepare_cached(sql)?;
    let mut rows = statement.query([id.to_string()])?;
    let Some(found) = rows.next()? else { return Ok(()) };
    let read = |row: &Row<'_>| {
        let (name, role, hash) = (row.get::<_, String>(1)?, row.get::<_, i64>(2)?, row.get::<_, Vec<u8>>(3)?);
        let (created_at, expires_at) = (row.get::<_, Millis>(4)?, row.get::<_, Option<Millis>>(5)?);
        let (per_second, made_by) = (row.get::<_, Option<u32>>(6)?, row.get::<_, Option<String>>(8)?);
        let scope = row.get::<_, Option<String>>(9)?;
        Ok((name, role, hash, created_at, expires_at, (per_second, scope), made_by))
    };
    let (name, role, hash, created_at, expires_at, (per_second, scope), made_by) =
        row::read("api_keys", found, read)?;
    drop(rows);
    row::write(
        context.db,
        "INSERT OR REPLACE INTO api_keys VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        row::cells![
            id.to_string(),
            name,
            role,
            hash.as_slice(),
            created_at,
            expires_at,
            per_second,
            scope,
            context.at,
            made_by,
            stored::asker(by)?
        ],
        row::cells![],
    )?;
    Ok(())
}

/// Ends what a key has begun: its sessions, and operations under way.
fn end(context: &mut Context<'_>, id: KeyId, by: Option<&By>) -> Result<(), StateError> {
    sessions::end_of(context, id)?;
    operation::cancel_of(context, &id.to_string(), by)?;
    context.keys = true;
    Ok(())
}

/// Notes the hour in which a key was used last.
fn used(context: &Context<'_>, key: &KeyUse) -> Result<(), StateError> {
    let KeyUse { id, hour } = key;
    let id = id.to_string();
    let sql = "SELECT hour FROM key_uses WHERE id = ?1";
    let known: Option<Millis> =
        context.db.prepare_cached(sql)?.query_row([&id], |row| row.get(0)).optional()?;
    if known.is_some_and(|known| known >= *hour) {
        return Ok(());
    }
    if known.is_none() && count(context, "key_uses")? >= MAX_USES {
        let sql = "DELETE FROM key_uses WHERE id = (SELECT id FROM key_uses ORDER BY hour, id LIMIT 1)";
        context.db.prepare_cached(sql)?.execute([])?;
    }
    let sql = "INSERT OR REPLACE INTO key_uses VALUES (?1, ?2, ?3)";
    row::write(context.db, sql, row::cells![id, *hour], row::cells![])?;
    Ok(())
}

/// Keeps which keys the configuration of a node has.
fn of_node(context: &mut Context<'_>, node: &NodeKeys) -> Result<Outcome, StateError> {
    let name = node.node.as_str();
    let sql = "SELECT 1 FROM node_keys WHERE node = ?1";
    let is_known = context.db.prepare_cached(sql)?.exists([name])?;
    if !is_known && count(context, "node_keys")? >= MAX_NODES {
        let sql = "DELETE FROM node_keys WHERE node = (SELECT node FROM node_keys ORDER BY at, node LIMIT 1)";
        context.db.prepare_cached(sql)?.execute([])?;
    }
    if let Some(tag) = &node.scope_tag
        && scope_rollups::tag(context.db)?.is_none_or(|(before, _)| before != *tag)
    {
        // What comes from now on is counted by it. Whose word came last is who was configured last.
        scope_rollups::set_tag(context.db, tag, context.at)?;
        context.rollups.forget_tag();
    }
    let keys = serde_json::to_string(node).map_err(StateError::encode)?;
    row::write(
        context.db,
        "INSERT OR REPLACE INTO node_keys VALUES (?1, ?2, ?3, ?4)",
        row::cells![name, context.at, keys],
        row::cells![],
    )?;
    context.keys = true;
    Ok(Outcome::Done)
}

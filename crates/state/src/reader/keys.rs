//! Keys of the API, and sessions of browsers.

use std::collections::BTreeMap;

use chronos_types::{By, KeyId, KeyName, KeyScope, Millis, Role, TokenHash};
use rusqlite::Row;

use super::connection::Reader;
use crate::command::{KEYS_SINCE, NodeKeys};
use crate::error::StateError;
use crate::schema;
use crate::stored::code::Code as _;
use crate::stored::{key as stored, row};

/// A key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    /// The key.
    pub id: KeyId,
    /// What people call it.
    pub name: KeyName,
    /// What it may do. A role that is not known may do the least.
    pub role: Role,
    /// The hash of its token.
    pub hash: TokenHash,
    /// When it was made.
    pub created_at: Millis,
    /// When it ends by itself.
    pub expires_at: Option<Millis>,
    /// At most so many requests a second, to each node.
    pub per_second: Option<u32>,
    /// What it is limited to; all where there is none.
    pub scope: Option<KeyScope>,
    /// When it was ended, if it was.
    pub revoked_at: Option<Millis>,
    /// Who made it, where that is known.
    pub created_by: Option<By>,
    /// Who ended it, where that is known.
    pub revoked_by: Option<By>,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// The session.
    pub id: KeyId,
    /// The key that it stands for.
    pub key: KeyId,
    /// The hash of its token.
    pub hash: TokenHash,
    /// When it ends.
    pub expires_at: Millis,
}

/// A key of a configuration that is denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeniedKey {
    /// Since when.
    pub at: Millis,
    /// By whom, where that is known.
    pub by: Option<By>,
}

/// All that says who may ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessRecord {
    /// The keys, the oldest first.
    pub keys: Vec<KeyRow>,
    /// The keys of configurations that are denied.
    pub denied: BTreeMap<KeyId, DeniedKey>,
    /// The sessions.
    pub sessions: Vec<SessionRow>,
    /// Which keys the configurations of the nodes have, sorted by the nodes. A list that cannot be read is left out.
    pub nodes: Vec<NodeKeys>,
}

impl Reader {
    /// All that says who may ask. Whoever wants it of one state asks by [`Reader::at_once`].
    ///
    /// # Errors
    /// The storage failed.
    pub fn access(&self) -> Result<AccessRecord, StateError> {
        if !self.has_keys()? {
            return Ok(AccessRecord::default());
        }
        let keys = "SELECT id, name, role, hash, created_at, expires_at, per_second, revoked_at, created_by, \
            revoked_by, scope FROM api_keys ORDER BY created_at, id";
        let denied = self.all("denied_keys", "SELECT id, at, denied_by FROM denied_keys", |row| {
            Ok((id(row, 0)?, DeniedKey { at: row.get(1)?, by: stored::read_asker(row.get_ref(2)?) }))
        })?;
        let session = |row: &Row<'_>| {
            Ok(SessionRow { id: id(row, 0)?, key: id(row, 1)?, hash: hash(row, 2)?, expires_at: row.get(3)? })
        };
        Ok(AccessRecord {
            keys: self.all("api_keys", keys, key)?,
            denied: denied.into_iter().collect(),
            sessions: self.all("sessions", "SELECT id, key, hash, expires_at FROM sessions", session)?,
            nodes: self.node_keys()?,
        })
    }

    /// The beginning of the hour in which each key was used last, as far as that is known.
    ///
    /// # Errors
    /// The storage failed.
    pub fn key_uses(&self) -> Result<BTreeMap<KeyId, Millis>, StateError> {
        if !self.has_keys()? {
            return Ok(BTreeMap::new());
        }
        let read = |row: &Row<'_>| Ok((id(row, 0)?, row.get(1)?));
        Ok(self.all("key_uses", "SELECT id, hour FROM key_uses", read)?.into_iter().collect())
    }

    fn node_keys(&self) -> Result<Vec<NodeKeys>, StateError> {
        let read = |row: &Row<'_>| {
            let text = row.get_ref(1)?.as_str().unwrap_or_default();
            Ok(serde_json::from_str::<NodeKeys>(text).ok())
        };
        let all = self.all("node_keys", "SELECT node, keys FROM node_keys ORDER BY node", read)?;
        Ok(all.into_iter().flatten().collect())
    }

    fn all<T>(
        &self,
        table: &str,
        sql: &str,
        read: impl Fn(&Row<'_>) -> Result<T, StateError>,
    ) -> Result<Vec<T>, StateError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        let mut all = Vec::new();
        while let Some(found) = rows.next()? {
            all.push(row::read(table, found, &read)?);
        }
        Ok(all)
    }

    /// Whether the state has the tables of keys.
    fn has_keys(&self) -> Result<bool, StateError> {
        Ok(schema::version(&self.connection)? >= KEYS_SINCE)
    }
}

fn key(row: &Row<'_>) -> Result<KeyRow, StateError> {
    Ok(KeyRow {
        id: id(row, 0)?,
        name: KeyName::unchecked(row.get(1)?),
        role: Role::known(row.get(2)?).unwrap_or(Role::Viewer),
        hash: hash(row, 3)?,
        created_at: row.get(4)?,
        expires_at: row.get(5)?,
        per_second: row.get(6)?,
        revoked_at: row.get(7)?,
        created_by: stored::read_asker(row.get_ref(8)?),
        revoked_by: stored::read_asker(row.get_ref(9)?),
        scope: stored::read_scope(row.get_ref(10)?),
    })
}

fn id(row: &Row<'_>, column: usize) -> Result<KeyId, StateError> {
    KeyId::parse(row.get_ref(column)?.as_str()?).map_err(StateError::Corrupt)
}

fn hash(row: &Row<'_>, column: usize) -> Result<TokenHash, StateError> {
    Ok(TokenHash::from_bytes(row.get(column)?))
}

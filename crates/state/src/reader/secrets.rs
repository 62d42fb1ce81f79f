//! Named secrets, sealed as they are kept, and the jobs that name them.

use chronos_seal::{KeyId, Sealed, WrappedKey};
use chronos_types::{By, Millis, Scope};
use rusqlite::Row;

use super::connection::Reader;
use super::page::{self, Candidate, PageLimits, Total};
use crate::command::SECRETS_SINCE;
use crate::error::StateError;
use crate::schema;
use crate::stored::scope::StoredScope;
use crate::stored::{columns, row};

/// So many jobs that name a secret are counted, and so many where none of them is listed, as for each of a long list.
const COUNTED: usize = 10_000;
const COUNTED_ALONE: usize = 100;

/// A secret as it is on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretRow {
    /// Its name.
    pub name: String,
    /// The number of its version, from 1; each change adds one.
    pub version: u64,
    /// When it was created.
    pub created_at: Millis,
    /// When this version was made.
    pub updated_at: Millis,
    /// Free text.
    pub description: String,
    /// The hosts that it may go to.
    pub hosts: Vec<String>,
    /// The jobs that may name it.
    pub scope: Scope,
    /// Who made this version, where that is known.
    pub by: Option<By>,
    /// Its value.
    pub value: Sealed,
    /// The data key that the value names, where it names one and that is on record.
    pub key: Option<WrappedKey>,
}

/// The jobs that name a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretUses {
    /// How many.
    pub total: Total,
    /// The names of the first of them, in order of creation.
    pub jobs: Vec<String>,
}

const COLUMNS: &str =
    "name, version, created_at, updated_at, description, hosts, kind, id, actor, address, note, value, scope";

impl Reader {
    /// A secret.
    ///
    /// # Errors
    /// The storage failed.
    pub fn secret(&self, name: &str) -> Result<Option<SecretRow>, StateError> {
        if !self.has_secrets()? {
            return Ok(None);
        }
        let sql = format!("SELECT {COLUMNS} FROM secrets WHERE name = ?1");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([name])?;
        let Some(mut found) = rows.next()?.map(|row| row::read("secrets", row, read)).transpose()? else {
            return Ok(None);
        };
        let key = found.value.key().map(|id| self.data_key("id", &id.to_string())).transpose()?;
        found.key = key.flatten();
        Ok(Some(found))
    }

    /// Secrets behind a name, in the order of their names. `take` says when the page has no place for one. Answers where
    /// the list goes on, if it does.
    ///
    /// # Errors
    /// The storage failed.
    pub fn secrets(
        &self,
        after: Option<&str>,
        limits: PageLimits,
        mut take: impl FnMut(SecretRow) -> bool,
    ) -> Result<Option<String>, StateError> {
        if !self.has_secrets()? {
            return Ok(None);
        }
        let sql = "SELECT name FROM secrets WHERE name > ?1 ORDER BY name";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([after.unwrap_or_default()])?;
        let next = || {
            let Some(row) = rows.next()? else { return Ok(None) };
            let place: String = row.get(0)?;
            Ok(Some(Candidate { place, seq: 0, fits: true, bytes: 0 }))
        };
        page::walk(limits, next, |found| match self.secret(&found.place)? {
            Some(row) => Ok(take(row)),
            None => Ok(true),
        })
    }

    /// The jobs that name a secret: how many, up to 10,000, and the names of the first `most`. Where that is none, they are
    /// counted up to 100.
    ///
    /// # Errors
    /// The storage failed.
    pub fn secret_uses(&self, name: &str, most: usize) -> Result<SecretUses, StateError> {
        if !self.has_secrets()? {
            return Ok(SecretUses { total: Total { count: 0, exact: true }, jobs: Vec::new() });
        }
        let sql = "SELECT count(*) FROM (SELECT 1 FROM secret_uses WHERE name = ?1 LIMIT ?2)";
        let mut statement = self.connection.prepare_cached(sql)?;
        let counted = if most == 0 { COUNTED_ALONE } else { COUNTED };
        let count: usize = statement.query_row((name, counted + 1), |row| row.get(0))?;
        let total = Total { count: count.min(counted) as u64, exact: count <= counted };
        let sql = "SELECT j.name FROM secret_uses u JOIN jobs j ON j.seq = u.job WHERE u.name = ?1
            ORDER BY u.job LIMIT ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let jobs = statement.query_map((name, most), |row| row.get(0))?;
        Ok(SecretUses { total, jobs: jobs.collect::<Result<_, _>>()? })
    }

    pub(super) fn data_key(&self, column: &str, value: &str) -> Result<Option<WrappedKey>, StateError> {
        let sql = format!("SELECT id, sealed FROM data_keys WHERE {column} = ?1");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([value])?;
        let read = |row: &Row<'_>| {
            let id = KeyId::parse(row.get_ref(0)?.as_str()?);
            let id = id.ok_or_else(|| StateError::Corrupt("it is not the id of a key".to_owned()))?;
            Ok(WrappedKey { id, sealed: sealed(row, 1)? })
        };
        rows.next()?.map(|row| row::read("data_keys", row, read)).transpose()
    }

    fn has_secrets(&self) -> Result<bool, StateError> {
        Ok(schema::version(&self.connection)? >= SECRETS_SINCE)
    }
}

fn read(row: &Row<'_>) -> Result<SecretRow, StateError> {
    let hosts = serde_json::from_str(row.get_ref(5)?.as_str()?);
    let scope = row.get_ref(12)?.as_str_or_null()?.map(serde_json::from_str::<StoredScope>).transpose();
    let scope = scope.map_err(|_| StateError::Corrupt("what may name it is no scope".to_owned()))?;
    Ok(SecretRow {
        name: row.get(0)?,
        version: row.get(1)?,
        created_at: row.get(2)?,
        updated_at: row.get(3)?,
        description: row.get(4)?,
        hosts: hosts.map_err(|_| StateError::Corrupt("the hosts are no list".to_owned()))?,
        scope: StoredScope::read(scope.as_ref()),
        by: columns::by(row, 6)?,
        value: sealed(row, 11)?,
        key: None,
    })
}

fn sealed(row: &Row<'_>, column: usize) -> Result<Sealed, StateError> {
    Sealed::parse(row.get_ref(column)?.as_str()?).map_err(|error| StateError::Corrupt(error.to_string()))
}

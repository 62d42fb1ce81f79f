//! What is known of sealing: which data key seals, the key of fingerprints, and how far it has come that all is sealed by
//! that data key. A row for each, by its name.

use chronos_seal::{KeyId, Sealed};
use chronos_types::Millis;
use rusqlite::{Connection, Row};
use serde::{Deserialize, Serialize};

use super::row;
use crate::command::SealCursor;
use crate::error::StateError;

const KEY: &str = "key";
const FINGERPRINTS: &str = "fingerprints";
const PROGRESS: &str = "progress";

/// How far it has come that all is sealed by the data key that seals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealing {
    /// Where it stands.
    pub cursor: SealCursor,
    /// So many values were sealed anew.
    pub done: u64,
    /// So many records could not be opened, and stay as they are.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left: u64,
    /// Whether some were in the clear, or may have been before this began: then they are in what each node has written, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub was_clear: bool,
    /// When it began.
    pub begun_at: Millis,
    /// When it was over; none while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Millis>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Sealing {
    /// It begins.
    pub(crate) fn new(begun_at: Millis) -> Self {
        Self { cursor: SealCursor::Start, done: 0, left: 0, was_clear: false, begun_at, ended_at: None }
    }
}

/// The data key that seals; none where nothing is sealed.
pub(crate) fn key(db: &Connection) -> Result<Option<KeyId>, StateError> {
    let read = |text: &str| KeyId::parse(text).ok_or_else(|| corrupt("it is not the id of a key"));
    find(db, KEY, read)
}

pub(crate) fn set_key(db: &Connection, key: KeyId) -> Result<(), StateError> {
    set(db, KEY, &key.to_string())
}

/// The key of fingerprints, sealed.
pub(crate) fn fingerprints(db: &Connection) -> Result<Option<Sealed>, StateError> {
    find(db, FINGERPRINTS, |text| Sealed::parse(text).map_err(|error| corrupt(&error.to_string())))
}

pub(crate) fn set_fingerprints(db: &Connection, key: &Sealed) -> Result<(), StateError> {
    set(db, FINGERPRINTS, &key.to_text())
}

pub(crate) fn forget_fingerprints(db: &Connection) -> Result<(), StateError> {
    db.prepare_cached("DELETE FROM sealing WHERE name = ?1")?.execute([FINGERPRINTS])?;
    Ok(())
}

pub(crate) fn progress(db: &Connection) -> Result<Option<Sealing>, StateError> {
    find(db, PROGRESS, |text| {
        serde_json::from_str(text).map_err(|_| corrupt("it says not how far it has come"))
    })
}

pub(crate) fn set_progress(db: &Connection, progress: &Sealing) -> Result<(), StateError> {
    set(db, PROGRESS, &serde_json::to_string(progress).map_err(StateError::encode)?)
}

fn find<T>(
    db: &Connection,
    name: &str,
    read: impl FnOnce(&str) -> Result<T, StateError>,
) -> Result<Option<T>, StateError> {
    let mut statement = db.prepare_cached("SELECT name, value FROM sealing WHERE name = ?1")?;
    let mut rows = statement.query([name])?;
    let read = |row: &Row<'_>| read(row.get_ref(1)?.as_str()?);
    rows.next()?.map(|row| row::read("sealing", row, read)).transpose()
}

fn set(db: &Connection, name: &str, value: &str) -> Result<(), StateError> {
    let sql = "INSERT OR REPLACE INTO sealing VALUES (?1, ?2, ?3)";
    row::write(db, sql, row::cells![name, value], row::cells![])?;
    Ok(())
}

fn corrupt(why: &str) -> StateError {
    StateError::Corrupt(why.to_owned())
}

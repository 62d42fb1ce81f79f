//! What is looked at when `log.db` is opened: whether it is what was written.
//!
//! A small file is read as a whole, since damage may lie where SQLite does not look otherwise. A large one would
//! hold up the start for too long: there each row is checked when it is read.

use std::collections::BTreeMap;
use std::path::Path;

use chronos_state::VERSION;
use rusqlite::{Connection, OptionalExtension as _};
use serde::de::DeserializeOwned;

use super::change::Found;
use super::codec;
use super::error::LogError;
use super::rows::{COLUMNS, Row};
use crate::forms::{Form as _, LogIdForm, VoteForm, note};
use crate::types::{LogId, Vote};

/// A file of at most so many bytes is read as a whole.
const WHOLE: i64 = 16 << 20;

/// What stands in the file, and the total of its last row.
pub(super) fn found(connection: &Connection, path: &Path) -> Result<(Found, i64), LogError> {
    let mut notes = Notes::read(connection)?;
    let version = notes.take::<u32>("version")?.unwrap_or_default();
    if version > VERSION {
        return Err(LogError::newer(path, "cluster version", version.into(), VERSION));
    }
    let (vote, purged) = (notes.vote()?, notes.purged()?);
    let identity = notes.take("identity")?;
    notes.end()?;
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    if number("page_count")?.saturating_mul(number("page_size")?) <= WHOLE {
        whole(connection, purged.as_ref())?;
    }
    let (first, last) = (edge(connection, "ASC")?, edge(connection, "DESC")?);
    let total = last.as_ref().map_or(0, |last| last.total);
    let before = first.as_ref().map_or(total, Row::total_before);
    let bytes = u64::try_from(total - before).map_err(|_| {
        LogError::Damaged(format!("its last entry counts {total} bytes, and its first one {before}"))
    })?;
    let last = last.map(|last| codec::log_id(&last.head)).transpose()?;
    let first = first.map(|first| codec::log_id(&first.head)).transpose()?.map(|first| first.index);
    begins(first, purged.as_ref())?;
    let found = Found {
        identity,
        vote,
        version,
        first,
        // A purge beyond the end (a snapshot took its place) leaves no entries.
        last: purged.filter(|purged| last.is_none_or(|last| last.index <= purged.index)).or(last),
        purged,
        bytes,
    };
    Ok((found, total))
}

/// That no entry is missing between what is purged and the first row. Rows that are purged may be there still.
fn begins(first: Option<u64>, purged: Option<&LogId>) -> Result<(), LogError> {
    let due = purged.map_or(0, |purged| purged.index + 1);
    match first {
        Some(first) if first > due => Err(LogError::Damaged(format!("entry {due} is missing"))),
        _ => Ok(()),
    }
}

fn edge(connection: &Connection, order: &str) -> Result<Option<Row>, LogError> {
    let sql = format!("SELECT {COLUMNS} FROM log ORDER BY idx {order} LIMIT 1");
    let row = connection.query_row(&sql, [], |row| Ok(Row::read(row))).optional()?;
    row.transpose()
}

/// The notes, each until it is taken.
pub(super) struct Notes(BTreeMap<String, Vec<u8>>);

impl Notes {
    /// Reads them all. They are few, and one that went missing would not be missed otherwise.
    pub(super) fn read(connection: &Connection) -> Result<Self, LogError> {
        intact(connection, "PRAGMA integrity_check(note)")?;
        let mut statement = connection.prepare("SELECT key, value FROM note")?;
        let notes = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Self(notes.collect::<Result<_, _>>()?))
    }

    pub(super) fn vote(&mut self) -> Result<Option<Vote>, LogError> {
        self.take::<VoteForm>("vote")?.into_value().map_err(LogError::Damaged)
    }

    pub(super) fn purged(&mut self) -> Result<Option<LogId>, LogError> {
        self.take::<LogIdForm>("purged")?.into_value().map_err(LogError::Damaged)
    }

    fn take<T: DeserializeOwned>(&mut self, key: &str) -> Result<Option<T>, LogError> {
        let damaged = |what: String| LogError::Damaged(format!("the note {key:?} cannot be read: {what}"));
        self.0.remove(key).map(|bytes| note::decode(&bytes)).transpose().map_err(damaged)
    }

    /// That there is none left.
    fn end(self) -> Result<(), LogError> {
        match self.0.into_keys().next() {
            Some(key) => {
                Err(LogError::Damaged(format!("it has a note {key:?}, which this Chronos does not know")))
            }
            None => Ok(()),
        }
    }
}

/// That SQLite finds no fault with its own pages.
fn intact(connection: &Connection, check: &str) -> Result<(), LogError> {
    let fault: String = connection.query_row(check, [], |row| row.get(0))?;
    if fault == "ok" { Ok(()) } else { Err(LogError::Damaged(fault)) }
}

/// Reads all of it: what SQLite keeps around the rows, and the rows.
fn whole(connection: &Connection, purged: Option<&LogId>) -> Result<(), LogError> {
    intact(connection, "PRAGMA integrity_check(1)")?;
    let purged = purged.map_or(-1, |purged| purged.index.cast_signed());
    let mut statement = connection.prepare(&format!("SELECT {COLUMNS} FROM log ORDER BY idx"))?;
    let mut rows = statement.query([])?;
    let mut before = None;
    while let Some(row) = rows.next()? {
        let row = Row::read(row)?;
        let place = row.place();
        match before.replace(place) {
            // Rows that are purged are deleted a piece at a time. What was appended since may be far behind them.
            Some(before) if before.index <= purged && place.index == purged + 1 => row.adds_to(before)?,
            Some(before) => row.follows(before)?,
            None => {}
        }
    }
    Ok(())
}

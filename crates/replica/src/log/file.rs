//! `log.db`: the entries, the vote and what was purged, in SQLite.
//!
//! Everything here blocks and belongs on a storage thread. It knows nothing of queues or of
//! retries; a failed transaction leaves no trace and can be run again.

use std::path::Path;
use std::time::Duration;

use chronos_state::StateError;
use chronos_state::wal::{self, Done};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use serde::Serialize;

use super::change::{Change, Found, Identity};
use super::codec;
use super::error::LogError;
use super::rows::head;
use crate::types::{Entry, LogId};

/// The format this binary writes, and the newest it reads. Kept in SQLite's `user_version`.
const FORMAT: i64 = 1;

/// `total` counts the bytes of all entries up to and with this one, so that two rows tell how much
/// lies between them without reading it.
const TABLES: &str = "
CREATE TABLE log (
  idx INTEGER PRIMARY KEY, term INTEGER NOT NULL, leader INTEGER NOT NULL, kind INTEGER NOT NULL,
  total INTEGER NOT NULL, data BLOB NOT NULL
);
CREATE TABLE note (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
";

/// A purge deletes at most this much in one transaction; then writes that wait go first. A large purge in one
/// go would hold up every write for as long as it takes to walk its pages.
const PURGE_ROWS: i64 = 2_000;
const PURGE_BYTES: i64 = 16 << 20;

/// The writing end of the log file.
pub(crate) struct LogFile {
    connection: Connection,
    total: i64,
    /// Entries up to here are purged but not all deleted yet.
    purging: Option<i64>,
    /// For tests: a transaction may add this many pages.
    #[cfg(test)]
    pub(crate) room: std::sync::Arc<std::sync::atomic::AtomicI64>,
}

impl LogFile {
    /// Opens or creates the file.
    pub(crate) fn open(path: &Path) -> Result<(Self, Found), LogError> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "journal_size_limit", 32 << 20)?;
        let format: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match format {
            FORMAT => {}
            0 => connection.execute_batch(&format!(
                "BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {FORMAT}; COMMIT;"
            ))?,
            newer => {
                return Err(LogError::Damaged(format!(
                    "{} has log format {newer}, and this Chronos knows formats up to {FORMAT}; start a newer Chronos on it",
                    path.display()
                )));
            }
        }
        let purged: Option<LogId> = note(&connection, "purged")?;
        let edge = |order: &str| {
            let sql = format!(
                "SELECT idx, term, leader, kind, total, length(data) FROM log ORDER BY idx {order} LIMIT 1"
            );
            connection
                .query_row(&sql, [], |row| Ok((head(row)?, row.get::<_, i64>(4)?, row.get::<_, i64>(5)?)))
                .optional()
        };
        let (first, last) = (edge("ASC")?, edge("DESC")?);
        let total = last.as_ref().map_or(0, |(_, total, _)| *total);
        let before = first.as_ref().map_or(total, |(_, total, own)| total - own);
        let purging = purged.map(|id| id.index.cast_signed());
        let purging = purging.filter(|upto| first.as_ref().is_some_and(|(head, ..)| head.index <= *upto));
        let last = last.map(|(head, ..)| codec::log_id(&head));
        let found = Found {
            identity: note(&connection, "identity")?,
            vote: note(&connection, "vote")?,
            first: first.map(|(head, ..)| head.index.cast_unsigned()),
            // A purge beyond the end (a snapshot took its place) leaves no entries.
            last: purged.filter(|purged| last.is_none_or(|last| last.index <= purged.index)).or(last),
            purged,
            bytes: (total - before).cast_unsigned(),
        };
        let file = Self {
            connection,
            total,
            purging,
            #[cfg(test)]
            room: std::sync::Arc::new(i64::from(u32::MAX).into()),
        };
        Ok((file, found))
    }

    /// Says whose log this is, once.
    pub(crate) fn claim(&self, identity: &Identity) -> Result<(), LogError> {
        set_note(&self.connection, "identity", identity)
    }

    /// Makes all changes, in order, and a piece of a pending purge, in one durable transaction.
    pub(crate) fn commit<'a>(&mut self, changes: impl Iterator<Item = &'a Change>) -> Result<(), LogError> {
        let (mut total, mut purging) = (self.total, self.purging);
        #[cfg(test)]
        self.limit_pages()?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for change in changes {
            match change {
                Change::Append(entries) => append(&transaction, entries, &mut total)?,
                Change::Vote(vote) => set_note(&transaction, "vote", vote)?,
                Change::Truncate(after) => {
                    let after = after.map_or(-1, u64::cast_signed);
                    transaction.execute("DELETE FROM log WHERE idx > ?1", [after])?;
                    let sql = "SELECT total FROM log ORDER BY idx DESC LIMIT 1";
                    total = transaction.query_row(sql, [], |row| row.get(0)).optional()?.unwrap_or(0);
                }
                Change::Identity(identity) => set_note(&transaction, "identity", identity)?,
                Change::Purge(upto) => {
                    set_note(&transaction, "purged", upto)?;
                    purging = purging.max(Some(upto.index.cast_signed()));
                }
            }
        }
        if let Some(upto) = purging {
            purging = purge(&transaction, upto)?;
        }
        transaction.commit()?;
        (self.total, self.purging) = (total, purging);
        Ok(())
    }

    /// For tests: lets the file grow by at most [`LogFile::room`] pages; more is a full disk to SQLite.
    #[cfg(test)]
    fn limit_pages(&self) -> Result<(), LogError> {
        let pages: i64 = self.connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
        let more = self.room.load(std::sync::atomic::Ordering::Relaxed);
        let set =
            format!("PRAGMA max_page_count = {}", pages.saturating_add(more).min(i64::from(u32::MAX) - 1));
        self.connection.query_row(&set, [], |_| Ok(()))?;
        Ok(())
    }

    /// Has the write-ahead log brought back into the file by another connection; see [`wal::beside`].
    pub(crate) fn backfill(
        &mut self,
        done: Done,
        ask: impl FnMut() + Send + 'static,
    ) -> Result<(), StateError> {
        wal::beside(&mut self.connection, done, ask)
    }

    /// Whether a purge has deletions left to do.
    pub(crate) fn purging(&self) -> bool {
        self.purging.is_some()
    }

    /// The bytes ever appended and not truncated since.
    pub(crate) fn total(&self) -> u64 {
        self.total.cast_unsigned()
    }
}

fn append(transaction: &Transaction<'_>, entries: &[Entry], total: &mut i64) -> Result<(), LogError> {
    let sql = "INSERT INTO log (idx, term, leader, kind, total, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let mut insert = transaction.prepare_cached(sql)?;
    for entry in entries {
        let (head, data) = codec::row(entry).map_err(LogError::Damaged)?;
        *total += i64::try_from(data.len()).unwrap_or(i64::MAX);
        insert.execute((head.index, head.term, head.leader, head.kind, *total, &data[..]))?;
    }
    Ok(())
}

/// Deletes a piece of the entries up to `upto`; returns `upto` if more of them are left.
fn purge(transaction: &Transaction<'_>, upto: i64) -> Result<Option<i64>, LogError> {
    let sql = "SELECT idx, total FROM log WHERE idx <= ?1 ORDER BY idx LIMIT ?2";
    let mut statement = transaction.prepare_cached(sql)?;
    let mut rows = statement.query([upto, PURGE_ROWS])?;
    let (mut last, mut base, mut count) = (None, None, 0);
    while let Some(row) = rows.next()? {
        let (index, total): (i64, i64) = (row.get(0)?, row.get(1)?);
        last = Some(index);
        count += 1;
        if total - *base.get_or_insert(total) > PURGE_BYTES {
            count = PURGE_ROWS;
            break;
        }
    }
    if let Some(last) = last {
        transaction.prepare_cached("DELETE FROM log WHERE idx <= ?1")?.execute([last])?;
    }
    Ok((count == PURGE_ROWS).then_some(upto))
}

fn note<T: serde::de::DeserializeOwned>(connection: &Connection, key: &str) -> Result<Option<T>, LogError> {
    let sql = "SELECT value FROM note WHERE key = ?1";
    let value: Option<Vec<u8>> = connection.query_row(sql, [key], |row| row.get(0)).optional()?;
    value.map(|bytes| codec::from_json(&bytes)).transpose().map_err(LogError::Damaged)
}

fn set_note(connection: &Connection, key: &str, value: &impl Serialize) -> Result<(), LogError> {
    let bytes = codec::json(value).map_err(LogError::Damaged)?;
    let sql = "INSERT OR REPLACE INTO note (key, value) VALUES (?1, ?2)";
    connection.prepare_cached(sql)?.execute((key, bytes))?;
    Ok(())
}

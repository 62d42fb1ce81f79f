//! `log.db`: the entries, the vote and what was purged, in SQLite.
//!
//! Everything here blocks and belongs on a storage thread. It knows nothing of queues or of
//! retries; a failed transaction leaves no trace and can be run again.

use std::path::Path;

use chronos_state::StateError;
use chronos_state::wal::{self, Done};
use openraft::EntryPayload;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use serde::Serialize;

use super::alone::Alone;
use super::change::{Change, Found, Identity};
use super::error::LogError;
use super::{check, codec, schema};
use crate::forms::{Form as _, LogIdForm, VoteForm, note};
use crate::types::Entry;

/// A purge deletes at most this much in one transaction; then writes that wait go first. A large purge in one
/// go would hold up every write for as long as it takes to walk its pages.
const PURGE_ROWS: i64 = 2_000;
const PURGE_BYTES: i64 = 16 << 20;

/// The writing end of the log file.
pub(crate) struct LogFile {
    connection: Connection,
    total: i64,
    /// The highest version of the cluster that an entry needs, or needed.
    version: u32,
    /// Entries up to here are purged but not all deleted yet.
    purging: Option<i64>,
    /// For tests: a transaction may add this many pages.
    #[cfg(test)]
    pub(crate) room: std::sync::Arc<std::sync::atomic::AtomicI64>,
}

impl LogFile {
    /// Opens or creates the file.
    pub(crate) fn open(path: &Path) -> Result<(Self, Found), LogError> {
        let alone = Alone::read(path);
        let connection = schema::open(path)?;
        let (found, total) = check::found(&connection, path)?;
        alone.map_or(Ok(()), |alone| alone.check(&found))?;
        let purging = found.purged.filter(|purged| found.first.is_some_and(|first| first <= purged.index));
        let file = Self {
            connection,
            total,
            version: found.version,
            purging: purging.map(|purged| purged.index.cast_signed()),
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
        let (mut total, mut version, mut purging) = (self.total, self.version, self.purging);
        #[cfg(test)]
        self.limit_pages()?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for change in changes {
            match change {
                Change::Append(entries) => {
                    append(&transaction, entries, &mut total)?;
                    version = version.max(newest(entries));
                }
                Change::Vote(vote) => set_note(&transaction, "vote", &VoteForm::of(vote))?,
                Change::Truncate(after) => {
                    let after = after.map_or(-1, u64::cast_signed);
                    transaction.execute("DELETE FROM log WHERE idx > ?1", [after])?;
                    let sql = "SELECT total FROM log ORDER BY idx DESC LIMIT 1";
                    total = transaction.query_row(sql, [], |row| row.get(0)).optional()?.unwrap_or(0);
                }
                Change::Identity(identity) => set_note(&transaction, "identity", identity)?,
                Change::Purge(upto) => {
                    set_note(&transaction, "purged", &LogIdForm::of(upto))?;
                    purging = purging.max(Some(upto.index.cast_signed()));
                }
            }
        }
        if let Some(upto) = purging {
            purging = purge(&transaction, upto)?;
        }
        if version > self.version {
            set_note(&transaction, "version", &version)?;
        }
        transaction.commit()?;
        (self.total, self.version, self.purging) = (total, version, purging);
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

    /// Writes the file anew without what was deleted from it, and empties its write-ahead log.
    pub(crate) fn clean(&mut self) -> Result<(), LogError> {
        wal::write_anew(&self.connection).map_err(LogError::Backfill)
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
    let sql =
        "INSERT INTO log (idx, term, leader, kind, total, sum, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let mut insert = transaction.prepare_cached(sql)?;
    for entry in entries {
        let (head, data) = codec::row(entry).map_err(LogError::Damaged)?;
        let length = i64::try_from(data.len()).unwrap_or(i64::MAX);
        *total = total.checked_add(length).ok_or_else(|| {
            LogError::Damaged(format!("no number counts the bytes up to entry {}", head.index))
        })?;
        let sum = codec::sum(&head, *total, &data);
        insert.execute((head.index, head.term, head.leader, head.kind, *total, sum, &data[..]))?;
    }
    Ok(())
}

/// The highest version of the cluster that one of these needs.
fn newest(entries: &[Entry]) -> u32 {
    let since = entries.iter().map(|entry| match &entry.payload {
        EntryPayload::Normal(logged) => logged.batch().since(),
        EntryPayload::Blank | EntryPayload::Membership(_) => 0,
    });
    since.max().unwrap_or_default()
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
        if total.saturating_sub(*base.get_or_insert(total)) > PURGE_BYTES {
            count = PURGE_ROWS;
            break;
        }
    }
    if let Some(last) = last {
        transaction.prepare_cached("DELETE FROM log WHERE idx <= ?1")?.execute([last])?;
    }
    Ok((count == PURGE_ROWS).then_some(upto))
}

fn set_note(connection: &Connection, key: &str, value: &impl Serialize) -> Result<(), LogError> {
    let bytes = note::encode(value).map_err(LogError::Damaged)?;
    let sql = "INSERT OR REPLACE INTO note (key, value) VALUES (?1, ?2)";
    connection.prepare_cached(sql)?.execute((key, bytes))?;
    Ok(())
}

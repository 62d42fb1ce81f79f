//! The reading end of `log.db`: old entries, and how much lies between them.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::codec::{self, Head};
use super::error::LogError;
use crate::types::Entry;

/// The reading end of the log file.
pub(crate) struct LogRows(Connection);

impl LogRows {
    pub(crate) fn open(path: &Path) -> Result<Self, LogError> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        Ok(Self(connection))
    }

    /// Entries from `start`, before `end`: as many as fit in `bytes`, and at least one.
    pub(crate) fn read(&self, start: u64, end: u64, bytes: usize) -> Result<Vec<Entry>, LogError> {
        let sql = "SELECT idx, term, leader, kind, data FROM log WHERE idx >= ?1 AND idx < ?2 ORDER BY idx";
        let mut statement = self.0.prepare_cached(sql)?;
        let mut rows = statement.query([signed(start), signed(end)])?;
        let (mut entries, mut read) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let data: Vec<u8> = row.get(4)?;
            read += data.len();
            if read > bytes && !entries.is_empty() {
                break;
            }
            entries.push(codec::entry(&head(row)?, data.into()).map_err(LogError::Damaged)?);
        }
        Ok(entries)
    }

    /// The last index that can go if the newest `keep` bytes are to stay.
    pub(crate) fn cut(&self, keep: u64) -> Result<Option<u64>, LogError> {
        let edges = "SELECT min(idx), max(idx) FROM log";
        let (Some(first), Some(last)) = self.0.query_row(edges, [], |row| Ok((row.get(0)?, row.get(1)?)))?
        else {
            return Ok(None);
        };
        let mut total = self.0.prepare_cached("SELECT total FROM log WHERE idx = ?1")?;
        let mut total = |index: i64| total.query_row([index], |row| row.get::<_, i64>(0));
        let limit = total(last)? - signed(keep);
        // Totals only grow: the search finds the first entry that stays.
        let (mut low, mut high): (i64, i64) = (first, last);
        while low < high {
            let middle = low + (high - low) / 2;
            if total(middle)? <= limit { low = middle + 1 } else { high = middle }
        }
        Ok(u64::try_from(low - 1).ok().filter(|cut| signed(*cut) >= first))
    }
}

/// The head of a row that begins with its columns.
pub(crate) fn head(row: &rusqlite::Row<'_>) -> rusqlite::Result<Head> {
    Ok(Head { index: row.get(0)?, term: row.get(1)?, leader: row.get(2)?, kind: row.get(3)? })
}

/// Indexes and sizes stay far below the sign bit; an open end of a range does not.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

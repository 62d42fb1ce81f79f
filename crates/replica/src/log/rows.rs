//! The reading end of `log.db`: old entries, and how much lies between them.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use rusqlite::{Connection, OpenFlags};

use super::codec::{self, Head};
use super::error::LogError;
use crate::types::Entry;

/// The columns of a row, in the order in which [`Row::read`] takes them.
pub(super) const COLUMNS: &str = "idx, term, leader, kind, total, sum, data";

/// The reading end of the log file.
pub(crate) struct LogRows(Connection);

impl LogRows {
    pub(crate) fn open(path: &Path) -> Result<Self, LogError> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        Ok(Self(connection))
    }

    /// Entries from `start`, before `end`: as many as fit in `bytes`, and at least one. They follow each other.
    pub(crate) fn read(&self, start: u64, end: u64, bytes: usize) -> Result<Vec<Entry>, LogError> {
        let sql = format!("SELECT {COLUMNS} FROM log WHERE idx >= ?1 AND idx < ?2 ORDER BY idx");
        let mut statement = self.0.prepare_cached(&sql)?;
        let mut rows = statement.query([signed(start), signed(end)])?;
        let (mut entries, mut read, mut before) = (Vec::new(), 0, None);
        while let Some(row) = rows.next()? {
            let row = Row::read(row)?;
            if let Some(before) = before.replace(row.place()) {
                row.follows(before)?;
            }
            read += row.data.len();
            if read > bytes && !entries.is_empty() {
                break;
            }
            entries.push(codec::entry(&row.head, row.data)?);
        }
        Ok(entries)
    }

    /// The first entry that stays if the newest `keep` bytes are to stay; 0 where there is none.
    pub(crate) fn cut(&self, keep: u64) -> Result<u64, LogError> {
        let edges = "SELECT min(idx), max(idx) FROM log";
        let (Some(first), Some(last)) = self.0.query_row(edges, [], |row| Ok((row.get(0)?, row.get(1)?)))?
        else {
            return Ok(0);
        };
        let mut total = self.0.prepare_cached("SELECT total FROM log WHERE idx = ?1")?;
        let mut total = |index: i64| total.query_row([index], |row| row.get::<_, i64>(0));
        let limit = total(last)?.saturating_sub(signed(keep));
        // Totals only grow: the search finds the first entry that stays.
        let (mut low, mut high): (i64, i64) = (first, last);
        while low < high {
            let middle = i64::midpoint(low, high);
            if total(middle)? <= limit { low = middle.saturating_add(1) } else { high = middle }
        }
        Ok(low.cast_unsigned())
    }
}

/// A row that is as it was written.
pub(super) struct Row {
    pub head: Head,
    /// The bytes of all entries up to and with this one.
    pub total: i64,
    pub data: Bytes,
}

/// Where a row stands: its index and its total.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub index: i64,
    total: i64,
}

impl Row {
    /// Takes a row of [`COLUMNS`], and holds its checksum against it.
    pub(super) fn read(row: &rusqlite::Row<'_>) -> Result<Self, LogError> {
        let head = Head { index: row.get(0)?, term: row.get(1)?, leader: row.get(2)?, kind: row.get(3)? };
        let (total, sum): (i64, i64) = (row.get(4)?, row.get(5)?);
        let damaged = |what: &str| LogError::Damaged(format!("entry {} {what}", head.index));
        let data = row.get_ref(6)?.as_blob().map_err(|_| damaged("holds no bytes"))?;
        if i64::from(codec::sum(&head, total, data)) != sum {
            return Err(damaged("does not have the checksum that stands beside it"));
        }
        if head.index < 0 || total < length(data) {
            return Err(damaged("cannot stand where it does"));
        }
        Ok(Self { head, total, data: Bytes::copy_from_slice(data) })
    }

    pub(super) fn place(&self) -> Place {
        Place { index: self.head.index, total: self.total }
    }

    /// The bytes of all entries before this one.
    pub(super) fn total_before(&self) -> i64 {
        self.total - length(&self.data)
    }

    /// That this is the row behind another.
    pub(super) fn follows(&self, before: Place) -> Result<(), LogError> {
        let index = self.head.index;
        if index - 1 != before.index {
            return Err(LogError::Damaged(format!("entry {} is missing", before.index.saturating_add(1))));
        }
        self.adds_to(before)
    }

    /// That the total of this row is that of the row before it, and its own bytes.
    pub(super) fn adds_to(&self, before: Place) -> Result<(), LogError> {
        if self.total_before() == before.total {
            return Ok(());
        }
        Err(LogError::Damaged(format!(
            "entry {} counts {} bytes before it, and there are {}",
            self.head.index,
            self.total_before(),
            before.total
        )))
    }
}

fn length(data: &[u8]) -> i64 {
    i64::try_from(data.len()).unwrap_or(i64::MAX)
}

/// Indexes and sizes stay far below the sign bit; an open end of a range does not.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

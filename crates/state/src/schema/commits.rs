//! How many commits a state file has seen.
//!
//! Commits go into the write-ahead log, and from there into the file. At a start SQLite reads the log up to
//! the first frame that is not whole. It takes that for the end, for a loss of power leaves the like. But if
//! the frame was damaged later, the file may have what comes after it, and older pages from before the damage
//! would lie over newer ones: a state that never was. Then the file by itself has seen more commits than the
//! file and the log together.

use std::path::Path;

use rusqlite::Connection;

use super::{meta, set_meta};
use crate::error::StateError;
use crate::stored::row;
use crate::wal;

/// The note that holds the count.
const NOTE: &str = "state.commits";

/// The count.
pub(crate) fn count(db: &Connection) -> Result<u64, StateError> {
    let note = meta(db, NOTE)?.ok_or_else(|| row::missing("meta", NOTE))?;
    let count =
        note.try_into().map_err(|_| StateError::Corrupt(format!("meta, row {NOTE:?}: it is not a count")))?;
    Ok(u64::from_be_bytes(count))
}

/// Begins to count in a new file.
pub(super) fn begin(db: &Connection) -> Result<(), StateError> {
    set_meta(db, NOTE, &0_u64.to_be_bytes())
}

/// Sets the count. It never goes down.
pub(crate) fn set(db: &Connection, count: u64) -> Result<(), StateError> {
    // With each commit. To replace the row, as other notes are, would take twice as long.
    let sql = "UPDATE meta SET value = ?2, sum = ?3 WHERE key = ?1";
    match row::write(db, sql, row::cells![NOTE, count.to_be_bytes()], row::cells![])? {
        0 => Err(row::missing("meta", NOTE)),
        _ => Ok(()),
    }
}

/// The count in a file without its write-ahead log, if it has a log and the file is readable without it. Nobody
/// may have the file open.
pub(super) fn in_file_alone(path: &Path) -> Option<u64> {
    count(&wal::file_alone(path)?).ok()
}

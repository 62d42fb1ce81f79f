//! The counters in the table of that name.

use rusqlite::Connection;

use crate::error::StateError;
use crate::stored::row;

/// The last number that was given.
pub(super) fn last(db: &Connection, name: &str) -> Result<i64, StateError> {
    let mut statement = db.prepare_cached("SELECT name, last FROM counters WHERE name = ?1")?;
    let mut rows = statement.query([name])?;
    let row = rows.next()?.ok_or_else(|| row::missing("counters", name))?;
    row::read("counters", row, |row| Ok(row.get(1)?))
}

/// The number after `last`.
pub(super) fn after(last: i64) -> Result<i64, StateError> {
    last.checked_add(1).ok_or_else(|| StateError::Corrupt(format!("no number comes after {last}")))
}

/// Notes the last number that was given.
pub(super) fn set(db: &Connection, name: &str, last: i64) -> Result<(), StateError> {
    let sql = "UPDATE counters SET last = ?2, sum = ?3 WHERE name = ?1";
    row::write(db, sql, row::cells![name, last], row::cells![])?;
    Ok(())
}

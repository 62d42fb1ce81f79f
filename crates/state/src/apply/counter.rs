//! The counters in the table of that name.

use rusqlite::Connection;

use crate::error::StateError;
use crate::stored::row;

/// The numbers that a batch gives to what it makes of one kind. The last one is written back once a batch.
pub(super) struct Counter {
    name: &'static str,
    /// The last number that this batch gave, if it gave any.
    given: Option<i64>,
}

impl Counter {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, given: None }
    }

    /// The number that the next one gets.
    pub(super) fn next(&self, db: &Connection) -> Result<i64, StateError> {
        let last = self.given.map_or_else(|| self.last(db), Ok)?;
        last.checked_add(1).ok_or_else(|| StateError::Corrupt(format!("no number comes after {last}")))
    }

    /// The next number was given.
    pub(super) fn give(&mut self, number: i64) {
        self.given = Some(number);
    }

    /// Writes the last number back.
    pub(super) fn close(&self, db: &Connection) -> Result<(), StateError> {
        let Some(last) = self.given else { return Ok(()) };
        let sql = "UPDATE counters SET last = ?2, sum = ?3 WHERE name = ?1";
        row::write(db, sql, row::cells![self.name, last], row::cells![])?;
        Ok(())
    }

    /// The last number that was given before this batch.
    fn last(&self, db: &Connection) -> Result<i64, StateError> {
        let mut statement = db.prepare_cached("SELECT name, last FROM counters WHERE name = ?1")?;
        let mut rows = statement.query([self.name])?;
        let row = rows.next()?.ok_or_else(|| row::missing("counters", self.name))?;
        row::read("counters", row, |row| Ok(row.get(1)?))
    }
}

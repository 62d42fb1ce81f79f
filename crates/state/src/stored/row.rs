//! Rows and their checksums: how one is written, and how it is told that what is read is what was written.
//!
//! Disks and memories flip bits without telling anybody. SQLite finds that where it breaks the structure of
//! its file, but a value within a row is only bytes to it. So each row ends with a checksum of the columns
//! before it. Nothing but this module makes one, and only [`check`](crate::check) looks at them: a read of
//! the state pays nothing for it.

use std::fmt::{Display, Write as _};

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Error, Row, ToSql};

use crate::error::StateError;

/// The name of the column.
pub(crate) const SUM: &str = "sum";

/// The checksum of a row: CRC-32 over the kind of each value, its length and its bytes.
struct Sum(Vec<u8>);

impl Sum {
    fn new() -> Self {
        // An execution has fewer bytes than this. They are summed at once: value by value takes twice as long.
        Self(Vec::with_capacity(512))
    }

    fn add(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::Null => self.put(b'n', &[]),
            ValueRef::Integer(value) => self.put(b'i', &value.to_be_bytes()),
            ValueRef::Real(value) => self.put(b'r', &value.to_be_bytes()),
            ValueRef::Text(value) => self.put(b't', value),
            ValueRef::Blob(value) => self.put(b'b', value),
        }
    }

    fn put(&mut self, kind: u8, bytes: &[u8]) {
        self.0.push(kind);
        self.0.extend((bytes.len() as u64).to_be_bytes());
        self.0.extend(bytes);
    }

    fn end(&self) -> u32 {
        crc32fast::hash(&self.0)
    }
}

/// Runs a statement that writes one row of a table. `row` is the row in the order of its columns up to the
/// sum, whether the statement changes all of them or not. It is bound to the parameters from `?1` on, then
/// its sum, then `rest`. Answers how many rows were written.
pub(crate) fn write(
    db: &Connection,
    sql: &str,
    row: &[&dyn ToSql],
    rest: &[&dyn ToSql],
) -> rusqlite::Result<usize> {
    let mut statement = db.prepare_cached(sql)?;
    let mut sum = Sum::new();
    for (number, value) in (1..).zip(row) {
        let value = value.to_sql()?;
        sum.add(match &value {
            ToSqlOutput::Borrowed(value) => *value,
            ToSqlOutput::Owned(value) => value.into(),
            _ => return Err(Error::ToSqlConversionFailure("a value of no kind that rows hold".into())),
        });
        statement.raw_bind_parameter(number, value)?;
    }
    statement.raw_bind_parameter(row.len() + 1, sum.end())?;
    for (number, value) in (row.len() + 2..).zip(rest) {
        statement.raw_bind_parameter(number, value)?;
    }
    statement.raw_execute()
}

/// Whether a row's sum is that of the columns before it.
pub(crate) fn is_whole(row: &Row<'_>) -> Result<bool, StateError> {
    let at = row.as_ref().column_index(SUM)?;
    Ok(row.get_ref(at)? == ValueRef::Integer(sum_of(row, at)?.into()))
}

/// The sum of the first columns of a row.
fn sum_of(row: &Row<'_>, columns: usize) -> Result<u32, StateError> {
    let mut sum = Sum::new();
    for column in 0..columns {
        sum.add(row.get_ref(column)?);
    }
    Ok(sum.end())
}

/// Gives rows the sums that they should have, after a statement that changed many at once. `key` is the column
/// that is their key.
pub(crate) fn sum_anew(db: &Connection, table: &str, key: &str, which: &str) -> Result<(), StateError> {
    let mut statement = db.prepare(&format!("SELECT * FROM {table} WHERE {which}"))?;
    let mut rows = statement.query([])?;
    let mut sums = Vec::new();
    while let Some(row) = rows.next()? {
        let key: rusqlite::types::Value = row.get(key)?;
        sums.push((key, sum_of(row, row.as_ref().column_index(SUM)?)?));
    }
    let mut statement = db.prepare(&format!("UPDATE {table} SET {SUM} = ?2 WHERE {key} = ?1"))?;
    for (key, sum) in sums {
        statement.execute((key, sum))?;
    }
    Ok(())
}

/// Reads a row. If that fails because of what stands in it, the error names the table and the row, whose key
/// is the row's first value.
pub(crate) fn read<T>(
    table: &str,
    row: &Row<'_>,
    read: impl FnOnce(&Row<'_>) -> Result<T, StateError>,
) -> Result<T, StateError> {
    read(row).map_err(|error| match row.get_ref(0) {
        Ok(key) => error.within(format_args!("{table}, row {}", shown(key))),
        Err(_) => error,
    })
}

/// A row that others say is there is not.
pub(crate) fn missing(table: &str, key: impl std::fmt::Debug) -> StateError {
    StateError::Corrupt(format!("{table}, row {key:?}: it is missing"))
}

/// A value, for people.
pub(crate) fn shown(value: ValueRef<'_>) -> impl Display {
    match value {
        ValueRef::Null => "null".to_owned(),
        ValueRef::Integer(value) => value.to_string(),
        ValueRef::Real(value) => value.to_string(),
        ValueRef::Text(value) => format!("{:?}", String::from_utf8_lossy(value)),
        ValueRef::Blob(value) => value.iter().fold("x".to_owned(), |mut hex, byte| {
            // A string takes what is written to it.
            let _ = write!(hex, "{byte:02x}");
            hex
        }),
    }
}

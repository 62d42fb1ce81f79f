//! Rows and their checksums: how one is written, and how it is told that what is read is what was written.
//!
//! Disks and memories flip bits without telling anybody. SQLite finds that where it breaks the structure of
//! its file, but a value within a row is only bytes to it. So each row ends with a checksum of the columns
//! before it. Nothing but this module makes one, and only [`check`](crate::check) looks at them: a read of
//! the state pays nothing for it.

use std::fmt::{Display, Write as _};
use std::ops::Range;

use crc32fast::Hasher;
use rusqlite::types::{Null, ToSqlOutput, ValueRef};
use rusqlite::{Connection, Row, Statement};

use super::statements::Statements;
use crate::error::StateError;

/// The name of the column.
pub(crate) const SUM: &str = "sum";

/// The checksum of a row: CRC-32 over the kind of each value, its length where that can differ, and its bytes.
///
/// Most values are a few bytes, so they are put together first: summed one by one they take twice as long.
struct Sum {
    sum: Hasher,
    together: [u8; 256],
    length: usize,
}

impl Sum {
    fn new() -> Self {
        Self { sum: Hasher::new(), together: [0; 256], length: 0 }
    }

    #[inline]
    fn add(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::Null => self.put(b"n"),
            ValueRef::Integer(value) => self.number(b'i', value.cast_unsigned()),
            ValueRef::Real(value) => self.number(b'r', value.to_bits()),
            ValueRef::Text(value) => {
                self.number(b't', value.len() as u64);
                self.put(value);
            }
            ValueRef::Blob(value) => {
                self.number(b'b', value.len() as u64);
                self.put(value);
            }
        }
    }

    #[inline]
    fn number(&mut self, kind: u8, number: u64) {
        let mut head = [kind; 9];
        head[1..].copy_from_slice(&number.to_be_bytes());
        self.put(&head);
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        if let Some(place) = self.together.get_mut(self.length..self.length + bytes.len()) {
            place.copy_from_slice(bytes);
            self.length += bytes.len();
        } else {
            self.put_long(bytes);
        }
    }

    #[cold]
    fn put_long(&mut self, bytes: &[u8]) {
        self.sum.update(&self.together[..self.length]);
        self.sum.update(bytes);
        self.length = 0;
    }

    fn end(mut self) -> u32 {
        self.sum.update(&self.together[..self.length]);
        self.sum.finalize()
    }
}

/// What a column can hold, seen as SQLite sees it. It costs less than `ToSql`, and each row is written by it.
pub(crate) trait Cell {
    fn cell(&self) -> ValueRef<'_>;
}

macro_rules! integers {
    ($($kind:ty),*) => {$(
        impl Cell for $kind {
            #[inline]
            fn cell(&self) -> ValueRef<'_> {
                ValueRef::Integer((*self).into())
            }
        }
    )*};
}
integers!(bool, i32, i64, u32);

impl Cell for u64 {
    /// A number that SQLite does not have is the greatest it has. No row has such a version.
    #[inline]
    fn cell(&self) -> ValueRef<'_> {
        ValueRef::Integer(i64::try_from(*self).unwrap_or(i64::MAX))
    }
}

impl Cell for str {
    #[inline]
    fn cell(&self) -> ValueRef<'_> {
        ValueRef::Text(self.as_bytes())
    }
}

impl Cell for String {
    #[inline]
    fn cell(&self) -> ValueRef<'_> {
        self.as_str().cell()
    }
}

impl Cell for [u8] {
    #[inline]
    fn cell(&self) -> ValueRef<'_> {
        ValueRef::Blob(self)
    }
}

impl<const N: usize> Cell for [u8; N] {
    #[inline]
    fn cell(&self) -> ValueRef<'_> {
        ValueRef::Blob(self)
    }
}

impl<T: Cell + ?Sized> Cell for &T {
    #[inline]
    fn cell(&self) -> ValueRef<'_> {
        (**self).cell()
    }
}

impl<T: Cell> Cell for Option<T> {
    #[inline]
    fn cell(&self) -> ValueRef<'_> {
        self.as_ref().map_or(ValueRef::Null, Cell::cell)
    }
}

impl Cell for Null {
    #[inline]
    fn cell(&self) -> ValueRef<'_> {
        ValueRef::Null
    }
}

/// Values for [`write`].
macro_rules! cells {
    ($($value:expr),* $(,)?) => {
        &[$($crate::stored::row::Cell::cell(&$value)),*]
    };
}
pub(crate) use cells;

/// Runs a statement that writes one row of a table. `row` is the row in the order of its columns up to the
/// sum, whether the statement changes all of them or not. It is bound to the parameters from `?1` on, then
/// its sum, then `rest`. Answers how many rows were written.
pub(crate) fn write(
    db: &Connection,
    sql: &str,
    row: &[ValueRef<'_>],
    rest: &[ValueRef<'_>],
) -> rusqlite::Result<usize> {
    run(&mut *db.prepare_cached(sql)?, row, 0..0, rest)
}

/// [`write()`] with a statement that a batch runs many times. It names no parameter of the columns in `unnamed`:
/// they are not bound.
pub(crate) fn write_often(
    statements: &Statements<'_>,
    sql: &'static str,
    row: &[ValueRef<'_>],
    unnamed: Range<usize>,
    rest: &[ValueRef<'_>],
) -> rusqlite::Result<usize> {
    statements.with(sql, |statement| run(statement, row, unnamed, rest))
}

fn run(
    statement: &mut Statement<'_>,
    row: &[ValueRef<'_>],
    unnamed: Range<usize>,
    rest: &[ValueRef<'_>],
) -> rusqlite::Result<usize> {
    let mut sum = Sum::new();
    for (column, value) in row.iter().enumerate() {
        sum.add(*value);
        if !unnamed.contains(&column) {
            statement.raw_bind_parameter(column + 1, ToSqlOutput::Borrowed(*value))?;
        }
    }
    statement
        .raw_bind_parameter(row.len() + 1, ToSqlOutput::Borrowed(ValueRef::Integer(sum.end().into())))?;
    for (number, value) in (row.len() + 2..).zip(rest) {
        statement.raw_bind_parameter(number, ToSqlOutput::Borrowed(*value))?;
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

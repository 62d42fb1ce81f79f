//! Digests of rows: equal for equal tables, keys and values, and for nothing else.

use rusqlite::Row;
use rusqlite::types::ValueRef;
use sha2::{Digest as _, Sha256};

use crate::error::StateError;

/// What stands before each value: its kind and its length.
const HEAD: usize = 1 + 8;

/// A SHA-256 over rows in an order that both sides know.
///
/// Not a CRC: each row ends with one of its own values, and a CRC over values and their CRC tells little.
pub(crate) struct Digest {
    hash: Sha256,
    /// A row that is put together: most values are a few bytes.
    together: Vec<u8>,
}

impl Digest {
    pub(crate) fn new() -> Self {
        Self { hash: Sha256::new(), together: Vec::new() }
    }

    /// The rows from here on are of this table.
    pub(crate) fn table(&mut self, name: &str) {
        self.add(b't', name.as_bytes());
        self.put();
    }

    /// Adds a row. Answers how many bytes its values have.
    pub(crate) fn row(&mut self, row: &Row<'_>) -> Result<usize, StateError> {
        let columns = row.as_ref().column_count();
        for column in 0..columns {
            match row.get_ref(column)? {
                ValueRef::Null => self.add(b'n', &[]),
                ValueRef::Integer(value) => self.add(b'i', &value.to_be_bytes()),
                ValueRef::Real(value) => self.add(b'r', &value.to_be_bytes()),
                ValueRef::Text(value) => self.add(b's', value),
                ValueRef::Blob(value) => self.add(b'b', value),
            }
        }
        Ok(self.put() - columns * HEAD)
    }

    /// The digest, in hexadecimal.
    pub(crate) fn end(self) -> String {
        self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Adds a value with its kind and length in front, so that different sequences of values hash differently.
    fn add(&mut self, kind: u8, bytes: &[u8]) {
        self.together.push(kind);
        self.together.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        self.together.extend_from_slice(bytes);
    }

    fn put(&mut self) -> usize {
        self.hash.update(&self.together);
        let bytes = self.together.len();
        self.together.clear();
        bytes
    }
}

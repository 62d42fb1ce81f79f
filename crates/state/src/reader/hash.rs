//! A hash of the whole state.

use rusqlite::types::ValueRef;
use sha2::{Digest, Sha256};

use super::connection::Reader;
use crate::error::StateError;
use crate::schema::{self, Table};

impl Reader {
    /// A SHA-256 over every row of the state, in hexadecimal. Machines that applied the same log have the
    /// same hash, because the consensus layer's notes are left out. This reads the whole state.
    ///
    /// # Errors
    /// The storage failed.
    pub fn state_hash(&self) -> Result<String, StateError> {
        self.at_once(|reader| {
            let mut hash = Sha256::new();
            for table in schema::REPLICATED {
                reader.hash_table(&mut hash, table)?;
            }
            Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
        })
    }

    fn hash_table(&self, hash: &mut Sha256, table: Table) -> Result<(), StateError> {
        let (name, order) = (table.name, table.order());
        add(hash, b't', name.as_bytes());
        let mut statement = self.connection.prepare(&format!("SELECT * FROM {name} ORDER BY {order}"))?;
        let width = statement.column_count();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            for column in 0..width {
                match row.get_ref(column)? {
                    ValueRef::Null => add(hash, b'n', &[]),
                    ValueRef::Integer(value) => add(hash, b'i', &value.to_be_bytes()),
                    ValueRef::Real(value) => add(hash, b'r', &value.to_be_bytes()),
                    ValueRef::Text(value) => add(hash, b's', value),
                    ValueRef::Blob(value) => add(hash, b'b', value),
                }
            }
        }
        Ok(())
    }
}

/// Adds a value with its kind and length in front, so that different sequences of values hash differently.
fn add(hash: &mut Sha256, kind: u8, bytes: &[u8]) {
    hash.update([kind]);
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_but_the_notes_counts() {
        let directory = tempfile::tempdir().expect("a directory");
        let db = schema::open(&directory.path().join("state.db")).expect("a state file");
        let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'meta' ORDER BY name";
        let mut statement = db.prepare(sql).expect("a statement");
        let names = statement.query_map([], |row| row.get::<_, String>(0)).expect("rows");
        let names: Vec<_> = names.collect::<Result<_, _>>().expect("names");
        assert_eq!(names, schema::REPLICATED.map(|table| table.name));
    }
}

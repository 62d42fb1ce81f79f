//! A hash of the whole state, and of a part of it that nobody asks for.

use super::connection::Reader;
use crate::command::{Compare, RowKey};
use crate::digest::Digest;
use crate::error::StateError;
use crate::range;
use crate::schema::{self, Table};

impl Reader {
    /// A SHA-256 over every row of the state, in hexadecimal. Machines that applied the same log have the
    /// same hash, because the consensus layer's notes are left out. This reads the whole state.
    ///
    /// # Errors
    /// The storage failed.
    pub fn state_hash(&self) -> Result<String, StateError> {
        self.at_once(|reader| {
            let mut digest = Digest::new();
            for table in schema::replicated(schema::version(&reader.connection)?) {
                reader.hash_table(&mut digest, table)?;
            }
            Ok(digest.end())
        })
    }

    /// Reads the rows before a row that a [`Compare`] would name, so that they are in the system's cache when the
    /// machine comes to them: it reads them on the thread that all of the log waits for.
    ///
    /// # Errors
    /// The storage failed.
    pub fn read_ahead(&self, before: Option<RowKey>) -> Result<(), StateError> {
        range::digest(&self.connection, Compare { before }).map(drop)
    }

    fn hash_table(&self, digest: &mut Digest, table: Table) -> Result<(), StateError> {
        let (name, order) = (table.name, table.order());
        digest.table(name);
        let mut statement = self.connection.prepare(&format!("SELECT * FROM {name} ORDER BY {order}"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            digest.row(row)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::VERSION;

    #[test]
    fn every_table_but_the_notes_counts() {
        let directory = tempfile::tempdir().expect("a directory");
        let db = schema::open(&directory.path().join("state.db")).expect("a state file");
        for version in 1..=VERSION {
            assert_eq!(schema::version(&db).expect("a version"), version);
            let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'meta' ORDER BY name";
            let mut statement = db.prepare(sql).expect("a statement");
            let names = statement.query_map([], |row| row.get::<_, String>(0)).expect("rows");
            let names: Vec<_> = names.collect::<Result<_, _>>().expect("names");
            assert_eq!(names, schema::replicated(version).map(|table| table.name).collect::<Vec<_>>());
            if version < VERSION {
                schema::raise(&db).expect("a step");
            }
        }
    }
}

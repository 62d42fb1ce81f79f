//! The machine: it opens a state file, applies batches to it, and replaces it as a whole.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::command::Batch;
use crate::error::StateError;
use crate::outcome::Applied;
use crate::reader::Readers;
use crate::wal::{self, Done};
use crate::{apply, schema};

/// The replicated machine over its state file. One writer; any number of [`Readers`].
#[derive(Debug)]
pub struct Machine {
    path: PathBuf,
    connection: Connection,
}

impl Machine {
    /// Opens or creates the state file.
    ///
    /// # Errors
    /// The file cannot be used, or a newer Chronos wrote it.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let connection = schema::open(path)?;
        Ok(Self { path: path.to_owned(), connection })
    }

    /// Applies batches in one transaction, together with `meta`: the consensus layer's own notes
    /// (last applied position, membership), which must never part from the state they describe.
    ///
    /// # Errors
    /// The storage failed; nothing of the batches is applied then, and they can be tried again.
    pub fn apply(&mut self, batches: &[&Batch], meta: &[(&str, &[u8])]) -> Result<Vec<Applied>, StateError> {
        let transaction =
            self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let mut applied = Vec::with_capacity(batches.len());
        for batch in batches {
            applied.push(apply::batch(&transaction, batch)?);
        }
        for (key, value) in meta {
            schema::set_meta(&transaction, key, value)?;
        }
        transaction.commit()?;
        Ok(applied)
    }

    /// Reads one of the consensus layer's notes.
    ///
    /// # Errors
    /// The storage failed.
    pub fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, StateError> {
        schema::meta(&self.connection, key)
    }

    /// Makes everything applied so far survive a power loss. The log may be purged up to here.
    ///
    /// # Errors
    /// The storage failed.
    pub fn make_durable(&mut self) -> Result<(), StateError> {
        schema::make_durable(&self.connection, &self.path)
    }

    /// Replaces the whole state by that of a file which [`crate::copy`] wrote, and sets `meta` in
    /// the same step. Readers go on with the state of before until it is done. What does not fit
    /// into the connection's cache waits in the write-ahead log, so the memory it takes is bounded.
    ///
    /// # Errors
    /// The storage failed, or the file is not a state this Chronos can read.
    pub fn replace_with(&mut self, path: &Path, meta: &[(&str, &[u8])]) -> Result<(), StateError> {
        schema::restore(&mut self.connection, path, meta)
    }

    /// Where the state file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Has the write-ahead log brought back into the file by another connection; see [`wal::beside`].
    ///
    /// # Errors
    /// The storage failed.
    pub fn backfill(&mut self, done: Done, ask: impl FnMut() + Send + 'static) -> Result<(), StateError> {
        wal::beside(&mut self.connection, done, ask)
    }

    /// Connections for reading, which never wait for the writer.
    ///
    /// # Errors
    /// The storage failed.
    pub fn readers(&self, count: usize) -> Result<Readers, StateError> {
        Readers::open(&self.path, count)
    }
}

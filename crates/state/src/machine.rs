//! The machine: it opens a state file, applies batches to it, and replaces it as a whole.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::apply;
use crate::check::{self, Check};
use crate::command::{Command, LogBatch};
use crate::error::StateError;
use crate::outcome::Applied;
use crate::reader::Reader;
use crate::schema::{self, commits};
use crate::wal::{self, Done};

/// A state of so many bytes is checked when it is opened: that takes a fraction of a second.
const CHECKED_AT_ONCE: u64 = 16 << 20;

/// The replicated state machine over its state file. It is the one writer; there can be any number of
/// [`Reader`]s.
#[derive(Debug)]
pub struct Machine {
    path: PathBuf,
    connection: Connection,
    is_checked: bool,
    /// How many commits the file has seen.
    commits: u64,
    /// The version of the cluster, once that was asked: to ask the file after each batch costs as much as a row.
    version: Cell<Option<u32>>,
    /// A planted bug: a failure counts though its node had lost the run to another one.
    takes_lost_word: bool,
}

impl Machine {
    /// Opens or creates the state file. One of up to 16 MiB is checked as a whole, as
    /// [`crate::check`] does; of a larger one, [`Machine::check`] makes the check.
    ///
    /// # Errors
    /// The file cannot be used, it is damaged, or it was not written by a Chronos that this one follows.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let connection = schema::open(path)?;
        let is_checked = schema::bytes(&connection)? <= CHECKED_AT_ONCE;
        if is_checked {
            check::whole(&connection, path)?;
        }
        let commits = commits::count(&connection)?;
        let (path, version) = (path.to_owned(), Cell::default());
        Ok(Self { path, connection, is_checked, commits, version, takes_lost_word: false })
    }

    /// This machine, with the planted bug where `takes` says so.
    #[cfg(feature = "planted-bugs")]
    #[must_use]
    pub fn with_lost_nodes_word(self, takes: bool) -> Self {
        Self { takes_lost_word: takes, ..self }
    }

    /// The check of a state file that was too large to be checked when it was opened. It is made over a
    /// connection of its own, while the machine goes on.
    ///
    /// # Errors
    /// The storage failed, or the tables are not those of a state file.
    pub fn check(&self) -> Result<Option<Check>, StateError> {
        (!self.is_checked).then(|| Check::open(&self.path)).transpose()
    }

    /// Applies batches in one transaction. The same transaction writes `meta`, the consensus layer's own
    /// notes (last applied position, membership), because they must always match the state that they
    /// describe.
    ///
    /// # Errors
    /// The storage failed, or a batch raises the version beyond what this binary can follow. Then nothing of
    /// the batches is applied, and they can be tried again.
    pub fn apply(
        &mut self,
        batches: &[LogBatch<'_>],
        meta: &[(&str, &[u8])],
    ) -> Result<Vec<Applied>, StateError> {
        let transaction =
            self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let mut applied = Vec::with_capacity(batches.len());
        for batch in batches {
            applied.push(apply::batch(&transaction, *batch, self.takes_lost_word)?);
        }
        for (key, value) in meta {
            schema::set_meta(&transaction, key, value)?;
        }
        commits::set(&transaction, self.commits.saturating_add(1))?;
        transaction.commit()?;
        self.commits = self.commits.saturating_add(1);
        let mut commands = batches.iter().flat_map(|batch| &batch.batch.items).map(|item| &item.command);
        if commands.any(|command| matches!(command, Command::RaiseVersion { .. })) {
            self.version.take();
        }
        Ok(applied)
    }

    /// The version of the cluster, as the commands applied so far left it.
    ///
    /// # Errors
    /// The storage failed.
    pub fn version(&self) -> Result<u32, StateError> {
        let version = match self.version.get() {
            Some(version) => version,
            None => schema::version(&self.connection)?,
        };
        self.version.set(Some(version));
        Ok(version)
    }

    /// Reads one of the consensus layer's notes.
    ///
    /// # Errors
    /// The storage failed.
    pub fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, StateError> {
        schema::meta(&self.connection, key)
    }

    /// Makes everything applied so far survive a power loss. After that the log may be purged up to here.
    ///
    /// # Errors
    /// The storage failed.
    pub fn make_durable(&mut self) -> Result<(), StateError> {
        schema::make_durable(&self.connection, &self.path)
    }

    /// Replaces the whole state by that of a file which [`crate::copy`] wrote, and sets `meta` in the
    /// same step. A file that has travelled is to be [checked](crate::check()) before. Readers see the old state until this is done. The memory that it takes is bounded:
    /// what does not fit into the connection's cache waits in the write-ahead log.
    ///
    /// # Errors
    /// The storage failed, or the file is not a state that this Chronos can read.
    pub fn replace_with(&mut self, path: &Path, meta: &[(&str, &[u8])]) -> Result<(), StateError> {
        self.version.take();
        schema::restore(&mut self.connection, path, meta, self.commits.saturating_add(1))?;
        self.commits = self.commits.saturating_add(1);
        Ok(())
    }

    /// Writes the file anew without what was written over in it or deleted; see [`wal::write_anew`].
    ///
    /// # Errors
    /// The storage failed, there is no space, or a reader would not end.
    pub fn write_anew(&mut self) -> Result<(), StateError> {
        wal::write_anew(&self.connection)
    }

    /// Where the state file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Has another connection bring the write-ahead log back into the file; see [`wal::beside`].
    ///
    /// # Errors
    /// The storage failed.
    pub fn backfill(&mut self, done: Done, ask: impl FnMut() + Send + 'static) -> Result<(), StateError> {
        wal::beside(&mut self.connection, done, ask)
    }

    /// Opens a connection for reading. It never waits for the writer.
    ///
    /// # Errors
    /// The storage failed.
    pub fn reader(&self) -> Result<Reader, StateError> {
        Reader::open(&self.path)
    }
}

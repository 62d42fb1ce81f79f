//! The machine's door: open a state file, apply batches to it, copy it.

use std::path::{Path, PathBuf};

use chronos_types::{ExecutionId, JobId, Millis};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use crate::run::Fire;
use crate::stored;
use crate::wal::{self, Done};
use crate::{Batch, Readers, StateError, apply, schema};

/// The replicated machine over its state file. One writer; any number of [`Readers`].
#[derive(Debug)]
pub struct Machine {
    path: PathBuf,
    connection: Connection,
}

/// What became of one batch.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// The batch's instant.
    pub at: Millis,
    /// One for each command, in order.
    pub outcomes: Vec<Outcome>,
    /// What the world should now do, in order.
    pub effects: Vec<Effect>,
}

/// The answer to one command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Done; nothing more to say.
    Done,
    /// The job stands at this version.
    Job {
        /// The job.
        #[serde(with = "stored::id")]
        id: JobId,
        /// Its version now.
        version: u64,
        /// The instant of the change.
        at: Millis,
    },
    /// The execution is on record.
    Execution {
        /// The execution.
        #[serde(with = "stored::id")]
        id: ExecutionId,
        /// Its job.
        #[serde(with = "stored::id")]
        job: JobId,
    },
    /// Nothing was changed.
    Refused {
        /// Why.
        refusal: Refusal,
    },
}

/// Why a command changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Refusal {
    /// Another job has this name.
    NameTaken {
        /// The name.
        name: String,
    },
    /// There is no such job.
    NoSuchJob,
    /// There is no such execution.
    NoSuchExecution,
    /// The job is at another version.
    VersionMismatch {
        /// Its version now.
        current: u64,
    },
    /// The job forbids overlap and has an unfinished execution.
    Overlap {
        /// The unfinished execution.
        #[serde(with = "stored::id")]
        unfinished: ExecutionId,
    },
    /// The execution is over.
    Finished {
        /// Its status.
        status: String,
    },
    /// The idempotency key was used with another request.
    KeyReused,
}

/// What the world should do now that a batch is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Fire an execution at its instant.
    Fire(Fire),
    /// A planned execution was taken off the record before its instant. Its node does not fire it any
    /// more, and says whether it had: [`crate::Reported::NotBegun`], or what came of it.
    Withdraw(Fire),
    /// An execution was cancelled: stop it.
    Cancel(ExecutionId),
    /// An execution is over, or waits for the retry that its node reported.
    Settled(ExecutionId),
    /// A job's next due instant changed by other means than a plan.
    DueChanged,
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

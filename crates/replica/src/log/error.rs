//! Why the log file fails.

use std::io;
use std::path::Path;

use chronos_state::{StateError, wal};
use rusqlite::ErrorCode;

use super::codec::EntryError;
use crate::error::ReplicaError;
use crate::health::MayLackSpace;

/// Why the log file failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    #[error("log.db failed: {0}")]
    Sqlite(rusqlite::Error),
    #[error(transparent)]
    Backfill(StateError),
    #[error(transparent)]
    File(StateError),
    /// What is in the file is not what was written.
    #[error("log.db is damaged: {0}")]
    Damaged(String),
    /// It is of a newer Chronos, of one before the first release, or no log file. The sentence says which.
    #[error("{0}")]
    Foreign(String),
}

impl MayLackSpace for LogError {
    fn is_disk_full(&self) -> bool {
        match self {
            Self::Sqlite(error) => wal::is_disk_full(error),
            Self::Backfill(error) | Self::File(error) => error.is_disk_full(),
            Self::Damaged(_) | Self::Foreign(_) => false,
        }
    }

    fn may_be_full(&self) -> bool {
        match self {
            Self::Sqlite(error) => wal::may_be_full(error),
            Self::Backfill(error) | Self::File(error) => error.may_be_full(),
            Self::Damaged(_) | Self::Foreign(_) => false,
        }
    }
}

impl LogError {
    /// The file cannot be made.
    pub(super) fn file(path: &Path, error: io::Error) -> Self {
        Self::File(StateError::File { path: path.display().to_string(), error })
    }

    /// A newer Chronos wrote this.
    pub(super) fn newer(path: &Path, what: &str, found: i64, known: u32) -> Self {
        Self::Foreign(format!(
            "{} has {what} {found}, and this Chronos knows {what}s up to {known}; start a newer Chronos on it",
            path.display()
        ))
    }
}

impl From<rusqlite::Error> for LogError {
    fn from(error: rusqlite::Error) -> Self {
        let damaged = match &error {
            rusqlite::Error::SqliteFailure(failure, _) => {
                matches!(failure.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
            }
            // A column that holds something else than what is written there, or a row that is not there.
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..)
            | rusqlite::Error::QueryReturnedNoRows => true,
            _ => false,
        };
        if damaged { Self::Damaged(error.to_string()) } else { Self::Sqlite(error) }
    }
}

impl From<EntryError> for LogError {
    fn from(error: EntryError) -> Self {
        match error {
            EntryError::Unknown(sentence) => Self::Foreign(sentence),
            EntryError::Damaged(what) => Self::Damaged(what),
        }
    }
}

impl From<LogError> for ReplicaError {
    fn from(error: LogError) -> Self {
        Self::Storage(error.to_string())
    }
}

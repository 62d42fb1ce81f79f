//! Why the log file fails.

use chronos_state::{StateError, wal};

use crate::error::ReplicaError;

/// Why the log file failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    #[error("log.db failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Backfill(StateError),
    #[error("{0}")]
    Damaged(String),
}

impl LogError {
    /// Whether the cause is a disk without space, which passes.
    pub(crate) fn is_disk_full(&self) -> bool {
        match self {
            Self::Sqlite(error) => wal::is_disk_full(error),
            Self::Backfill(error) => error.is_disk_full(),
            Self::Damaged(_) => false,
        }
    }
}

impl From<LogError> for ReplicaError {
    fn from(error: LogError) -> Self {
        Self::Storage(error.to_string())
    }
}

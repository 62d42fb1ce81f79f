//! What can go wrong with the storage beneath the machine.

use std::fmt::Display;
use std::path::Path;

use rusqlite::ErrorCode;
use rusqlite::ffi::{
    SQLITE_IOERR_GETTEMPPATH, SQLITE_IOERR_SHMMAP, SQLITE_IOERR_SHMOPEN, SQLITE_IOERR_SHMSIZE,
    SQLITE_IOERR_TRUNCATE, SQLITE_IOERR_WRITE,
};
use rusqlite::types::FromSqlError;

use crate::space::shown;

/// A fault of the storage, or of what is stored. A refused command is no fault; it is answered with a
/// [`Refusal`](crate::Refusal).
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// SQLite failed.
    #[error("the state database failed: {0}")]
    Sqlite(SqliteError),
    /// A file operation failed.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: String,
        /// The operating system's error.
        error: std::io::Error,
    },
    /// The database was written by a newer Chronos.
    #[error(
        "{path} has state format {found}, and this Chronos knows formats up to {known}; start a newer Chronos on it"
    )]
    NewerFormat {
        /// The file.
        path: String,
        /// Its format.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// A state file, or a backup, from before the first release.
    #[error(
        "{path} was written before the first release of Chronos, which cannot read it; start with an empty data directory"
    )]
    BeforeFirstRelease {
        /// The file.
        path: String,
    },
    /// A file that is no state file, or one so damaged that it does not look like one.
    #[error("{path} is not a state file of Chronos; it may be damaged")]
    NotState {
        /// The file.
        path: String,
    },
    /// A command needs a higher version of the cluster than this binary can follow.
    #[error(
        "a command is of cluster version {found}, and this Chronos follows versions up to {known}; start a newer Chronos"
    )]
    NewerVersion {
        /// The version that the command needs.
        found: u32,
        /// The highest version that this binary can follow.
        known: u32,
    },
    /// A file is no backup, or not a whole one.
    #[error("{path} cannot be restored: {reason}")]
    Backup {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A cluster was to be restored where there is data.
    #[error("{path} exists; a cluster is restored into a data directory that holds no data")]
    Occupied {
        /// The file in the way.
        path: String,
    },
    /// There is too little space for what was to be written beside the files of a node.
    #[error("{what} needs {} in {path}, and {} are free there", shown(*needed), shown(*free))]
    NoSpace {
        /// What was to be written.
        what: &'static str,
        /// The directory.
        path: String,
        /// The bytes that it needs.
        needed: u64,
        /// The bytes that are free.
        free: u64,
    },
    /// The write-ahead log has grown too long beside a copy that was being made.
    #[error(
        "the write-ahead log of the state has {}, and may have {} while a copy is made; the copy was given up",
        shown(*length), shown(*most)
    )]
    LongWal {
        /// The bytes that it has.
        length: u64,
        /// The bytes that it may have.
        most: u64,
    },
    /// A copy was given up, for nobody waits for it any more.
    #[error("nobody waits for the copy any more")]
    Unwanted,
    /// Something stored cannot be read back.
    #[error("stored data is damaged: {0}")]
    Corrupt(String),
}

/// An error of SQLite, to be shown to people.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct SqliteError(rusqlite::Error);

impl From<rusqlite::Error> for StateError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(SqliteError(error))
    }
}

impl From<FromSqlError> for StateError {
    fn from(error: FromSqlError) -> Self {
        rusqlite::Error::from(error).into()
    }
}

impl StateError {
    /// Whether the disk has no space left. The fault passes when there is space again.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Sqlite(SqliteError(error)) => is_disk_full(error),
            Self::File { error, .. } => lacks_space(error),
            Self::NoSpace { .. } => true,
            _ => false,
        }
    }

    /// Whether the disk may have no space left: the fault does not say.
    #[must_use]
    pub fn may_be_full(&self) -> bool {
        matches!(self, Self::Sqlite(SqliteError(error)) if may_be_full(error))
    }

    /// Whether a question was given up, as [`Reader::unless`](crate::Reader::unless) was told to.
    #[must_use]
    pub fn is_given_up(&self) -> bool {
        matches!(self, Self::Sqlite(SqliteError(error))
            if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted))
    }

    /// Adds to a message about damage where it is: the file, the table, the row. Other faults stay as they are.
    pub(crate) fn within(self, place: impl Display) -> Self {
        match self {
            Self::Corrupt(what) => Self::Corrupt(format!("{place}: {what}")),
            Self::Sqlite(SqliteError(error)) if is_damage(&error) => {
                Self::Corrupt(format!("{place}: {error}"))
            }
            other => other,
        }
    }

    /// A fault of a file, for `map_err`.
    pub(crate) fn file(path: &Path) -> impl Fn(std::io::Error) -> Self {
        move |error| Self::File { path: path.display().to_string(), error }
    }

    /// A file that is no backup, or not a whole one.
    pub(crate) fn backup(path: &Path, reason: impl Into<String>) -> Self {
        Self::Backup { path: path.display().to_string(), reason: reason.into() }
    }

    pub(crate) fn encode(error: serde_json::Error) -> Self {
        Self::Corrupt(format!("a record cannot be written: {error}"))
    }

    pub(crate) fn decode(error: serde_json::Error) -> Self {
        Self::Corrupt(error.to_string())
    }
}

/// Whether what SQLite read cannot have been written so.
fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::Error as E;
    match error {
        E::FromSqlConversionFailure(..)
        | E::IntegralValueOutOfRange(..)
        | E::InvalidColumnType(..)
        | E::Utf8Error(..) => true,
        error => {
            matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
        }
    }
}

/// Whether the operating system says that there is no space left: none on the disk, or none within a quota.
#[must_use]
pub fn lacks_space(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

/// Whether SQLite may have failed because there is no space left. It keeps to itself what the operating system said:
/// where a quota is used up, a write is an I/O error like that of a broken disk. Whoever wants to know tries to write
/// something there.
///
/// A sync that failed is not among them. The operating system may have dropped what was to be synced, so nothing can
/// be made good by trying again.
#[must_use]
pub fn may_be_full(error: &rusqlite::Error) -> bool {
    let extended = error.sqlite_error().map(|error| error.extended_code);
    let io = [
        SQLITE_IOERR_WRITE,
        SQLITE_IOERR_TRUNCATE,
        SQLITE_IOERR_SHMOPEN,
        SQLITE_IOERR_SHMMAP,
        SQLITE_IOERR_GETTEMPPATH,
    ];
    // A file that cannot be made cannot be opened.
    error.sqlite_error_code() == Some(ErrorCode::CannotOpen)
        || extended.is_some_and(|code| io.contains(&code))
}

/// Whether SQLite failed because the disk has no space left. The fault passes when there is space again.
#[must_use]
pub fn is_disk_full(error: &rusqlite::Error) -> bool {
    // The shared-memory file grows by ftruncate. SQLite has no other code for a failure of that.
    let extended = error.sqlite_error().map(|error| error.extended_code);
    error.sqlite_error_code() == Some(ErrorCode::DiskFull) || extended == Some(SQLITE_IOERR_SHMSIZE)
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi::{
        Error, SQLITE_CANTOPEN, SQLITE_CORRUPT, SQLITE_FULL, SQLITE_IOERR_DIR_FSYNC, SQLITE_IOERR_FSYNC,
        SQLITE_IOERR_READ, SQLITE_IOERR_SHORT_READ,
    };

    use super::*;

    #[test]
    fn a_full_disk_is_told_from_one_that_may_be_full_and_from_a_broken_one() {
        let check = |code, is_full, may_be| {
            let error = StateError::from(rusqlite::Error::SqliteFailure(Error::new(code), None));
            assert_eq!((error.is_disk_full(), error.may_be_full()), (is_full, may_be), "{code}: {error}");
        };
        check(SQLITE_FULL, true, false);
        check(SQLITE_IOERR_SHMSIZE, true, false);
        for code in [SQLITE_IOERR_WRITE, SQLITE_IOERR_TRUNCATE, SQLITE_IOERR_SHMMAP, SQLITE_CANTOPEN] {
            check(code, false, true);
        }
        for code in [SQLITE_IOERR_FSYNC, SQLITE_IOERR_DIR_FSYNC, SQLITE_IOERR_READ, SQLITE_IOERR_SHORT_READ] {
            check(code, false, false);
        }
        check(SQLITE_CORRUPT, false, false);
    }

    #[test]
    fn the_operating_system_says_in_two_ways_that_there_is_no_space() {
        for (errno, expected) in [(28, true), (122, true), (5, false)] {
            let error = std::io::Error::from_raw_os_error(errno);
            let error = StateError::File { path: "state.db".into(), error };
            assert_eq!(error.is_disk_full(), expected, "{error}");
        }
    }
}

//! What can go wrong with the file. None of it is a fault of the node.

use std::io;

use chronos_state::{StateError, lacks_space};
use rusqlite::ErrorCode;

/// Why the file could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The disk has no space left. The file is as it was.
    #[error("the disk is full: {0}")]
    Full(String),
    /// It took too long, or nobody waits for the answer any more.
    #[error("the question was given up")]
    GivenUp,
    /// It is damaged, it is something else, or it cannot be opened. It is to be made anew.
    #[error("{0}")]
    Unusable(String),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        let (why, code) = (error.to_string(), error.sqlite_error_code());
        let as_of_state = StateError::from(error);
        if code == Some(ErrorCode::OperationInterrupted) {
            Self::GivenUp
        } else if as_of_state.is_disk_full() || as_of_state.may_be_full() {
            Self::Full(why)
        } else {
            Self::Unusable(why)
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        let why = error.to_string();
        if lacks_space(&error) { Self::Full(why) } else { Self::Unusable(why) }
    }
}

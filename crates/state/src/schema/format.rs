//! Whose file it is, and of which version: what SQLite's `application_id` and `user_version` say.

use std::path::Path;

use rusqlite::{Connection, ErrorCode};

use crate::error::StateError;

/// The highest version of the cluster that this binary can follow.
const VERSION: u32 = 1;

/// `CHRS`: a state file, also a copy or a backup of one.
const APPLICATION_ID: i64 = 0x4348_5253;

/// Says in a new file what it is. Its tables are those of version 1.
pub(super) fn mark(db: &Connection) -> Result<(), StateError> {
    db.pragma_update(None, "application_id", APPLICATION_ID)?;
    Ok(db.pragma_update(None, "user_version", 1)?)
}

/// Refuses a file that is no state file, that is older than the first release, or that a newer Chronos wrote.
pub(crate) fn check(db: &Connection, path: &Path) -> Result<(), StateError> {
    let shown = || path.display().to_string();
    let pragma = |name| -> Result<i64, StateError> {
        db.pragma_query_value(None, name, |row| row.get(0)).map_err(|error| match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => StateError::NotState { path: shown() },
            _ => error.into(),
        })
    };
    let known = i64::from(VERSION);
    match (pragma("application_id")?, pragma("user_version")?) {
        (APPLICATION_ID, found) if (1..=known).contains(&found) => Ok(()),
        (APPLICATION_ID, found) if found > known => {
            Err(StateError::NewerFormat { path: shown(), found, known })
        }
        (0, 1..) => Err(StateError::BeforeFirstRelease { path: shown() }),
        _ => Err(StateError::NotState { path: shown() }),
    }
}

/// The version of the cluster whose state this is.
pub(crate) fn version(db: &Connection) -> Result<u32, StateError> {
    Ok(db.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

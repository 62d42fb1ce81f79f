//! Whose file it is, and of which version: what SQLite's `application_id` and `user_version` say.

use std::path::Path;

use rusqlite::{Connection, ErrorCode};

use crate::command::{FIRST, VERSION};
use crate::error::StateError;

/// `CHRS`: a state file, also a copy or a backup of one.
const APPLICATION_ID: i64 = 0x4348_5253;

/// What a version changes in the tables.
type Step = fn(&Connection) -> Result<(), StateError>;

/// What each version after the first changes; the first of these makes the second version.
const STEPS: &[Step] = &[
    |db| {
        use super::kept::KEPT;
        use super::tables::{AUDIT, AUTHORS, EVENTS, KEYS, OPERATIONS, OVERRIDES, PAUSES, SECRETS, SETS};
        let brought = [AUTHORS, SETS, EVENTS, OPERATIONS, PAUSES, KEPT, OVERRIDES, KEYS, AUDIT, SECRETS];
        brought.iter().try_for_each(|sql| Ok(db.execute_batch(sql)?))
    },
    #[cfg(feature = "next")]
    |db| super::tables::add_counter(db, "probe"),
];

/// Makes every step up to a version, in tables of the first one.
pub(super) fn make_steps(db: &Connection, version: u32) -> Result<(), StateError> {
    STEPS.iter().zip(FIRST..version).try_for_each(|(step, _)| step(db))
}

/// Says in a new file what it is. Its tables are those of the first version.
pub(super) fn mark(db: &Connection) -> Result<(), StateError> {
    db.pragma_update(None, "application_id", APPLICATION_ID)?;
    Ok(db.pragma_update(None, "user_version", FIRST)?)
}

/// Refuses a file that is no state file, that is older than the first release, or whose version this binary
/// cannot follow.
pub(crate) fn check(db: &Connection, path: &Path) -> Result<(), StateError> {
    let shown = || path.display().to_string();
    let pragma = |name| -> Result<i64, StateError> {
        db.pragma_query_value(None, name, |row| row.get(0)).map_err(|error| match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => StateError::NotState { path: shown() },
            _ => error.into(),
        })
    };
    match (pragma("application_id")?, u32::try_from(pragma("user_version")?)) {
        (APPLICATION_ID, Ok(FIRST..=VERSION)) => Ok(()),
        (APPLICATION_ID, Ok(found)) if found > VERSION => {
            Err(StateError::NewerFormat { path: shown(), found, known: VERSION })
        }
        (0, Ok(1..)) => Err(StateError::BeforeFirstRelease { path: shown() }),
        _ => Err(StateError::NotState { path: shown() }),
    }
}

/// The version of the cluster, as the state has it: SQLite's `user_version`. Commands alone change it, so
/// that the states of two nodes are equal wherever their logs are.
pub(crate) fn version(db: &Connection) -> Result<u32, StateError> {
    Ok(db.prepare_cached("PRAGMA user_version")?.query_row([], |row| row.get(0))?)
}

/// Raises the version by one step, with what the next one changes in the tables.
pub(crate) fn raise(db: &Connection) -> Result<(), StateError> {
    let next = version(db)? + 1;
    let step = usize::try_from(next - FIRST - 1).ok().and_then(|step| STEPS.get(step));
    step.ok_or(StateError::NewerVersion { found: next, known: VERSION })?(db)?;
    Ok(db.pragma_update(None, "user_version", next)?)
}

//! What the cluster knows of its time: a few named instants, a row each.

use chronos_types::Millis;
use rusqlite::Connection;

use super::row;
use crate::error::StateError;

/// The time of the cluster: the greatest instant of any batch since it was last set back, as far as it was noted.
pub(crate) const NOTED: &str = "noted";
/// What the time was before it jumped.
pub(crate) const JUMPED_FROM: &str = "jumped_from";
/// What it was right after.
pub(crate) const JUMPED_TO: &str = "jumped_to";
/// What the time was before it was set back.
pub(crate) const BACK_FROM: &str = "back_from";
/// What it was set back to.
pub(crate) const BACK_TO: &str = "back_to";

/// From when on what is done is counted.
pub(crate) const FIGURES_SINCE: &str = "figures_since";

/// An instant by its name.
pub(crate) fn at(db: &Connection, name: &str) -> Result<Option<Millis>, StateError> {
    let mut statement = db.prepare_cached("SELECT name, at FROM clock WHERE name = ?1")?;
    let mut rows = statement.query([name])?;
    rows.next()?.map(|row| row::read("clock", row, |row| Ok(row.get(1)?))).transpose()
}

/// Two instants that are there together or not at all.
pub(crate) fn pair(db: &Connection, from: &str, to: &str) -> Result<Option<(Millis, Millis)>, StateError> {
    Ok(at(db, from)?.zip(at(db, to)?))
}

/// Writes an instant.
pub(crate) fn set(db: &Connection, name: &str, at: Millis) -> Result<(), StateError> {
    let sql = "INSERT OR REPLACE INTO clock VALUES (?1, ?2, ?3)";
    row::write(db, sql, row::cells![name, at], row::cells![])?;
    Ok(())
}

/// Forgets instants, those that are there.
pub(crate) fn forget(db: &Connection, names: &[&str]) -> Result<(), StateError> {
    let mut statement = db.prepare_cached("DELETE FROM clock WHERE name = ?1")?;
    names.iter().try_for_each(|name| statement.execute([name]).map(drop).map_err(StateError::from))
}

/// In a new file: nothing has happened yet.
pub(crate) fn begin(db: &Connection) -> Result<(), StateError> {
    set(db, NOTED, 0)
}

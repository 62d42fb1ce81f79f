//! The rows of figures by stretches of time and by the values of a tag, and which tag that is.

use chronos_types::{Limit, Millis};
use rusqlite::{Connection, Row};

use super::figures::Figures;
use super::hosts::Hosts;
use super::row;
use crate::error::StateError;

/// The scope of all jobs that are not told apart.
pub(crate) const OTHERS: &str = "=";

/// What was done in a stretch of time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stretch {
    pub(crate) figures: Figures,
    pub(crate) hosts: Hosts,
}

impl Stretch {
    /// Adds what another one has.
    pub(crate) fn add(&mut self, other: &Self) {
        self.figures.add(&other.figures);
        self.hosts.add_all(&other.hosts);
    }
}

/// The scope of the jobs whose tag has a value. No tag has a `=` in its name.
pub(crate) fn scope(tag: &str, value: &str) -> String {
    format!("{tag}={value}")
}

/// The scopes of a limit.
pub(crate) fn scopes(limit: &Limit) -> impl Iterator<Item = String> {
    limit.values().iter().map(|value| scope(limit.tag(), value))
}

/// The tag by whose values figures are kept, and from when on.
pub(crate) fn tag(db: &Connection) -> Result<Option<(String, Millis)>, StateError> {
    let mut statement = db.prepare_cached("SELECT tag, since FROM scope_tag")?;
    let mut rows = statement.query([])?;
    rows.next()?.map(|row| row::read("scope_tag", row, |row| Ok((row.get(0)?, row.get(1)?)))).transpose()
}

/// Has them kept by another tag.
pub(crate) fn set_tag(db: &Connection, tag: &str, since: Millis) -> Result<(), StateError> {
    db.prepare_cached("DELETE FROM scope_tag")?.execute([])?;
    row::write(db, "INSERT INTO scope_tag VALUES (?1, ?2, ?3)", row::cells![tag, since], row::cells![])?;
    Ok(())
}

/// The columns of a row, in their order.
pub(crate) const COLUMNS: &str = "step, scope, start, figures, lateness_max, duration_max, hosts";

/// Reads a row: its scope, when its stretch begins, and what was done in it.
pub(crate) fn read(found: &Row<'_>) -> Result<(String, Millis, Stretch), StateError> {
    row::read("scope_rollups", found, |row| {
        let figures = Figures::read(row.get_ref(3)?.as_blob()?, row.get(4)?, row.get(5)?)?;
        let hosts = Hosts::read(row.get_ref(6)?.as_blob()?)?;
        Ok((row.get(1)?, row.get(2)?, Stretch { figures, hosts }))
    })
}

/// A stretch of a scope.
pub(crate) fn of(
    db: &Connection,
    step: Millis,
    scope: &str,
    start: Millis,
) -> Result<Option<Stretch>, StateError> {
    let sql = format!("SELECT {COLUMNS} FROM scope_rollups WHERE step = ?1 AND scope = ?2 AND start = ?3");
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query((step, scope, start))?;
    Ok(rows.next()?.map(read).transpose()?.map(|(_, _, stretch)| stretch))
}

/// All that is added up before it goes into the stretches.
pub(crate) fn all_of(db: &Connection, step: Millis) -> Result<Vec<(String, Millis, Stretch)>, StateError> {
    let sql = format!("SELECT {COLUMNS} FROM scope_rollups WHERE step = ?1");
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query([step])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(read(row)?);
    }
    Ok(all)
}

/// Writes a stretch of a scope.
pub(crate) fn set(
    db: &Connection,
    step: Millis,
    scope: &str,
    start: Millis,
    stretch: &Stretch,
) -> Result<(), StateError> {
    let Stretch { figures: Figures { tally, lateness_max, duration_max }, hosts } = stretch;
    let (tally, hosts) = (tally.to_bytes(), hosts.to_bytes());
    row::write(
        db,
        "INSERT OR REPLACE INTO scope_rollups VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        row::cells![step, scope, start, tally.as_slice(), lateness_max, duration_max, hosts.as_slice()],
        row::cells![],
    )?;
    Ok(())
}

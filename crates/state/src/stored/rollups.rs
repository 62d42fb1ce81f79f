//! The rows of figures by stretches of time.

use chronos_types::Millis;
use rusqlite::{Connection, Row};

use super::figures::Figures;
use super::hosts::Hosts;
use super::row;
use crate::error::StateError;

/// What is added up before it goes into the stretches.
pub(crate) const OPEN: Millis = 0;
/// The shortest stretch.
pub(crate) const FIVE_MINUTES: Millis = 5 * 60_000;
const HOUR: Millis = 60 * 60_000;
const DAY: Millis = 24 * HOUR;

/// The lengths of stretches, and for how long those of each are kept.
pub(crate) const LEVELS: [(Millis, Millis); 3] =
    [(FIVE_MINUTES, 48 * HOUR), (HOUR, 35 * DAY), (DAY, 400 * DAY)];

/// The beginning of the stretch that an instant lies in. In UTC, for all of them divide a day.
pub(crate) fn start_of(at: Millis, step: Millis) -> Millis {
    at.saturating_sub(at.rem_euclid(step))
}

/// What is not yet in the stretches, and from where on it was added up: less than [`FIVE_MINUTES`].
pub(crate) fn open(db: &Connection) -> Result<Option<(Millis, Figures)>, StateError> {
    let sql = "SELECT step, start, figures, lateness_max, duration_max FROM rollups WHERE step = ?1";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([OPEN])?;
    rows.next()?.map(figures).transpose()
}

/// The figures of a stretch.
pub(crate) fn of(db: &Connection, step: Millis, start: Millis) -> Result<Figures, StateError> {
    let sql = "SELECT step, start, figures, lateness_max, duration_max FROM rollups
        WHERE step = ?1 AND start = ?2";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query((step, start))?;
    let found = rows.next()?.map(figures).transpose()?;
    Ok(found.map(|(_, figures)| figures).unwrap_or_default())
}

/// Reads when a stretch begins, and its figures.
pub(crate) fn figures(found: &Row<'_>) -> Result<(Millis, Figures), StateError> {
    row::read("rollups", found, |row| {
        let figures = Figures::read(row.get_ref(2)?.as_blob()?, row.get(3)?, row.get(4)?)?;
        Ok((row.get(1)?, figures))
    })
}

/// Writes the figures of a stretch.
pub(crate) fn set(db: &Connection, step: Millis, start: Millis, figures: &Figures) -> Result<(), StateError> {
    let Figures { tally, lateness_max, duration_max } = figures;
    row::write(
        db,
        "INSERT OR REPLACE INTO rollups VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        row::cells![step, start, tally.to_bytes().as_slice(), lateness_max, duration_max],
        row::cells![],
    )?;
    Ok(())
}

/// Where executions failed in a stretch.
pub(crate) fn hosts(db: &Connection, step: Millis, start: Millis) -> Result<Hosts, StateError> {
    let sql = "SELECT step, start, hosts FROM rollup_hosts WHERE step = ?1 AND start = ?2";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query((step, start))?;
    let found = rows.next()?.map(read_hosts).transpose()?;
    Ok(found.map(|(_, hosts)| hosts).unwrap_or_default())
}

/// Reads when a stretch begins, and where executions failed in it.
pub(crate) fn read_hosts(found: &Row<'_>) -> Result<(Millis, Hosts), StateError> {
    row::read("rollup_hosts", found, |row| Ok((row.get(1)?, Hosts::read(row.get_ref(2)?.as_blob()?)?)))
}

/// Writes where executions failed in a stretch.
pub(crate) fn set_hosts(
    db: &Connection,
    step: Millis,
    start: Millis,
    hosts: &Hosts,
) -> Result<(), StateError> {
    row::write(
        db,
        "INSERT OR REPLACE INTO rollup_hosts VALUES (?1, ?2, ?3, ?4)",
        row::cells![step, start, hosts.to_bytes().as_slice()],
        row::cells![],
    )?;
    Ok(())
}

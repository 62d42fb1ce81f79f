//! How many jobs call each host, and are in each time zone: counted in the file, as jobs are written into it.

use chronos_state::{Facet, JobSeq};
use rusqlite::Connection;

use crate::fault::Fault;

/// What is counted. The numbers stand in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FacetKind {
    /// The host that a job calls.
    Host = 1,
    /// The time zone that a job is in, as it is written there.
    Timezone = 2,
}

/// A job no longer has what it had.
pub(crate) fn take_away(db: &Connection, job: JobSeq) -> Result<(), Fault> {
    let sql = "UPDATE facets SET jobs = jobs - 1
        WHERE id IN (SELECT host FROM stamps WHERE job = ?1 UNION ALL SELECT zone FROM stamps WHERE job = ?1)";
    if db.prepare_cached(sql)?.execute([job.get()])? > 0 {
        let sql = "DELETE FROM facets WHERE jobs = 0
            AND id IN (SELECT host FROM stamps WHERE job = ?1 UNION ALL SELECT zone FROM stamps WHERE job = ?1)";
        db.prepare_cached(sql)?.execute([job.get()])?;
    }
    Ok(())
}

/// A job more has this. Answers its number.
pub(crate) fn add(db: &Connection, kind: FacetKind, value: &str) -> Result<i64, Fault> {
    let sql = "INSERT INTO facets (kind, value, jobs) VALUES (?1, ?2, 1)
        ON CONFLICT (kind, value) DO UPDATE SET jobs = jobs + 1 RETURNING id";
    Ok(db.prepare_cached(sql)?.query_row((kind as i64, value), |row| row.get(0))?)
}

/// The commonest of a kind, at most so many.
pub(crate) fn commonest(db: &Connection, kind: FacetKind, most: usize) -> Result<Vec<Facet>, Fault> {
    // What has no host that can be read has none.
    let sql = "SELECT value, jobs FROM facets WHERE kind = ?1 AND value <> ''
        ORDER BY jobs DESC, value LIMIT ?2";
    let mut statement = db.prepare_cached(sql)?;
    let facet = |row: &rusqlite::Row<'_>| Ok(Facet { key: None, value: row.get(0)?, jobs: row.get(1)? });
    let rows = statement.query_map((kind as i64, most), facet)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

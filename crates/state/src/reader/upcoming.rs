//! What is asked of a single job for what is to run.

use chronos_types::{JobId, Skips};
use rusqlite::Row;

use super::clock::{JobDue, job_due};
use super::connection::Reader;
use crate::error::StateError;
use crate::run::JobSeq;
use crate::stored::code::enabled_job;
use crate::stored::row;

/// What an enabled job is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnabledName {
    /// The job.
    pub id: JobId,
    /// Its name, as it is on record.
    pub name: String,
    /// Its coming runs that are skipped.
    pub skips: Option<Skips>,
}

impl Reader {
    /// A job, and when it falls due; none where it is not enabled, is paused for no one knows how long, or its times
    /// cannot be read.
    ///
    /// # Errors
    /// The storage failed.
    pub fn enabled_job(&self, job: JobSeq) -> Result<Option<JobDue>, StateError> {
        let (paused_until, pauses) = self.paused_until()?;
        let sql = format!(
            "SELECT j.seq, j.id, j.version, j.created_at, j.updated_at, d.at, j.spec, {paused_until}
            FROM jobs j JOIN due d ON d.seq = j.seq {pauses} AND j.seq = ?1 AND {}",
            enabled_job!("j."),
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([job.get()])?;
        let found = rows.next()?.map(|row| row::read("jobs", row, job_due)).transpose()?;
        Ok(found.flatten())
    }

    /// The id and the name of a job, and the runs that it skips; none where it is not enabled.
    ///
    /// # Errors
    /// The storage failed.
    pub fn enabled_name(&self, job: JobSeq) -> Result<Option<EnabledName>, StateError> {
        let sql = concat!(
            "SELECT j.seq, j.id, j.name, d.at FROM jobs j JOIN due d ON d.seq = j.seq WHERE j.seq = ?1 AND ",
            enabled_job!("j.")
        );
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([job.get()])?;
        let read = |row: &Row<'_>| {
            let skips = if self.has_pauses()? { self.skips_of(job, row.get(3)?)? } else { None };
            Ok(EnabledName { id: JobId::from_bytes(row.get(1)?), name: row.get(2)?, skips })
        };
        rows.next()?.map(|row| row::read("jobs", row, read)).transpose()
    }
}

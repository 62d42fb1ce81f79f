//! What is asked of a single job for what is to run.

use chronos_types::JobId;
use rusqlite::Row;

use super::clock::{JobDue, job_due};
use super::connection::Reader;
use crate::error::StateError;
use crate::run::JobSeq;
use crate::stored::code::enabled_job;
use crate::stored::row;

impl Reader {
    /// A job, and when it falls due; none where it is not enabled, or its times cannot be read.
    ///
    /// # Errors
    /// The storage failed.
    pub fn enabled_job(&self, job: JobSeq) -> Result<Option<JobDue>, StateError> {
        let sql = concat!(
            "SELECT j.seq, j.id, j.version, j.created_at, j.updated_at, d.at, j.spec
            FROM jobs j JOIN due d ON d.seq = j.seq WHERE j.seq = ?1 AND ",
            enabled_job!("j."),
        );
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([job.get()])?;
        let found = rows.next()?.map(|row| row::read("jobs", row, job_due)).transpose()?;
        Ok(found.flatten())
    }

    /// The id and the name of a job; none where it is not enabled.
    ///
    /// # Errors
    /// The storage failed.
    pub fn enabled_name(&self, job: JobSeq) -> Result<Option<(JobId, String)>, StateError> {
        let sql = concat!("SELECT seq, id, name FROM jobs WHERE seq = ?1 AND ", enabled_job!());
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([job.get()])?;
        let read = |row: &Row<'_>| Ok((JobId::from_bytes(row.get(1)?), row.get(2)?));
        rows.next()?.map(|row| row::read("jobs", row, read)).transpose()
    }
}

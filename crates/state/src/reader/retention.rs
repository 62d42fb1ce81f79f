//! What retention asks: which records can be forgotten.

use chronos_types::{ExecutionId, Millis};

use super::connection::Reader;
use crate::error::StateError;
use crate::run::JobSeq;
use crate::stored::code::{deleted_job, finished};

impl Reader {
    /// Finished executions whose scheduled instant is before `before`, the oldest first.
    ///
    /// # Errors
    /// The storage failed.
    pub fn aged_executions(&self, before: Millis, limit: usize) -> Result<Vec<i64>, StateError> {
        let sql =
            concat!("SELECT seq FROM executions WHERE id < ?1 AND ", finished!("+"), " ORDER BY id LIMIT ?2");
        self.numbers(sql, (ExecutionId::floor(before).as_bytes(), limit))
    }

    /// Jobs that hold more than `max` executions.
    ///
    /// # Errors
    /// The storage failed.
    pub fn overfull_jobs(&self, max: u64) -> Result<Vec<JobSeq>, StateError> {
        self.jobs_by("SELECT seq FROM due WHERE held > ?1", [i64::try_from(max).unwrap_or(i64::MAX)])
    }

    /// A job's finished executions past its newest `keep`.
    ///
    /// # Errors
    /// The storage failed.
    pub fn surplus_executions(&self, job: JobSeq, keep: u64, limit: usize) -> Result<Vec<i64>, StateError> {
        // The limit counts finished executions only, so that unfinished ones do not use it up.
        let sql = concat!(
            "SELECT seq FROM (SELECT seq, status FROM executions WHERE job = ?1
            ORDER BY id DESC LIMIT -1 OFFSET ?2) WHERE ",
            finished!(),
            " LIMIT ?3"
        );
        self.numbers(sql, (job.get(), i64::try_from(keep).unwrap_or(i64::MAX), limit))
    }

    /// Superseded versions past each job's newest `keep`, but for those that an execution ran or may have.
    ///
    /// # Errors
    /// The storage failed.
    pub fn surplus_versions(&self, keep: u64, limit: usize) -> Result<Vec<(JobSeq, u64)>, StateError> {
        // Few jobs change so often, and they are found by their narrow rows. Which versions the executions
        // of a job ran is read once for the job, not once for each version.
        let sql = "SELECT seq, version - ?1 FROM due WHERE version - ?1 > 1
            AND EXISTS (SELECT 1 FROM versions v WHERE v.seq = due.seq AND v.version < due.version - ?1)";
        let mut jobs = self.connection.prepare_cached(sql)?;
        let mut jobs = jobs.query([i64::try_from(keep).unwrap_or(i64::MAX)])?;
        let sql = "SELECT version FROM versions WHERE seq = ?1 AND version < ?2
            EXCEPT SELECT version FROM executions WHERE job = ?1
            EXCEPT SELECT version FROM withdrawn WHERE job = ?1 ORDER BY version LIMIT ?3";
        let mut versions = self.connection.prepare_cached(sql)?;
        let mut surplus = Vec::new();
        while surplus.len() < limit
            && let Some(row) = jobs.next()?
        {
            let (seq, before): (i64, i64) = (row.get(0)?, row.get(1)?);
            let found = versions.query_map((seq, before, limit - surplus.len()), |row| row.get(0))?;
            for version in found {
                surplus.push((JobSeq::new(seq), version?));
            }
        }
        Ok(surplus)
    }

    /// Deleted jobs that no execution refers to or may come to.
    ///
    /// # Errors
    /// The storage failed.
    pub fn forgotten_jobs(&self, limit: usize) -> Result<Vec<JobSeq>, StateError> {
        let sql = concat!(
            "SELECT seq FROM jobs WHERE ",
            deleted_job!(),
            " AND NOT EXISTS (SELECT 1 FROM executions WHERE job = jobs.seq)
            AND NOT EXISTS (SELECT 1 FROM withdrawn WHERE job = jobs.seq) LIMIT ?1"
        );
        self.jobs_by(sql, [limit])
    }

    /// Whether any idempotency key is older than this.
    ///
    /// # Errors
    /// The storage failed.
    pub fn has_keys_before(&self, at: Millis) -> Result<bool, StateError> {
        let mut statement = self.connection.prepare_cached("SELECT 1 FROM keys WHERE at < ?1 LIMIT 1")?;
        Ok(statement.exists([at])?)
    }

    fn jobs_by(&self, sql: &str, values: impl rusqlite::Params) -> Result<Vec<JobSeq>, StateError> {
        Ok(self.numbers(sql, values)?.into_iter().map(JobSeq::new).collect())
    }

    fn numbers(&self, sql: &str, values: impl rusqlite::Params) -> Result<Vec<i64>, StateError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map(values, |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

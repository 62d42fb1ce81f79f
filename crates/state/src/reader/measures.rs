//! What is measured of a state: how much of everything there is. Each question looks at a bounded number of rows.

use super::connection::Reader;
use crate::error::StateError;
use crate::run::JobSeq;
use crate::schema;
use crate::stored::code::{disabled_job, enabled_job};

impl Reader {
    /// The bytes in use in the state file: jobs, their versions, executions, idempotency keys, and their indexes.
    /// Pages that were given back are not among them: they are used again before the file grows. Nor are events and the audit:
    /// each has a bound of its own, and nothing that is forgotten makes room for them.
    ///
    /// # Errors
    /// The storage failed.
    pub fn bytes_in_use(&self) -> Result<u64, StateError> {
        Ok(schema::bytes_in_use(&self.connection)?.saturating_sub(self.event_bytes()? + self.audit_bytes()?))
    }

    /// Counts the jobs that are enabled, or those that are disabled, from the number `from` on, at most `limit` of
    /// them. Answers with the count, and where to go on, if there may be more.
    ///
    /// # Errors
    /// The storage failed.
    pub fn count_some_jobs(
        &self,
        enabled: bool,
        from: JobSeq,
        limit: usize,
    ) -> Result<(u64, Option<JobSeq>), StateError> {
        macro_rules! count {
            ($($condition:tt)*) => {
                concat!(
                    "SELECT count(*), max(seq) FROM (SELECT seq FROM jobs INDEXED BY jobs_state WHERE ",
                    $($condition)*,
                    " AND seq >= ?1 ORDER BY seq LIMIT ?2)"
                )
            };
        }
        let sql = if enabled { count!(enabled_job!()) } else { count!(disabled_job!()) };
        let mut statement = self.connection.prepare_cached(sql)?;
        let (count, last): (u64, Option<i64>) =
            statement.query_row((from.get(), limit), |row| Ok((row.get(0)?, row.get(1)?)))?;
        let is_full = usize::try_from(count).is_ok_and(|count| count >= limit);
        Ok((count, last.filter(|_| is_full).map(|last| JobSeq::new(last.saturating_add(1)))))
    }

    /// Counts the executions on record of the jobs from the number `from` on, of at most `limit` jobs, by the count that
    /// each job has. Answers with the count, and where to go on, if there may be more.
    ///
    /// # Errors
    /// The storage failed.
    pub fn count_some_executions(
        &self,
        from: JobSeq,
        limit: usize,
    ) -> Result<(u64, Option<JobSeq>), StateError> {
        let sql = "SELECT coalesce(sum(held), 0), count(*), max(seq) FROM
            (SELECT seq, held FROM due WHERE seq >= ?1 ORDER BY seq LIMIT ?2)";
        let mut statement = self.connection.prepare_cached(sql)?;
        let (count, jobs, last): (u64, u64, Option<i64>) =
            statement.query_row((from.get(), limit), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let is_full = usize::try_from(jobs).is_ok_and(|jobs| jobs >= limit);
        Ok((count, last.filter(|_| is_full).map(|last| JobSeq::new(last.saturating_add(1)))))
    }
}

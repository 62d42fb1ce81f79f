//! The use cases of executions.

use chronos_state::{Cancel, Command, ExecutionFilter, ExecutionRow, Idempotency, PageLimits};
use chronos_types::{By, Execution, ExecutionId, Status};

use crate::error::{NotFound, ReadError, WriteError};
use crate::once::once;
use crate::read::{Consistency, PageRequest, PageWriter};
use crate::requested::Cancelled;
use crate::services::Services;
use crate::{lookup, requested};

/// Reads, cancels and replays executions. They are named by their job, by id or name, and by their own id.
#[derive(Clone, Debug)]
pub struct Executions {
    services: Services,
}

impl Executions {
    /// The use cases, with what they work with.
    #[must_use]
    pub fn new(services: Services) -> Self {
        Self { services }
    }

    /// An execution. That of a deleted job is found by the job's id.
    ///
    /// # Errors
    /// There is no such job or execution, or it cannot be read as demanded.
    pub async fn find(
        &self,
        job: &str,
        id: &str,
        consistency: Consistency,
    ) -> Result<ExecutionRow, ReadError> {
        lookup::catch_up(&self.services, consistency).await?;
        lookup::execution(&self.services, job, id).await
    }

    /// A page of the executions of all jobs, newest first; only those with a status where one is given.
    ///
    /// # Errors
    /// The page cannot be read as demanded.
    pub async fn page<W: PageWriter<ExecutionRow, ExecutionId>>(
        &self,
        status: Option<Status>,
        page: PageRequest<ExecutionId>,
        mut writer: W,
    ) -> Result<W::Answer, ReadError> {
        let PageRequest { after, limit, consistency } = page;
        lookup::catch_up(&self.services, consistency).await?;
        let filter = ExecutionFilter { job: None, status };
        let read = self.services.store.query(move |reader| {
            reader.at_once(|reader| {
                let next =
                    reader.executions(&filter, after, PageLimits::of(limit), |row| writer.take(row))?;
                Ok(writer.end(next))
            })
        });
        Ok(read.await?)
    }

    /// The same of one job.
    ///
    /// # Errors
    /// There is no such job, or the page cannot be read as demanded.
    pub async fn page_of<W: PageWriter<ExecutionRow, ExecutionId>>(
        &self,
        job: &str,
        status: Option<Status>,
        page: PageRequest<ExecutionId>,
        mut writer: W,
    ) -> Result<W::Answer, ReadError> {
        let PageRequest { after, limit, consistency } = page;
        lookup::catch_up(&self.services, consistency).await?;
        let key = job.to_owned();
        let read = self.services.store.query(move |reader| {
            reader.at_once(|reader| {
                let Some(job) = reader.find_job(&key)? else { return Ok(None) };
                let filter = ExecutionFilter { job: Some(job.seq), status };
                let next =
                    reader.executions(&filter, after, PageLimits::of(limit), |row| writer.take(row))?;
                Ok(Some(writer.end(next)))
            })
        });
        Ok(read.await?.ok_or_else(|| NotFound::Job(job.to_owned()))?)
    }

    /// Cancels an unfinished execution, and cuts off its attempt. Answers with the execution.
    ///
    /// # Errors
    /// There is no such job or execution, it is over already, or the write failed.
    pub async fn cancel(
        &self,
        job: &str,
        id: &str,
        by: &By,
        idempotency: Option<Idempotency>,
    ) -> Result<Cancelled, WriteError> {
        let key = idempotency.as_ref();
        let ask = async {
            let found = lookup::acknowledged_execution(&self.services, job, id).await?;
            let command = Command::Cancel(Cancel { execution: found.execution.id });
            requested::propose(&self.services, command, by, key).await
        };
        let outcome = once(&self.services, key, WriteError::is_refusal, ask).await?;
        requested::cancelled(&self.services, outcome).await
    }

    /// Runs the request of an execution again, in the version of the job that ran then and under the same scheduled
    /// time. Answers with the new execution, as it was asked for.
    ///
    /// # Errors
    /// There is no such job or execution, the job forbids overlap and has an unfinished execution, or the
    /// write failed.
    pub async fn replay(
        &self,
        job: &str,
        id: &str,
        by: &By,
        idempotency: Option<Idempotency>,
    ) -> Result<Execution, WriteError> {
        let key = idempotency.as_ref();
        let ask = async {
            let row = lookup::acknowledged_execution(&self.services, job, id).await?;
            let original = row.execution;
            if let Err(bad) = row.spec {
                return Err(WriteError::Unreadable { version: original.job_version, why: bad.why });
            }
            requested::run(&self.services, original.job_id, Some(original.id), by, key).await
        };
        let outcome = once(&self.services, key, WriteError::is_refusal, ask).await?;
        requested::accepted(outcome)
    }
}

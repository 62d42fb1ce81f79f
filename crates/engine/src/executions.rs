//! The use cases of executions.

use chronos_state::{
    Cancel, Command, ExecutionFilter, ExecutionRow, Idempotency, Outcome, PageLimits, Reader,
};
use chronos_types::{By, Execution, ExecutionId, Overrides, Status};

use crate::error::{ChangeError, NotFound, ReadError, WriteError};
use crate::explanation::{Explanation, explain};
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

    /// Why an execution did not succeed, where it did not.
    ///
    /// # Errors
    /// What that is told by cannot be read.
    pub async fn explain(&self, row: &ExecutionRow) -> Result<Option<Explanation>, ReadError> {
        // Most did, and nothing is to be read for them.
        if matches!(row.execution.status, Status::Pending | Status::Running | Status::Success) {
            return Ok(None);
        }
        let row = row.clone();
        let read = move |reader: &Reader| reader.at_once(|reader| explain(reader, &row));
        Ok(self.services.store.query(read).await?)
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
    /// time, with the body and the headers that are given in place of those. Answers with the new execution, as it was
    /// asked for.
    ///
    /// # Errors
    /// There is no such job or execution, what is given cannot be sent, the job forbids overlap and has an unfinished
    /// execution, or the write failed.
    pub async fn replay(
        &self,
        job: &str,
        id: &str,
        by: &By,
        given: Option<Overrides>,
        idempotency: Option<Idempotency>,
    ) -> Result<Execution, ChangeError> {
        let key = idempotency.as_ref();
        let ask = async {
            let row = lookup::acknowledged_execution(&self.services, job, id).await?;
            self.repeat(row, by, given, key).await
        };
        let outcome = once(&self.services, key, ChangeError::is_refusal, ask).await?;
        Ok(requested::accepted(outcome)?)
    }

    /// Runs the request of an execution again.
    async fn repeat(
        &self,
        row: ExecutionRow,
        by: &By,
        given: Option<Overrides>,
        key: Option<&Idempotency>,
    ) -> Result<Outcome, ChangeError> {
        let ExecutionRow { execution: original, spec, overrides: before, invalid, .. } = row;
        let version = original.job_version;
        let unreadable = |why| ChangeError::from(WriteError::Unreadable { version, why });
        let spec = spec.map_err(|bad| unreadable(bad.why))?;
        let given = match (given, invalid) {
            (None, _) => None,
            // What it had of its own is among what cannot be read, perhaps, and would be lost.
            (Some(_), Some(why)) => return Err(unreadable(why)),
            (Some(given), None) => Some(requested::over(given, before.unwrap_or_default(), &spec.webhook)?),
        };
        Ok(requested::run(&self.services, original.job_id, Some(original.id), given, by, key).await?)
    }
}

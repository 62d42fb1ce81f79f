//! Executions: what ran, and running something now.

use chronos_api::{Execution, ExecutionPage, RunInput};
use http::{Method, StatusCode};

use crate::jobs::consistently;
use crate::path::path;
use crate::{Client, Error, ExecutionQuery, WriteOptions};

impl Client {
    /// Runs a job now, with what is given for that one run. Answers with the new execution.
    ///
    /// # Errors
    /// See [`Error`]; 409 where the job forbids overlap and has an unfinished execution.
    pub async fn trigger_job(
        &self,
        job: &str,
        given: Option<&RunInput>,
        idempotency_key: Option<&str>,
    ) -> Result<Execution, Error> {
        let segments = ["jobs", job, "trigger"];
        self.act_on_execution(&segments, given, idempotency_key, StatusCode::ACCEPTED).await
    }

    /// A page of the executions of all jobs, newest first unless asked for otherwise.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn executions(&self, query: &ExecutionQuery) -> Result<ExecutionPage, Error> {
        self.get(&query.query().of(path(&["executions"]))).await
    }

    /// All executions that the query asks for, from its page on.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn all_executions(&self, mut query: ExecutionQuery) -> Result<Vec<Execution>, Error> {
        query.page = query.page.largest();
        let mut all = Vec::new();
        loop {
            let page = self.executions(&query).await?;
            all.extend(page.executions);
            match page.next_cursor {
                Some(cursor) => query.page.cursor = Some(cursor),
                None => return Ok(all),
            }
        }
    }

    /// A page of the executions of a job, newest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn job_executions(&self, job: &str, query: &ExecutionQuery) -> Result<ExecutionPage, Error> {
        self.get(&query.query().of(path(&["jobs", job, "executions"]))).await
    }

    /// All executions of a job that the query asks for, from its page on.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn all_job_executions(
        &self,
        job: &str,
        mut query: ExecutionQuery,
    ) -> Result<Vec<Execution>, Error> {
        query.page = query.page.largest();
        let mut all = Vec::new();
        loop {
            let page = self.job_executions(job, &query).await?;
            all.extend(page.executions);
            match page.next_cursor {
                Some(cursor) => query.page.cursor = Some(cursor),
                None => return Ok(all),
            }
        }
    }

    /// An execution; of a deleted job by the job's id. `consistent` where the answer must know every write
    /// acknowledged before.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn execution(&self, job: &str, id: &str, consistent: bool) -> Result<Execution, Error> {
        self.get(&consistently(consistent).of(path(&["jobs", job, "executions", id]))).await
    }

    /// An execution by its id alone.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn execution_by_id(&self, id: &str, consistent: bool) -> Result<Execution, Error> {
        self.get(&consistently(consistent).of(path(&["executions", id]))).await
    }

    /// Runs an execution again by its id alone, as a new one, with what is given in place of what that one sent.
    ///
    /// # Errors
    /// See [`Error`]; 409 where the job forbids overlap and has an unfinished execution.
    pub async fn replay_execution_by_id(
        &self,
        id: &str,
        given: Option<&RunInput>,
        idempotency_key: Option<&str>,
    ) -> Result<Execution, Error> {
        let segments = ["executions", id, "replay"];
        self.act_on_execution(&segments, given, idempotency_key, StatusCode::ACCEPTED).await
    }

    /// Cancels an execution, by its id alone.
    ///
    /// # Errors
    /// See [`Error`]; 409 where it is over already.
    pub async fn cancel_execution_by_id(
        &self,
        id: &str,
        idempotency_key: Option<&str>,
    ) -> Result<Execution, Error> {
        self.act_on_execution(&["executions", id, "cancel"], None, idempotency_key, StatusCode::OK).await
    }

    /// Runs an execution again, as a new one, with what is given in place of what that one sent.
    ///
    /// # Errors
    /// See [`Error`]; 409 where the job forbids overlap and has an unfinished execution.
    pub async fn replay_execution(
        &self,
        job: &str,
        id: &str,
        given: Option<&RunInput>,
        idempotency_key: Option<&str>,
    ) -> Result<Execution, Error> {
        let segments = ["jobs", job, "executions", id, "replay"];
        self.act_on_execution(&segments, given, idempotency_key, StatusCode::ACCEPTED).await
    }

    /// Cancels an execution.
    ///
    /// # Errors
    /// See [`Error`]; 409 where it is over already.
    pub async fn cancel_execution(
        &self,
        job: &str,
        id: &str,
        idempotency_key: Option<&str>,
    ) -> Result<Execution, Error> {
        let segments = ["jobs", job, "executions", id, "cancel"];
        self.act_on_execution(&segments, None, idempotency_key, StatusCode::OK).await
    }

    async fn act_on_execution(
        &self,
        segments: &[&str],
        given: Option<&RunInput>,
        idempotency_key: Option<&str>,
        expected: StatusCode,
    ) -> Result<Execution, Error> {
        let write = WriteOptions { idempotency_key, ..WriteOptions::default() };
        self.write(Method::POST, &path(segments), write, given, expected).await?.json()
    }
}

//! Operations: what is done with many jobs or executions at once, in the background.

use chronos_api::{
    ActionPreview, BackfillRequest, ExecutionActionRequest, JobActionRequest, Operation, OperationPage,
};
use http::{Method, StatusCode};
use serde::Serialize;

use crate::jobs::consistently;
use crate::path::{Query, path};
use crate::{Client, Error, PageQuery, WriteOptions};

impl Client {
    /// Does something with many jobs. Answers with the operation, which goes on in the background. `dry_run` of the
    /// request does not count.
    ///
    /// # Errors
    /// See [`Error`]; 409 where too many operations are under way.
    pub async fn act_on_jobs(
        &self,
        request: &JobActionRequest,
        idempotency_key: Option<&str>,
    ) -> Result<Operation, Error> {
        let request = JobActionRequest { dry_run: None, ..request.clone() };
        self.begin(&["jobs", "actions"], &request, idempotency_key).await
    }

    /// Says what would be done with which jobs, and does nothing.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn preview_job_action(&self, request: &JobActionRequest) -> Result<ActionPreview, Error> {
        let request = JobActionRequest { dry_run: Some(true), ..request.clone() };
        self.preview(&["jobs", "actions"], &request).await
    }

    /// Does something with many executions, as [`Client::act_on_jobs`] does with jobs.
    ///
    /// # Errors
    /// See [`Error`]; 409 where too many operations are under way.
    pub async fn act_on_executions(
        &self,
        request: &ExecutionActionRequest,
        idempotency_key: Option<&str>,
    ) -> Result<Operation, Error> {
        let request = ExecutionActionRequest { dry_run: None, ..request.clone() };
        self.begin(&["executions", "actions"], &request, idempotency_key).await
    }

    /// Says what would be done with which executions, and does nothing.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn preview_execution_action(
        &self,
        request: &ExecutionActionRequest,
    ) -> Result<ActionPreview, Error> {
        let request = ExecutionActionRequest { dry_run: Some(true), ..request.clone() };
        self.preview(&["executions", "actions"], &request).await
    }

    /// Runs the instants of a past range that a job's schedule has. Answers with the operation.
    ///
    /// # Errors
    /// See [`Error`]; 409 where too many operations are under way.
    pub async fn backfill_job(
        &self,
        job: &str,
        request: &BackfillRequest,
        idempotency_key: Option<&str>,
    ) -> Result<Operation, Error> {
        let request = BackfillRequest { dry_run: None, ..request.clone() };
        self.begin(&["jobs", job, "backfill"], &request, idempotency_key).await
    }

    /// Says how many instants would be run, and does nothing.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn preview_backfill(
        &self,
        job: &str,
        request: &BackfillRequest,
    ) -> Result<ActionPreview, Error> {
        let request = BackfillRequest { dry_run: Some(true), ..request.clone() };
        self.preview(&["jobs", job, "backfill"], &request).await
    }

    /// A page of the operations, newest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn operations(&self, page: &PageQuery) -> Result<OperationPage, Error> {
        self.get(&page.query(Query::default()).of(path(&["operations"]))).await
    }

    /// An operation, and the first of what it could not be done with. `consistent` where the answer must know every
    /// write acknowledged before.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn operation(&self, id: &str, consistent: bool) -> Result<Operation, Error> {
        self.get(&consistently(consistent).of(path(&["operations", id]))).await
    }

    /// Cancels an operation. What it has done stays done.
    ///
    /// # Errors
    /// See [`Error`]; 409 where it is over already.
    pub async fn cancel_operation(
        &self,
        id: &str,
        idempotency_key: Option<&str>,
    ) -> Result<Operation, Error> {
        let write = WriteOptions { idempotency_key, ..WriteOptions::default() };
        let path = path(&["operations", id, "cancel"]);
        self.write::<()>(Method::POST, &path, write, None, StatusCode::OK).await?.json()
    }

    async fn begin<B: Serialize>(
        &self,
        segments: &[&str],
        request: &B,
        idempotency_key: Option<&str>,
    ) -> Result<Operation, Error> {
        let write = WriteOptions { idempotency_key, ..WriteOptions::default() };
        self.write(Method::POST, &path(segments), write, Some(request), StatusCode::ACCEPTED).await?.json()
    }

    async fn preview<B: Serialize>(&self, segments: &[&str], request: &B) -> Result<ActionPreview, Error> {
        let write = WriteOptions::default();
        self.write(Method::POST, &path(segments), write, Some(request), StatusCode::OK).await?.json()
    }
}

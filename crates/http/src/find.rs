//! Finding what a path names.

use chronos_state::{ExecutionRow, JobRow, JobSeq, Reader, StateError, VersionRow};
use chronos_types::{ExecutionId, JobId};

use super::App;
use super::problem::ApiError;

/// Waits, where the client wants it, until this node knows every write acknowledged before now.
pub(super) async fn catch_up(app: &App, wanted: bool) -> Result<(), ApiError> {
    if wanted {
        app.proposer.barrier().await?;
    }
    Ok(())
}

/// A job by its id or its name.
pub(super) async fn job(app: &App, key: &str) -> Result<JobRow, ApiError> {
    let wanted = key.to_owned();
    let found = app.store.read(move |reader| reader.find_job(&wanted)).await?;
    found.ok_or_else(|| ApiError::no_job(key))
}

/// A job that is to be changed or run. One that this node does not know may have been made through
/// another, and a client is not told that what was acknowledged is not there.
pub(super) async fn acknowledged_job(app: &App, key: &str) -> Result<JobRow, ApiError> {
    match job(app, key).await {
        Err(error) if error.is_not_found() => {
            catch_up(app, true).await?;
            job(app, key).await
        }
        found => found,
    }
}

/// An execution that is to be changed or repeated, found as [`acknowledged_job`] does.
pub(super) async fn acknowledged_execution(app: &App, job: &str, id: &str) -> Result<ExecutionRow, ApiError> {
    match execution(app, job, id).await {
        Err(error) if error.is_not_found() => {
            catch_up(app, true).await?;
            execution(app, job, id).await
        }
        found => found,
    }
}

/// A version to go back to, found as [`acknowledged_job`] does.
pub(super) async fn acknowledged_version(
    app: &App,
    job: JobSeq,
    version: u64,
) -> Result<Option<VersionRow>, ApiError> {
    let look = move |reader: &Reader| reader.version(job, version);
    let found = app.store.read(look).await?;
    if found.is_some() {
        return Ok(found);
    }
    catch_up(app, true).await?;
    Ok(app.store.read(look).await?)
}

/// An execution of a job. A deleted job's executions are still found by the job's id.
pub(super) async fn execution(app: &App, job: &str, id: &str) -> Result<ExecutionRow, ApiError> {
    let (key, wanted) = (job.to_owned(), ExecutionId::parse(id).ok());
    let found = app.store.read(move |reader| reader.at_once(|reader| look(reader, &key, wanted))).await?;
    match found {
        Found::Execution(row) => Ok(*row),
        Found::JobOnly => Err(ApiError::no_execution(id, job)),
        Found::Nothing => Err(ApiError::no_job(job)),
    }
}

enum Found {
    Execution(Box<ExecutionRow>),
    JobOnly,
    Nothing,
}

fn look(reader: &Reader, key: &str, wanted: Option<ExecutionId>) -> Result<Found, StateError> {
    let row = match wanted {
        Some(id) => reader.execution(id)?,
        None => None,
    };
    if let Some(row) = &row
        && JobId::parse(key).is_ok_and(|id| id == row.execution.job_id)
    {
        return Ok(row.clone().into());
    }
    let job = reader.find_job(key)?;
    Ok(match (job, row) {
        (Some(job), Some(row)) if job.seq == row.job_seq => row.into(),
        (Some(_), _) => Found::JobOnly,
        (None, _) => Found::Nothing,
    })
}

impl From<ExecutionRow> for Found {
    fn from(row: ExecutionRow) -> Self {
        Self::Execution(Box::new(row))
    }
}

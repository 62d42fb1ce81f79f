//! `/jobs/{job}/executions` and `/executions`: what came of the runs.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use chronos_api::{Execution, ExecutionPage, Problem};
use chronos_state::{ExecutionFilter, JobSeq, Reader, StateError};
use chronos_types::ExecutionId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::cursor::Binding;
use super::params::Params;
use super::problem::ApiError;
use super::query::{Consistent, Query};
use super::{Shared, find, respond};

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(list_all)).routes(routes!(get))
}

/// List a job's executions, newest first.
#[utoipa::path(
    get, path = "/api/v1/jobs/{job}/executions", tag = "executions", operation_id = "list_job_executions",
    params(
        ("job" = String, Path, description = "Id or name"),
        ("status" = Option<String>, Query, description = "Only those with this status"),
        ("limit" = Option<u32>, Query, description = "1 to 500; default 50"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("consistent" = Option<bool>, Query, description = "Know every write acknowledged before this request"),
    ),
    responses(
        (status = 200, description = "A page of executions", body = ExecutionPage),
        (status = "default", description = "It was not done", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn list(
    State(app): State<Shared>,
    Params(job): Params<String>,
    query: Query,
) -> Result<Response, ApiError> {
    let wanted = Wanted::of(&app, Some(&job), query).await?;
    let key = job.clone();
    let text = app.store.read(move |reader| {
        reader.at_once(|reader| {
            let Some(row) = reader.find_job(&key)? else { return Ok(None) };
            wanted.page(reader, Some(row.seq)).map(Some)
        })
    });
    let text = text.await?.ok_or_else(|| ApiError::no_job(&job))?;
    Ok(respond::ready(StatusCode::OK, text))
}

/// List the executions of all jobs, newest first.
#[utoipa::path(
    get, path = "/api/v1/executions", tag = "executions", operation_id = "list_executions",
    params(
        ("status" = Option<String>, Query, description = "Only those with this status"),
        ("limit" = Option<u32>, Query, description = "1 to 500; default 50"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("consistent" = Option<bool>, Query, description = "Know every write acknowledged before this request"),
    ),
    responses(
        (status = 200, description = "A page of executions", body = ExecutionPage),
        (status = "default", description = "It was not done", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn list_all(State(app): State<Shared>, query: Query) -> Result<Response, ApiError> {
    let wanted = Wanted::of(&app, None, query).await?;
    let text = app.store.read(move |reader| wanted.page(reader, None)).await?;
    Ok(respond::ready(StatusCode::OK, text))
}

/// Get an execution.
#[utoipa::path(
    get, path = "/api/v1/jobs/{job}/executions/{id}", tag = "executions", operation_id = "get_execution",
    params(
        ("job" = String, Path, description = "Id or name; the id also when the job is deleted"),
        ("id" = String, Path, description = "The execution's id"),
        ("consistent" = Option<bool>, Query, description = "Know every write acknowledged before this request"),
    ),
    responses(
        (status = 200, description = "The execution", body = Execution),
        (status = "default", description = "It was not done", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn get(
    State(app): State<Shared>,
    Params((job, id)): Params<(String, String)>,
    Consistent(consistent): Consistent,
) -> Result<Response, ApiError> {
    find::catch_up(&app, consistent).await?;
    Ok(respond::execution(StatusCode::OK, &find::execution(&app, &job, &id).await?))
}

/// Which part of which list.
struct Wanted {
    binding: Binding,
    filter: ExecutionFilter,
    before: Option<ExecutionId>,
    limit: usize,
}

impl Wanted {
    async fn of(app: &Shared, job: Option<&str>, mut query: Query) -> Result<Self, ApiError> {
        let status = query.status();
        let kind = if job.is_some() { "job executions" } else { "executions" };
        let name = status.map_or("", chronos_types::Status::as_str);
        let binding = Binding::new(kind, &[job.unwrap_or_default(), name]);
        let limit = query.limit();
        let before = query.cursor(&binding).map(ExecutionId::from_bytes);
        let consistent = query.consistent();
        query.finish()?;
        find::catch_up(app, consistent).await?;
        Ok(Self { binding, filter: ExecutionFilter { job: None, status }, before, limit })
    }

    /// The page as JSON: made here, off the async threads, since it can be large.
    fn page(&self, reader: &Reader, job: Option<JobSeq>) -> Result<Bytes, StateError> {
        let filter = ExecutionFilter { job, ..self.filter };
        let page = reader.executions(&filter, self.before, self.limit)?;
        let last = page.items.last().filter(|_| page.more);
        let next_cursor = last.map(|row| self.binding.encode(row.execution.id.as_bytes()));
        let executions = page.items.iter().map(|row| Execution::new(&row.execution, &row.spec)).collect();
        Ok(respond::bytes(&ExecutionPage { executions, next_cursor }))
    }
}

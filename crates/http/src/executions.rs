//! `/jobs/{job}/executions` and `/executions`: what came of the runs.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chronos_api::{Execution, ExecutionPage};
use chronos_engine::{ExecutionSearch, PageRequest};
use chronos_state::ExecutionRow;
use chronos_types::{ExecutionId, Status};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::cursor::Binding;
use crate::described::{EXECUTION, JOB, Problems, READ};
use crate::page::PageText;
use crate::params::{ExecutionPath, JobPath, Params};
use crate::problem::ApiError;
use crate::query::{Consistent, Fresh, Paging, Query};
use crate::{on_record, respond};

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(list_all)).routes(routes!(get))
}

/// List a job's executions, newest first.
#[utoipa::path(
    get, path = "/api/v1/jobs/{job}/executions", tag = "executions", operation_id = "listJobExecutions",
    params(
        JobPath,
        ("status" = Option<String>, Query, description = "Only those with this status", example = "failed"),
        Paging,
    ),
    responses(
        (status = 200, description = "A page of executions", body = ExecutionPage),
        Problems<{ JOB | READ }>,
    )
)]
async fn list(
    State(app): State<Shared>,
    Params(job): Params<String>,
    query: Query,
) -> Result<Response, ApiError> {
    let List { status, page, text } = List::of(Some(&job), query)?;
    let text = app.engine.executions.page_of(&job, status, page, text).await?;
    Ok(respond::ready(StatusCode::OK, text))
}

/// List the executions of all jobs, newest first.
#[utoipa::path(
    get, path = "/api/v1/executions", tag = "executions", operation_id = "listExecutions",
    params(
        ("status" = Option<String>, Query, description = "Only those with this status", example = "failed"),
        Paging,
    ),
    responses(
        (status = 200, description = "A page of executions", body = ExecutionPage),
        Problems<{ READ }>,
    )
)]
async fn list_all(State(app): State<Shared>, query: Query) -> Result<Response, ApiError> {
    let List { status, page, text } = List::of(None, query)?;
    let text = app.engine.executions.page(status, page, text).await?;
    Ok(respond::ready(StatusCode::OK, text))
}

/// Which executions are meant, by the parameters of their list.
pub(crate) fn search(query: &mut Query) -> ExecutionSearch {
    ExecutionSearch { job: query.job(), status: query.status() }
}

/// Get an execution. Where it did not succeed, it says what happened and what to do.
#[utoipa::path(
    get, path = "/api/v1/jobs/{job}/executions/{id}", tag = "executions", operation_id = "getExecution",
    params(
        ExecutionPath,
        Fresh,
    ),
    responses(
        (status = 200, description = "The execution", body = Execution),
        Problems<{ EXECUTION | READ }>,
    )
)]
async fn get(
    State(app): State<Shared>,
    Params((job, id)): Params<(String, String)>,
    Consistent(consistency): Consistent,
) -> Result<Response, ApiError> {
    let row = app.engine.executions.find(&job, &id, consistency).await?;
    let why = app.engine.executions.explain(&row).await?;
    Ok(respond::explained(&row, why))
}

/// Which page of which list, and what writes it.
struct List {
    status: Option<Status>,
    page: PageRequest<ExecutionId>,
    text: PageText<ExecutionRow, Execution, ExecutionId>,
}

impl List {
    fn of(job: Option<&str>, mut query: Query) -> Result<Self, ApiError> {
        let status = query.status();
        let kind = if job.is_some() { "job executions" } else { "executions" };
        let binding = Binding::new(kind, &[job.unwrap_or_default(), status.map_or("", Status::as_str)]);
        let page = query.page(&binding, ExecutionId::from_bytes);
        query.finish()?;
        Ok(Self { status, page, text: PageText::new("executions", binding, on_record::execution) })
    }
}

//! `/executions` and `/jobs/{job}/executions`: what came of the runs.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chronos_api::{Execution, ExecutionPage};
use chronos_engine::{ExecutionSearch, PageRequest};
use chronos_state::ExecutionRow;
use chronos_types::{ErrorKind, ExecutionId, NodeName, Scope, Status, Trigger, clip};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::caller::Within;
use crate::code::Code;
use crate::described::{EXECUTION, EXECUTION_ALONE, JOB, Problems, READ};
use crate::page::PageText;
use crate::params::{ExecutionIdPath, ExecutionPath, JobPath, Params};
use crate::problem::ApiError;
use crate::query::{Consistent, Counting, Fresh, Paging, Query};
use crate::{on_record, respond};

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(list_all))
        .routes(routes!(get))
        .routes(routes!(get_alone))
}

/// What both lists filter by.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the document is made of it")]
struct ExecutionFilters {
    /// Only those with this status
    #[param(example = "failed")]
    status: Option<String>,
    /// Only those that failed, were cancelled or were skipped for this: `timeout`, `dns`, `connect`, `tls`, `reset`,
    /// `body`, `status`, `egress_denied`, `auth`, `secret`, `overlap` or `cancelled`
    #[param(example = "timeout")]
    error_kind: Option<String>,
    /// Only those that this asked for: `schedule`, `manual`, `catch_up`, `replay` or `backfill`
    #[param(example = "schedule")]
    trigger: Option<String>,
    /// Only those of this node
    #[param(example = "chronos-1")]
    node: Option<String>,
    /// Only those of jobs that call this host; with `status=failed`, those that failed when they called it
    #[param(example = "api.example.com")]
    host: Option<String>,
    /// Only those whose first attempt began over 1 s after it was to, or only others
    #[param(example = true)]
    late: Option<bool>,
    /// None that came on record before this time (RFC 3339): its own instant, or when it was caught up on
    #[param(example = "2026-11-23T02:00:00Z")]
    from: Option<String>,
    /// None from this time on
    #[param(example = "2026-11-23T04:00:00Z")]
    to: Option<String>,
    /// `desc` (newest first) or `asc`; `desc` if omitted
    #[param(example = "asc")]
    order: Option<String>,
    /// `summary` (without requests, bodies and attempts) or `full`; `summary` if omitted
    #[param(example = "full")]
    view: Option<String>,
}

/// List a job's executions, newest first.
#[utoipa::path(
    get, path = "/api/v1/jobs/{job}/executions", tag = "executions", operation_id = "listJobExecutions",
    security(("key" = ["viewer"])),
    params(
        JobPath,
        ExecutionFilters,
        ("tags" = Option<HashMap<String, String>>, Query, style = Form, explode = true, description = "Only if the job has these tags: a parameter `tag.KEY=VALUE` for each", example = json!({"tag.team": "billing"})),
        Counting,
        Paging,
    ),
    responses(
        (status = 200, description = "A page of executions", body = ExecutionPage),
        Problems<{ JOB | READ }>,
    )
)]
async fn list(
    State(app): State<Shared>,
    Within(scope): Within,
    Params(job): Params<String>,
    query: Query,
) -> Result<Response, ApiError> {
    answer(&app, &scope, List::of(Some(job), query)?).await
}

/// List the executions of all jobs, newest first.
///
/// Without `job` and `from` it lists those of the 24 hours before `to`, or of the last 24 hours. `window` says which time
/// that is.
#[utoipa::path(
    get, path = "/api/v1/executions", tag = "executions", operation_id = "listExecutions",
    security(("key" = ["viewer"])),
    params(
        ("job" = Option<String>, Query, description = "Id or name: only those of this job", example = "nightly-report"),
        ExecutionFilters,
        ("tags" = Option<HashMap<String, String>>, Query, style = Form, explode = true, description = "Only those of jobs with these tags: a parameter `tag.KEY=VALUE` for each", example = json!({"tag.team": "billing"})),
        Counting,
        Paging,
    ),
    responses(
        (status = 200, description = "A page of executions", body = ExecutionPage),
        Problems<{ READ | Code::JobNotFound.only() }>,
    )
)]
async fn list_all(
    State(app): State<Shared>,
    Within(scope): Within,
    query: Query,
) -> Result<Response, ApiError> {
    answer(&app, &scope, List::of(None, query)?).await
}

/// Get an execution of a job. Where it did not succeed, it says what happened and what to do.
#[utoipa::path(
    get, path = "/api/v1/jobs/{job}/executions/{id}", tag = "executions", operation_id = "getJobExecution",
    security(("key" = ["viewer"])),
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
    Within(scope): Within,
    Params((job, id)): Params<(String, String)>,
    Consistent(consistency): Consistent,
) -> Result<Response, ApiError> {
    let row = app.engine.executions.find(&scope, Some(&job), &id, consistency).await?;
    let why = app.engine.executions.explain(&scope, &row).await?;
    Ok(respond::explained(&row, why))
}

/// Get an execution. Where it did not succeed, it says what happened and what to do.
#[utoipa::path(
    get, path = "/api/v1/executions/{id}", tag = "executions", operation_id = "getExecution",
    security(("key" = ["viewer"])),
    params(
        ExecutionIdPath,
        Fresh,
    ),
    responses(
        (status = 200, description = "The execution", body = Execution),
        Problems<{ EXECUTION_ALONE | READ }>,
    )
)]
async fn get_alone(
    State(app): State<Shared>,
    Within(scope): Within,
    Params(id): Params<String>,
    Consistent(consistency): Consistent,
) -> Result<Response, ApiError> {
    let row = app.engine.executions.find(&scope, None, &id, consistency).await?;
    let why = app.engine.executions.explain(&scope, &row).await?;
    Ok(respond::explained(&row, why))
}

/// Which page of which list, and what writes it.
struct List {
    search: ExecutionSearch,
    page: PageRequest<ExecutionId>,
    text: PageText<ExecutionRow, Execution, ExecutionId>,
}

impl List {
    fn of(job: Option<String>, mut query: Query) -> Result<Self, ApiError> {
        let kind = if job.is_some() { "job executions" } else { "executions" };
        let of = job.clone().unwrap_or_default();
        let order = query.parsed("order", |text| match text {
            "asc" => Ok(true),
            "desc" => Ok(false),
            _ => Err(format!("{:?} is not an order; expected one of asc, desc", clip(text))),
        });
        let search = match job {
            Some(job) => ExecutionSearch { job: Some(job), ..filters(&mut query) },
            None => search(&mut query),
        };
        let search = ExecutionSearch { is_ascending: order.unwrap_or(false), ..search };
        let binding = query.binding(kind, &of);
        let view = query.parsed("view", |text| match text {
            "summary" => Ok(on_record::execution_summary as fn(&_) -> _),
            "full" => Ok(on_record::execution as fn(&_) -> _),
            _ => Err(format!("{:?} is not a view; expected one of summary, full", clip(text))),
        });
        let page = query.counted_page(&binding);
        query.finish()?;
        let view = view.unwrap_or(on_record::execution_summary);
        Ok(Self { search, page, text: PageText::new("executions", binding, view) })
    }
}

/// Which executions are meant, by the parameters of their list: the newest first.
pub(crate) fn search(query: &mut Query) -> ExecutionSearch {
    let job = query.job();
    ExecutionSearch { job, ..filters(query) }
}

/// The same, but for their job.
fn filters(query: &mut Query) -> ExecutionSearch {
    let (from, to) = query.range();
    ExecutionSearch {
        job: None,
        status: query.parsed("status", Status::parse),
        error_kind: query.parsed("error_kind", ErrorKind::parse),
        trigger: query.parsed("trigger", Trigger::parse),
        node: query.parsed("node", |text| NodeName::parse(text).map_err(|error| error.to_string())),
        host: query.host(),
        tags: query.tags(),
        late: query.boolean("late"),
        from,
        to,
        is_ascending: false,
    }
}

async fn answer(app: &Shared, scope: &Scope, list: List) -> Result<Response, ApiError> {
    let List { search, page, text } = list;
    Ok(respond::ready(StatusCode::OK, app.engine.executions.page(scope, search, page, text).await?))
}

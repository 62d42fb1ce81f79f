//! `/jobs/actions`, `/executions/actions`, `/jobs/{job}/backfill` and `/operations`: what is done with many at once.

mod shown;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chronos_api::{
    ActionPreview, ActionTargets, Backfill, BackfillRequest, BulkRequest, ExecutionAction,
    ExecutionActionRequest, JobAction, JobActionRequest, Manner, Operation, OperationPage, Total,
};
use chronos_engine::{ChangeError, Matched, Wanted};
use chronos_state::{BulkAction, Idempotency, OperationRow, PatchText, Targets};
use chronos_types::{By, Role, Scope};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{App, Shared};
use crate::body::{JsonBody, NoBody, RepeatKey};
use crate::caller::{Asker, Caller, NoteHeader, Within};
use crate::code::Code;
use crate::described::{JOB, KEY, Problems, READ, WRITE};
use crate::page::PageText;
use crate::params::{JobPath, Params};
use crate::problem::ApiError;
use crate::query::{Consistent, Fresh, NoQuery, Paging, Query};
use crate::{access, jobs, respond};
use shown::{error, listed, shown};

pub(crate) use shown::without_secrets;

/// A job may be called so, too.
pub(crate) const JOB_ACTIONS: &str = "/api/v1/jobs/actions";
/// Where the operations are.
const OPERATIONS: &str = "/api/v1/operations";

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(act_on_jobs))
        .route(JOB_ACTIONS, jobs::named("actions"))
        .routes(routes!(act_on_executions))
        .routes(routes!(backfill))
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(cancel))
}

/// Under an operation.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "the document is made of it")]
struct OperationPath {
    /// The operation's id
    #[param(example = "019ab2c4-5d6e-7f80-9a0b-1c2d3e4f5a6b")]
    id: String,
}

/// Do something with many jobs: all that a filter matches, or those that are named.
///
/// It is done in the background, as an operation. What is asked for is frozen: jobs that are created later are not meant.
/// `delete` and `patch` need the role `editor`.
#[utoipa::path(
    post, path = "/api/v1/jobs/actions", tag = "operations", operation_id = "startJobAction",
    security(("key" = ["operator"])),
    params(
        RepeatKey,
        NoteHeader,
    ),
    request_body = JobActionRequest,
    responses(
        (status = 200, description = "With `dry_run`: what it would be done with", body = ActionPreview),
        (status = 202, description = "The operation; `Location` says where it is", body = Operation),
        Problems<{ KEY | WRITE | Code::TooManyOperations.only() | Code::OperationNotFound.only() }>,
    )
)]
async fn act_on_jobs(
    State(app): State<Shared>,
    Within(scope): Within,
    _: NoQuery,
    asker: Asker,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let JsonBody { value, idempotency, held: _held } = body;
    let BulkRequest { action, targets, manner } = JobActionRequest::parse(&value)?;
    let Asker { principal, address, note } = asker;
    // What writes jobs one by one is an editor.
    if matches!(action, JobAction::Delete | JobAction::Patch(_)) {
        access::demand(&app, &principal, Role::Editor, address)?;
    }
    let by = principal.by(address, note);
    let action = match action {
        JobAction::Pause { reason, until } => {
            BulkAction::Pause { reason: reason.map(|reason| reason.as_str().to_owned()), until }
        }
        JobAction::Resume => BulkAction::Resume,
        JobAction::Trigger => BulkAction::Trigger,
        JobAction::Delete => BulkAction::Delete,
        JobAction::Patch(patch) => BulkAction::Patch(PatchText(patch.to_string())),
    };
    let targets = match targets {
        ActionTargets::Filter(filter) => Targets::Jobs(filter),
        ActionTargets::Named(names) => Targets::NamedJobs(names),
    };
    begin(&app, &scope, Asked { action, targets, manner }, &by, idempotency).await
}

/// Do something with many executions: all that a filter matches, or those that are named.
///
/// It is done in the background, as an operation. What is asked for is frozen: executions that come on record later are
/// not meant, so it never meets its own.
#[utoipa::path(
    post, path = "/api/v1/executions/actions", tag = "operations", operation_id = "startExecutionAction",
    security(("key" = ["operator"])),
    params(
        RepeatKey,
        NoteHeader,
    ),
    request_body = ExecutionActionRequest,
    responses(
        (status = 200, description = "With `dry_run`: what it would be done with", body = ActionPreview),
        (status = 202, description = "The operation; `Location` says where it is", body = Operation),
        Problems<{ KEY | WRITE | Code::JobNotFound.only() | Code::TooManyOperations.only() | Code::OperationNotFound.only() }>,
    )
)]
async fn act_on_executions(
    State(app): State<Shared>,
    Within(scope): Within,
    _: NoQuery,
    Caller(by): Caller,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let JsonBody { value, idempotency, held: _held } = body;
    let BulkRequest { action, targets, manner } = ExecutionActionRequest::parse(&value)?;
    let action = match action {
        ExecutionAction::Replay(spread_ms) => BulkAction::Replay { spread_ms },
        ExecutionAction::Cancel => BulkAction::Cancel,
    };
    let targets = match targets {
        ActionTargets::Filter(filter) => Targets::Executions(filter),
        ActionTargets::Named(ids) => Targets::NamedExecutions(ids),
    };
    begin(&app, &scope, Asked { action, targets, manner }, &by, idempotency).await
}

/// Run the instants of a past range that a job's schedule has, as an operation.
///
/// Each runs under its own scheduled time, also those that ran before. They run in turn where the job does not allow
/// overlap.
#[utoipa::path(
    post, path = "/api/v1/jobs/{job}/backfill", tag = "operations", operation_id = "backfillJob",
    security(("key" = ["operator"])),
    params(
        JobPath,
        RepeatKey,
        NoteHeader,
    ),
    request_body = BackfillRequest,
    responses(
        (status = 200, description = "With `dry_run`: what it would be done with", body = ActionPreview),
        (status = 202, description = "The operation; `Location` says where it is", body = Operation),
        Problems<{ JOB | KEY | WRITE | Code::JobInvalid.only() | Code::TooManyOperations.only() | Code::OperationNotFound.only() }>,
    )
)]
async fn backfill(
    State(app): State<Shared>,
    Within(scope): Within,
    Params(job): Params<String>,
    _: NoQuery,
    Caller(by): Caller,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let JsonBody { value, idempotency, held: _held } = body;
    let Backfill { from, to, manner } = BackfillRequest::parse(&value)?;
    let asked = async {
        let targets = app.engine.operations.instants(&scope, &job, from, to).await?;
        let action = BulkAction::Backfill;
        Ok::<_, ChangeError>(Wanted { action, targets, per_second: manner.per_second })
    };
    if manner.dry_run {
        let wanted = asked.await?;
        return Ok(preview(app.engine.operations.matched(&scope, &wanted).await?));
    }
    Ok(accepted(&app.engine.operations.begin(&scope, asked, &by, idempotency).await?))
}

/// List the operations, newest first. Those that are over are kept as long as they are among the newest 200.
#[utoipa::path(
    get, path = "/api/v1/operations", tag = "operations", operation_id = "listOperations",
    security(("key" = ["viewer"])),
    params(Paging),
    responses(
        (status = 200, description = "A page of operations", body = OperationPage),
        Problems<{ READ }>,
    )
)]
async fn list(
    State(app): State<Shared>,
    Within(scope): Within,
    mut query: Query,
) -> Result<Response, ApiError> {
    let binding = query.binding("operations", "");
    let page = query.page(&binding);
    query.finish()?;
    let text = PageText::new("operations", binding, listed);
    Ok(respond::ready(StatusCode::OK, app.engine.operations.page(&scope, page, text).await?))
}

/// Get an operation: how far it is, and what it could not be done with.
#[utoipa::path(
    get, path = "/api/v1/operations/{id}", tag = "operations", operation_id = "getOperation",
    security(("key" = ["viewer"])),
    params(
        OperationPath,
        Fresh,
    ),
    responses(
        (status = 200, description = "The operation", body = Operation),
        Problems<{ READ | Code::NotFound.only() | Code::OperationNotFound.only() }>,
    )
)]
async fn get(
    State(app): State<Shared>,
    Within(scope): Within,
    Params(id): Params<String>,
    Consistent(consistency): Consistent,
) -> Result<Response, ApiError> {
    let (row, errors) = app.engine.operations.find(&scope, &id, consistency).await?;
    let errors = Some(errors.into_iter().map(error).collect());
    Ok(respond::json(StatusCode::OK, &Operation { errors, ..shown(&row) }))
}

/// Cancel an operation. What it has done stays done, and the runs that it has started go on.
#[utoipa::path(
    post, path = "/api/v1/operations/{id}/cancel", tag = "operations", operation_id = "cancelOperation",
    security(("key" = ["operator"])),
    params(
        OperationPath,
        RepeatKey,
        NoteHeader,
    ),
    responses(
        (status = 200, description = "The operation", body = Operation),
        Problems<{ KEY | WRITE | Code::NotFound.only() | Code::OperationNotFound.only() | Code::OperationEnded.only() }>,
    )
)]
async fn cancel(
    State(app): State<Shared>,
    Within(scope): Within,
    Params(id): Params<String>,
    _: NoQuery,
    Caller(by): Caller,
    body: NoBody,
) -> Result<Response, ApiError> {
    let row = app.engine.operations.cancel(&scope, &id, &by, body.idempotency).await?;
    Ok(respond::json(StatusCode::OK, &shown(&row)))
}

/// What a request asks for.
struct Asked {
    action: BulkAction,
    targets: Targets,
    manner: Manner,
}

async fn begin(
    app: &App,
    scope: &Scope,
    asked: Asked,
    by: &By,
    idempotency: Option<Idempotency>,
) -> Result<Response, ApiError> {
    let Asked { action, targets, manner: Manner { per_second, dry_run } } = asked;
    let wanted = Wanted { action, targets, per_second };
    if dry_run {
        return Ok(preview(app.engine.operations.matched(scope, &wanted).await?));
    }
    let ready = std::future::ready(Ok(wanted));
    Ok(accepted(&app.engine.operations.begin(scope, ready, by, idempotency).await?))
}

fn preview(matched: Matched) -> Response {
    let Matched { count, exact, sample } = matched;
    let total = Total { count: count as u64, exact };
    respond::json(StatusCode::OK, &ActionPreview { total, sample })
}

fn accepted(row: &OperationRow) -> Response {
    let mut response = respond::json(StatusCode::ACCEPTED, &shown(row));
    respond::locate(&mut response, &format!("{OPERATIONS}/{}", row.id));
    response
}

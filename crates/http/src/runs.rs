//! Runs on request: trigger, cancel, replay.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chronos_api::{Execution, RunInput};
use chronos_engine::Cancelled;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::body::{MaybeBody, NoBody, RepeatKey};
use crate::caller::{Caller, NoteHeader, Within};
use crate::code::Code;
use crate::described::{EXECUTION, EXECUTION_ALONE, GROWTH, JOB, KEY, Problems, RUN, WRITE};
use crate::params::{ExecutionIdPath, ExecutionPath, JobPath, Params};
use crate::problem::ApiError;
use crate::query::NoQuery;
use crate::respond;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(trigger))
        .routes(routes!(cancel))
        .routes(routes!(cancel_of_job))
        .routes(routes!(replay))
        .routes(routes!(replay_of_job))
}

/// Run a job now, also a disabled one. A body gives that one run a body and headers of its own.
#[utoipa::path(
    post, path = "/api/v1/jobs/{job}/trigger", tag = "executions", operation_id = "triggerJob",
    security(("key" = ["operator"])),
    params(
        JobPath,
        RepeatKey,
        NoteHeader,
    ),
    request_body = Option<RunInput>,
    responses(
        (status = 202, description = "The execution; `Location` says where it is", body = Execution),
        Problems<{ JOB | KEY | GROWTH | RUN }>,
    )
)]
async fn trigger(
    State(app): State<Shared>,
    Within(scope): Within,
    Params(job): Params<String>,
    _: NoQuery,
    Caller(by): Caller,
    body: MaybeBody,
) -> Result<Response, ApiError> {
    let MaybeBody { value, idempotency, held: _held } = body;
    let overrides = value.as_ref().map(RunInput::parse).transpose()?.flatten();
    Ok(respond::accepted(&app.engine.jobs.trigger(&scope, &job, &by, overrides, idempotency).await?))
}

/// Run a request of a job again, in the version of the job that ran then and under the same scheduled time. A body
/// gives the new run a body and headers in place of those.
#[utoipa::path(
    post, path = "/api/v1/jobs/{job}/executions/{id}/replay", tag = "executions", operation_id = "replayJobExecution",
    security(("key" = ["operator"])),
    params(
        ExecutionPath,
        RepeatKey,
        NoteHeader,
    ),
    request_body = Option<RunInput>,
    responses(
        (status = 202, description = "The new execution; `Location` says where it is", body = Execution),
        Problems<{ EXECUTION | KEY | GROWTH | RUN }>,
    )
)]
async fn replay_of_job(
    State(app): State<Shared>,
    Within(scope): Within,
    Params((job, id)): Params<(String, String)>,
    _: NoQuery,
    Caller(by): Caller,
    body: MaybeBody,
) -> Result<Response, ApiError> {
    let MaybeBody { value, idempotency, held: _held } = body;
    let overrides = value.as_ref().map(RunInput::parse).transpose()?.flatten();
    Ok(respond::accepted(
        &app.engine.executions.replay(&scope, Some(&job), &id, &by, overrides, idempotency).await?,
    ))
}

/// Run an execution's request again, in the version of the job that ran then and under the same scheduled time. A body
/// gives the new run a body and headers in place of those.
#[utoipa::path(
    post, path = "/api/v1/executions/{id}/replay", tag = "executions", operation_id = "replayExecution",
    security(("key" = ["operator"])),
    params(
        ExecutionIdPath,
        RepeatKey,
        NoteHeader,
    ),
    request_body = Option<RunInput>,
    responses(
        (status = 202, description = "The new execution; `Location` says where it is", body = Execution),
        Problems<{ EXECUTION_ALONE | KEY | GROWTH | RUN | Code::JobNotFound.only() }>,
    )
)]
async fn replay(
    State(app): State<Shared>,
    Within(scope): Within,
    Params(id): Params<String>,
    _: NoQuery,
    Caller(by): Caller,
    body: MaybeBody,
) -> Result<Response, ApiError> {
    let MaybeBody { value, idempotency, held: _held } = body;
    let overrides = value.as_ref().map(RunInput::parse).transpose()?.flatten();
    Ok(respond::accepted(
        &app.engine.executions.replay(&scope, None, &id, &by, overrides, idempotency).await?,
    ))
}

/// Cancel an unfinished execution of a job. An attempt under way is cut off.
#[utoipa::path(
    post, path = "/api/v1/jobs/{job}/executions/{id}/cancel", tag = "executions", operation_id = "cancelJobExecution",
    security(("key" = ["operator"])),
    params(
        ExecutionPath,
        RepeatKey,
        NoteHeader,
    ),
    responses(
        (status = 200, description = "The execution", body = Execution),
        Problems<{ EXECUTION | KEY | WRITE | Code::ExecutionFinished.only() }>,
    )
)]
async fn cancel_of_job(
    State(app): State<Shared>,
    Within(scope): Within,
    Params((job, id)): Params<(String, String)>,
    _: NoQuery,
    Caller(by): Caller,
    body: NoBody,
) -> Result<Response, ApiError> {
    Ok(cancelled(app.engine.executions.cancel(&scope, Some(&job), &id, &by, body.idempotency).await?))
}

/// Cancel an unfinished execution. An attempt under way is cut off.
#[utoipa::path(
    post, path = "/api/v1/executions/{id}/cancel", tag = "executions", operation_id = "cancelExecution",
    security(("key" = ["operator"])),
    params(
        ExecutionIdPath,
        RepeatKey,
        NoteHeader,
    ),
    responses(
        (status = 200, description = "The execution", body = Execution),
        Problems<{ EXECUTION_ALONE | KEY | WRITE | Code::ExecutionFinished.only() }>,
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
    Ok(cancelled(app.engine.executions.cancel(&scope, None, &id, &by, body.idempotency).await?))
}

fn cancelled(cancelled: Cancelled) -> Response {
    match cancelled {
        Cancelled::Recorded(row) => respond::execution(StatusCode::OK, &row),
        Cancelled::Forgotten(execution) => {
            respond::json(StatusCode::OK, &Execution::shown(&execution, None, None, None))
        }
    }
}

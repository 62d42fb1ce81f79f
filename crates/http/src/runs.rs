//! Runs on request: trigger, cancel, replay.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chronos_api::{Execution, Problem};
use chronos_engine::Cancelled;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::body::NoBody;
use crate::caller::Caller;
use crate::params::Params;
use crate::problem::ApiError;
use crate::query::NoQuery;
use crate::respond;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(trigger)).routes(routes!(cancel)).routes(routes!(replay))
}

/// Run a job now, also a disabled one.
#[utoipa::path(
    post, path = "/api/v1/jobs/{job}/trigger", tag = "executions", operation_id = "trigger_job",
    params(
        ("job" = String, Path, description = "Id or name"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat of this request harmless"),
        ("Chronos-Note" = Option<String>, Header, description = "What you say of it: it is kept with the execution. At most 1,024 bytes of text in UTF-8, without control characters"),
    ),
    responses(
        (status = 202, description = "The execution; `Location` says where it is", body = Execution),
        (status = 409, description = "The job forbids overlap and has an unfinished execution", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "It was not done", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn trigger(
    State(app): State<Shared>,
    Params(job): Params<String>,
    _: NoQuery,
    Caller(by): Caller,
    body: NoBody,
) -> Result<Response, ApiError> {
    Ok(respond::accepted(&app.engine.jobs.trigger(&job, &by, body.idempotency).await?))
}

/// Run an execution's request again, in the version of the job that ran then and under the same scheduled time.
#[utoipa::path(
    post, path = "/api/v1/jobs/{job}/executions/{id}/replay", tag = "executions", operation_id = "replay_execution",
    params(
        ("job" = String, Path, description = "Id or name"),
        ("id" = String, Path, description = "The execution's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat of this request harmless"),
        ("Chronos-Note" = Option<String>, Header, description = "What you say of it: it is kept with the execution. At most 1,024 bytes of text in UTF-8, without control characters"),
    ),
    responses(
        (status = 202, description = "The new execution; `Location` says where it is", body = Execution),
        (status = 409, description = "The job forbids overlap and has an unfinished execution", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "It was not done", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn replay(
    State(app): State<Shared>,
    Params((job, id)): Params<(String, String)>,
    _: NoQuery,
    Caller(by): Caller,
    body: NoBody,
) -> Result<Response, ApiError> {
    Ok(respond::accepted(&app.engine.executions.replay(&job, &id, &by, body.idempotency).await?))
}

/// Cancel an unfinished execution. An attempt under way is cut off.
#[utoipa::path(
    post, path = "/api/v1/jobs/{job}/executions/{id}/cancel", tag = "executions", operation_id = "cancel_execution",
    params(
        ("job" = String, Path, description = "Id or name"),
        ("id" = String, Path, description = "The execution's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat of this request harmless"),
        ("Chronos-Note" = Option<String>, Header, description = "What you say of it: it is kept with the execution. At most 1,024 bytes of text in UTF-8, without control characters"),
    ),
    responses(
        (status = 200, description = "The execution", body = Execution),
        (status = 409, description = "It is over already", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "It was not done", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn cancel(
    State(app): State<Shared>,
    Params((job, id)): Params<(String, String)>,
    _: NoQuery,
    Caller(by): Caller,
    body: NoBody,
) -> Result<Response, ApiError> {
    Ok(match app.engine.executions.cancel(&job, &id, &by, body.idempotency).await? {
        Cancelled::Recorded(row) => respond::execution(StatusCode::OK, &row),
        Cancelled::Forgotten(execution) => {
            respond::json(StatusCode::OK, &Execution::shown(&execution, None, None))
        }
    })
}

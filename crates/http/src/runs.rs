//! Runs on request: trigger, cancel, replay.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chronos_api::{Execution, Problem};
use chronos_state::{Cancel, Command, ExecutionRow, Idempotency, Outcome, Proposal, Refusal, TriggerRun};
use chronos_types::{ExecutionId, JobId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::NoBody;
use super::params::Params;
use super::problem::ApiError;
use super::query::NoQuery;
use super::{App, Shared, find, respond};

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(trigger)).routes(routes!(cancel)).routes(routes!(replay))
}

/// Run a job now, also a disabled one.
#[utoipa::path(
    post, path = "/api/v1/jobs/{job}/trigger", tag = "executions", operation_id = "trigger_job",
    params(
        ("job" = String, Path, description = "Id or name"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat of this request harmless"),
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
    body: NoBody,
) -> Result<Response, ApiError> {
    let row = find::acknowledged_job(&app, &job).await?;
    run(&app, row.job.id, None, body.idempotency).await
}

/// Run an execution's request again, in the version of the job that ran then.
#[utoipa::path(
    post, path = "/api/v1/jobs/{job}/executions/{id}/replay", tag = "executions", operation_id = "replay_execution",
    params(
        ("job" = String, Path, description = "Id or name"),
        ("id" = String, Path, description = "The execution's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat of this request harmless"),
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
    body: NoBody,
) -> Result<Response, ApiError> {
    let original = find::acknowledged_execution(&app, &job, &id).await?.execution;
    run(&app, original.job_id, Some(original.id), body.idempotency).await
}

/// Cancel an unfinished execution. An attempt under way is cut off.
#[utoipa::path(
    post, path = "/api/v1/jobs/{job}/executions/{id}/cancel", tag = "executions", operation_id = "cancel_execution",
    params(
        ("job" = String, Path, description = "Id or name"),
        ("id" = String, Path, description = "The execution's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat of this request harmless"),
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
    body: NoBody,
) -> Result<Response, ApiError> {
    let execution = find::acknowledged_execution(&app, &job, &id).await?.execution.id;
    let command = Command::Cancel(Cancel { execution });
    match app.proposer.propose(Proposal { idempotency: body.idempotency, command }).await? {
        Outcome::Done => Ok(respond::execution(StatusCode::OK, &on_record(&app, execution).await?)),
        other => Err(ApiError::from_outcome(other)),
    }
}

async fn run(
    app: &App,
    job: JobId,
    replay_of: Option<ExecutionId>,
    idempotency: Option<Idempotency>,
) -> Result<Response, ApiError> {
    let execution = ExecutionId::manual(app.env.now(), app.env.random_bytes());
    let run = TriggerRun { job, execution, replay_of, node: app.node_id.clone() };
    let proposal = Proposal { idempotency, command: Command::Trigger(run) };
    match app.proposer.propose(proposal).await? {
        // Of the first time, where this repeats an earlier request.
        Outcome::Execution { id, job: _ } => Ok(respond::accepted(&on_record(app, id).await?)),
        other => Err(ApiError::from_outcome(other)),
    }
}

async fn on_record(app: &App, id: ExecutionId) -> Result<ExecutionRow, ApiError> {
    let found = app.store.read(move |reader| reader.execution(id)).await?;
    found.ok_or_else(|| Refusal::NoSuchExecution.into())
}

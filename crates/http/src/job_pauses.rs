//! `/jobs/{job}/pause`, `/resume` and `/skip`: what stands beside a job's specification.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use chronos_api::{Job, PauseRequest, SkipRequest, SkipWanted, WrittenTime};
use chronos_engine::{AskedEnd, SkipAsked};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::body::{JsonBody, MaybeBody, NoBody, RepeatKey};
use crate::caller::{Caller, NoteHeader, Within};
use crate::described::{CONDITION, JOB, KEY, Problems, WRITE};
use crate::etag::Conditions;
use crate::params::{JobPath, Params};
use crate::problem::ApiError;
use crate::query::NoQuery;
use crate::{etag, respond};

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(pause)).routes(routes!(resume)).routes(routes!(skip, keep))
}

/// Pause a job. Nothing falls due until it is resumed, or goes on by itself.
///
/// A pause is no version of the job: PUT, PATCH and a rollback leave it, unless the body says `enabled` and has no `paused`.
/// Pausing a paused job gives it this reason and this end.
#[utoipa::path(
    post, path = "/api/v1/jobs/{job}/pause", tag = "jobs", operation_id = "pauseJob",
    security(("key" = ["operator"])),
    params(
        JobPath,
        Conditions,
        RepeatKey,
        NoteHeader,
    ),
    request_body = Option<PauseRequest>,
    responses(
        (status = 200, description = "The job; `paused` says how it is paused", body = Job),
        Problems<{ JOB | KEY | CONDITION | WRITE }>,
    )
)]
async fn pause(
    State(app): State<Shared>,
    Within(scope): Within,
    Params(job): Params<String>,
    _: NoQuery,
    Caller(by): Caller,
    headers: HeaderMap,
    body: MaybeBody,
) -> Result<Response, ApiError> {
    let MaybeBody { value, idempotency, held: _held } = body;
    let (reason, until) = PauseRequest::parse(value.as_ref())?;
    let (demand, until) = (etag::demand(&headers), until.map(asked));
    let jobs = &app.engine.jobs;
    let row = jobs.pause(&scope, &job, &by, reason.as_ref(), until.as_ref(), demand, idempotency).await?;
    Ok(respond::job_row(&row))
}

/// Resume a job. It goes on from now, never with a backlog; one that is not paused stays as it is, also where it is disabled.
#[utoipa::path(
    post, path = "/api/v1/jobs/{job}/resume", tag = "jobs", operation_id = "resumeJob",
    security(("key" = ["operator"])),
    params(
        JobPath,
        Conditions,
        RepeatKey,
        NoteHeader,
    ),
    responses(
        (status = 200, description = "The job", body = Job),
        Problems<{ JOB | KEY | CONDITION | WRITE }>,
    )
)]
async fn resume(
    State(app): State<Shared>,
    Within(scope): Within,
    Params(job): Params<String>,
    _: NoQuery,
    Caller(by): Caller,
    headers: HeaderMap,
    body: NoBody,
) -> Result<Response, ApiError> {
    let demand = etag::demand(&headers);
    Ok(respond::job_row(&app.engine.jobs.resume(&scope, &job, &by, demand, body.idempotency).await?))
}

/// Skip coming runs of a job: they are recorded as `skipped`, by whoever asks for it.
///
/// What was to be skipped before is replaced. A run that is on record already and is to fire within two seconds is on its
/// way, and is not skipped.
#[utoipa::path(
    post, path = "/api/v1/jobs/{job}/skip", tag = "jobs", operation_id = "skipRuns",
    security(("key" = ["operator"])),
    params(
        JobPath,
        Conditions,
        RepeatKey,
        NoteHeader,
    ),
    request_body = SkipRequest,
    responses(
        (status = 200, description = "The job; `skips` says which runs are still to be skipped", body = Job),
        Problems<{ JOB | KEY | CONDITION | WRITE }>,
    )
)]
async fn skip(
    State(app): State<Shared>,
    Within(scope): Within,
    Params(job): Params<String>,
    _: NoQuery,
    Caller(by): Caller,
    headers: HeaderMap,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let JsonBody { value, idempotency, held: _held } = body;
    let skip = match SkipRequest::parse(&value)? {
        SkipWanted::Count(count) => SkipAsked::Count(count),
        SkipWanted::Until(until) => SkipAsked::Until(asked(until)),
    };
    let demand = etag::demand(&headers);
    Ok(respond::job_row(&app.engine.jobs.skip(&scope, &job, &by, Some(&skip), demand, idempotency).await?))
}

/// Keep the coming runs of a job that were to be skipped. What is recorded as skipped stays so.
#[utoipa::path(
    delete, path = "/api/v1/jobs/{job}/skip", tag = "jobs", operation_id = "keepRuns",
    security(("key" = ["operator"])),
    params(
        JobPath,
        Conditions,
        NoteHeader,
    ),
    responses(
        (status = 200, description = "The job", body = Job),
        Problems<{ JOB | CONDITION | WRITE }>,
    )
)]
async fn keep(
    State(app): State<Shared>,
    Within(scope): Within,
    Params(job): Params<String>,
    _: NoQuery,
    Caller(by): Caller,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let demand = etag::demand(&headers);
    Ok(respond::job_row(&app.engine.jobs.skip(&scope, &job, &by, None, demand, None).await?))
}

fn asked(time: WrittenTime) -> AskedEnd {
    AskedEnd { text: time.text, value: time.at }
}

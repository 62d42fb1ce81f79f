//! `/jobs/{job}/enable` and `/disable`.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use chronos_api::Job;
use chronos_types::By;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::body::{NoBody, RepeatKey};
use crate::caller::{Caller, NoteHeader, Within};
use crate::described::{CONDITION, JOB, KEY, Problems, WRITE};
use crate::etag::Conditions;
use crate::params::{JobPath, Params};
use crate::problem::ApiError;
use crate::query::NoQuery;
use crate::{etag, respond};

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(enable)).routes(routes!(disable))
}

/// Enable a job, as writing `enabled` does. It goes on from now, never with a backlog; a pause of it ends, and one that is
/// enabled and not paused stays as it is.
#[utoipa::path(
    post, path = "/api/v1/jobs/{job}/enable", tag = "jobs", operation_id = "enableJob",
    security(("key" = ["editor"])),
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
async fn enable(
    State(app): State<Shared>,
    within: Within,
    Params(job): Params<String>,
    _: NoQuery,
    Caller(by): Caller,
    headers: HeaderMap,
    body: NoBody,
) -> Result<Response, ApiError> {
    set(&app, within, &job, &by, &headers, body, true).await
}

/// Disable a job, as writing `enabled` does. Nothing falls due until it is enabled; a pause of it ends, and one that is
/// disabled and not paused stays as it is.
#[utoipa::path(
    post, path = "/api/v1/jobs/{job}/disable", tag = "jobs", operation_id = "disableJob",
    security(("key" = ["editor"])),
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
async fn disable(
    State(app): State<Shared>,
    within: Within,
    Params(job): Params<String>,
    _: NoQuery,
    Caller(by): Caller,
    headers: HeaderMap,
    body: NoBody,
) -> Result<Response, ApiError> {
    set(&app, within, &job, &by, &headers, body, false).await
}

async fn set(
    app: &Shared,
    Within(scope): Within,
    job: &str,
    by: &By,
    headers: &HeaderMap,
    body: NoBody,
    enabled: bool,
) -> Result<Response, ApiError> {
    let demand = etag::demand(headers);
    Ok(respond::job_row(
        &app.engine.jobs.set_enabled(&scope, job, by, enabled, demand, body.idempotency).await?,
    ))
}

//! `/jobs/{job}/enable` and `/disable`.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use chronos_api::{Job, Problem};
use chronos_types::By;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::body::NoBody;
use crate::caller::Caller;
use crate::params::Params;
use crate::problem::ApiError;
use crate::query::NoQuery;
use crate::{etag, respond};

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(enable)).routes(routes!(disable))
}

/// Enable a job. It goes on from now, never with a backlog; an enabled one stays as it is.
#[utoipa::path(
    post, path = "/api/v1/jobs/{job}/enable", tag = "jobs", operation_id = "enable_job",
    params(
        ("job" = String, Path, description = "Id or name"),
        ("If-Match" = Option<String>, Header, description = "An `ETag`, or a version in quotes; 412 where the job is another, or at another version"),
        ("If-None-Match" = Option<String>, Header, description = "An `ETag`, or `*` for any job; 412 where it is the job's"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat of this request harmless"),
        ("Chronos-Note" = Option<String>, Header, description = "What you say of the change: it is kept with the version. At most 1,024 bytes of text in UTF-8, without control characters"),
    ),
    responses(
        (status = 200, description = "The job", body = Job),
        (status = "default", description = "It was not done", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn enable(
    State(app): State<Shared>,
    Params(job): Params<String>,
    _: NoQuery,
    Caller(by): Caller,
    headers: HeaderMap,
    body: NoBody,
) -> Result<Response, ApiError> {
    set(&app, &job, &by, &headers, body, true).await
}

/// Disable a job. Nothing falls due until it is enabled; a disabled one stays as it is.
#[utoipa::path(
    post, path = "/api/v1/jobs/{job}/disable", tag = "jobs", operation_id = "disable_job",
    params(
        ("job" = String, Path, description = "Id or name"),
        ("If-Match" = Option<String>, Header, description = "An `ETag`, or a version in quotes; 412 where the job is another, or at another version"),
        ("If-None-Match" = Option<String>, Header, description = "An `ETag`, or `*` for any job; 412 where it is the job's"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat of this request harmless"),
        ("Chronos-Note" = Option<String>, Header, description = "What you say of the change: it is kept with the version. At most 1,024 bytes of text in UTF-8, without control characters"),
    ),
    responses(
        (status = 200, description = "The job", body = Job),
        (status = "default", description = "It was not done", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn disable(
    State(app): State<Shared>,
    Params(job): Params<String>,
    _: NoQuery,
    Caller(by): Caller,
    headers: HeaderMap,
    body: NoBody,
) -> Result<Response, ApiError> {
    set(&app, &job, &by, &headers, body, false).await
}

async fn set(
    app: &Shared,
    job: &str,
    by: &By,
    headers: &HeaderMap,
    body: NoBody,
    enabled: bool,
) -> Result<Response, ApiError> {
    let demand = etag::demand(headers);
    Ok(respond::job_row(&app.engine.jobs.set_enabled(job, by, enabled, demand, body.idempotency).await?))
}

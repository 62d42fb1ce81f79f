//! `/jobs/{job}/versions` and `/rollback`.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use chronos_api::{Job, Problem, VersionPage};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::body::NoBody;
use crate::caller::Caller;
use crate::cursor::Binding;
use crate::page::PageText;
use crate::params::Params;
use crate::problem::ApiError;
use crate::query::{NoQuery, Query};
use crate::{etag, on_record, respond};

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(rollback))
}

/// List a job's versions, newest first; the first one is in force.
#[utoipa::path(
    get, path = "/api/v1/jobs/{job}/versions", tag = "jobs", operation_id = "list_job_versions",
    params(
        ("job" = String, Path, description = "Id or name"),
        ("limit" = Option<u32>, Query, description = "1 to 500; default 50"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("consistent" = Option<bool>, Query, description = "Know every write acknowledged before this request"),
    ),
    responses(
        (status = 200, description = "A page of versions", body = VersionPage),
        (status = "default", description = "It was not done", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn list(
    State(app): State<Shared>,
    Params(job): Params<String>,
    mut query: Query,
) -> Result<Response, ApiError> {
    let binding = Binding::new("versions", &[&job]);
    let page = query.page(&binding, u64::from_be_bytes);
    query.finish()?;
    let text = PageText::new("versions", binding, on_record::version);
    Ok(respond::ready(StatusCode::OK, app.engine.jobs.versions(&job, page, text).await?))
}

/// Roll a job back: a new version that says what an earlier one said.
#[utoipa::path(
    post, path = "/api/v1/jobs/{job}/rollback/{version}", tag = "jobs", operation_id = "rollback_job",
    params(
        ("job" = String, Path, description = "Id or name"),
        ("version" = u64, Path, description = "The version to go back to"),
        ("If-Match" = Option<String>, Header, description = "An `ETag`, or a version in quotes; 412 where the job is another, or at another version"),
        ("If-None-Match" = Option<String>, Header, description = "An `ETag`, or `*` for any job; 412 where it is the job's"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat of this request harmless"),
        ("Chronos-Note" = Option<String>, Header, description = "What you say of the change: it is kept with the version. At most 1,024 bytes of text in UTF-8, without control characters"),
    ),
    responses(
        (status = 200, description = "The job in its new version", body = Job),
        (status = "default", description = "It was not done", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn rollback(
    State(app): State<Shared>,
    Params((job, version)): Params<(String, String)>,
    _: NoQuery,
    Caller(by): Caller,
    headers: HeaderMap,
    body: NoBody,
) -> Result<Response, ApiError> {
    let demand = etag::demand(&headers);
    let row = app.engine.jobs.rollback(&job, &by, &version, demand, body.idempotency).await?;
    Ok(respond::job_row(&row))
}

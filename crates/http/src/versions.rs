//! `/jobs/{job}/versions` and `/rollback`.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use chronos_api::{Job, JobVersion, Problem, VersionPage};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::NoBody;
use super::change::change;
use super::cursor::Binding;
use super::params::Params;
use super::problem::ApiError;
use super::query::{NoQuery, Query};
use super::{Shared, find, respond};

pub(super) fn routes() -> OpenApiRouter<Shared> {
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
    let limit = query.limit();
    let before = query.cursor(&binding).map(u64::from_be_bytes);
    let consistent = query.consistent();
    query.finish()?;
    find::catch_up(&app, consistent).await?;
    let key = job.clone();
    let text = app.store.read(move |reader| {
        reader.at_once(|reader| {
            let Some(row) = reader.find_job(&key)? else { return Ok(None) };
            let page = reader.versions(row.seq, before, limit)?;
            let last = page.items.last().filter(|_| page.more);
            let next_cursor = last.map(|row| binding.encode(&row.version.to_be_bytes()));
            let versions = page
                .items
                .iter()
                .map(|row| JobVersion::new(row.version, row.updated_at, &row.spec))
                .collect();
            Ok(Some(respond::bytes(&VersionPage { versions, next_cursor })))
        })
    });
    let text = text.await?.ok_or_else(|| ApiError::no_job(&job))?;
    Ok(respond::ready(StatusCode::OK, text))
}

/// Roll a job back: a new version that says what an earlier one said.
#[utoipa::path(
    post, path = "/api/v1/jobs/{job}/rollback/{version}", tag = "jobs", operation_id = "rollback_job",
    params(
        ("job" = String, Path, description = "Id or name"),
        ("version" = u64, Path, description = "The version to go back to"),
        ("If-Match" = Option<String>, Header, description = "An `ETag`; 412 where the job is at another version"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat of this request harmless"),
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
    headers: HeaderMap,
    body: NoBody,
) -> Result<Response, ApiError> {
    let row = find::acknowledged_job(&app, &job).await?;
    let wanted: u64 = version.parse().map_err(|_| ApiError::no_version(&version, &job))?;
    let found = find::acknowledged_version(&app, row.seq, wanted).await?;
    let Some(found) = found else { return Err(ApiError::no_version(&version, &job)) };
    // By id: the name may come to mean another job meanwhile.
    let id = row.job.id.to_string();
    change(&app, &id, &headers, body.idempotency.as_ref(), |_| Ok(Some(found.spec.clone()))).await
}

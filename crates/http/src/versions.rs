//! `/jobs/{job}/versions` and `/rollback`.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use chronos_api::{Job, JobVersionPage};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::body::{NoBody, RepeatKey};
use crate::caller::{Caller, NoteHeader, Within};
use crate::code::Code;
use crate::described::{CONDITION, GROWTH, JOB, KEY, Problems, READ};
use crate::etag::Conditions;
use crate::page::PageText;
use crate::params::{JobPath, Params};
use crate::problem::ApiError;
use crate::query::{NoQuery, Paging, Query};
use crate::{etag, on_record, respond};

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(rollback))
}

/// List a job's versions, newest first; the first one is in force.
#[utoipa::path(
    get, path = "/api/v1/jobs/{job}/versions", tag = "jobs", operation_id = "listJobVersions",
    security(("key" = ["viewer"])),
    params(
        JobPath,
        Paging,
    ),
    responses(
        (status = 200, description = "A page of versions", body = JobVersionPage),
        Problems<{ JOB | READ }>,
    )
)]
async fn list(
    State(app): State<Shared>,
    Within(scope): Within,
    Params(job): Params<String>,
    mut query: Query,
) -> Result<Response, ApiError> {
    let binding = query.binding("versions", &job);
    let page = query.page(&binding);
    query.finish()?;
    let text = PageText::new("versions", binding, on_record::version);
    Ok(respond::ready(StatusCode::OK, app.engine.jobs.versions(&scope, &job, page, text).await?))
}

/// Roll a job back: a new version that says what an earlier one said.
#[utoipa::path(
    post, path = "/api/v1/jobs/{job}/rollback/{version}", tag = "jobs", operation_id = "rollbackJob",
    security(("key" = ["editor"])),
    params(
        JobPath,
        ("version" = u64, Path, description = "The version to go back to", example = 2),
        Conditions,
        RepeatKey,
        NoteHeader,
    ),
    responses(
        (status = 200, description = "The job in its new version", body = Job),
        Problems<{ JOB | KEY | CONDITION | GROWTH | Code::VersionNotFound.only() | Code::NameTaken.only() | Code::JobInvalid.only() }>,
    )
)]
async fn rollback(
    State(app): State<Shared>,
    Within(scope): Within,
    Params((job, version)): Params<(String, String)>,
    _: NoQuery,
    Caller(by): Caller,
    headers: HeaderMap,
    body: NoBody,
) -> Result<Response, ApiError> {
    let demand = etag::demand(&headers);
    let row = app.engine.jobs.rollback(&scope, &job, &by, &version, demand, body.idempotency).await?;
    Ok(respond::job_row(&row))
}

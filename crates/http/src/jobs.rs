//! `/jobs`: create, get, replace, patch, delete.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{self, MethodRouter};
use chronos_api::{Job, JobInput};
use chronos_engine::Schedules;
use chronos_state::JobRow;
use chronos_types::{FieldError, Invalid, JobSpec, Millis, Secrets, TargetUrl, clip};
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::body::{JsonBody, RepeatKey};
use crate::caller::{Caller, NoteHeader, Within};
use crate::code::Code;
use crate::described::{BODY, CONDITION, GROWTH, JOB, KEY, Problems, READ, WRITE};
use crate::etag::Conditions;
use crate::params::{JobPath, Params};
use crate::problem::ApiError;
use crate::query::{Consistent, Fresh, NoQuery};
use crate::{etag, job_list, on_record, respond};

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(create, job_list::list)).routes(routes!(get, replace, patch, delete))
}

/// The job of this name, for a page that stands at its path: `/jobs/batch` is a path of its own, and may be a job too.
pub(crate) fn named(name: &'static str) -> MethodRouter<Shared> {
    let key = move || Params(name.to_owned());
    routing::get(move |app: State<Shared>, within: Within, consistent: Consistent| {
        get(app, within, key(), consistent)
    })
    .put(
        move |app: State<Shared>,
              within: Within,
              none: NoQuery,
              by: Caller,
              headers: HeaderMap,
              body: JsonBody| { replace(app, within, key(), none, by, headers, body) },
    )
    .patch(
        move |app: State<Shared>,
              within: Within,
              none: NoQuery,
              by: Caller,
              headers: HeaderMap,
              body: JsonBody| { patch(app, within, key(), none, by, headers, body) },
    )
    .delete(move |app: State<Shared>, within: Within, none: NoQuery, by: Caller, headers: HeaderMap| {
        delete(app, within, key(), none, by, headers)
    })
}

/// Create a job.
#[utoipa::path(
    post, path = "/api/v1/jobs", tag = "jobs", operation_id = "createJob",
    security(("key" = ["editor"])),
    params(
        RepeatKey,
        NoteHeader,
    ),
    request_body = JobInput,
    responses(
        (status = 201, description = "The job; `Location` says where it is", body = Job),
        Problems<{ KEY | GROWTH | Code::NameTaken.only() }>,
    )
)]
async fn create(
    State(app): State<Shared>,
    Within(scope): Within,
    _: NoQuery,
    Caller(by): Caller,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let JsonBody { value, idempotency, held: _held } = body;
    let spec = |at| written_new(&app.engine.schedules, &value, at);
    let job = on_record::job(&app.engine.jobs.create(&scope, &by, idempotency, spec).await?);
    let mut response = respond::job(StatusCode::CREATED, &job);
    respond::locate(&mut response, &format!("{}/{}", respond::JOBS, job.id));
    Ok(response)
}

/// Get a job.
#[utoipa::path(
    get, path = "/api/v1/jobs/{job}", tag = "jobs", operation_id = "getJob",
    security(("key" = ["viewer"])),
    params(
        JobPath,
        Fresh,
    ),
    responses(
        (status = 200, description = "The job; its `ETag` is its version and the end of its id, such as `\"3-1f0c2a9b\"`", body = Job),
        Problems<{ JOB | READ }>,
    )
)]
async fn get(
    State(app): State<Shared>,
    Within(scope): Within,
    Params(job): Params<String>,
    Consistent(consistency): Consistent,
) -> Result<Response, ApiError> {
    Ok(respond::job_row(&app.engine.jobs.find(&scope, &job, consistency).await?))
}

/// Replace a job. What is left out takes its default; `"[redacted]"` keeps the stored secret.
#[utoipa::path(
    put, path = "/api/v1/jobs/{job}", tag = "jobs", operation_id = "replaceJob",
    security(("key" = ["editor"])),
    params(
        JobPath,
        Conditions,
        NoteHeader,
    ),
    request_body = JobInput,
    responses(
        (status = 200, description = "The job in its new version", body = Job),
        Problems<{ JOB | BODY | CONDITION | GROWTH | Code::NameTaken.only() }>,
    )
)]
async fn replace(
    State(app): State<Shared>,
    Within(scope): Within,
    Params(job): Params<String>,
    _: NoQuery,
    Caller(by): Caller,
    headers: HeaderMap,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let parse = |row: &JobRow, now| written_over(&app.engine.schedules, row, &body.value, now);
    let resumes = JobInput::writes_enabled(&body.value, false);
    Ok(respond::job_row(
        &app.engine.jobs.change(&scope, &job, &by, etag::demand(&headers), resumes, parse).await?,
    ))
}

/// Change some fields of a job: JSON merge patch (RFC 7396). Null puts a field to its default.
#[utoipa::path(
    patch, path = "/api/v1/jobs/{job}", tag = "jobs", operation_id = "patchJob",
    security(("key" = ["editor"])),
    params(
        JobPath,
        Conditions,
        NoteHeader,
    ),
    request_body(content = Object, description = "The fields to change", example = json!({"enabled": false, "tags": {"team": null}})),
    responses(
        (status = 200, description = "The job in its new version", body = Job),
        Problems<{ JOB | BODY | CONDITION | GROWTH | Code::NameTaken.only() }>,
    )
)]
async fn patch(
    State(app): State<Shared>,
    Within(scope): Within,
    Params(job): Params<String>,
    _: NoQuery,
    Caller(by): Caller,
    headers: HeaderMap,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let merge = |row: &JobRow, now| patched(&app.engine.schedules, row, &body.value, now);
    let resumes = JobInput::writes_enabled(&body.value, true);
    Ok(respond::job_row(
        &app.engine.jobs.change(&scope, &job, &by, etag::demand(&headers), resumes, merge).await?,
    ))
}

/// Delete a job. Its unfinished executions are cancelled; what is on record stays readable.
#[utoipa::path(
    delete, path = "/api/v1/jobs/{job}", tag = "jobs", operation_id = "deleteJob",
    security(("key" = ["editor"])),
    params(
        JobPath,
        Conditions,
        NoteHeader,
    ),
    responses(
        (status = 204, description = "It is gone"),
        Problems<{ JOB | CONDITION | WRITE }>,
    )
)]
async fn delete(
    State(app): State<Shared>,
    Within(scope): Within,
    Params(job): Params<String>,
    _: NoQuery,
    Caller(by): Caller,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    app.engine.jobs.delete(&scope, &job, &by, etag::demand(&headers)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What a merge patch makes of a job `now`.
pub(crate) fn patched(
    schedules: &Schedules,
    row: &JobRow,
    patch: &Value,
    now: Millis,
) -> Result<JobSpec, Invalid> {
    let merged = on_record::input(&row.job.spec).merged(patch)?;
    written_over(schedules, row, &merged, now)
}

/// Reads the specification of a job that is created `now`.
pub(crate) fn written_new(schedules: &Schedules, value: &Value, now: Millis) -> Result<JobSpec, Invalid> {
    JobInput::parse(value, None, &times(schedules, value, None, now))
}

/// Reads what is to take the place of a job's specification `now`, and takes its secrets from there.
pub(crate) fn written_over(
    schedules: &Schedules,
    row: &JobRow,
    value: &Value,
    now: Millis,
) -> Result<JobSpec, Invalid> {
    let check = times(schedules, value, Some(row), now);
    match &row.job.spec {
        Ok(spec) => JobInput::parse(value, Some(&spec.webhook), &check),
        Err(bad) => {
            let (headers, auth, signing) = bad.secrets();
            let url = TargetUrl::parse(&bad.form.webhook.url).ok();
            let secrets = Secrets {
                headers: headers.as_ref(),
                auth: auth.as_ref(),
                signing: signing.as_ref(),
                url: url.as_ref(),
            };
            JobInput::parse_with(value, secrets, &check)
        }
    }
}

/// Judges the times that the job in `row`, or a new one, gets by `value`. What is said of its window begins with the
/// text that stands there.
fn times<'a>(
    schedules: &'a Schedules,
    value: &'a Value,
    row: Option<&'a JobRow>,
    now: Millis,
) -> impl Fn(Option<&str>, Option<&str>) -> Vec<FieldError> + 'a {
    move |schedule, timezone| {
        let window = JobInput::window(value);
        let mut errors = schedules.check_job(schedule, timezone, window, row, now);
        for FieldError { field, message } in &mut errors {
            if let ("start_at" | "end_at", Some(text)) = (field.as_str(), value[field.as_str()].as_str()) {
                *message = format!("{:?} {message}", clip(text));
            }
        }
        errors
    }
}

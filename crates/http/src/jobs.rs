//! `/jobs`: create, list, get, replace, patch, delete.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chronos_api::{Job, JobInput, JobPage, Problem, merge_patch};
use chronos_engine::scheduler::first_due;
use chronos_state::{Command, DeleteJob, JobFilter, JobSeq, Outcome, Proposal, PutJob};
use chronos_types::{self as domain, JobId, JobSpec};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::JsonBody;
use super::change::{change, check_schedule};
use super::cursor::Binding;
use super::params::Params;
use super::problem::ApiError;
use super::query::{Consistent, NoQuery, Query};
use super::{Shared, etag, find, respond};

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(create, list)).routes(routes!(get, replace, patch, delete))
}

/// Create a job.
#[utoipa::path(
    post, path = "/api/v1/jobs", tag = "jobs", operation_id = "create_job",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat of this request harmless")),
    request_body = JobInput,
    responses(
        (status = 201, description = "The job; `Location` says where it is", body = Job),
        (status = 409, description = "The name is taken", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "It was not done", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn create(State(app): State<Shared>, _: NoQuery, body: JsonBody) -> Result<Response, ApiError> {
    let spec = JobInput::parse(&body.value, None, &check_schedule)?;
    let now = app.env.now();
    let own = JobId::new(now, app.env.random_bytes());
    let next_due = first_due(&spec, now, now);
    let job = domain::Job { id: own, spec, version: 1, created_at: now, updated_at: now, next_due };
    let mut answer = Job::new(&job, None);
    let put = PutJob { id: own, from_version: None, created_at: now, spec: job.spec, next_due };
    let proposal = Proposal { idempotency: body.idempotency, command: Command::PutJob(Box::new(put)) };
    let (id, version, at) = match app.proposer.propose(proposal).await? {
        Outcome::Job { id, version, at } => (id, version, at),
        other => return Err(ApiError::from_outcome(other)),
    };
    if id != own {
        // This repeats a request that was done before: the answer is that of then.
        let spec = JobInput::parse(&body.value, None, &check_schedule)?;
        let next_due = first_due(&spec, at, at);
        answer = Job::new(&domain::Job { id, spec, version, created_at: at, updated_at: at, next_due }, None);
    }
    let mut response = respond::job(StatusCode::CREATED, &answer);
    respond::locate(&mut response, &format!("{}/{id}", respond::JOBS));
    Ok(response)
}

/// List jobs, in order of creation.
#[utoipa::path(
    get, path = "/api/v1/jobs", tag = "jobs", operation_id = "list_jobs",
    params(
        ("enabled" = Option<bool>, Query, description = "Only those that are enabled, or disabled"),
        ("tag.KEY" = Option<String>, Query, description = "Only those with the tag KEY of this value; may be given for several keys"),
        ("q" = Option<String>, Query, description = "Only those with this in their name or description, in any case"),
        ("limit" = Option<u32>, Query, description = "1 to 500; default 50"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("consistent" = Option<bool>, Query, description = "Know every write acknowledged before this request"),
    ),
    responses(
        (status = 200, description = "A page of jobs", body = JobPage),
        (status = "default", description = "It was not done", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn list(State(app): State<Shared>, mut query: Query) -> Result<Response, ApiError> {
    let filter = JobFilter {
        enabled: query.boolean("enabled"),
        tags: query.tags(),
        q: query.take("q").filter(|text| !text.is_empty()),
    };
    let mut parts = vec![
        filter.q.as_deref().unwrap_or_default(),
        match filter.enabled {
            None => "",
            Some(true) => "enabled",
            Some(false) => "disabled",
        },
    ];
    parts.extend(filter.tags.iter().flat_map(|(key, value)| [key.as_str(), value.as_str()]));
    let binding = Binding::new("jobs", &parts);
    let limit = query.limit();
    let after = query.cursor(&binding).map(|bytes| JobSeq::new(i64::from_be_bytes(bytes)));
    let consistent = query.consistent();
    query.finish()?;
    find::catch_up(&app, consistent).await?;
    let text = app.store.read(move |reader| {
        let page = reader.jobs(&filter, after, limit)?;
        let last = page.items.last().filter(|_| page.more);
        let next_cursor = last.map(|row| binding.encode(&row.seq.get().to_be_bytes()));
        let jobs = page.items.iter().map(|row| Job::new(&row.job, row.last_run)).collect();
        Ok(respond::bytes(&JobPage { jobs, next_cursor }))
    });
    Ok(respond::ready(StatusCode::OK, text.await?))
}

/// Get a job.
#[utoipa::path(
    get, path = "/api/v1/jobs/{job}", tag = "jobs", operation_id = "get_job",
    params(
        ("job" = String, Path, description = "Id or name"),
        ("consistent" = Option<bool>, Query, description = "Know every write acknowledged before this request"),
        ("If-None-Match" = Option<String>, Header, description = "An `ETag`; 304 where the job is still at that version"),
    ),
    responses(
        (status = 200, description = "The job; its version is the `ETag`", body = Job),
        (status = "default", description = "It was not done", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn get(
    State(app): State<Shared>,
    Params(job): Params<String>,
    Consistent(consistent): Consistent,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    find::catch_up(&app, consistent).await?;
    Ok(respond::job_row(&find::job(&app, &job).await?, &headers))
}

/// Replace a job. What is left out takes its default; `"[redacted]"` keeps the stored secret.
#[utoipa::path(
    put, path = "/api/v1/jobs/{job}", tag = "jobs", operation_id = "replace_job",
    params(
        ("job" = String, Path, description = "Id or name"),
        ("If-Match" = Option<String>, Header, description = "An `ETag`; 412 where the job is at another version"),
    ),
    request_body = JobInput,
    responses(
        (status = 200, description = "The job in its new version", body = Job),
        (status = "default", description = "It was not done", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn replace(
    State(app): State<Shared>,
    Params(job): Params<String>,
    _: NoQuery,
    headers: HeaderMap,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let parse = |row: &chronos_state::JobRow| -> Result<Option<JobSpec>, ApiError> {
        Ok(Some(JobInput::parse(&body.value, Some(&row.job.spec.webhook), &check_schedule)?))
    };
    change(&app, &job, &headers, None, parse).await
}

/// Change some fields of a job: JSON merge patch (RFC 7396). Null puts a field to its default.
#[utoipa::path(
    patch, path = "/api/v1/jobs/{job}", tag = "jobs", operation_id = "patch_job",
    params(
        ("job" = String, Path, description = "Id or name"),
        ("If-Match" = Option<String>, Header, description = "An `ETag`; 412 where the job is at another version"),
    ),
    request_body(content = Object, description = "The fields to change", example = json!({"enabled": false, "tags": {"team": null}})),
    responses(
        (status = 200, description = "The job in its new version", body = Job),
        (status = "default", description = "It was not done", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn patch(
    State(app): State<Shared>,
    Params(job): Params<String>,
    _: NoQuery,
    headers: HeaderMap,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let merge = |row: &chronos_state::JobRow| -> Result<Option<JobSpec>, ApiError> {
        let merged = merge_patch(&row.job.spec, &body.value)?;
        Ok(Some(JobInput::parse(&merged, Some(&row.job.spec.webhook), &check_schedule)?))
    };
    change(&app, &job, &headers, None, merge).await
}

/// Delete a job. Its unfinished executions are cancelled; what is on record stays readable.
#[utoipa::path(
    delete, path = "/api/v1/jobs/{job}", tag = "jobs", operation_id = "delete_job",
    params(
        ("job" = String, Path, description = "Id or name"),
        ("If-Match" = Option<String>, Header, description = "An `ETag`; 412 where the job is at another version"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = "default", description = "It was not done", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn delete(
    State(app): State<Shared>,
    Params(job): Params<String>,
    _: NoQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let row = find::acknowledged_job(&app, &job).await?;
    etag::check(&headers, row.job.version)?;
    let if_version = etag::is_conditional(&headers).then_some(row.job.version);
    let command = Command::DeleteJob(DeleteJob { id: row.job.id, if_version });
    match app.proposer.propose(command.into()).await? {
        Outcome::Done => Ok(StatusCode::NO_CONTENT.into_response()),
        other => Err(ApiError::from_outcome(other)),
    }
}

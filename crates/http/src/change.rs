//! Changing a job that exists: read it, make its next specification, propose that from the
//! version read, and begin again where another change came first.

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use chronos_engine::scheduler::first_due;
use chronos_state::{Command, Idempotency, JobRow, Outcome, Proposal, PutJob, Refusal};
use chronos_types::{FieldError, Job, JobSpec};

use super::problem::ApiError;
use super::{App, etag, find, respond};

/// Each try loses only to a change that succeeded, so this many losses in a row are a client's
/// loop and not chance.
const TRIES: usize = 16;

/// Changes the job that `key` names; `next` makes its next specification, none where it stays as
/// it is. Answers with the job.
pub(super) async fn change(
    app: &App,
    key: &str,
    headers: &HeaderMap,
    idempotency: Option<&Idempotency>,
    next: impl Fn(&JobRow) -> Result<Option<JobSpec>, ApiError>,
) -> Result<Response, ApiError> {
    for _ in 0..TRIES {
        let row = find::acknowledged_job(app, key).await?;
        etag::check(headers, row.job.version)?;
        let Some(spec) = next(&row)? else { return Ok(answer(&row.job, &row)) };
        let next_due = first_due(&spec, row.job.created_at, app.env.now());
        let from = row.job.version;
        let put = PutJob {
            id: row.job.id,
            from_version: Some(from),
            created_at: row.job.created_at,
            spec: spec.clone(),
            next_due,
        };
        let command = Command::PutJob(Box::new(put));
        match app.proposer.propose(Proposal { idempotency: idempotency.cloned(), command }).await? {
            Outcome::Job { id, version, at } => {
                let now = find::job(app, &id.to_string()).await;
                return match now {
                    // Not this change but another one since, unless this was the repeat of one done before.
                    Ok(now) if now.job.version == version || version <= from => Ok(answer(&now.job, &now)),
                    _ => {
                        Ok(answer(&Job { spec, version, updated_at: at, next_due, ..row.job.clone() }, &row))
                    }
                };
            }
            Outcome::Refused { refusal: Refusal::VersionMismatch { .. } } => {
                // A follower may not know the newer version yet.
                find::catch_up(app, true).await?;
            }
            other => return Err(ApiError::from_outcome(other)),
        }
    }
    Err(ApiError::contended())
}

fn answer(job: &Job, row: &JobRow) -> Response {
    respond::job(StatusCode::OK, &chronos_api::Job::new(job, row.last_run))
}

/// Judges a schedule and a time zone, each where it is given.
pub(super) fn check_schedule(schedule: Option<&str>, timezone: Option<&str>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut note =
        |field: &str, message: String| errors.push(FieldError { field: field.to_owned(), message });
    if let Some(Err(error)) = schedule.map(chronos_schedule::Schedule::parse) {
        note("schedule", error.to_string());
    }
    if let Some(Err(error)) = timezone.map(chronos_schedule::Zone::parse) {
        note("timezone", error.to_string());
    }
    errors
}

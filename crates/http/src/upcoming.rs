//! `/schedules/density` and `/runs/upcoming`: what is to run.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chronos_api::{Density, UpcomingRun, UpcomingRuns};
use chronos_engine::{self as engine, DensityRange, RunsRange};
use chronos_types::format_rfc3339;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::caller::Within;
use crate::code::Code;
use crate::described::{Problems, READ};
use crate::problem::ApiError;
use crate::query::Query;
use crate::respond;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(density)).routes(routes!(upcoming))
}

/// Count the runs to come, by step of time.
///
/// The runs of all enabled jobs are counted by their schedules, each in its time zone, at most 48 h ahead and in at most
/// 2,000 steps. Each node counts for itself, from memory.
#[utoipa::path(
    get, path = "/api/v1/schedules/density", tag = "schedules", operation_id = "getScheduleDensity",
    security(("key" = ["viewer"])),
    params(
        ("from" = Option<String>, Query, description = "When the first step begins (RFC 3339), to the second; now if omitted. Runs before now are not counted", example = "2026-11-23T10:00:00Z"),
        ("to" = Option<String>, Query, description = "When the last step ends, at most 48 h from now; that if omitted", example = "2026-11-23T14:00:00Z"),
        ("step" = Option<String>, Query, description = "A duration of whole seconds; `1h` if omitted", example = "1h"),
    ),
    responses(
        (status = 200, description = "The counts", body = Density),
        Problems<{ READ }>,
    )
)]
async fn density(
    State(app): State<Shared>,
    Within(scope): Within,
    mut query: Query,
) -> Result<Response, ApiError> {
    let (from, to, step) = (query.instant("from"), query.instant("to"), query.duration("step"));
    query.finish()?;
    let now = app.engine.upcoming.now();
    let range = DensityRange::of(from.as_ref(), to.as_ref(), step.as_ref(), now)?;
    let engine::Density { as_of, complete, range, counts } =
        app.engine.upcoming.density(&scope, range).await?;
    let answer = Density {
        as_of: format_rfc3339(as_of),
        complete,
        from: format_rfc3339(range.from()),
        to: format_rfc3339(range.to()),
        step: range.step().to_string(),
        counts,
    };
    Ok(respond::json(StatusCode::OK, &answer))
}

/// List the runs that come next, of all jobs or of one.
///
/// They are those of the schedules from now on, in the order of their instants. Jobs that are disabled have none, those
/// that are paused have none before the end of that, and runs by hand are none of them. To go on, ask again from the last `scheduled_time`.
#[utoipa::path(
    get, path = "/api/v1/runs/upcoming", tag = "schedules", operation_id = "listUpcomingRuns",
    security(("key" = ["viewer"])),
    params(
        ("from" = Option<String>, Query, description = "No run before this time (RFC 3339); now if omitted, or if that is later", example = "2026-11-23T10:00:00Z"),
        ("to" = Option<String>, Query, description = "No run after this time", example = "2026-11-24T00:00:00Z"),
        ("job" = Option<String>, Query, description = "Id or name: only the runs of this job", example = "nightly-report"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "How many to list at most; 50 if omitted", example = 100),
    ),
    responses(
        (status = 200, description = "The runs", body = UpcomingRuns),
        Problems<{ READ | Code::JobNotFound.only() }>,
    )
)]
async fn upcoming(
    State(app): State<Shared>,
    Within(scope): Within,
    mut query: Query,
) -> Result<Response, ApiError> {
    let (from, to, limit) = (query.instant("from"), query.instant("to"), query.limit());
    let job = query.job();
    query.finish()?;
    let range = RunsRange::of(from.as_ref(), to.as_ref(), app.engine.upcoming.now())?;
    let found = match job {
        Some(job) => app.engine.upcoming.runs_of(&scope, &job, range, limit).await?,
        None => app.engine.upcoming.runs(&scope, range, limit).await?,
    };
    let engine::UpcomingRuns { as_of, complete, runs } = found;
    let run = |engine::UpcomingRun { job_id, job_name, scheduled_time, skipped }| UpcomingRun {
        job_id: job_id.to_string(),
        job_name,
        scheduled_time: format_rfc3339(scheduled_time),
        skipped,
    };
    let runs = runs.into_iter().map(run).collect();
    Ok(respond::json(StatusCode::OK, &UpcomingRuns { as_of: format_rfc3339(as_of), complete, runs }))
}

//! `/stats` and `/failures`: what was done, and what fails now.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chronos_api::{
    EndedExecutions, FailingGroups, FailingJobs, Figures, FiguresStep, HostFailures, JobDuration, JobFailing,
    JobOutcome, JobStats, Lengths, Missed, Statistics,
};
use chronos_engine::{Done, FiguresRange};
use chronos_state as state;
use chronos_types::{ErrorKind, Millis, Status, Trigger, format_rfc3339};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::caller::Within;
use crate::code::Code;
use crate::described::{Problems, READ};
use crate::problem::ApiError;
use crate::query::{Fresh, Query};
use crate::respond;

/// So many hosts where executions failed are told.
const MOST_HOSTS: usize = 100;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(stats)).routes(routes!(failures))
}

/// Count what was done, by step of time.
///
/// The figures of all jobs are kept: per 5 minutes for 48 hours, per hour for 35 days, per day for 400 days. They count what
/// came on record in each step, also if it was trimmed since. With `job` they are those of its executions on record.
#[utoipa::path(
    get, path = "/api/v1/stats", tag = "executions", operation_id = "getStatistics",
    security(("key" = ["viewer"])),
    params(
        ("from" = Option<String>, Query, description = "When the range begins (RFC 3339); 24 hours before `to` if omitted. It is moved back to a whole step", example = "2026-11-22T10:00:00Z"),
        ("to" = Option<String>, Query, description = "When the range ends; now if omitted. It is moved on to a whole step", example = "2026-11-23T10:00:00Z"),
        ("step" = Option<String>, Query, description = "A duration that is a multiple of `5m`, counted from midnight UTC; if omitted, one that makes 300 steps at most. At most 2,000 steps", example = "1h"),
        ("job" = Option<String>, Query, description = "Id or name: only what this job did", example = "nightly-report"),
        Fresh,
    ),
    responses(
        (status = 200, description = "The figures", body = Statistics),
        Problems<{ READ | Code::JobNotFound.only() }>,
    )
)]
async fn stats(
    State(app): State<Shared>,
    Within(scope): Within,
    mut query: Query,
) -> Result<Response, ApiError> {
    let (from, to, step) = (query.instant("from"), query.instant("to"), query.duration("step"));
    let (job, consistency) = (query.job(), query.consistency());
    query.finish()?;
    let statistics = &app.engine.statistics;
    let now = statistics.now();
    let range = FiguresRange::of(from.as_ref(), to.as_ref(), step.as_ref(), job.is_none(), now)?;
    let found = match job {
        Some(job) => statistics.of_job(&scope, &job, range, consistency).await?,
        None => statistics.of_all(&scope, range, consistency).await?,
    };
    Ok(respond::json(StatusCode::OK, &done(&found)))
}

/// List the jobs that fail now, those together that fail alike.
///
/// A job fails while the last of the runs that its schedule asked for failed, skipped and cancelled ones aside. Jobs that
/// are disabled or paused are not listed.
#[utoipa::path(
    get, path = "/api/v1/failures", tag = "executions", operation_id = "listFailures",
    security(("key" = ["viewer"])),
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "How many groups to list at most; 50 if omitted", example = 20),
        Fresh,
    ),
    responses(
        (status = 200, description = "The groups", body = FailingGroups),
        Problems<{ READ }>,
    )
)]
async fn failures(
    State(app): State<Shared>,
    Within(scope): Within,
    mut query: Query,
) -> Result<Response, ApiError> {
    let (limit, consistency) = (query.limit(), query.consistency());
    query.finish()?;
    let state::Failing { groups, total, jobs, complete } =
        app.engine.statistics.failing(&scope, limit, consistency).await?;
    let failures = groups.into_iter().map(alike).collect();
    Ok(respond::json(StatusCode::OK, &FailingGroups { failures, groups: total, jobs, complete }))
}

fn done(found: &Done) -> Statistics {
    let Done { range, since, complete, total, series, failed_hosts } = found;
    let step = |(at, step): &(Millis, state::Figures)| FiguresStep {
        at: format_rfc3339(*at),
        figures: figures(step),
    };
    let host = |failed: &state::HostFailures| HostFailures {
        host: failed.host.clone(),
        error_kind: failed.error_kind.map(kind),
        count: failed.count,
    };
    Statistics {
        from: format_rfc3339(range.from()),
        to: format_rfc3339(range.to()),
        step: range.step().to_string(),
        since: since.map(format_rfc3339),
        complete: *complete,
        total: figures(total),
        series: series.iter().map(step).collect(),
        failed_hosts: failed_hosts.iter().take(MOST_HOSTS).map(host).collect(),
    }
}

fn figures(figures: &state::Figures) -> Figures {
    let some = |(name, count): (&str, u64)| (count > 0).then(|| (name.to_owned(), count));
    let triggers = Trigger::ALL.iter().map(|trigger| (trigger.as_str(), figures.triggered(*trigger)));
    let failed = ErrorKind::ALL.iter().map(|kind| (kind.as_str(), figures.failed_attempts(*kind)));
    let attempts: BTreeMap<_, _> =
        failed.chain([("success", figures.successful_attempts())]).filter_map(some).collect();
    Figures {
        executions: EndedExecutions {
            success: figures.executions(Status::Success),
            failed: figures.executions(Status::Failed),
            cancelled: figures.executions(Status::Cancelled),
            skipped: figures.executions(Status::Skipped),
        },
        triggers: triggers.filter_map(some).collect(),
        attempts,
        missed: figures.missed(),
        lateness_ms: figures.lateness().map(lengths),
        duration_ms: figures.duration().map(lengths),
    }
}

fn lengths(lengths: state::Lengths) -> Lengths {
    let state::Lengths { p50, p95, p99, max } = lengths;
    Lengths { p50, p95, p99, max }
}

fn alike(group: state::FailingAlike) -> FailingJobs {
    let state::FailingAlike { host, error_kind, status_code, first, last, jobs, failures, names } = group;
    FailingJobs {
        host,
        error_kind: error_kind.map(kind),
        status_code,
        first: format_rfc3339(first),
        last: format_rfc3339(last),
        jobs,
        failures,
        names,
    }
}

fn kind(kind: ErrorKind) -> String {
    kind.as_str().to_owned()
}

/// What the runs of a job came to.
pub(crate) fn of_job(stats: &state::JobStats) -> JobStats {
    let state::JobStats {
        failures_in_row,
        failing_since,
        error_kind,
        status_code,
        host,
        last_success_at,
        last_failure_at,
        duration_p50,
        duration_p95,
        outcomes,
    } = stats;
    let time = |at: &Option<Millis>| at.map(format_rfc3339);
    JobStats {
        failures_in_row: *failures_in_row,
        failing: (*failures_in_row > 0).then(|| JobFailing {
            since: time(failing_since),
            error_kind: error_kind.map(kind),
            status_code: *status_code,
            host: host.clone().filter(|host| !host.is_empty()),
        }),
        last_success_at: time(last_success_at),
        last_failure_at: time(last_failure_at),
        duration_ms: duration_p50.zip(*duration_p95).map(|(p50, p95)| JobDuration { p50, p95 }),
        outcomes: outcomes.iter().map(outcome).collect(),
    }
}

fn outcome(outcome: &state::JobOutcome) -> JobOutcome {
    let state::JobOutcome {
        id,
        scheduled_time,
        trigger,
        status,
        started_at,
        completed_at,
        attempts,
        version,
        reason,
        missed,
    } = outcome;
    let took = started_at.zip(*completed_at).map(|(began, over)| over.saturating_sub(began));
    JobOutcome {
        id: id.to_string(),
        scheduled_time: format_rfc3339(*scheduled_time),
        status: status.as_str().to_owned(),
        trigger: trigger.as_str().to_owned(),
        duration_ms: took.map(|took| took.max(0).cast_unsigned()),
        attempts: *attempts,
        version: *version,
        reason: reason.clone(),
        missed: missed.map(|(from, to, count)| Missed {
            from: format_rfc3339(from),
            to: format_rfc3339(to),
            count,
            reason: reason.clone().unwrap_or_default(),
        }),
    }
}

//! `/schedules/preview`: what a schedule means, before a job has it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chronos_api::{Preview, PreviewRequest, PreviewResponse, Problem};
use chronos_schedule::{Schedule, Zone};
use chronos_types::Invalid;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::JsonBody;
use super::change::check_schedule;
use super::problem::ApiError;
use super::query::NoQuery;
use super::{Shared, respond};

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(preview))
}

/// Say what a schedule means, and when it runs next.
#[utoipa::path(
    post, path = "/api/v1/schedules/preview", tag = "tools", operation_id = "preview_schedule",
    request_body = PreviewRequest,
    responses(
        (status = 200, description = "Its meaning and its next runs", body = PreviewResponse),
        (status = "default", description = "It is not a schedule", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn preview(State(app): State<Shared>, _: NoQuery, body: JsonBody) -> Result<Response, ApiError> {
    let Preview { schedule, timezone, after, count } = PreviewRequest::parse(&body.value, &check_schedule)?;
    let schedule = Schedule::parse(&schedule).map_err(|error| Invalid::one("schedule", error))?;
    let zone = Zone::parse(&timezone).map_err(|error| Invalid::one("timezone", error))?;
    let anchor = after.unwrap_or_else(|| app.env.now());
    let runs = std::iter::successors(schedule.next_after(&zone, anchor, anchor), |run| {
        schedule.next_after(&zone, anchor, *run)
    });
    let next_runs = runs.take(count).map(|run| zone.format_rfc3339(run)).collect();
    let answer = PreviewResponse { valid: true, description: schedule.describe(), next_runs };
    Ok(respond::json(StatusCode::OK, &answer))
}

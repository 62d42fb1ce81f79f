//! `/schedules/preview`: what a schedule means, before a job has it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chronos_api::{ClockChange, Preview, PreviewRequest, PreviewResponse, ScheduleWarning};
use chronos_engine::{self as engine, PreviewNote, PreviewWarning, Schedules};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::body::JsonBody;
use crate::caller::Within;
use crate::code::Code;
use crate::described::{BODY, Problems, READ};
use crate::problem::ApiError;
use crate::query::NoQuery;
use crate::respond;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(preview))
}

/// Say what a schedule means, when it runs next, and what is odd about it.
#[utoipa::path(
    post, path = "/api/v1/schedules/preview", tag = "tools", operation_id = "previewSchedule",
    security(("key" = ["viewer"])),
    request_body = PreviewRequest,
    responses(
        (status = 200, description = "Its meaning and its next runs", body = PreviewResponse),
        Problems<{ BODY | READ | Code::JobNotFound.only() }>,
    )
)]
async fn preview(
    State(app): State<Shared>,
    Within(scope): Within,
    _: NoQuery,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let asked = PreviewRequest::parse(&body.value, &Schedules::check)?;
    let Preview { schedule, timezone, after, count, job } = asked;
    let usual = match job {
        Some(job) => app.engine.schedules.usual_duration(&scope, &job).await?,
        None => None,
    };
    let found = app.engine.schedules.preview(&schedule, &timezone, after, count, usual.as_ref())?;
    let engine::Preview { description, next_runs, warnings, clock_changes } = found;
    let warning = |PreviewWarning { code, message }| ScheduleWarning { code: code.to_owned(), message };
    let change =
        |PreviewNote { run, effect, message }| ClockChange { run, effect: effect.to_owned(), message };
    let answer = PreviewResponse {
        valid: true,
        description,
        next_runs,
        warnings: warnings.into_iter().map(warning).collect(),
        clock_changes: clock_changes.into_iter().map(change).collect(),
    };
    Ok(respond::json(StatusCode::OK, &answer))
}

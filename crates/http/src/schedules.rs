//! `/schedules/preview`: what a schedule means, before a job has it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chronos_api::{Preview, PreviewRequest, PreviewResponse, Problem};
use chronos_engine::{self as engine, Schedules};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::body::JsonBody;
use crate::problem::ApiError;
use crate::query::NoQuery;
use crate::respond;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
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
    let asked = PreviewRequest::parse(&body.value, &Schedules::check)?;
    let Preview { schedule, timezone, after, count } = asked;
    let found = app.engine.schedules.preview(&schedule, &timezone, after, count)?;
    let engine::Preview { description, next_runs } = found;
    Ok(respond::json(StatusCode::OK, &PreviewResponse { valid: true, description, next_runs }))
}

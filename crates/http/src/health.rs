//! `/health`, `/ready` and the metrics: for whatever watches over the node.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use chronos_api::{Health, Readiness};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::described::Problems;
use crate::respond;

/// Where a node says how it is, to whoever asks.
pub(crate) const PATHS: [&str; 2] = ["/health", "/ready"];

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(health)).routes(routes!(ready))
}

/// Whether the process is alive.
#[utoipa::path(
    get, path = "/health", tag = "node", operation_id = "getHealth",
    security(()),
    responses((status = 200, description = "It answers, so it is", body = Health), Problems<0>)
)]
async fn health() -> Response {
    respond::json(StatusCode::OK, &Health { status: "ok".to_owned() })
}

/// Whether the node does its part: it has a leader, and space on its disk, and fires what it is to fire.
#[utoipa::path(
    get, path = "/ready", tag = "node", operation_id = "getReadiness",
    security(()),
    responses(
        (status = 200, description = "It does", body = Readiness),
        (status = 503, description = "It does not, and why", body = Readiness),
        Problems<0>,
    )
)]
async fn ready(State(app): State<Shared>) -> Response {
    match app.engine.readiness.check() {
        Ok(()) => respond::json(StatusCode::OK, &Readiness { status: "ready".to_owned(), reason: None }),
        Err(obstacle) => {
            let answer = Readiness { status: "not_ready".to_owned(), reason: Some(obstacle.to_string()) };
            respond::json(StatusCode::SERVICE_UNAVAILABLE, &answer)
        }
    }
}

/// The metrics, in the OpenMetrics text format.
pub(crate) fn metrics(app: &Shared) -> Response {
    let mut response = Response::new(Body::from((app.exposition)()));
    let kind = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

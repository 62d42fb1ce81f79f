//! The REST API, version 1: one file per page, one map from errors to answers (`problem`).
//!
//! A handler parses at the door, asks the store or proposes a command, and says what came of it.
//! Nothing here keeps state of its own.

mod body;
mod change;
mod cluster;
mod connection;
mod cursor;
mod docs;
mod etag;
mod executions;
mod find;
mod health;
mod job_actions;
mod jobs;
mod layers;
mod metrics;
mod params;
mod problem;
mod query;
mod respond;
mod runs;
mod schedules;
mod serve;
mod tls;
mod versions;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use chronos_engine::Cluster;
use chronos_env::Env;
use chronos_replica::{Activity, Proposer, Store};
use chronos_types::NodeName;
use chronos_webhook::Tester;
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

pub use metrics::Metrics;
pub use serve::serve;
pub use tls::tls;

use problem::ApiError;

/// What the pages work with.
pub struct App {
    /// Where writes go.
    pub proposer: Proposer,
    /// Where questions go.
    pub store: Store,
    /// Who looks after the nodes.
    pub cluster: Cluster,
    /// What this node does with its runs.
    pub activity: Arc<Activity>,
    /// Tries webhooks out.
    pub tester: Tester,
    /// Random bytes for identifiers.
    pub env: Env,
    /// What is counted.
    pub metrics: Metrics,
    /// Reads the metrics of the whole node, in the OpenMetrics text format.
    pub exposition: Arc<dyn Fn() -> String + Send + Sync>,
    /// This node's name.
    pub node_id: NodeName,
    /// The path at which metrics are read.
    pub metrics_path: String,
    /// Cancelled when the node begins to stop. It answers for as long as attempts are under way.
    pub stopping: CancellationToken,
}

type Shared = Arc<App>;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Chronos",
        description = "A distributed cron that fires HTTP webhooks on time. Errors are \
            `application/problem+json` (RFC 9457) with a stable `code`.",
    ),
    tags(
        (name = "jobs", description = "What is called, and when"),
        (name = "executions", description = "What came of it"),
        (name = "tools", description = "Trying things out before they count"),
        (name = "cluster", description = "The nodes, and all they remember"),
        (name = "node", description = "How this node is"),
    )
)]
struct Document;

/// All pages, ready to be served.
pub fn router(app: App) -> Router {
    let app = Arc::new(app);
    let pages = OpenApiRouter::with_openapi(Document::openapi())
        .merge(jobs::routes())
        .merge(job_actions::routes())
        .merge(versions::routes())
        .merge(executions::routes())
        .merge(runs::routes())
        .merge(schedules::routes())
        .merge(webhooks::routes())
        .merge(cluster::routes())
        .merge(health::routes());
    let (router, document) = pages.split_for_parts();
    let fallback = Arc::clone(&app);
    router
        .merge(docs::routes(&document))
        .fallback(move |request: Request| unmatched(Arc::clone(&fallback), request))
        .method_not_allowed_fallback(
            |request: Request| async move { ApiError::wrong_method(request.method()) },
        )
        .layer(from_fn_with_state(Arc::clone(&app), layers::observe))
        .with_state(app)
}

/// What no page answers. The metrics are here since their path comes from the configuration,
/// where it must not be able to take the place of a page.
async fn unmatched(app: Shared, request: Request) -> Response {
    if request.uri().path() != app.metrics_path {
        return ApiError::no_such_path(request.uri().path()).into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let refused = ApiError::wrong_method(request.method());
        return ([(axum::http::header::ALLOW, "GET,HEAD")], refused).into_response();
    }
    health::metrics(&app)
}

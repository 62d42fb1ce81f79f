//! All pages under one roof: what answers which path, what answers the others, and what is around all of them.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{Method, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use chronos_api::Problem;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::access::{Gate, Roles};
use crate::app::{App, Shared};
use crate::described::Listed;
use crate::problem::ApiError;
use crate::{
    audit, batch, cluster, described, docs, encryption, events, executions, facets, health, job_actions,
    job_pauses, jobs, keys, layers, operations, respond, runs, schedules, secrets, session, sets, stats,
    upcoming, versions, webhooks,
};

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
        (name = "events", description = "What happens, as it happens"),
        (name = "operations", description = "What is done with many at once, in the background"),
        (name = "secrets", description = "What webhooks name, and nobody reads"),
        (name = "schedules", description = "What is to run"),
        (name = "tools", description = "Trying things out before they count"),
        (name = "keys", description = "Who may ask, and what they may do"),
        (name = "audit", description = "Who has changed what"),
        (name = "cluster", description = "The nodes, and all they remember"),
        (name = "node", description = "How this node is"),
    ),
    components(schemas(Problem))
)]
struct Document;

/// All pages, ready to be served.
pub fn router(app: App) -> Router {
    let app = Arc::new(app);
    let pages = OpenApiRouter::with_openapi(Document::openapi())
        .merge(jobs::routes())
        .merge(batch::routes())
        .merge(sets::routes())
        .merge(job_actions::routes())
        .merge(job_pauses::routes())
        .merge(versions::routes())
        .merge(executions::routes())
        .merge(runs::routes())
        .merge(events::routes())
        .merge(operations::routes())
        .merge(stats::routes())
        .merge(facets::routes())
        .merge(secrets::routes())
        .merge(schedules::routes())
        .merge(upcoming::routes())
        .merge(webhooks::routes())
        .merge(keys::routes())
        .merge(session::routes())
        .merge(audit::routes())
        .merge(cluster::routes())
        .merge(encryption::routes())
        .merge(health::routes());
    let (mut router, mut document) = pages.split_for_parts();
    document.components.get_or_insert_default().examples = described::examples();
    described::leave_out_bodies(&mut document);
    let mut roles = Roles::of(&mut document);
    docs::OPEN.into_iter().for_each(|path| roles.open(path));
    for path in [batch::PATH, operations::JOB_ACTIONS] {
        roles.same(path, &format!("{}/{{job}}", respond::JOBS));
    }
    if cfg!(debug_assertions) {
        let listed = Arc::new(Listed::of(&document));
        router = router.layer(from_fn_with_state(listed, described::check));
    }
    let fallback = Arc::clone(&app);
    let gate = Arc::new(Gate { app: Arc::clone(&app), roles });
    router
        .merge(docs::routes(&document))
        .fallback(move |request: Request| unmatched(Arc::clone(&fallback), request))
        .method_not_allowed_fallback(
            |request: Request| async move { ApiError::wrong_method(request.method()) },
        )
        .layer(from_fn_with_state(gate, layers::around))
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
        return ([(header::ALLOW, "GET,HEAD")], refused).into_response();
    }
    health::metrics(&app)
}

//! Around every page: what came of the request is counted, and a panic is an answer.

use std::panic::AssertUnwindSafe;

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use tokio::time::Instant;

use crate::app::Shared;
use crate::problem::ApiError;

/// Counts the request, and answers 500 where its handler panicked.
pub(crate) async fn observe(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    // Methods and paths of clients' invention would make a series each.
    let method = match *request.method() {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    };
    let route = request.extensions().get::<MatchedPath>().cloned();
    // The pages keep no state that a panic could leave half changed.
    let response = match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => {
            let message = panic.downcast_ref::<String>().map(String::as_str);
            let message = message.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            tracing::error!(
                message,
                method,
                route = route.as_ref().map(MatchedPath::as_str),
                "a handler panicked"
            );
            ApiError::internal().into_response()
        }
    };
    let route = route.as_ref().map_or("other", MatchedPath::as_str);
    app.metrics.request(method, route, response.status().as_u16(), begun.elapsed().as_secs_f64());
    response
}

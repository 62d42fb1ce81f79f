//! What is around every page, from the outside in. It is one layer of the router: each one costs a copy of all that is in it,
//! with every request.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use tokio::time::Instant;

use crate::access::{self, Gate};
use crate::app::Shared;
use crate::problem::ApiError;
use crate::{compress, guard, head};

/// Answers a request as its page does, if it may have that.
pub(crate) async fn around(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let (gate, app) = (&*gate, &gate.app);
    let page = async |request| next.run(request).await;
    let access = async |request| access::check(gate, request, page).await;
    // Before anybody asks who it is: no page of another site may as much as try a key.
    let guard = async |request| guard::check(&app.guard, request, access).await;
    let head = async |request| head::check(request, guard).await;
    let compress = async |request| compress::answer(request, head).await;
    guard::mark(observe(app, request, compress).await)
}

/// Counts the request, and answers 500 where its handler panicked.
async fn observe(app: &Shared, request: Request, next: impl AsyncFnOnce(Request) -> Response) -> Response {
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
    let response = match AssertUnwindSafe(next(request)).catch_unwind().await {
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

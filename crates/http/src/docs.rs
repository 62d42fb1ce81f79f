//! `/api/v1/openapi.json`, and a page at `/api/docs/` that shows it. The page and its scripts are
//! inside the binary, and the browser is told to load nothing from elsewhere.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::Config;

use crate::app::Shared;
use crate::problem::ApiError;
use crate::respond;

const DOCUMENT: &str = "/api/v1/openapi.json";
const POLICY: &str =
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

/// The description of the API, and the page.
pub(crate) fn routes(document: &OpenApi) -> Router<Shared> {
    let text = respond::bytes(document);
    // Without this, the page would send the document's address to a validator on the internet.
    let config = Arc::new(Config::from(DOCUMENT).validator_url("none").try_it_out_enabled(true));
    let start = Arc::clone(&config);
    Router::new()
        .route(DOCUMENT, get(move || async move { respond::ready(StatusCode::OK, text) }))
        .route("/api/docs", get(|| async { Redirect::permanent("/api/docs/") }))
        .route("/api/docs/", get(move || async move { file("index.html", start, "/api/docs/") }))
        .route(
            "/api/docs/{*file}",
            get(move |uri: Uri, Path(name): Path<String>| async move { file(&name, config, uri.path()) }),
        )
}

fn file(name: &str, config: Arc<Config<'static>>, path: &str) -> Response {
    match utoipa_swagger_ui::serve(name, config) {
        Ok(Some(found)) => {
            let mut response = Response::new(Body::from(found.bytes.into_owned()));
            let headers = response.headers_mut();
            if let Ok(kind) = HeaderValue::from_str(&found.content_type) {
                headers.insert(header::CONTENT_TYPE, kind);
            }
            headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
            response
        }
        Ok(None) => ApiError::no_such_path(path).into_response(),
        Err(error) => {
            tracing::error!(%error, "the page of the API's description cannot be shown");
            ApiError::internal().into_response()
        }
    }
}

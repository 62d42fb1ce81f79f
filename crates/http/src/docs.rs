//! `/api/v1/openapi.json`, and a page at `/api/docs/` that shows it. The page and its scripts are
//! inside the binary, and the browser is told to load nothing from elsewhere.
//!
//! They change with the binary alone. So a client keeps them, and asks each time whether they are still the same.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use bytes::Bytes;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::Config;

use crate::app::Shared;
use crate::problem::ApiError;
use crate::{etag, respond};

const DOCUMENT: &str = "/api/v1/openapi.json";
const POLICY: &str =
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

/// Where both are. Anybody may read them: they say nothing of what this node has, and a browser that opens a page shows no
/// key.
pub(crate) const OPEN: [&str; 4] = [DOCUMENT, "/api/docs", "/api/docs/", "/api/docs/{*file}"];

/// The description of the API, and the page.
pub(crate) fn routes(document: &OpenApi) -> Router<Shared> {
    let document = Text::new("application/json", respond::bytes(document));
    // Without this, the page would send the document's address to a validator on the internet.
    let config = Arc::new(Config::from(DOCUMENT).validator_url("none").try_it_out_enabled(true));
    let start = Arc::clone(&config);
    Router::new()
        .route(DOCUMENT, get(move |headers: HeaderMap| async move { document.answer(&headers) }))
        .route("/api/docs", get(|| async { Redirect::permanent("/api/docs/") }))
        .route(
            "/api/docs/",
            get(move |headers: HeaderMap| async move { file("index.html", start, "/api/docs/", &headers) }),
        )
        .route(
            "/api/docs/{*file}",
            get(move |uri: Uri, Path(name): Path<String>, headers: HeaderMap| async move {
                file(&name, config, uri.path(), &headers)
            }),
        )
}

fn file(
    name: &str,
    config: Arc<Config<'static>>,
    path: &str,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    match utoipa_swagger_ui::serve(name, config) {
        Ok(Some(found)) => {
            let mut response =
                Text::new(&found.content_type, found.bytes.into_owned().into()).answer(headers)?;
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
            Ok(response)
        }
        Ok(None) => Err(ApiError::no_such_path(path)),
        Err(error) => {
            tracing::error!(%error, "the page of the API's description cannot be shown");
            Err(ApiError::internal())
        }
    }
}

/// A text that is the same for as long as the process, and the tag of its bytes.
#[derive(Clone)]
struct Text {
    kind: Option<HeaderValue>,
    bytes: Bytes,
    tag: HeaderValue,
}

impl Text {
    fn new(kind: &str, bytes: Bytes) -> Self {
        let tag = etag::of_text(&bytes);
        Self { kind: HeaderValue::from_str(kind).ok(), bytes, tag }
    }

    /// The text, or 304 for a client that has it.
    fn answer(self, asked: &HeaderMap) -> Result<Response, ApiError> {
        let Self { kind, bytes, tag } = self;
        let mut response = if etag::is_known(asked, &tag)? {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let mut response = Response::new(Body::from(bytes));
            response.headers_mut().extend(kind.map(|kind| (header::CONTENT_TYPE, kind)));
            response
        };
        let headers = response.headers_mut();
        headers.insert(header::ETAG, tag);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        Ok(response)
    }
}

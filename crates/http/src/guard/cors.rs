//! What pages of listed origins may do (<https://fetch.spec.whatwg.org/#http-cors-protocol>): all that a program may, and
//! nothing that goes by what a browser keeps for this host.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::origin::{Once, WebOrigin};

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
/// All headers that the API reads.
const HEADERS: &str =
    "authorization, chronos-note, content-type, idempotency-key, if-match, if-none-match, last-event-id";
/// All headers that an answer may have, beside those that every page may read.
const EXPOSED: &str = "allow, etag, location, retry-after, www-authenticate";
/// Seconds for which a browser need not ask again.
const MAX_AGE: &str = "600";

/// The origin of a request, where it is one of these.
pub(super) fn listed(headers: &HeaderMap, origins: &[WebOrigin]) -> Option<HeaderValue> {
    if origins.is_empty() {
        return None;
    }
    let Once::One(text) = Once::of(headers, header::ORIGIN.as_str()) else { return None };
    let origin = WebOrigin::parse(text).ok()?;
    if origins.contains(&origin) { headers.get(header::ORIGIN).cloned() } else { None }
}

/// Takes away what the browser keeps for this host. A page of another port of the host can have it sent along, and would so
/// act by the session of whoever looks at it.
pub(super) fn without_cookies(request: &mut Request) {
    request.headers_mut().remove(header::COOKIE);
}

/// The answer to a browser that asks what it may send.
pub(super) fn preflight(request: &Request) -> Option<Response> {
    let asks = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let allowed = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
        (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE),
    ];
    asks.then(|| (StatusCode::NO_CONTENT, allowed).into_response())
}

/// Has a browser show an answer to a page of this origin.
pub(super) fn permit(response: &mut Response, origin: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
}

//! How long the head of a request may be: its URL holds a cursor and some filters, its headers what proxies add.
//!
//! hyper reads heads, and gives one up that is too long for it with a bare status. So it may read twice as much as
//! is taken here, and who has a little too much is told what and how much.

use axum::extract::Request;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse, Response};

use crate::problem::ApiError;

/// Bytes of a head.
const MAX_BYTES: usize = 32 * 1024;
/// Header fields.
const MAX_FIELDS: usize = 100;

/// Bytes of a head that are read at most.
pub(crate) const READ_BYTES: usize = 2 * MAX_BYTES;
/// Header fields that are read at most.
pub(crate) const READ_FIELDS: usize = 2 * MAX_FIELDS;

/// Lets a request through whose head is not too long.
pub(crate) async fn check(request: Request, next: impl AsyncFnOnce(Request) -> Response) -> Response {
    match excess(request.method(), request.uri(), request.headers()) {
        Some(excess) => ApiError::head_too_large(excess).into_response(),
        None => next(request).await,
    }
}

/// What is too much, and how much is taken.
fn excess(method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<String> {
    if headers.len() > MAX_FIELDS {
        return Some(format!(
            "the request has {} header fields; expected at most {MAX_FIELDS}",
            headers.len()
        ));
    }
    let bytes = bytes(method, uri, headers);
    (bytes > MAX_BYTES).then(|| {
        format!("the head of the request has {bytes} bytes; expected at most {MAX_BYTES} (32 KiB) of URL and headers")
    })
}

/// Bytes of a head that is written as usual.
fn bytes(method: &Method, uri: &Uri, headers: &HeaderMap) -> usize {
    let target = uri.authority().map_or(0, |authority| authority.as_str().len())
        + uri.path_and_query().map_or(0, |target| target.as_str().len());
    let fields = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    method.as_str().len() + target + "  HTTP/1.1\r\n\r\n".len() + fields.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_bytes_of_a_head_are_those_that_were_sent() {
        let sent = "GET /jobs?q=a HTTP/1.1\r\nhost: x\r\nx-a: 1\r\nx-a: 2\r\n\r\n";
        let mut headers = HeaderMap::new();
        for (name, value) in [("host", "x"), ("x-a", "1"), ("x-a", "2")] {
            headers.append(name, HeaderValue::from_static(value));
        }
        assert_eq!(bytes(&Method::GET, &Uri::from_static("/jobs?q=a"), &headers), sent.len());
    }
}

//! Answers in gzip, for clients that take it (RFC 9110, section 12.5.3).
//!
//! Only a body that is in memory as a whole is compressed. What comes as a stream, such as a backup, is passed on as it
//! comes, so nothing waits here for its end.

use std::io::Write as _;

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::BodyExt;

/// A shorter answer goes into one packet as it is.
const LEAST_BYTES: u64 = 1024;
/// Bytes that are compressed before others have their turn: some tens of microseconds.
const PIECE: usize = 32 * 1024;
/// The fastest. The next one takes half as long again, to save a quarter of what is left.
const LEVEL: u32 = 1;

/// Compresses what a page answers.
pub(crate) async fn answer(request: Request, next: impl AsyncFnOnce(Request) -> Response) -> Response {
    let is_taken = takes_gzip(request.headers());
    let mut response = next(request).await;
    if !is_worth_it(&response) {
        return response;
    }
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept-encoding"));
    if !is_taken {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // A body in memory cannot fail, and comes at once.
    let whole = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let body = match gzip(&whole).await {
        Ok(compressed) => {
            parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            parts.headers.remove(header::CONTENT_LENGTH);
            compressed.into()
        }
        Err(_) => whole,
    };
    Response::from_parts(parts, Body::from(body))
}

/// Whether an answer is long, whole and made of text.
fn is_worth_it(response: &Response) -> bool {
    let headers = response.headers();
    response.body().size_hint().exact().is_some_and(|bytes| bytes >= LEAST_BYTES)
        && !headers.contains_key(header::CONTENT_ENCODING)
        && headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).is_some_and(is_text)
}

fn is_text(kind: &str) -> bool {
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    // Events are read one by one.
    let is_stream = essence == "text/event-stream";
    let ends = ["json", "javascript", "xml", "openmetrics-text"];
    !is_stream && (essence.starts_with("text/") || ends.iter().any(|end| essence.ends_with(end)))
}

async fn gzip(whole: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(whole.len() / 4), Compression::new(LEVEL));
    for piece in whole.chunks(PIECE) {
        encoder.write_all(piece)?;
        tokio::task::yield_now().await;
    }
    encoder.finish()
}

/// Whether `Accept-Encoding` names gzip, or any coding, and does not refuse it. Without the header nothing is
/// compressed: that is what a client asks for that knows no codings.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut any = false;
    for item in values.flat_map(|value| value.split(',')) {
        let (coding, weight) = item.split_once(';').unwrap_or((item, ""));
        let is_refused = weight
            .trim()
            .strip_prefix(['q', 'Q'])
            .and_then(|rest| rest.trim_start().strip_prefix('='))
            .is_some_and(|weight| weight.trim().parse::<f32>().is_ok_and(|weight| weight <= 0.0));
        match coding.trim() {
            coding if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") => {
                return !is_refused;
            }
            "*" => any = !is_refused,
            _ => {}
        }
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_for_those_that_take_it() {
        for (accepted, is_taken) in [
            ("", false),
            ("gzip", true),
            ("GZip", true),
            ("x-gzip", true),
            ("br, gzip;q=0.5", true),
            ("deflate, br", false),
            ("identity", false),
            ("*", true),
            ("*;q=0", false),
            ("gzip;q=0, *", false),
            ("*, gzip; q = 0.000", false),
            ("*;q=0, gzip", true),
            ("gzipped", false),
        ] {
            let mut headers = HeaderMap::new();
            assert!(!takes_gzip(&headers));
            headers.append(header::ACCEPT_ENCODING, HeaderValue::from_static("br"));
            headers.append(header::ACCEPT_ENCODING, HeaderValue::from_str(accepted).expect("a header"));
            assert_eq!(takes_gzip(&headers), is_taken, "{accepted}");
        }
    }

    #[test]
    fn texts_are_compressed_and_streams_are_not() {
        for (kind, is_compressed) in [
            ("application/json", true),
            ("application/problem+json", true),
            ("application/openmetrics-text; version=1.0.0; charset=utf-8", true),
            ("text/html; charset=utf-8", true),
            ("text/javascript", true),
            ("image/svg+xml", true),
            ("image/png", false),
            ("application/octet-stream", false),
            ("text/event-stream", false),
        ] {
            assert_eq!(is_text(kind), is_compressed, "{kind}");
        }
    }
}

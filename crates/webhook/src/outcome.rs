//! The outcome of an attempt.

use std::io;
use std::time::{Duration, UNIX_EPOCH};

use chronos_env::shortage;
use chronos_types::{ErrorKind, Millis, Phases, Response, clip};
use http::StatusCode;

use super::connect::ConnectFailure;
use super::connection::Broken;
use super::head::Head;

/// The outcome of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The response, or the error where there was none.
    pub response: Response,
    /// What went wrong, or `None` where the status is a success.
    pub failure: Option<(ErrorKind, String)>,
    /// How long to wait by the response's `Retry-After`.
    pub retry_after: Option<Duration>,
    /// What this machine lacked, so that the call was not made. Nothing is known of the target then: the call is
    /// to be made again.
    pub shortage: Option<String>,
    /// How long it took for what.
    pub phases: Phases,
    /// What was wrong with its token, where it failed for that ([`ErrorKind::Auth`]).
    pub token: Option<TokenFault>,
}

/// What was wrong with the token of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFault {
    /// None was to be had.
    Missing {
        /// What went wrong at the token endpoint, as if that were the target.
        kind: ErrorKind,
        /// The status of its answer; 0 where there was none.
        status: u16,
    },
    /// The target has refused the one that was kept from before. It is kept no longer, so another attempt is made with
    /// another token.
    Refused,
}

/// A request was not sent, because it was not allowed any more. Nothing is known of what would have come of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// Whether a request was sent before it, which led here by a redirect or was not answered.
    pub has_sent: bool,
}

/// Why there is no response.
#[derive(Debug)]
pub(crate) enum Failure {
    /// There is no connection. Nothing was sent.
    Connect(ConnectFailure),
    /// The connection broke, or what came by it is no response.
    Broken(Broken),
}

impl Outcome {
    /// An attempt that failed without a response.
    #[must_use]
    pub fn failed(kind: ErrorKind, message: String) -> Self {
        let response = Response { error: Some(message.clone()), ..Response::default() };
        let failure = Some((kind, message));
        Self { response, failure, retry_after: None, shortage: None, phases: Phases::default(), token: None }
    }
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Connect(failure) => {
                Self { shortage: shortage(&failure), ..Self::failed(failure.kind(), failure.to_string()) }
            }
            Failure::Broken(broken) => {
                let why = broken.error.to_string();
                let why = clip(&why);
                // With TLS 1.3 a target may refuse the handshake after this side has ended it.
                if broken.error.get_ref().is_some_and(|error| error.is::<rustls::Error>()) {
                    Self::failed(ErrorKind::Tls, format!("TLS failed: {why}"))
                } else if broken.error.kind() == io::ErrorKind::InvalidData {
                    Self::failed(ErrorKind::Reset, why.into_owned())
                } else {
                    let message = format!("the connection broke before a response was read: {why}");
                    Self::failed(ErrorKind::Reset, message)
                }
            }
        }
    }
}

/// A status as people know it: `404 Not Found`, or its number alone where it has no name.
pub(crate) fn shown(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_str()),
        None => status.as_str().to_owned(),
    }
}

/// `Retry-After` of a 429 or 503 (RFC 9110, section 10.2.3): seconds, or a date. A number that is too great to be read
/// is longer than anything.
pub(crate) fn retry_after(head: &Head, now: Millis) -> Option<Duration> {
    if !matches!(head.status.as_u16(), 429 | 503) {
        return None;
    }
    let text = |value: &Option<Vec<u8>>| Some(std::str::from_utf8(value.as_deref()?).ok()?.trim().to_owned());
    let asked = text(&head.retry_after)?;
    // Some send a fraction, which the rule does not know.
    let (whole, fraction) = asked.split_once('.').unwrap_or((asked.as_str(), "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number(whole) && is_number(fraction) {
        let more = u64::from(fraction.bytes().any(|byte| byte != b'0'));
        return Some(Duration::from_secs(whole.parse().unwrap_or(u64::MAX).saturating_add(more)));
    }
    let at = httpdate::parse_http_date(&asked).ok()?;
    // The date is by the server's clock. The server's own Date header shows how far ahead it lies, even where
    // our clocks differ.
    let now = text(&head.date)
        .and_then(|date| httpdate::parse_http_date(&date).ok())
        .unwrap_or(UNIX_EPOCH + Duration::from_millis(now.max(0).cast_unsigned()));
    Some(at.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head;

    #[test]
    fn a_target_is_given_the_time_that_it_asks_for() {
        let s = Duration::from_secs;
        for (fields, wait) in [
            ("Retry-After: 120", Some(s(120))),
            ("Retry-After: 0", Some(s(0))),
            ("Retry-After: 4294967296", Some(s(4_294_967_296))),
            ("Retry-After: 18446744073709551615", Some(s(u64::MAX))),
            ("Retry-After: 99999999999999999999999999", Some(s(u64::MAX))),
            ("Retry-After: 1.5", Some(s(2))),
            ("Retry-After: 1.0", Some(s(1))),
            ("Retry-After: Thu, 01 Jan 1970 00:01:40 GMT", Some(s(90))),
            ("Retry-After: Thursday, 01-Jan-70 00:01:40 GMT", Some(s(90))),
            ("Retry-After: Thu Jan  1 00:01:40 1970", Some(s(90))),
            ("Retry-After: Thu, 01 Jan 1970 00:00:05 GMT", Some(s(0))),
            (
                "Date: Thu, 01 Jan 1970 00:01:00 GMT\r\nRetry-After: Thu, 01 Jan 1970 00:01:40 GMT",
                Some(s(40)),
            ),
            ("Retry-After: soon", None),
            ("Retry-After: -1", None),
            ("Retry-After: 1.", None),
            ("Retry-After:", None),
            ("X: y", None),
        ] {
            for status in [429, 503] {
                let head = format!("HTTP/1.1 {status} Later\r\n{fields}\r\n\r\n");
                let head = head::parse(head.as_bytes(), false).expect("a head");
                assert_eq!(retry_after(&head, 10_000), wait, "{fields}");
            }
        }
        let other = head::parse(b"HTTP/1.1 500 Oh\r\nRetry-After: 5\r\n\r\n", false).expect("a head");
        assert_eq!(retry_after(&other, 0), None);
    }
}

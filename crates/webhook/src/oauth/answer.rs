//! What a token endpoint answers (RFC 6749, section 5).

use std::time::Duration;

use chronos_types::{MAX_TOKEN_BYTES, clip};
use http::StatusCode;
use serde_json::{Map, Value};

use crate::outcome::shown;
use crate::scrub::Scrub;

/// The most bytes of an answer that are read. Tokens have a few KiB.
pub(crate) const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// A token, and how long it lives, where that is said. It has no `Debug`, for it is secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) token: String,
    pub(crate) lives: Option<Duration>,
}

/// What came. It has no `Debug`, for it may be secret.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// Where it redirects to.
    pub(crate) location: Option<Vec<u8>>,
    pub(crate) body: Vec<u8>,
    /// The body is all of it.
    pub(crate) is_whole: bool,
}

impl Answer {
    /// The token that it has.
    ///
    /// # Errors
    /// Why it has none, without secrets.
    pub(crate) fn granted(&self, scrub: &Scrub<'_>) -> Result<Granted, String> {
        let Self { status, location, body, is_whole } = self;
        let clean = |text: &str| clip(&scrub.text(text)).into_owned();
        if status.is_success() {
            return match is_whole {
                true => granted(body).map_err(|why| clean(&why)),
                false => Err(format!("its answer has more than {} KiB", MAX_ANSWER_BYTES / 1024)),
            };
        }
        Err(match location {
            Some(to) if status.is_redirection() => {
                let to = clean(&String::from_utf8_lossy(to));
                format!("{} is a redirect to {to:?}, which is not followed", shown(*status))
            }
            _ => match said(body) {
                Some(said) => format!("{}, {}", shown(*status), clean(&said)),
                None => shown(*status),
            },
        })
    }
}

/// Reads the answer that has a token. What is said of one that has none does not quote it: it may be a token in another
/// place.
///
/// # Errors
/// What is wrong with it.
fn granted(body: &[u8]) -> Result<Granted, String> {
    let Some(answer) = object(body) else { return Err("its answer is no JSON object".to_owned()) };
    let Some(Value::String(token)) = answer.get("access_token") else {
        // Some say so with a status of success.
        let error = error(&answer).map(|error| format!(", but an error: {error}")).unwrap_or_default();
        return Err(format!("its answer has no access_token{error}"));
    };
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("its access_token is not what a header can carry".to_owned());
    }
    if token.len() > MAX_TOKEN_BYTES {
        let length = token.len();
        return Err(format!(
            "its access_token has {length} bytes, and at most {MAX_TOKEN_BYTES} can be sent"
        ));
    }
    // RFC 6750. Some have words of their own for it (`BearerToken`), and some say nothing.
    let kind = answer.get("token_type").and_then(Value::as_str).unwrap_or("Bearer");
    if !kind.get(..6).is_some_and(|begin| begin.eq_ignore_ascii_case("bearer")) {
        return Err(format!("its token is of the type {:?}, and not a bearer token", clip(kind)));
    }
    let lives = answer.get("expires_in").and_then(seconds).map(Duration::from_secs);
    Ok(Granted { token: token.clone(), lives })
}

/// What an answer with a status of failure says of the reason: by the standard, else as a text. A page for people says
/// nothing.
fn said(body: &[u8]) -> Option<String> {
    if let Some(error) = object(body).as_ref().and_then(error) {
        return Some(error);
    }
    let text = std::str::from_utf8(body).ok()?.trim();
    (!text.is_empty() && !text.starts_with('<')).then(|| text.to_owned())
}

fn object(body: &[u8]) -> Option<Map<String, Value>> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(answer)) => Some(answer),
        _ => None,
    }
}

/// `invalid_client (the secret is wrong)`
fn error(answer: &Map<String, Value>) -> Option<String> {
    let text = |name: &str| answer.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    match (text("error"), text("error_description")) {
        (Some(error), Some(description)) => Some(format!("{error} ({description})")),
        (Some(error), None) => Some(error.to_owned()),
        (None, _) => None,
    }
}

/// Whole seconds. Some write them as a text, or as a fraction. What is over already lives for none.
fn seconds(value: &Value) -> Option<u64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse::<f64>().ok(),
        _ => None,
    };
    // Past its range it is as good as for ever.
    number.filter(|number| !number.is_nan()).map(|number| number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_with_how_long_it_lives() {
        let s = Duration::from_secs;
        for (rest, lives) in [
            ("", None),
            (", \"token_type\": \"bearer\", \"expires_in\": 3600, \"x\": [1]", Some(s(3_600))),
            (", \"token_type\": \"BearerToken\", \"expires_in\": \"3599\"", Some(s(3_599))),
            (", \"token_type\": null, \"expires_in\": 59.9", Some(s(59))),
            (", \"expires_in\": 0", Some(s(0))),
            (", \"expires_in\": -1", Some(s(0))),
            (", \"expires_in\": 1e300", Some(s(u64::MAX))),
            (", \"expires_in\": null", None),
            (", \"expires_in\": \"soon\"", None),
        ] {
            let answer = format!("{{\"access_token\": \"t0k.en\"{rest}}}");
            let granted = granted(answer.as_bytes()).unwrap_or_else(|why| panic!("{answer}: {why}"));
            assert!(granted.token == "t0k.en", "{answer}");
            assert_eq!(granted.lives, lives, "{answer}");
        }
    }

    #[test]
    fn what_is_no_token_is_said_and_never_quoted() {
        let long = format!("{{\"access_token\": \"{}\"}}", "x".repeat(MAX_TOKEN_BYTES + 1));
        for (answer, say) in [
            ("", "no JSON object"),
            ("hunter2", "no JSON object"),
            ("[\"hunter2\"]", "no JSON object"),
            ("{\"id_token\": \"hunter2\"}", "no access_token"),
            ("{\"access_token\": 7}", "no access_token"),
            ("{\"access_token\": \"\"}", "not what a header can carry"),
            ("{\"access_token\": \"hunter2 \\n\"}", "not what a header can carry"),
            (&long, "has 8193 bytes"),
            ("{\"access_token\": \"hunter2\", \"token_type\": \"mac\"}", "of the type \"mac\""),
            (
                "{\"error\": \"bad\", \"error_description\": \"no\"}",
                "no access_token, but an error: bad (no)",
            ),
        ] {
            let why = granted(answer.as_bytes()).map(|_| ()).expect_err(say);
            assert!(why.contains(say) && !why.contains("hunter2"), "{why}");
        }
    }

    #[test]
    fn a_refusal_says_why() {
        for (body, reason) in [
            ("{\"error\": \"invalid_client\"}", Some("invalid_client")),
            (
                "{\"error\": \"invalid_scope\", \"error_description\": \"what?\"}",
                Some("invalid_scope (what?)"),
            ),
            (" try later \n", Some("try later")),
            ("{\"message\": \"no\"}", Some("{\"message\": \"no\"}")),
            ("<html>", None),
            ("", None),
        ] {
            assert_eq!(said(body.as_bytes()).as_deref(), reason, "{body}");
        }
        assert_eq!(said(b"\xff\xfe"), None);
    }
}

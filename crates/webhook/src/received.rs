//! What has come of a response so far, what is kept of it, and how long it took.

use std::time::Duration;

use chronos_types::{Response, clip};
use http::StatusCode;

use super::head::Head;
use super::laps::Laps;
use super::scrub::Scrub;

/// The first bytes of what gzip made (RFC 1952).
const GZIP: [u8; 3] = [0x1f, 0x8b, 8];

/// The status and the start of the body. It is there also where the rest never comes.
#[derive(Debug)]
pub(crate) struct Received<'a> {
    status: Option<StatusCode>,
    /// How many bytes of the body are kept.
    limit: usize,
    /// What is taken out of it before it is cut. So much more of the body is kept until then.
    scrub: Scrub<'a>,
    kept: Vec<u8>,
    /// How many bytes of the body came.
    bytes: u64,
    /// There was more, which was not read.
    is_cut: bool,
    coding: Option<String>,
    /// How long the target asks to wait.
    pub(crate) retry_after: Option<Duration>,
    /// The response is whole, and a success.
    pub(crate) is_success: bool,
    /// How long the attempt took for what, all of its requests together.
    pub(crate) laps: Laps,
    /// The endpoint that a token is awaited from, while one is. The target is not called yet.
    pub(crate) awaits_token: Option<String>,
}

impl<'a> Received<'a> {
    /// Nothing yet.
    pub(crate) fn nothing(limit: usize) -> Self {
        Self {
            status: None,
            limit,
            scrub: Scrub::default(),
            kept: Vec::new(),
            bytes: 0,
            is_cut: false,
            coding: None,
            retry_after: None,
            is_success: false,
            laps: Laps::default(),
            awaits_token: None,
        }
    }

    /// Nothing yet, of which secrets are to be taken out.
    pub(crate) fn without(limit: usize, scrub: Scrub<'a>) -> Self {
        Self { scrub, ..Self::nothing(limit) }
    }

    /// The status line of a response has come. That of an interim response (100, 103) says nothing.
    pub(crate) fn status_line(&mut self, status: StatusCode) {
        self.status = Some(status).filter(|status| !status.is_informational());
    }

    /// The head of the response that counts has come.
    pub(crate) fn begin(&mut self, head: &Head, retry_after: Option<Duration>) {
        (self.status, self.retry_after) = (Some(head.status), retry_after);
        self.coding.clone_from(&head.coding);
    }

    /// A further request is made, and what came was not the answer.
    pub(crate) fn forget(&mut self) {
        let (laps, scrub) = (std::mem::take(&mut self.laps), std::mem::take(&mut self.scrub));
        *self = Self { laps, ..Self::without(self.limit, scrub) };
    }

    /// Some of the body has come.
    pub(crate) fn take(&mut self, data: &[u8]) {
        let is_long = self.kept.len() + data.len() > self.limit;
        let room = self.limit + if is_long { self.scrub.margin() } else { 0 } - self.kept.len();
        self.kept.extend_from_slice(&data[..data.len().min(room)]);
        self.bytes = self.bytes.saturating_add(data.len() as u64);
    }

    /// The rest of the body is not read.
    pub(crate) fn cut(&mut self) {
        self.is_cut = true;
    }

    /// One more secret is to be taken out of what comes.
    pub(crate) fn hide(&mut self, secret: &str) {
        self.scrub = self.scrub.and([secret.to_owned()]);
    }

    /// What takes secrets out of a text.
    pub(crate) fn scrub(&self) -> &Scrub<'a> {
        &self.scrub
    }

    pub(crate) fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// What goes on record, with what went wrong where the response is not whole.
    pub(crate) fn response(&self, error: Option<String>) -> Response {
        let Some(status) = self.status else { return Response { error, ..Response::default() } };
        let truncated = self.is_cut || self.bytes > self.limit as u64;
        let mut body = self.text(self.is_cut || self.bytes > self.kept.len() as u64);
        if self.kept.len() > self.limit {
            body.truncate(body.floor_char_boundary(self.limit));
        }
        Response { status_code: status.as_u16(), body: Some(body), truncated, error }
    }

    /// The start of the body as text. A coded body (`gzip`) that nobody asked for is none; what it was is said instead.
    fn text(&self, truncated: bool) -> String {
        let kept = if truncated { whole_characters(&self.kept) } else { &self.kept };
        match std::str::from_utf8(kept) {
            Ok(text) => self.scrub.text(text).into_owned(),
            Err(_) => match self.coding() {
                Some(coding) => {
                    let more = if self.is_cut { "more than " } else { "" };
                    format!("{more}{} bytes of {}", self.bytes, clip(&self.scrub.text(coding)))
                }
                None => self.scrub.text(&String::from_utf8_lossy(kept)).into_owned(),
            },
        }
    }

    fn coding(&self) -> Option<&str> {
        self.coding.as_deref().or_else(|| self.kept.starts_with(&GZIP).then_some("gzip"))
    }
}

/// The bytes without the beginning of a character at their end.
fn whole_characters(bytes: &[u8]) -> &[u8] {
    let behind = bytes.iter().rev().take(3).take_while(|byte| matches!(byte, 0x80..=0xbf)).count();
    let Some(start) = bytes.len().checked_sub(behind + 1) else { return bytes };
    let length = match bytes[start] {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    };
    if length > behind + 1 { &bytes[..start] } else { bytes }
}

#[cfg(test)]
mod tests {
    use chronos_types::{Headers, SecretHosts, SecretName, SecretValues, TargetUrl, Webhook};

    use super::*;

    /// What is kept of a body, at most eight bytes of it, and whether there was more.
    fn check(coding: Option<&str>, body: &[u8], text: &str, truncated: bool) {
        for piece in [1, 3, body.len().max(1)] {
            let mut received = Received { coding: coding.map(str::to_owned), ..Received::nothing(8) };
            received.status = Some(StatusCode::OK);
            body.chunks(piece).for_each(|part| received.take(part));
            let response = received.response(None);
            assert_eq!((response.body.as_deref(), response.truncated), (Some(text), truncated), "{body:?}");
        }
    }

    #[test]
    fn a_body_is_cut_between_characters_and_what_is_no_text_is_kept_lossily() {
        check(None, b"", "", false);
        check(None, b"12345678", "12345678", false);
        check(None, b"123456789", "12345678", true);
        check(None, "1234567é".as_bytes(), "1234567", true);
        check(None, "123456é".as_bytes(), "123456é", false);
        check(None, "123456é7".as_bytes(), "123456é", true);
        check(None, "12345€€".as_bytes(), "12345€", true);
        check(None, "123456€".as_bytes(), "123456", true);
        check(None, "12345🦀".as_bytes(), "12345", true);
        check(None, b"caf\xe9!", "caf\u{fffd}!", false);
        check(None, b"\xe9", "\u{fffd}", false);
        check(None, b"1234567\xa9\xa9", "1234567\u{fffd}", true);
    }

    #[test]
    fn of_a_coded_body_it_is_said_what_it_was() {
        let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\xc8\xe4\x02\0";
        check(Some("gzip"), gzip, "15 bytes of gzip", true);
        check(None, gzip, "15 bytes of gzip", true);
        check(Some("br, gzip"), b"\xff\xfe", "2 bytes of br, gzip", false);
        // Some say so of a text.
        check(Some("gzip"), b"hello", "hello", false);
        let mut received = Received { coding: Some("br".to_owned()), ..Received::nothing(8) };
        received.status = Some(StatusCode::OK);
        received.take(b"\xff\xfe");
        received.cut();
        assert_eq!(received.response(None).body.as_deref(), Some("more than 2 bytes of br"));
    }

    #[test]
    fn a_secret_goes_before_the_body_is_cut() {
        let mut secrets = SecretValues::default();
        let hosts = SecretHosts::unchecked(vec!["*".to_owned()]);
        secrets.insert(&SecretName::unchecked("a"), "correct horse".to_owned(), hosts);
        let webhook = Webhook {
            url: TargetUrl::parse("http://h/").expect("a URL"),
            method: None,
            headers: Headers::default(),
            body: None,
            auth: None,
            signing: None,
            client_certificate: None,
            success_codes: None,
            timeout: None,
            tls_skip_verify: false,
            max_redirects: 0,
            sealed: None,
        };
        for (body, kept, truncated) in [
            ("0123 correct%20horse", "0123 [redacted]", true),
            ("0123456789 correct horse 0123456789", "0123456789 [redac", true),
            ("correct horse", "[redacted]", false),
            ("0123456789abcdefg", "0123456789abcdefg", false),
        ] {
            let mut received = Received::without(17, Scrub::of(&webhook, &secrets));
            received.status = Some(StatusCode::OK);
            body.as_bytes().chunks(3).for_each(|part| received.take(part));
            let response = received.response(None);
            assert_eq!((response.body.as_deref(), response.truncated), (Some(kept), truncated), "{body}");
        }
    }

    #[test]
    fn of_no_response_there_is_no_body() {
        let response = Received::nothing(8).response(Some("late".to_owned()));
        assert_eq!((response.status_code, response.body, response.error), (0, None, Some("late".to_owned())));
    }
}

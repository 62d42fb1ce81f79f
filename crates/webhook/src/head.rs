//! The head of a response (RFC 9112, sections 4 to 6): what it says that matters to whoever called.
//!
//! A field that cannot be read is passed over, as is every field that nobody here asks for. So no strictness about
//! those makes a delivery fail that the target has taken. What contradicts itself about where the body ends stays an
//! error, which says so.

use std::borrow::Cow;
use std::time::Duration;

use chronos_types::clip;
use http::StatusCode;

use super::framing::Framing;

/// The most bytes of a response's head. Servers send a few KiB. It is what curl takes, and each call under way may hold
/// as much memory.
pub(crate) const MAX_HEAD_BYTES: usize = 300 * 1024;
/// How long a connection is kept where the target does not say how long it keeps it. Of the servers that are
/// common behind a webhook, Node and Apache close an idle connection first: after 5 s.
const KEEP: Duration = Duration::from_secs(4);
/// How much earlier than the target says a connection is given up, so that no request meets one that is closing.
const MARGIN: Duration = Duration::from_secs(1);
/// The longest that a connection is kept, whatever the target says. Load balancers in between close theirs after 60 s.
const MAX_KEEP: Duration = Duration::from_secs(50);

/// What a head says.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    /// How the body ends, or what is contradictory about that.
    pub(crate) framing: Result<Framing, String>,
    /// How long the connection may rest behind this response. It is closed where it may not.
    pub(crate) keep: Option<Duration>,
    /// Where a redirect leads.
    pub(crate) location: Option<Vec<u8>>,
    /// There is another `Location`, which leads elsewhere.
    pub(crate) is_ambiguous: bool,
    pub(crate) retry_after: Option<Vec<u8>>,
    pub(crate) date: Option<Vec<u8>>,
    /// How the body is coded (`gzip`), where it is.
    pub(crate) coding: Option<String>,
    /// It was longer than what is read of one. Neither its rest nor the body is known.
    pub(crate) is_cut: bool,
}

/// What came is not the beginning of a response.
#[derive(Debug, thiserror::Error)]
#[error("what came is no HTTP response: {0:?}")]
pub(crate) struct NotHttp(String);

/// Where the head ends that `bytes` begin with, its empty line included. There is no end of a line before `from`
/// that could be the last one.
pub(crate) fn end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += bytes[at..].iter().position(|byte| *byte == b'\n')? + 1;
        match bytes[at..] {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
}

/// The status line that `bytes` begin with, once it is there: the status, and whether the target speaks HTTP/1.1. No
/// line ends before `from`.
///
/// # Errors
/// No status line begins like that.
pub(crate) fn status(bytes: &[u8], from: usize) -> Result<Option<(StatusCode, bool)>, NotHttp> {
    let length = bytes[from..].iter().position(|byte| *byte == b'\n');
    let line = length.map_or(bytes, |length| &bytes[..from + length]);
    let refused = || NotHttp(clip(&String::from_utf8_lossy(line.trim_ascii_end())).into_owned());
    let name = &line[..line.len().min(5)];
    if !name.eq_ignore_ascii_case(&b"HTTP/"[..name.len()]) || (name.len() < 5 && line.len() < bytes.len()) {
        return Err(refused());
    }
    if line.len() == bytes.len() {
        return Ok(None);
    }
    status_line(&line[5..]).map(Some).ok_or_else(refused)
}

/// `1.1 200 OK`, and what common clients take for it.
fn status_line(line: &[u8]) -> Option<(StatusCode, bool)> {
    let blank = line.iter().position(|byte| matches!(byte, b' ' | b'\t'))?;
    let is_1_1 = match &line[..blank] {
        [b'1', b'.', b'1'..=b'9'] => true,
        // Some servers say that they speak a later version, and go on in this one.
        b"1.0" | [b'2' | b'3'] | [b'2' | b'3', b'.', b'0'] => false,
        _ => return None,
    };
    let code = line[blank..].trim_ascii_start();
    let digits = code.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (digits == 3).then(|| StatusCode::from_bytes(&code[..3]).ok()).flatten().map(|status| (status, is_1_1))
}

/// Reads a whole head. `is_bodiless` says that no response to the request has a body (HEAD).
///
/// # Errors
/// It has no status line.
pub(crate) fn parse(head: &[u8], is_bodiless: bool) -> Result<Head, NotHttp> {
    let Some((status, is_1_1)) = status(head, 0)? else {
        return Err(NotHttp(clip(&String::from_utf8_lossy(head)).into_owned()));
    };
    let mut fields = Fields::default();
    let mut field: Option<(&[u8], Cow<'_, [u8]>)> = None;
    for line in head.split(|byte| *byte == b'\n').skip(1) {
        let line = line.trim_ascii_end();
        if let [b' ' | b'\t', ..] = line {
            // The line goes on with the value of the one before (RFC 9112, section 5.2).
            if let Some((_, value)) = &mut field {
                let value = value.to_mut();
                value.push(b' ');
                value.extend_from_slice(line.trim_ascii_start());
            }
            continue;
        }
        if let Some((name, value)) = field.take() {
            fields.take(name, &value);
        }
        match line.iter().position(|byte| *byte == b':') {
            Some(colon) => {
                field = Some((line[..colon].trim_ascii_end(), line[colon + 1..].trim_ascii_start().into()));
            }
            None => fields.has_unreadable |= !line.is_empty(),
        }
    }
    if let Some((name, value)) = field {
        fields.take(name, &value);
    }
    Ok(fields.head(status, is_1_1, is_bodiless))
}

/// What is gathered from the fields, one after the other.
#[derive(Debug, Default)]
struct Fields {
    /// A line is no field.
    has_unreadable: bool,
    lengths: Vec<String>,
    transfer_codings: Vec<String>,
    content_codings: Vec<String>,
    closes: bool,
    keeps: bool,
    /// How long the target keeps an idle connection.
    timeout: Option<u64>,
    /// The target takes no further request.
    is_used_up: bool,
    location: Option<Vec<u8>>,
    is_ambiguous: bool,
    retry_after: Option<Vec<u8>>,
    date: Option<Vec<u8>>,
}

impl Fields {
    fn take(&mut self, name: &[u8], value: &[u8]) {
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
        if is("content-length") {
            self.lengths.extend(items(value));
        } else if is("transfer-encoding") {
            self.transfer_codings.extend(codings(value));
        } else if is("content-encoding") {
            self.content_codings.extend(codings(value));
        } else if is("connection") {
            for option in items(value) {
                self.closes |= option.eq_ignore_ascii_case("close");
                self.keeps |= option.eq_ignore_ascii_case("keep-alive");
            }
        } else if is("keep-alive") {
            for parameter in items(value) {
                self.keep_alive(&parameter);
            }
        } else if is("location") && !value.is_empty() {
            self.is_ambiguous |= self.location.as_ref().is_some_and(|other| other != value);
            self.location = self.location.take().or_else(|| Some(value.to_vec()));
        } else if is("retry-after") {
            self.retry_after = Some(value.to_vec());
        } else if is("date") {
            self.date = Some(value.to_vec());
        }
    }

    /// `timeout=5` or `max=100`.
    fn keep_alive(&mut self, parameter: &str) {
        let Some((name, value)) = parameter.split_once('=') else { return };
        let Ok(value) = value.trim().trim_matches('"').parse::<u64>() else { return };
        match name.trim().to_ascii_lowercase().as_str() {
            "timeout" => self.timeout = Some(value),
            "max" => self.is_used_up = value == 0,
            _ => {}
        }
    }

    fn head(self, status: StatusCode, is_1_1: bool, is_bodiless: bool) -> Head {
        let keep = self.keep(status, is_1_1);
        let framing = if is_bodiless || matches!(status.as_u16(), 100..=199 | 204 | 304) {
            Ok(Framing::Length(0))
        } else {
            self.framing()
        };
        let codings = self.transfer_codings.iter().filter(|coding| *coding != "chunked");
        let codings: Vec<_> = self.content_codings.iter().chain(codings).map(String::as_str).collect();
        Head {
            status,
            framing,
            keep,
            location: self.location,
            is_ambiguous: self.is_ambiguous,
            retry_after: self.retry_after,
            date: self.date,
            coding: (!codings.is_empty()).then(|| clip(&codings.join(", ")).into_owned()),
            is_cut: false,
        }
    }

    /// RFC 9112, section 6.3. A chunked body is one in HTTP/1.0 too, whatever else is said of its length.
    fn framing(&self) -> Result<Framing, String> {
        if self.transfer_codings.iter().any(|coding| coding == "chunked") {
            return Ok(Framing::chunked());
        }
        if !self.transfer_codings.is_empty() {
            return Ok(Framing::ToEnd);
        }
        let mut length = None;
        for text in &self.lengths {
            let digits = digits(text).ok_or_else(|| format!("its Content-Length is {:?}", clip(text)))?;
            match length {
                Some(other) if other != digits => {
                    let (one, other) = (clip(other), clip(digits));
                    return Err(format!("its Content-Length is both {one} and {other}"));
                }
                _ => length = Some(digits),
            }
        }
        // A number that is too great is no length of anything.
        let length = length.and_then(|digits| digits.parse::<i64>().ok());
        Ok(length.map_or(Framing::ToEnd, |length| Framing::Length(length.cast_unsigned())))
    }

    /// How long the connection is kept. One on which something was odd is not: what comes next may not be what it
    /// seems to be.
    fn keep(&self, status: StatusCode, is_1_1: bool) -> Option<Duration> {
        let is_coded = !self.transfer_codings.is_empty();
        let is_odd = match status {
            // What follows is another protocol.
            StatusCode::SWITCHING_PROTOCOLS => true,
            // Such a response has no body. A target that announces one may send it.
            StatusCode::NO_CONTENT => is_coded || self.lengths.iter().any(|text| digits(text) != Some("0")),
            // Chunks are new in HTTP/1.1 (RFC 9112, section 6.1).
            _ => is_coded && (!is_1_1 || !self.lengths.is_empty()),
        };
        let is_over = self.closes || self.is_used_up || !(is_1_1 || self.keeps);
        if is_over || is_odd || self.has_unreadable {
            return None;
        }
        let keep = match self.timeout {
            Some(seconds) => Duration::from_secs(seconds).saturating_sub(MARGIN).min(MAX_KEEP),
            None => KEEP,
        };
        Some(keep).filter(|keep| !keep.is_zero())
    }
}

/// The items of a list.
fn items(value: &[u8]) -> impl Iterator<Item = String> {
    value.split(|byte| *byte == b',').map(|item| String::from_utf8_lossy(item.trim_ascii()).into_owned())
}

/// The codings of a list, without their parameters. One that changes nothing is none.
fn codings(value: &[u8]) -> impl Iterator<Item = String> {
    let name = |item: String| item.split(';').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    items(value).map(name).filter(|name| !name.is_empty() && name != "identity")
}

/// The digits of a length. Blanks and words behind them say nothing; further digits might.
fn digits(text: &str) -> Option<&str> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let significant = digits.trim_start_matches('0');
    let is_length = !digits.is_empty() && !rest.contains(|c: char| c.is_ascii_digit());
    is_length.then_some(if significant.is_empty() { "0" } else { significant })
}

#[cfg(test)]
mod tests;

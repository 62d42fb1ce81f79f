//! The table, a file for each kind of oddity.

mod chunked;
mod closes;
mod content;
mod early;
mod fields;
mod interim;
mod lengths;
mod locations;
mod redirects;
mod reuse;
mod stalls;
mod status_lines;
mod tls;
mod waits;

use crate::row::Row;

/// Rows of one kind.
pub struct Group {
    pub title: &'static str,
    pub rows: Vec<Row>,
}

/// The whole table, as the document shows it.
pub fn groups() -> Vec<Group> {
    let group = |title, rows| Group { title, rows };
    vec![
        group("Status lines", status_lines::rows()),
        group("Header fields", fields::rows()),
        group("Lengths and transfer codings", lengths::rows()),
        group("Chunks", chunked::rows()),
        group("Interim responses, and responses without a body", interim::rows()),
        group("Connections that end", closes::rows()),
        group("Answers before the request was read", early::rows()),
        group("Connections that are used again", reuse::rows()),
        group("Responses without an end", stalls::rows()),
        group("Redirects", redirects::rows()),
        group("Locations", locations::rows()),
        group("Bodies", content::rows()),
        group("TLS", tls::rows()),
        group("Retry-After", waits::rows()),
    ]
}

/// A 200, with what follows its status line.
fn ok(rest: impl AsRef<[u8]>) -> Vec<u8> {
    [&b"HTTP/1.1 200 OK\r\n"[..], rest.as_ref()].concat()
}

/// A whole 200 with these header lines, and `ok` as its body.
fn with(lines: impl AsRef<[u8]>) -> Vec<u8> {
    ok([lines.as_ref(), b"\r\nContent-Length: 2\r\n\r\nok"].concat())
}

/// A 200 with these bytes as its chunked body.
fn chunks(body: impl AsRef<[u8]>) -> Vec<u8> {
    ok([&b"Transfer-Encoding: chunked\r\n\r\n"[..], body.as_ref()].concat())
}

/// A whole response of this status and reason, with `ok` as its body.
fn status(line: &str) -> String {
    format!("HTTP/1.1 {line}\r\nContent-Length: 2\r\n\r\nok")
}

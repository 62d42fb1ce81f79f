//! Status lines.

use crate::reasons::*;
use crate::row::{Row, Step::*};
use crate::table::ok;

/// A status line, a length and `ok`.
fn line(name: &'static str, line: impl AsRef<[u8]>) -> Row {
    Row::answer(name, [line.as_ref(), b"\r\nContent-Length: 2\r\n\r\nok"].concat())
}

pub fn rows() -> Vec<Row> {
    vec![
        line("a status line without a reason", "HTTP/1.1 200").both("200 ok"),
        line("a blank in place of the reason", "HTTP/1.1 200 ").both("200 ok"),
        line("two blanks before the status", "HTTP/1.1  200 OK").both("200 ok"),
        line("tabs in place of blanks", "HTTP/1.1\t200\tOK").differ("exit 1", "200 ok", STATUS_LINE),
        line("a reason that touches the status", "HTTP/1.1 200OK").both("200 ok"),
        line("a reason in UTF-8", "HTTP/1.1 200 très bien").both("200 ok"),
        line("a reason in Latin-1", b"HTTP/1.1 200 tr\xe8s bien").both("200 ok"),
        line("a control byte in the reason", "HTTP/1.1 200 O\u{1}K").both("200 ok"),
        line("a NUL in the reason", "HTTP/1.1 200 O\0K").differ("exit 8 after 200", "200 ok", STATUS_LINE),
        line("a reason of 20,000 bytes", format!("HTTP/1.1 200 {}", "O".repeat(20_000))).both("200 ok"),
        line("HTTP/1.0 with a length", "HTTP/1.0 200 OK").both("200 ok"),
        line("a version in lower case", "http/1.1 200 OK").both("200 ok"),
        line("HTTP/1.2", "HTTP/1.2 200 OK").differ("exit 1", "200 ok", STATUS_LINE),
        line("HTTP/2 over plain text", "HTTP/2 200 OK").both("200 ok"),
        line("HTTP/2.0 over plain text", "HTTP/2.0 200 OK").both("200 ok"),
        line("HTTP/3.0 over plain text", "HTTP/3.0 200 OK").differ("exit 1", "200 ok", STATUS_LINE),
        line("HTTP/1.10", "HTTP/1.10 200 OK").fail("exit 1", "reset"),
        line("status 600", "HTTP/1.1 600 Huh").both("600 ok"),
        line("status 999", "HTTP/1.1 999 Huh").both("999 ok"),
        line("status 099", "HTTP/1.1 099 Huh").fail("exit 1", "reset"),
        line("status 2000", "HTTP/1.1 2000 OK").fail("exit 1", "reset"),
        line("status 20", "HTTP/1.1 20 OK").fail("exit 1", "reset"),
        line("a word for a status", "HTTP/1.1 fine OK").fail("exit 1", "reset"),
        line("another protocol (`ICY 200 OK`)", "ICY 200 OK").fail("exit 1", "reset"),
        line("blanks before the version", "  HTTP/1.1 200 OK").fail("exit 1", "reset"),
        line("an empty line before the status line", "\r\nHTTP/1.1 200 OK").differ(
            "exit 1",
            "200 ok",
            STATUS_LINE,
        ),
        line("a line of junk before the status line", "junk\r\nHTTP/1.1 200 OK").fail("exit 1", "reset"),
        Row::answer("a page without a head (HTTP/0.9)", "<html>ok</html>")
            .then(Finish)
            .fail("exit 1", "reset"),
        Row::answer("lines that end with LF alone", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok")
            .both("200 ok"),
        Row::answer("lines that end with CR alone", "HTTP/1.1 200 OK\rContent-Length: 2\r\rok")
            .then(Finish)
            .fail("exit 52", "reset"),
        Row::answer("no header fields, and the end", ok("\r\n")).then(Finish).both("200"),
        Row::new("a response byte by byte", [vec![Request, Trickle(ok("Content-Length: 2\r\n\r\nok"))]])
            .both("200 ok"),
        Row::new(
            "a response that comes before the request is read",
            [vec![Send(ok("Content-Length: 2\r\n\r\nok")), Request]],
        )
        .both("200 ok"),
    ]
}

//! Connections that end, in every place. Those that end within chunks are in `chunked`.

use crate::row::{Row, Step::*};
use crate::table::ok;

/// What comes, and the end.
fn ends(name: &'static str, bytes: impl AsRef<[u8]>) -> Row {
    Row::answer(name, bytes).then(Finish)
}

/// What comes, and a reset.
fn resets(name: &'static str, bytes: impl AsRef<[u8]>) -> Row {
    Row::answer(name, bytes).then(Reset)
}

pub fn rows() -> Vec<Row> {
    vec![
        Row::new("a close before the request is read", [vec![Touched, Close]]).fail("exit 56", "reset"),
        Row::new("a close behind the request", [vec![Request, Close]]).fail("exit 52", "reset"),
        Row::new("a reset behind the request", [vec![Request, Reset]]).fail("exit 56", "reset"),
        Row::new("half a close behind the request", [vec![Request, Finish]]).fail("exit 52", "reset"),
        ends("the end within the status line", "HTTP/1.1 2").fail("exit 52", "reset"),
        ends("the end behind the status", "HTTP/1.1 200").fail("exit 52", "reset"),
        ends("the end behind the status line", ok("")).both("200"),
        ends("the end within a name", ok("Content-Le")).both("200"),
        ends("the end within a value", ok("Content-Length: 2")).both("200"),
        ends("the end behind a length, before the empty line", ok("Content-Length: 2\r\n"))
            .fail("exit 18 after 200", "body after 200"),
        ends("the end behind a length of 0, before the empty line", ok("Content-Length: 0\r\n")).both("200"),
        ends("the end within the empty line", ok("Content-Length: 0\r\n\r")).both("200"),
        ends("the end behind the head", ok("Content-Length: 2\r\n\r\n"))
            .fail("exit 18 after 200", "body after 200"),
        ends("the end within the body", ok("Content-Length: 2\r\n\r\no"))
            .fail("exit 18 after 200 o", "body after 200 o"),
        ends("the end behind the body", ok("Content-Length: 2\r\n\r\nok")).both("200 ok"),
        ends("the end within the body of a 404", "HTTP/1.1 404 No\r\nContent-Length: 5\r\n\r\nok")
            .fail("exit 18 after 404 ok", "body after 404 ok"),
        resets("a reset within the head", ok("Content-Le")).fail("exit 56 after 200", "reset after 200"),
        resets("a reset behind the head", ok("Content-Length: 2\r\n\r\n"))
            .fail("exit 56 after 200", "body after 200"),
        resets("a reset behind a head without a body", ok("Content-Length: 0\r\n\r\n")).both("200"),
        resets("a reset within the body", ok("Content-Length: 2\r\n\r\no"))
            .fail("exit 56 after 200 o", "body after 200 o"),
        resets("a reset behind the body", ok("Content-Length: 2\r\n\r\nok")).both("200 ok"),
        resets("a reset behind a body without a length", ok("\r\nok"))
            .fail("exit 56 after 200 ok", "body after 200 ok"),
        resets("a reset within the body of a 500", "HTTP/1.1 500 Oh\r\nContent-Length: 5\r\n\r\nok")
            .fail("exit 56 after 500 ok", "body after 500 ok"),
        Row::new(
            "the greeting of another protocol (SSH)",
            [vec![Send(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()), Request]],
        )
        .fail("exit 1", "reset"),
        Row::new(
            "frames of HTTP/2",
            [vec![Request, Send(b"\0\0\x06\x04\0\0\0\0\0\0\x05\0\0\x40\0".to_vec()), Finish]],
        )
        .fail("exit 1", "reset"),
    ]
}

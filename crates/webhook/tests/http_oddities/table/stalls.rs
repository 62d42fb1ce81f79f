//! Responses that do not come to an end, on a connection that stays.

use crate::row::{Row, Step::*};
use crate::table::{chunks, ok};

fn stalls(name: &'static str, bytes: impl AsRef<[u8]>) -> Row {
    Row::answer(name, bytes).stalls()
}

pub fn rows() -> Vec<Row> {
    vec![
        stalls("no answer", "").fail("exit 28", "timeout"),
        stalls("half a status line", "HTTP/1.1 20").fail("exit 28", "timeout"),
        stalls("half a head", ok("X-A: b\r\n")).fail("exit 28 after 200", "timeout after 200"),
        stalls("half a body", ok("Content-Length: 5\r\n\r\nok"))
            .fail("exit 28 after 200 ok", "timeout after 200 ok"),
        stalls("half a chunk", chunks("5\r\nok")).fail("exit 28 after 200 ok", "timeout after 200 ok"),
        stalls("no line break behind the last chunk", chunks("2\r\nok\r\n0\r\n"))
            .fail("exit 28 after 200 ok", "timeout after 200 ok"),
        stalls("a body without a length", ok("\r\nok")).fail("exit 28 after 200 ok", "timeout after 200 ok"),
        stalls("205 without a length", "HTTP/1.1 205 Reset Content\r\n\r\n")
            .fail("exit 28 after 205", "timeout after 205"),
        stalls("half the body of a 404", "HTTP/1.1 404 No\r\nContent-Length: 5\r\n\r\nok")
            .fail("exit 28 after 404 ok", "timeout after 404 ok"),
        Row::new("no TLS handshake", [vec![Touched]]).https().stalls().fail("exit 28", "timeout"),
    ]
}

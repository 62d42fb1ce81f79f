//! TLS: how it begins, and how it ends.

use crate::row::{Row, Step::*};
use crate::table::{chunks, ok, status};

fn answer(name: &'static str, bytes: impl AsRef<[u8]>) -> Row {
    Row::answer(name, bytes).tls()
}

/// A target that speaks no TLS where it is called by it.
fn plain(name: &'static str, steps: Vec<crate::row::Step>) -> Row {
    Row::new(name, [steps]).https()
}

pub fn rows() -> Vec<Row> {
    let alert = b"\x15\x03\x01\0\x02\x02\x28".to_vec();
    vec![
        answer("a response with a length", ok("Content-Length: 2\r\n\r\nok")).both("200 ok"),
        answer("no length, and an end with `close_notify`", ok("\r\nok")).then(Finish).both("200 ok"),
        answer("no length, and an end without `close_notify`", ok("\r\nok")).then(Close).both("200 ok"),
        answer("HTTP/1.0 without a length, and an end without `close_notify`", "HTTP/1.0 200 OK\r\n\r\nok")
            .then(Close)
            .both("200 ok"),
        answer("a length, and an end without `close_notify`", ok("Content-Length: 2\r\n\r\nok"))
            .then(Close)
            .both("200 ok"),
        answer("chunks, and an end without `close_notify`", chunks("2\r\nok\r\n0\r\n\r\n"))
            .then(Close)
            .both("200 ok"),
        answer("half a body, and an end with `close_notify`", ok("Content-Length: 5\r\n\r\nok"))
            .then(Finish)
            .fail("exit 18 after 200 ok", "body after 200 ok"),
        answer("half a body, and an end without `close_notify`", ok("Content-Length: 5\r\n\r\nok"))
            .then(Close)
            .fail("exit 18 after 200 ok", "body after 200 ok"),
        answer("no last chunk, and an end without `close_notify`", chunks("2\r\nok\r\n"))
            .then(Close)
            .fail("exit 18 after 200 ok", "body after 200 ok"),
        answer("half a head, and an end without `close_notify`", ok("Content-Le")).then(Close).both("200"),
        answer("no length, and a reset", ok("\r\nok"))
            .then(Reset)
            .fail("exit 56 after 200 ok", "body after 200 ok"),
        answer("no answer, and an end with `close_notify`", "").then(Finish).fail("exit 52", "reset"),
        answer("no answer, and an end without `close_notify`", "").then(Close).fail("exit 52", "reset"),
        plain(
            "plain text from a port that is called by TLS",
            vec![Touched, Send(status("400 Bad Request").into_bytes()), Close],
        )
        .fail("exit 35", "tls"),
        plain("an alert in place of a handshake", vec![Touched, Send(alert.clone()), Close])
            .fail("exit 35", "tls"),
        plain("a close in place of a handshake", vec![Touched, Close]).fail("exit 35", "tls"),
        Row::new(
            "an alert of TLS from a port that is called by plain HTTP",
            [vec![Touched, Send(alert), Close]],
        )
        .fail("exit 1", "reset"),
        answer(
            "a 302 without a length, and an end without `close_notify`",
            "HTTP/1.1 302 Found\r\nX: y\r\n\r\n",
        )
        .then(Close)
        .both("302"),
    ]
}

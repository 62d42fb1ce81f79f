//! Responses before the response (1xx), and those that have no body.

use chronos_types::Method;

use crate::reasons::*;
use crate::row::{Row, Step::*};
use crate::table::{ok, status};

const WITH_LENGTH: &str = "Content-Length: 2\r\n\r\n";

/// Some bytes, and then a whole 200.
fn before(name: &'static str, bytes: impl AsRef<[u8]>) -> Row {
    Row::answer(name, [bytes.as_ref(), &ok("Content-Length: 2\r\n\r\nok")[..]].concat())
}

pub fn rows() -> Vec<Row> {
    let mut rows = interim();
    rows.extend(bodiless());
    rows
}

fn interim() -> Vec<Row> {
    let switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
    vec![
        before("100 that nobody asked for", "HTTP/1.1 100 Continue\r\n\r\n").both("200 ok"),
        before("100 with a length", "HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\n").both("200 ok"),
        before("100 of HTTP/1.0", "HTTP/1.0 100 Continue\r\n\r\n").both("200 ok"),
        before("102", "HTTP/1.1 102 Processing\r\n\r\n").both("200 ok"),
        before("103 with a link", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n").both("200 ok"),
        before("199", "HTTP/1.1 199 What\r\n\r\n").both("200 ok"),
        before("100 responses of 100", "HTTP/1.1 100 Continue\r\n\r\n".repeat(100)).both("200 ok"),
        before("10,000 responses of 102", "HTTP/1.1 102 Processing\r\n\r\n".repeat(10_000)).both("200 ok"),
        before("20,000 responses of 102", "HTTP/1.1 102 Processing\r\n\r\n".repeat(20_000)).differ(
            "exit 56 after 102",
            "reset",
            INTERIM,
        ),
        Row::answer("100 and the end", "HTTP/1.1 100 Continue\r\n\r\n").then(Finish).differ(
            "exit 52 after 100",
            "reset",
            INTERIM,
        ),
        Row::answer("101 that nobody asked for, and the end", switch).then(Finish).differ(
            "exit 52 after 101",
            "101",
            INTERIM,
        ),
        Row::answer("101 that nobody asked for, and bytes of another protocol", format!("{switch}ok"))
            .then(Finish)
            .differ("101 ok", "101", INTERIM),
        Row::answer("101 that nobody asked for, on a connection that stays", switch).stalls().differ(
            "exit 28 after 101",
            "101",
            INTERIM,
        ),
        Row::answer("100 and nothing more", "HTTP/1.1 100 Continue\r\n\r\n").stalls().differ(
            "exit 28 after 100",
            "timeout",
            INTERIM,
        ),
    ]
}

fn bodiless() -> Vec<Row> {
    let head = |name, rest: &str| Row::answer(name, ok(rest)).method(Method::Head);
    let chunked = "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    vec![
        Row::answer("204", "HTTP/1.1 204 No Content\r\n\r\n").both("204"),
        Row::answer("204 with a length of 0", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")
            .both("204"),
        Row::answer("204 with a length and no body", format!("HTTP/1.1 204 No Content\r\n{WITH_LENGTH}"))
            .both("204"),
        Row::answer("204 with a body", status("204 No Content")).both("204"),
        Row::answer("204 with chunks", format!("HTTP/1.1 204 No Content\r\n{chunked}")).both("204"),
        Row::answer("205 with a body", status("205 Reset Content")).both("205 ok"),
        Row::answer("205 without a length, and the end", "HTTP/1.1 205 Reset Content\r\n\r\n")
            .then(Finish)
            .both("205"),
        Row::answer("206 with a range that is none", status("206 Partial\r\nContent-Range: bytes 5-1/x"))
            .both("206 ok"),
        Row::answer("304 with a length and no body", format!("HTTP/1.1 304 Not Modified\r\n{WITH_LENGTH}"))
            .both("304"),
        Row::answer("304 with a body", status("304 Not Modified")).both("304"),
        Row::answer("401 with a challenge of odd bytes", status("401 No\r\nWWW-Authenticate: \u{1}é"))
            .both("401 ok"),
        Row::answer("407 from what is no proxy", status("407 No\r\nProxy-Authenticate: Basic realm=\"x\""))
            .both("407 ok"),
        Row::answer("408 and the end", status("408 Timeout\r\nConnection: close"))
            .then(Finish)
            .both("408 ok"),
        Row::answer("421", status("421 Misdirected Request")).both("421 ok"),
        Row::answer("426 with an upgrade", status("426 Upgrade Required\r\nUpgrade: h2")).both("426 ok"),
        head("a length without a body, after HEAD", "Content-Length: 200\r\n\r\n").both("200"),
        head("a body, after HEAD", "Content-Length: 2\r\n\r\nok").both("200"),
        head("chunked without chunks, after HEAD", "Transfer-Encoding: chunked\r\n\r\n").both("200"),
        head("no length, after HEAD", "\r\n").both("200"),
        head("a word for a length, after HEAD", "Content-Length: x\r\n\r\n").differ(
            "exit 8 after 200",
            "200",
            LENGTH,
        ),
    ]
}

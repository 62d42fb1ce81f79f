//! What says where a body ends (RFC 9112, section 6.3).

use crate::reasons::*;
use crate::row::{Row, Step::*};
use crate::table::{chunks, ok};

/// A 200 with these header lines and this body.
fn body(name: &'static str, lines: &str, body: &str) -> Row {
    Row::answer(name, ok(format!("{lines}\r\n\r\n{body}")))
}

/// The same, behind which the connection ends.
fn ends(name: &'static str, lines: &str, text: &str) -> Row {
    body(name, lines, text).then(Finish)
}

const CHUNKS_OF_OK: &str = "2\r\nok\r\n0\r\n\r\n";
const RAW_CHUNKS: &str = "200 2\\r\\nok\\r\\n0\\r\\n\\r\\n";
const TE: &str = "Transfer-Encoding: chunked";

pub fn rows() -> Vec<Row> {
    let coded = |name, coding: &str| ends(name, &format!("Transfer-Encoding: {coding}"), CHUNKS_OF_OK);
    vec![
        ends("no length, and the end", "X: y", "ok").both("200 ok"),
        ends("no length, `keep-alive`, and the end", "Connection: keep-alive", "ok").both("200 ok"),
        ends("a length of 0 before a body", "Content-Length: 0", "ok").both("200"),
        ends("a body that is longer than its length", "Content-Length: 2", "ok and more").both("200 ok"),
        body("the same length twice", "Content-Length: 2\r\nContent-Length: 2", "ok").both("200 ok"),
        body("the same length twice in a list", "Content-Length: 2, 2", "ok").both("200 ok"),
        ends("two lengths, the second one right", "Content-Length: 5\r\nContent-Length: 2", "ok").differ(
            "200 ok",
            "body after 200",
            AMBIGUOUS,
        ),
        ends("two lengths, the first one right", "Content-Length: 2\r\nContent-Length: 5", "ok").differ(
            "exit 18 after 200 ok",
            "body after 200",
            AMBIGUOUS,
        ),
        body("two lengths in a list", "Content-Length: 2, 5", "ok...").differ(
            "200 ok",
            "body after 200",
            AMBIGUOUS,
        ),
        ends("a hexadecimal length", "Content-Length: 0x2", "ok").differ("200", "body after 200", AMBIGUOUS),
        body("a length with a fraction", "Content-Length: 2.0", "ok").differ(
            "200 ok",
            "body after 200",
            AMBIGUOUS,
        ),
        ends("a length that goes on in a folded line", "Content-Length: 2\r\n 0", "ok").differ(
            "200 ok",
            "body after 200",
            AMBIGUOUS,
        ),
        ends("a negative length", "Content-Length: -2", "ok").fail("exit 8 after 200", "body after 200"),
        ends("a word for a length", "Content-Length: two", "ok").fail("exit 8 after 200", "body after 200"),
        ends("an empty length", "Content-Length:", "ok").fail("exit 8 after 200", "body after 200"),
        ends("a length in quotes", "Content-Length: \"2\"", "ok").fail("exit 8 after 200", "body after 200"),
        ends("a length behind a control byte", "Content-Length: \u{b}2", "ok")
            .fail("exit 8 after 200", "body after 200"),
        body("a length with a sign", "Content-Length: +2", "ok").both("200 ok"),
        body("a length with leading zeros", "Content-Length: 0000000000000000000000000002", "ok")
            .both("200 ok"),
        body("a length with a unit", "Content-Length: 2 bytes", "ok").both("200 ok"),
        body("a length with a semicolon", "Content-Length: 2;", "ok").both("200 ok"),
        ends("a length past 64 bits", "Content-Length: 99999999999999999999999", "ok").both("200 ok"),
        ends("a length past 63 bits", "Content-Length: 18446744073709551615", "ok").both("200 ok"),
        ends("a length of 63 bits", "Content-Length: 9223372036854775807", "ok")
            .fail("exit 18 after 200 ok", "body after 200 ok"),
        body("a blank before the colon of the length", "Content-Length : 2", "ok").stalls().differ(
            "exit 28 after 200 ok",
            "200 ok",
            LENGTH,
        ),
        ends("a blank before the colon of the transfer coding", "Transfer-Encoding : chunked", CHUNKS_OF_OK)
            .differ(RAW_CHUNKS, "200 ok", LENGTH),
        body("a length and then chunks", &format!("Content-Length: 100\r\n{TE}"), CHUNKS_OF_OK)
            .both("200 ok"),
        body("chunks and then a length", &format!("{TE}\r\nContent-Length: 100"), CHUNKS_OF_OK)
            .both("200 ok"),
        body("chunks and a length that would fit", &format!("{TE}\r\nContent-Length: 12"), CHUNKS_OF_OK)
            .both("200 ok"),
        coded("chunked, in capitals", "CHUNKED").both("200 ok"),
        coded("chunked, twice in a list", "chunked, chunked").both("200 ok"),
        body("chunked, twice", &format!("{TE}\r\n{TE}"), CHUNKS_OF_OK).both("200 ok"),
        coded("chunked and identity", "chunked, identity").both("200 ok"),
        coded("identity and chunked", "identity, chunked").both("200 ok"),
        coded("chunked with a parameter", "chunked;q=1").differ("exit 61 after 200", "200 ok", CODING),
        coded("gzip and chunked, of what is no gzip", "gzip, chunked").differ(
            "exit 61 after 200",
            "200 ok",
            CODING,
        ),
        coded("chunked in quotes", "\"chunked\"").differ("exit 61 after 200", RAW_CHUNKS, CODING),
        coded("an unknown transfer coding", "strange").differ("exit 61 after 200", RAW_CHUNKS, CODING),
        ends(
            "an unknown transfer coding and a length",
            "Transfer-Encoding: strange\r\nContent-Length: 2",
            "ok",
        )
        .differ("exit 61 after 200", "200 ok", CODING),
        ends("identity as a transfer coding", "Transfer-Encoding: identity", "ok").both("200 ok"),
        body(
            "identity as a transfer coding, and a length",
            "Transfer-Encoding: identity\r\nContent-Length: 2",
            "ok",
        )
        .stalls()
        .differ("exit 28 after 200 ok", "200 ok", LENGTH),
        body("an empty transfer coding, and a length", "Transfer-Encoding:\r\nContent-Length: 2", "ok")
            .stalls()
            .differ("exit 28 after 200 ok", "200 ok", LENGTH),
        Row::answer("chunked in HTTP/1.0", format!("HTTP/1.0 200 OK\r\n{TE}\r\n\r\n{CHUNKS_OF_OK}"))
            .both("200 ok"),
        Row::answer(
            "chunked and a length in HTTP/1.0",
            format!("HTTP/1.0 200 OK\r\nContent-Length: 12\r\n{TE}\r\n\r\n{CHUNKS_OF_OK}"),
        )
        .both("200 ok"),
        Row::answer("a body that is said to be chunked and is not", chunks("plain text"))
            .then(Finish)
            .fail("exit 56 after 200", "body after 200"),
    ]
}

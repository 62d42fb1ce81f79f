//! What stands between the bytes of a chunked body.

use crate::reasons::*;
use crate::row::{Row, Step::*};
use crate::table;

fn body(name: &'static str, bytes: impl AsRef<[u8]>) -> Row {
    Row::answer(name, table::chunks(bytes))
}

/// A body behind which the connection ends.
fn ends(name: &'static str, bytes: impl AsRef<[u8]>) -> Row {
    body(name, bytes).then(Finish)
}

pub fn rows() -> Vec<Row> {
    let mut rows = whole();
    rows.extend(broken());
    rows
}

fn whole() -> Vec<Row> {
    let long = |bytes| format!("2;n={}\r\nok\r\n0\r\n\r\n", "x".repeat(bytes));
    let small = format!("1;n={}\r\no\r\n", "x".repeat(28)).repeat(1_000) + "0\r\n\r\n";
    let trailers: String = (0..1_000).map(|number| format!("X-{number}: a\r\n")).collect();
    vec![
        body("no chunk but the last one", "0\r\n\r\n").both("200"),
        body("chunks of one byte", "1\r\no\r\n1\r\nk\r\n0\r\n\r\n").both("200 ok"),
        body("a size in capitals", "A\r\n0123456789\r\n0\r\n\r\n").both("200 0123456789"),
        body("sizes with leading zeros", "0002\r\nok\r\n000\r\n\r\n").both("200 ok"),
        body("a size with 20 digits, most of them zeros", "00000000000000000002\r\nok\r\n0\r\n\r\n").differ(
            "exit 56 after 200",
            "200 ok",
            CHUNKS,
        ),
        body("blanks behind the size", "2  \r\nok\r\n0 \t\r\n\r\n").both("200 ok"),
        body("other letters behind the size", "2g\r\nok\r\n0\r\n\r\n").both("200 ok"),
        body("an extension", "2;name=value\r\nok\r\n0\r\n\r\n").both("200 ok"),
        body("an extension in quotes", "2;name=\"a;b\\\"c\"\r\nok\r\n0\r\n\r\n").both("200 ok"),
        body("a control byte in an extension", "2;n=\u{1}\r\nok\r\n0\r\n\r\n").both("200 ok"),
        body("an extension in UTF-8", "2;n=è\r\nok\r\n0\r\n\r\n").both("200 ok"),
        body("CR within an extension", "2;n=a\rb\r\nok\r\n0\r\n\r\n").both("200 ok"),
        body("an extension of 28 KiB", long(28 * 1024)).both("200 ok"),
        body("an extension of 1 MB", long(1_000_000)).both("200 ok"),
        body("28 bytes of extension with each of 1,000 bytes", small).both("200 1000 characters"),
        body("lines that end with LF alone, in chunks", "2\nok\n0\n\n").both("200 ok"),
        body("LF alone behind a size", "2\nok\r\n0\r\n\r\n").both("200 ok"),
        body("LF alone behind the bytes of a chunk", "2\r\nok\n0\r\n\r\n").both("200 ok"),
        body("a trailer", "2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n").both("200 ok"),
        body("a trailer of odd bytes", b"2\r\nok\r\n0\r\nX \x01(:\xff\r\n\r\n").both("200 ok"),
        body("a folded trailer", "2\r\nok\r\n0\r\nX: a\r\n b\r\n\r\n").both("200 ok"),
        body("a trailer without a colon", "2\r\nok\r\n0\r\nwords\r\n\r\n").differ(
            "exit 43 after 200 ok",
            "200 ok",
            LAST_CHUNK,
        ),
        body("1,000 trailers", format!("2\r\nok\r\n0\r\n{trailers}\r\n")).both("200 ok"),
        body("a trailer of 30 KB", format!("2\r\nok\r\n0\r\nX: {}\r\n\r\n", "a".repeat(30_000))).differ(
            "exit 56 after 200 ok",
            "200 ok",
            LAST_CHUNK,
        ),
        body("another length in a trailer", "2\r\nok\r\n0\r\nContent-Length: 9\r\n\r\n").both("200 ok"),
        ends("bytes behind the last chunk", "2\r\nok\r\n0\r\n\r\nmore").both("200 ok"),
        body("another response behind the last chunk", "2\r\nok\r\n0\r\n\r\nHTTP/1.1 500 Oh\r\n\r\n")
            .both("200 ok"),
        Row::new(
            "chunks byte by byte",
            [vec![Request, Trickle(table::chunks("2;a=b\r\nok\r\n0\r\nX: y\r\n\r\n"))]],
        )
        .both("200 ok"),
        ends("the end before the last line break", "2\r\nok\r\n0\r\n").differ(
            "exit 18 after 200 ok",
            "200 ok",
            LAST_CHUNK,
        ),
        ends("the end within the last line break", "2\r\nok\r\n0\r\n\r").both("200 ok"),
        ends("the end within a trailer", "2\r\nok\r\n0\r\nX: a").differ(
            "exit 18 after 200 ok",
            "200 ok",
            LAST_CHUNK,
        ),
    ]
}

fn broken() -> Vec<Row> {
    vec![
        ends("the end before the first chunk", "").fail("exit 18 after 200", "body after 200"),
        ends("the end within a size", "2").fail("exit 18 after 200", "body after 200"),
        ends("the end behind a size", "2\r\n").fail("exit 18 after 200", "body after 200"),
        ends("the end within a chunk", "5\r\nok").fail("exit 18 after 200 ok", "body after 200 ok"),
        ends("the end behind the bytes of a chunk", "2\r\nok")
            .fail("exit 18 after 200 ok", "body after 200 ok"),
        ends("the end behind a chunk", "2\r\nok\r\n").fail("exit 18 after 200 ok", "body after 200 ok"),
        ends("the end within the last size", "2\r\nok\r\n0")
            .fail("exit 18 after 200 ok", "body after 200 ok"),
        body("a reset within a chunk", "5\r\nok")
            .then(Reset)
            .fail("exit 56 after 200 ok", "body after 200 ok"),
        body("a reset behind the last chunk", "2\r\nok\r\n0\r\n\r\n").then(Reset).both("200 ok"),
        ends("a size past 64 bits", "10000000000000002\r\nok\r\n0\r\n\r\n")
            .fail("exit 56 after 200", "body after 200"),
        ends("a size of 63 bits", "7FFFFFFFFFFFFFFF\r\nok").fail("exit 18 after 200 ok", "body after 200 ok"),
        ends("a negative size", "-2\r\nok\r\n0\r\n\r\n").fail("exit 56 after 200", "body after 200"),
        ends("a size with `0x`", "0x2\r\nok\r\n0\r\n\r\n").differ("exit 43 after 200", "200", CHUNKS),
        ends("a blank before the size", " 2\r\nok\r\n0\r\n\r\n").fail("exit 56 after 200", "body after 200"),
        ends("an empty size", "\r\nok\r\n0\r\n\r\n").fail("exit 56 after 200", "body after 200"),
        ends("letters for a size", "zz\r\nok\r\n0\r\n\r\n").fail("exit 56 after 200", "body after 200"),
        ends("no line break behind a chunk", "2\r\nok0\r\n\r\n")
            .fail("exit 56 after 200 ok", "body after 200 ok"),
        ends("a chunk that is longer than its size", "2\r\nokay\r\n0\r\n\r\n")
            .fail("exit 56 after 200 ok", "body after 200 ok"),
        ends("an empty line between chunks", "2\r\nok\r\n\r\n0\r\n\r\n")
            .fail("exit 56 after 200 ok", "body after 200 ok"),
    ]
}

//! Header fields.

use crate::reasons::*;
use crate::row::{Row, Step::*};
use crate::table::{ok, with};

fn field(name: &'static str, lines: impl AsRef<[u8]>) -> Row {
    Row::answer(name, with(lines))
}

/// So many header lines of so many bytes.
fn many(count: usize, bytes: usize) -> String {
    let lines: Vec<_> = (0..count).map(|number| format!("X-{number}: {}", "a".repeat(bytes))).collect();
    lines.join("\r\n")
}

pub fn rows() -> Vec<Row> {
    vec![
        field("a line folded with a blank", "X-Long: a\r\n b").both("200 ok"),
        field("a line folded with a tab", "X-Long: a\r\n\tb").both("200 ok"),
        field("a line folded three times", "X-Long: a\r\n b\r\n  c\r\n\t d").both("200 ok"),
        field("a folded line of blanks alone", "X-Long: a\r\n   ").both("200 ok"),
        field("a first field that looks like a folded line", " X: a").differ(
            "exit 43 after 200",
            "200 ok",
            FOLDED,
        ),
        Row::answer("a folded length", ok("Content-Length:\r\n 2\r\n\r\nok")).differ(
            "exit 8 after 200",
            "200 ok",
            FOLDED,
        ),
        Row::answer(
            "a folded transfer coding",
            ok("Transfer-Encoding:\r\n chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
        )
        .then(Finish)
        .differ("200 2\\r\\nok\\r\\n0\\r\\n\\r\\n", "200 ok", FOLDED),
        field("a control byte in a value", "X-C: a\u{1}b").both("200 ok"),
        field("DEL in a value", "X-C: a\u{7f}b").both("200 ok"),
        field("a colour code in a value", "X-C: \u{1b}[31m").both("200 ok"),
        field("NUL in a value", "X-C: a\0b").differ("exit 8 after 200", "200 ok", FIELDS),
        field("CR in a value", "X-C: a\rb").both("200 ok"),
        field("a value in UTF-8", "X-C: très").both("200 ok"),
        field("a value in Latin-1", b"X-C: tr\xe8s").both("200 ok"),
        field("an empty value", "X-C:").both("200 ok"),
        field("no blank behind the colon", "X-C:a").both("200 ok"),
        field("a blank before the colon", "X-C : a").both("200 ok"),
        field("blanks in a name", "X Y Z: a").both("200 ok"),
        field("an empty name", ": a").both("200 ok"),
        field("parentheses in a name", "X(Y): a").both("200 ok"),
        field("quotes, slashes and brackets in a name", "\"X\"/[Y]@: a").both("200 ok"),
        field("a name in UTF-8", "X-Ü: a").both("200 ok"),
        field("a control byte in a name", "X\u{1}Y: a").both("200 ok"),
        field("NUL in a name", "X\0Y: a").differ("exit 8 after 200", "200 ok", FIELDS),
        field("a line without a colon", "just some words").differ("exit 8 after 200", "200 ok", FIELDS),
        field("a second status line", "HTTP/1.1 500 Oh").differ("exit 8 after 200", "200 ok", FIELDS),
        field("a line that ends with LF alone", "X-A: b\nX-B: c").both("200 ok"),
        field("a cookie of arbitrary bytes", b"Set-Cookie: \xff\xfe=\x02; Path=/").both("200 ok"),
        field("a date that is none", "Date: yesterday").both("200 ok"),
        field("a content type that is none", "Content-Type: ;;;").both("200 ok"),
        field("two content types", "Content-Type: text/plain\r\nContent-Type: text/html").both("200 ok"),
        field("an upgrade that is offered", "Connection: upgrade\r\nUpgrade: h2c").both("200 ok"),
        field("another service that is offered", "Alt-Svc: h2=\"127.0.0.1:1\"; ma=60").both("200 ok"),
        field("101 header fields", many(101, 1)).both("200 ok"),
        field("1,000 header fields", many(1_000, 1)).both("200 ok"),
        field("the same field 1,000 times", ["X-Many: a"; 1_000].join("\r\n")).both("200 ok"),
        field("a value of 60 KiB", many(1, 60 * 1024)).both("200 ok"),
        field("a head of 200 KiB", many(100, 2 * 1024)).both("200 ok"),
        field("a head of 1 MiB", many(100, 10 * 1024)).differ("exit 56 after 200", "200", HEAD_SIZE),
        Row::answer(
            "a head of 1 MiB with a 500",
            format!("HTTP/1.1 500 Oh\r\n{}\r\n\r\n", many(100, 10 * 1024)),
        )
        .differ("exit 56 after 500", "500", HEAD_SIZE),
        field("a value of 110 KiB", many(1, 110 * 1024)).differ("exit 27 after 200", "200 ok", HEAD_SIZE),
        field("a name that begins like that of the length", "Content-Length-X: 7").both("200 ok"),
    ]
}

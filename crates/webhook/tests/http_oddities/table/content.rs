//! Bodies: their codings, their characters, their size.

use crate::reasons::*;
use crate::row::Row;
use crate::table::ok;

/// What gzip made of 259 bytes of JSON.
const GZIP: &[u8] = b"\
    \x1f\x8b\x08\0\0\0\0\0\x02\x03%\x8e1nC1\x0cC\xafb\xfc\xd9\x83%Y\xa2\x94\xab\x04\x99Z\x0f\x7f\xe8\xf2\
    \x9bv)z\xf7\xd0\xc8d\x90&\x9f\xf8w\x5c\xebc\x9d\xbf\xeb\xf3\xb8\xb5\xe7\xf5\xb3z;\xce\xe7\xfa\xfa\
    \xa6\xbc\x8f\xdePR\xbd\x99\x04\x82B\x14\xd2\x9bh`L\xbe\x85\x82\xf7\xa6\xe9#\xa9-s\x18\xff}D\x0a\xe3\
    1eZ\xbd\x19\x83\xac\xf2\x94\xa2\x969\xcc\x8cyK\x1b\xc9\xbc\xab({H\x01\x94<\xa8\xe7\xc6\xa6'\xf1\x1e\
    \x0eg\x9d\x0a\xce\x1a\xb7x1>K\x15\xdb7E\x82~\x96\xecs\x1ebFL\xcd\xb2\xd8g\xdcT\xf7\x0c(\x0dr9\x16\
    \xe4\x87W\x86<\xfe_s\xfe\xbb|\x03\x01\0\0";
/// `ok`, by zlib.
const ZLIB: &[u8] = b"\x78\x9c\xcb\xcf\x06\0\x01\x4a\0\xdb";

/// A 200 with these header lines, each with its end, and this body.
fn body(name: &'static str, lines: &str, body: &[u8]) -> Row {
    let head = format!("{lines}Content-Length: {}\r\n\r\n", body.len());
    Row::answer(name, ok([head.as_bytes(), body].concat()))
}

pub fn rows() -> Vec<Row> {
    let gzip = "200 171 characters";
    vec![
        body("gzip that nobody asked for", "Content-Encoding: gzip\r\n", GZIP).differ(
            gzip,
            "200 184 bytes of gzip",
            CODING,
        ),
        body("gzip that is called x-gzip", "Content-Encoding: x-gzip\r\n", GZIP).differ(
            gzip,
            "200 184 bytes of x-gzip",
            CODING,
        ),
        body("gzip that is called nothing", "", GZIP).differ(gzip, "200 184 bytes of gzip", CODING),
        body("a text that is called gzip", "Content-Encoding: gzip\r\n", b"ok").both("200 ok"),
        body("no body that is called gzip", "Content-Encoding: gzip\r\n", b"").both("200"),
        body("deflate", "Content-Encoding: deflate\r\n", ZLIB).differ(
            "200 x\u{fffd}\u{fffd}\u{fffd}\\u{6}\\u{0}\\u{1}J\\u{0}\u{fffd}",
            "200 10 bytes of deflate",
            CODING,
        ),
        body("brotli", "Content-Encoding: br\r\n", b"\x8b\0\x80ok\x03").differ(
            "200 \u{fffd}\\u{0}\u{fffd}ok\\u{3}",
            "200 6 bytes of br",
            CODING,
        ),
        body("an unknown coding", "Content-Encoding: strange\r\n", b"ok").both("200 ok"),
        body("identity as a coding", "Content-Encoding: identity\r\n", b"ok").both("200 ok"),
        body("Latin-1", "Content-Type: text/plain; charset=iso-8859-1\r\n", b"caf\xe9")
            .both("200 caf\u{fffd}"),
        body("UTF-16", "Content-Type: text/plain; charset=utf-16\r\n", b"\xff\xfeo\0k\0")
            .both("200 \u{fffd}\u{fffd}o\\u{0}k\\u{0}"),
        body("an unknown character set", "Content-Type: text/plain; charset=klingon\r\n", b"ok")
            .both("200 ok"),
        body("a byte order mark", "", b"\xef\xbb\xbfok").both("200 \\u{feff}ok"),
        body("bytes that are no UTF-8", "", b"ok\xff\xfe").both("200 ok\u{fffd}\u{fffd}"),
        body("a NUL", "", b"o\0k").both("200 o\\u{0}k"),
        body("several parts", "Content-Type: multipart/mixed; boundary=x\r\n", b"--x\r\n\r\nok\r\n--x--\r\n")
            .both("200 --x\\r\\n\\r\\nok\\r\\n--x--\\r\\n"),
        body("100 KiB of text", "", &[b'a'; 100 * 1024]).differ(
            "200 102400 characters",
            "200 65536 characters",
            KEPT_BODY,
        ),
        body("20 MiB of text", "", &vec![b'a'; 20 << 20]).differ(
            "200 20971520 characters",
            "200 65536 characters",
            KEPT_BODY,
        ),
    ]
}

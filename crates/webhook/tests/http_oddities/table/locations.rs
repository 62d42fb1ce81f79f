//! Where a redirect leads. The first request is for `/a/b?q=1`.

use crate::reasons::*;
use crate::row::{Row, Step::*};

/// A 302 to this location, on a target that says what it was asked next.
fn to(name: &'static str, location: impl AsRef<[u8]>) -> Row {
    let head =
        [&b"HTTP/1.1 302 Found\r\nLocation: "[..], location.as_ref(), b"\r\nContent-Length: 0\r\n\r\n"]
            .concat();
    Row::new(name, [vec![Request, Send(head), Request, Echo]]).follows(5)
}

const THERE: &str = "200 GET /there in 2 requests";

pub fn rows() -> Vec<Row> {
    vec![
        to("a path", "/there").both(THERE),
        to("a relative path", "there").both("200 GET /a/there in 2 requests"),
        to("dots in a path", "../../there/./x").both("200 GET /there/x in 2 requests"),
        to("a query alone", "?z=1").both("200 GET /a/b?z=1 in 2 requests"),
        to("a fragment alone", "#top").differ(
            "200 GET /a/ in 2 requests",
            "200 GET /a/b?q=1 in 2 requests",
            LOCATION,
        ),
        to("a path and a fragment", "/there#top").both(THERE),
        to("a host without a scheme", "//127.0.0.1:{port}/there").both(THERE),
        to("a whole URL", "http://127.0.0.1:{port}/there").both(THERE),
        to("a scheme in capitals", "HTTP://127.0.0.1:{port}/there").both(THERE),
        to("a URL without a path", "http://127.0.0.1:{port}").both("200 GET / in 2 requests"),
        to("a URL with a query and no path", "http://127.0.0.1:{port}?z").both("200 GET /?z in 2 requests"),
        to("a short form of an address", "http://127.1:{port}/there").both(THERE),
        to("an address as one number", "http://2130706433:{port}/there").both(THERE),
        to("three slashes", "http:///127.0.0.1:{port}/there").both(THERE),
        to("one slash", "http:/there").differ("exit 6 after 302", THERE, LOCATION),
        to("a scheme and no slash", "http:there").differ(
            "exit 3 after 302",
            "200 GET /a/there in 2 requests",
            LOCATION,
        ),
        to("blanks around it", "   /there  ").both(THERE),
        to("a blank in it", "/the re").both("200 GET /the%20re in 2 requests"),
        to("a path in UTF-8", "/thère").differ(
            "200 GET /th%c3%a8re in 2 requests",
            "200 GET /th%C3%A8re in 2 requests",
            LOCATION,
        ),
        to("a query in UTF-8", "/there?q=è").differ(
            "200 GET /there?q=%c3%a8 in 2 requests",
            "200 GET /there?q=%C3%A8 in 2 requests",
            LOCATION,
        ),
        to("a path in Latin-1", b"/th\xe8re").differ(
            "200 GET /th%e8re in 2 requests",
            "200 GET /th%E8re in 2 requests",
            LOCATION,
        ),
        to("a path with escapes", "/th%C3%A8re%2F%41").both("200 GET /th%C3%A8re%2F%41 in 2 requests"),
        to("escapes that are none", "/there%zz%").both("200 GET /there%zz% in 2 requests"),
        to("a tab in it", "/the\tre").differ("exit 3 after 302", THERE, LOCATION),
        to("a control byte in it", "/the\u{1}re").differ(
            "exit 3 after 302",
            "200 GET /the%01re in 2 requests",
            LOCATION,
        ),
        to("backslashes", "\\there\\x").differ(
            "200 GET /a/\\there\\x in 2 requests",
            "200 GET /there/x in 2 requests",
            LOCATION,
        ),
        to("a path of 3,000 bytes", format!("/{}", "a".repeat(3_000)))
            .both("200 3005 characters in 2 requests"),
        to("a path of 60,000 bytes", format!("/{}", "a".repeat(60_000)))
            .both("200 60005 characters in 2 requests"),
        to("user and password", "http://me:pw@127.0.0.1:{port}/there").shows(&["Authorization"]).differ(
            "200 GET /there, authorization: Basic bWU6cHc= in 2 requests",
            THERE,
            AWAY,
        ),
        to("an empty location", "").both("302"),
        to("a file", "file:///etc/passwd").differ("exit 1 after 302", "302", REFUSED),
        to("a script", "javascript:alert(1)").differ("exit 1 after 302", "302", REFUSED),
        to("another protocol", "gopher://127.0.0.1:{port}/x").differ("exit 1 after 302", "302", REFUSED),
        to("a port that is none", "http://127.0.0.1:99999/there").differ("exit 3 after 302", "302", REFUSED),
        to("a host that is none", "http://exa mple/there").differ("exit 3 after 302", "302", REFUSED),
        to("two locations", "/one\r\nLocation: /two").differ("200 GET /one in 2 requests", "302", REFUSED),
        to("the same location twice", "/there\r\nLocation: /there").both(THERE),
        to("a folded location", "\r\n /there").differ("302", THERE, FOLDED),
    ]
}

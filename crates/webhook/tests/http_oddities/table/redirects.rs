//! Which redirects are followed, with which method, which headers and which body (RFC 9110, section 15.4).

use chronos_types::Method;

use crate::reasons::*;
use crate::row::{Row, Step, Step::*};

/// A redirect to a location, and more header lines.
fn moved(status: &str, location: &str) -> Step {
    Send(format!("HTTP/1.1 {status}\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n").into_bytes())
}

/// A redirect to `/there`, which says what it was asked.
fn to_there(name: &'static str, status: &str) -> Row {
    Row::new(name, [vec![Request, moved(status, "/there"), Request, Echo]]).follows(5)
}

/// A redirect to the other origin, which says what it was asked.
fn away(name: &'static str, status: &str) -> Row {
    let first = vec![Request, moved(status, "http://127.0.0.1:{other}/there")];
    Row::new(name, [first]).other(vec![Request, Echo]).follows(5)
}

/// So many redirects of a target to itself, of which five are followed.
fn turns(name: &'static str, count: usize) -> Row {
    let turn = [Request, moved("302 Found", "/there")];
    let mut steps: Vec<Step> = std::iter::repeat_n(turn, count).flatten().collect();
    steps.extend([Request, Echo]);
    Row::new(name, [steps]).follows(5)
}

/// A redirect whose body is this. The next request finds another connection.
fn with_body(name: &'static str, rest: &str, end: Vec<Step>) -> Row {
    let bytes = format!("HTTP/1.1 302 Found\r\nLocation: /there\r\n{rest}");
    let first = [Request, Send(bytes.into_bytes())].into_iter().chain(end).collect();
    Row::new(name, [first, vec![Request, Echo]]).follows(5)
}

pub fn rows() -> Vec<Row> {
    let mut rows = statuses();
    rows.extend(methods());
    rows.extend(headers());
    rows.extend(chains());
    rows
}

const THERE: &str = "200 GET /there in 2 requests";

fn statuses() -> Vec<Row> {
    vec![
        to_there("301 to a GET", "301 Moved").both(THERE),
        to_there("302 to a GET", "302 Found").both(THERE),
        to_there("303 to a GET", "303 See Other").both(THERE),
        to_there("307 to a GET", "307 Moved").both(THERE),
        to_there("308 to a GET", "308 Moved").both(THERE),
        to_there("300 with a location", "300 Choices").differ(THERE, "300", FOLLOWED),
        to_there("304 with a location", "304 Not Modified").differ(THERE, "304", FOLLOWED),
        to_there("305 with a location", "305 Use Proxy").differ(THERE, "305", FOLLOWED),
        to_there("306 with a location", "306 Switch").differ(THERE, "306", FOLLOWED),
        to_there("399 with a location", "399 Huh").differ(THERE, "399", FOLLOWED),
        to_there("200 with a location", "200 OK").both("200"),
        to_there("201 with a location", "201 Created").both("201"),
        to_there("500 with a location", "500 Oh").both("500"),
        to_there("302 where none is to be followed", "302 Found").follows(0).both("302"),
        Row::answer("302 without a location", "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n")
            .follows(5)
            .both("302"),
        Row::answer(
            "a refresh, which is no redirect",
            "HTTP/1.1 200 OK\r\nRefresh: 0; url=/there\r\nContent-Length: 0\r\n\r\n",
        )
        .follows(5)
        .both("200"),
    ]
}

fn methods() -> Vec<Row> {
    let with_type = |row: Row| row.headers(&[("Content-Type", "text/x")]).shows(&["Content-Type"]);
    let put = "200 PUT /there with 5 bytes in 2 requests";
    let posted = "200 POST /there with 5 bytes, content-type: text/x in 2 requests";
    vec![
        to_there("301 to a POST", "301 Moved").posts(5).both(THERE),
        to_there("302 to a POST", "302 Found").posts(5).both(THERE),
        to_there("302 to a POST without a body", "302 Found").method(Method::Post).both(THERE),
        to_there("303 to a POST", "303 See Other").posts(5).both(THERE),
        with_type(to_there("307 to a POST", "307 Moved").posts(5)).both(posted),
        with_type(to_there("308 to a POST", "308 Moved").posts(5)).both(posted),
        with_type(to_there("302 to a POST whose type was given", "302 Found").posts(5)).differ(
            "200 GET /there, content-type: text/x in 2 requests",
            THERE,
            METHOD,
        ),
        to_there("301 to a PUT", "301 Moved").method(Method::Put).body(5).differ(
            "200 PUT /there in 2 requests",
            put,
            METHOD,
        ),
        to_there("303 to a PUT", "303 See Other").method(Method::Put).body(5).differ(
            "200 PUT /there in 2 requests",
            THERE,
            METHOD,
        ),
        to_there("307 to a PUT", "307 Moved").method(Method::Put).body(5).both(put),
        to_there("308 to a PATCH", "308 Moved")
            .method(Method::Patch)
            .body(5)
            .both("200 PATCH /there with 5 bytes in 2 requests"),
        to_there("302 to a DELETE", "302 Found")
            .method(Method::Delete)
            .both("200 DELETE /there in 2 requests"),
        to_there("303 to a DELETE", "303 See Other").method(Method::Delete).differ(
            "200 DELETE /there in 2 requests",
            THERE,
            METHOD,
        ),
        to_there("302 to a HEAD", "302 Found").method(Method::Head).both("200 in 2 requests"),
        to_there("303 to a HEAD", "303 See Other").method(Method::Head).both("200 in 2 requests"),
    ]
}

fn headers() -> Vec<Row> {
    let secrets = |row: Row| {
        row.headers(&[
            ("Authorization", "s"),
            ("Cookie", "c"),
            ("X-Functions-Key", "k"),
            ("X-Other", "o"),
            ("Accept", "a/b"),
        ])
        .shows(&["Authorization", "Cookie", "X-Functions-Key", "X-Other", "Accept"])
    };
    let host = |row: Row| row.headers(&[("Host", "my.example")]).shows(&["Host"]);
    let basic = |row: Row| row.basic("a", "b").shows(&["Authorization"]);
    let secure = moved("302 Found", "https://127.0.0.1:{other}/there");
    vec![
        secrets(to_there("custom headers at the same origin", "302 Found")).both(
            "200 GET /there, authorization: s, cookie: c, x-functions-key: k, x-other: o, accept: a/b \
             in 2 requests",
        ),
        secrets(away("custom headers at another origin", "302 Found")).differ(
            "200 GET /there, x-functions-key: k, x-other: o, accept: a/b in 2 requests",
            "200 GET /there, accept: a/b in 2 requests",
            AWAY,
        ),
        basic(to_there("credentials at the same origin", "302 Found"))
            .both("200 GET /there, authorization: Basic YTpi in 2 requests"),
        basic(away("credentials at another origin", "302 Found")).both(THERE),
        host(to_there("a host of the job's own at the same origin", "302 Found"))
            .both("200 GET /there, host: my.example in 2 requests"),
        host(away("a host of the job's own at another origin", "302 Found")).differ(
            "200 GET /there, host: my.example in 2 requests",
            "200 GET /there, host: 127.0.0.1:OTHER in 2 requests",
            AWAY,
        ),
        away("307 to a POST, to another origin", "307 Moved")
            .posts(5)
            .headers(&[("Content-Type", "text/x")])
            .shows(&["Content-Type"])
            .both("200 POST /there with 5 bytes, content-type: text/x in 2 requests"),
        Row::new(
            "to another origin and back",
            [vec![Request, moved("302 Found", "http://127.0.0.1:{other}/away"), Request, Echo]],
        )
        .other(vec![Request, moved("302 Found", "http://127.0.0.1:{port}/there")])
        .follows(5)
        .headers(&[("Authorization", "s"), ("X-Functions-Key", "k")])
        .shows(&["Authorization", "X-Functions-Key"])
        .differ(
            "200 GET /there, authorization: s, x-functions-key: k in 3 requests",
            "200 GET /there in 3 requests",
            AWAY,
        ),
        basic(Row::new("from http to https", [vec![Request, secure]]).follows(5))
            .other_by_tls(vec![Request, Echo])
            .both(THERE),
        basic(away("from https to http", "302 Found").tls()).both(THERE),
    ]
}

fn chains() -> Vec<Row> {
    vec![
        turns("as many redirects as are followed", 5).both("200 GET /there in 6 requests"),
        turns("one redirect more than are followed", 6).differ(
            "exit 47 after 302 in 6 requests",
            "302 in 6 requests",
            REFUSED,
        ),
        Row::new(
            "a redirect to a 500",
            [vec![
                Request,
                moved("302 Found", "/there"),
                Request,
                Send(b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nok".to_vec()),
            ]],
        )
        .follows(5)
        .both("500 ok in 2 requests"),
        Row::new(
            "a redirect, and a close behind the next request",
            [vec![Request, moved("302 Found", "/there"), Request, Close], vec![Request, Echo]],
        )
        .follows(5)
        .both("200 GET /there in 3 requests"),
        with_body("a redirect with a body", "Connection: close\r\nContent-Length: 2\r\n\r\nok", vec![])
            .both(THERE),
        with_body("a redirect whose body is cut", "Content-Length: 100\r\n\r\nok", vec![Close]).both(THERE),
        with_body("a redirect whose body does not come", "Content-Length: 100\r\n\r\nok", vec![])
            .stalls()
            .differ("exit 28 after 302", THERE, PASSED_OVER),
        with_body("a redirect whose chunks are none", "Transfer-Encoding: chunked\r\n\r\nzz", vec![]).differ(
            "exit 56 after 302",
            THERE,
            PASSED_OVER,
        ),
        with_body("a redirect without a length, and the end", "\r\n", vec![Finish]).both(THERE),
        with_body("a redirect and a close", "Connection: close\r\nContent-Length: 0\r\n\r\n", vec![Close])
            .both(THERE),
    ]
}

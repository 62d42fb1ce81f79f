//! Two calls, one after the other. The verdict is that on the second: `kept` came by the first connection, `new` by a
//! second one.

use chronos_types::Method;

use crate::reasons::*;
use crate::row::{Row, Step, Step::*};
use crate::table::{chunks, ok};

fn answer(rest: impl AsRef<[u8]>) -> Step {
    Send(ok(rest))
}

/// A 200 with these header lines, each with its end.
fn old(lines: &str) -> Step {
    answer(format!("{lines}Content-Length: 3\r\n\r\nold"))
}

fn new() -> Vec<Step> {
    vec![Request, answer("Content-Length: 3\r\n\r\nnew")]
}

/// The first call is answered so. A second one on that connection is answered too.
fn after(name: &'static str, first: Step) -> Row {
    let kept = answer("Content-Length: 4\r\n\r\nkept");
    Row::new(name, [vec![Request, first, Request, kept], new()]).twice()
}

/// The same with bytes behind the first answer.
fn behind(name: &'static str, bytes: &str) -> Row {
    after(name, answer(format!("Content-Length: 3\r\n\r\nold{bytes}")))
}

/// The first call is answered, and then this happens on the connection.
fn then(name: &'static str, steps: impl IntoIterator<Item = Step>) -> Row {
    let first = [Request, old("")].into_iter().chain(steps).collect();
    Row::new(name, [first, new()]).twice()
}

/// What curl has seen of the end when its next call begins is chance.
const TRIES: usize = 5;

pub fn rows() -> Vec<Row> {
    let kept = "200 kept in 2 requests";
    let new = "200 new in 2 requests";
    let late = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno";
    let chunk = "3\r\nold\r\n0\r\n\r\n";
    let mut rows = vec![
        after("nothing odd", old("")).both(kept),
        after("a 500", Send(b"HTTP/1.1 500 Oh\r\nContent-Length: 3\r\n\r\nold".to_vec())).both(kept),
        after("`Connection: close`", old("Connection: close\r\n")).both(new),
        after("`Connection: Keep-Alive, Close`", old("Connection: Keep-Alive, Close\r\n")).both(new),
        after("HTTP/1.0", Send(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold".to_vec())).both(new),
        after(
            "HTTP/1.0 with `keep-alive`",
            Send(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nold".to_vec()),
        )
        .both(kept),
        after("`Keep-Alive: timeout=0`", old("Keep-Alive: timeout=0\r\n")).differ(kept, new, KEPT),
        after("`Keep-Alive: max=0`", old("Keep-Alive: max=0\r\n")).differ(kept, new, KEPT),
        after("a line without a colon, before", old("words\r\n")).both(new),
        after(
            "chunks and a length, before",
            answer(format!("Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}")),
        )
        .differ(kept, new, KEPT),
        after(
            "chunks in HTTP/1.0 with `keep-alive`, before",
            Send(
                format!(
                    "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}"
                )
                .into_bytes(),
            ),
        )
        .differ(kept, new, KEPT),
        after("204 with a length, before", Send(b"HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\n".to_vec()))
            .differ(kept, new, KEPT),
        after("304 with a length, before", Send(b"HTTP/1.1 304 No\r\nContent-Length: 3\r\n\r\n".to_vec()))
            .both(kept),
        after("chunks that are none, before", Send(chunks("zz\r\n"))).both(new),
        behind("junk behind the length", "junk").both(new),
        behind("a line break behind the length", "\r\n").both(new),
        behind("another response behind the length", late).both(new),
        after("junk behind the last chunk", Send(chunks(format!("{chunk}junk")))).differ(kept, new, KEPT),
        after("another response behind the last chunk, before", Send(chunks(format!("{chunk}{late}"))))
            .differ(kept, new, KEPT),
    ];
    rows.extend(ended(new, late).into_iter().map(|row| {
        let tries = row.call.tries.max(TRIES);
        row.tries(tries)
    }));
    rows
}

/// The connection ends between the calls or in the second one.
fn ended(new: &'static str, late: &str) -> Vec<Row> {
    let again = "200 new in 3 requests";
    vec![
        then("a close between the calls", [Close]).both(new),
        then("a reset between the calls", [Reset]).both(new),
        then("408 and a close between the calls", [Send(late.as_bytes().to_vec()), Close]).both(new),
        then("408 and a close behind the second request", [Request, Send(late.as_bytes().to_vec()), Close])
            .differ("408 no in 2 requests", again, IDLE),
        then(
            "408 on a connection that stays, behind the second request",
            [Request, Send(b"HTTP/1.1 408 Timeout\r\nContent-Length: 2\r\n\r\nno".to_vec())],
        )
        .both("408 no in 2 requests"),
        then("a close before the second request is read", [Touched, Close]).both(new),
        then("a close behind the second request", [Request, Close]).both(again),
        then("a reset behind the second request", [Request, Reset]).both(again),
        then("a close behind a second POST", [Request, Close]).posts(5).both(again),
        then("a close behind a second PUT", [Request, Close]).method(Method::Put).body(5).both(again),
        then("one byte and a close behind the second request", [Request, Send(b"H".to_vec()), Close]).differ(
            again,
            "reset in 2 requests",
            BEGUN,
        ),
        then(
            "a head and a close behind the second request",
            [Request, answer("Content-Length: 3\r\n\r\n"), Close],
        )
        .fail("exit 18 after 200 in 2 requests", "body after 200 in 2 requests"),
        Row::new(
            "a close behind the second request, and again on a new connection",
            [vec![Request, old(""), Request, Close], vec![Request, Close], self::new()],
        )
        .twice()
        .fail("exit 52 in 3 requests", "reset in 3 requests"),
        Row::new(
            "a close behind the second request, and a 500 on a new connection",
            [
                vec![Request, old(""), Request, Close],
                vec![Request, Send(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n".to_vec())],
            ],
        )
        .twice()
        .both("500 in 3 requests"),
    ]
}

//! A target that answers, and often closes, before it has read a body of 250 KiB. What it sent is in the receiver's
//! buffer before the reset that the unread body causes, so it can be read.

use crate::reasons::*;
use crate::row::{Row, Step, Step::*};
use crate::table::{chunks, ok, status};

const BODY: usize = 250 * 1024;
/// Whether the reset or the answer is seen first is chance, so once is not enough.
const TRIES: usize = 20;

/// The answer comes behind the head of the request, and then something else happens.
fn early(name: &'static str, answer: impl AsRef<[u8]>, behind: Step) -> Row {
    Row::new(name, [vec![Head, Send(answer.as_ref().to_vec()), behind]]).posts(BODY).tries(TRIES)
}

/// A redirect and a close, and a second connection.
fn moved(name: &'static str, line: &str) -> Row {
    let answer =
        format!("HTTP/1.1 {line}\r\nLocation: /there\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    let first = vec![Head, Send(answer.into_bytes()), Close];
    Row::new(name, [first, vec![Request, Echo]]).posts(BODY).follows(5)
}

pub fn rows() -> Vec<Row> {
    let closing = |line: &str| status(&format!("{line}\r\nConnection: close"));
    vec![
        early("413 and a close", closing("413 Too Large"), Close).both("413 ok"),
        early("200 and a close", closing("200 OK"), Close).both("200 ok"),
        early("204 and a close", "HTTP/1.1 204 No Content\r\n\r\n", Close).both("204"),
        early("503 without `Connection: close`, and a close", status("503 Busy"), Close).both("503 ok"),
        early("413 and a reset", status("413 Too Large"), Reset).both("413 ok"),
        early("200 and a reset", status("200 OK"), Reset).both("200 ok"),
        early("200 in chunks and a reset", chunks("2\r\nok\r\n0\r\n\r\n"), Reset).both("200 ok"),
        early("401 and half a close", status("401 No"), Finish).both("401 ok"),
        // The whole request was sent before, or what curl sees would be chance.
        Row::new("200 without a length and a close", [vec![Head, Touched, Send(ok("\r\nok")), Close]])
            .posts(10)
            .tries(TRIES)
            .differ("exit 56 after 200 ok", "200 ok", EARLY_RESET),
        early("200 with half its body and a reset", ok("Content-Length: 5\r\n\r\nok"), Reset)
            .fail("exit 56 after 200 ok", "body after 200 ok"),
        early(
            "100, then 417 and a close",
            format!("HTTP/1.1 100 Continue\r\n\r\n{}", closing("417 No")),
            Close,
        )
        .both("417 ok"),
        early("413 and not one byte read from then on", status("413 Too Large"), Ignore).both("413 ok"),
        // Behind a success the rest is sent for as long as there is time: many targets answer first and read then.
        early("200 and not one byte read from then on", status("200 OK"), Ignore)
            .tries(1)
            .stalls()
            .both("200 ok"),
        Row::new("200, and then the body is read", [vec![Head, Send(status("200 OK").into_bytes())]])
            .posts(BODY)
            .both("200 ok"),
        Row::new("no answer and a close", [vec![Head, Close]])
            .posts(BODY)
            .tries(TRIES)
            .fail("exit 56", "reset"),
        Row::new("no answer and a reset", [vec![Head, Reset]])
            .posts(BODY)
            .tries(TRIES)
            .fail("exit 56", "reset"),
        moved("302 and a close", "302 Found").both("200 GET /there in 2 requests"),
        moved("307 and a close", "307 Moved").both("200 POST /there with 256000 bytes in 2 requests"),
    ]
}

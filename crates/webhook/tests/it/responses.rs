//! What common clients take for a whole response is one, and what came of a response that is not whole is kept

use std::time::Duration;

use chronos_env::Env;
use chronos_types::{DurationMs, ErrorKind, SuccessCodes, Webhook};
use chronos_webhook::Outcome;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::*;

/// The outcome of a call that is answered with these bytes and the end of the connection.
async fn answered(bytes: &[u8]) -> Outcome {
    let (caller, target) = (Caller::new(8, Env::real()), Target::start().await);
    let url = target.url();
    tokio::join!(caller.call(&url), target.answer_once(bytes)).0
}

/// Such a response is a success with the body `hello`.
async fn check(bytes: &[u8]) {
    let outcome = answered(bytes).await;
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
    assert_eq!(outcome.failure, None, "{shown:?}");
    assert_eq!(outcome.response.body.as_deref(), Some("hello"), "{shown:?}");
}

#[tokio::test]
async fn odd_responses_that_are_whole_are_taken() {
    let start = &b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"[..];
    let with = |fields: &[u8]| [start, fields, b"\r\nhello"].concat();
    check(&with(b"X-Folded: a\r\n b\r\n\tc\r\n")).await;
    check(&with(b"X-Control: a\x01b\x07c\r\n")).await;
    check(&with("X-Text: grün\r\n".as_bytes())).await;
    check(&with(b"X-Bytes: \xff\xfe\r\n")).await;
    check(&with(b"X-Null: a\0b\r\n")).await;
    check(&with(b"X-Return: a\rb\r\n")).await;
    check(&with(b"X Odd (name): a\r\n")).await;
    check(&with("Naïve: a\r\n".as_bytes())).await;
    check(&with(b": nameless\r\n")).await;
    check(&with(b"no colon\r\n")).await;
    check(&with(&b"X-Many: a\r\n".repeat(1_000))).await;
    check(&with(format!("X-Long: {}\r\n", "a".repeat(60_000)).as_bytes())).await;
    check(b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello").await;
    check(b"HTTP/1.1 200 \xc3\xa4\xff\r\nContent-Length: 5\r\n\r\nhello").await;
    check(b"\r\n\r\nHTTP/1.1 200 OK\nContent-Length: 5\n\nhello").await;
    check(b"HTTP/1.0 200 OK\r\n\r\nhello").await;
    check(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhello")
        .await;
    check(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more").await;
    check(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello").await;
    check(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n").await;
    check(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 99\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    )
    .await;
    let extension = "x".repeat(28 * 1024);
    let chunks = format!("2;{extension}\r\nhe\r\n3;{extension}\r\nllo\r\n0\r\nX-Sum: {extension}\r\n\r\n");
    check(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}").as_bytes()).await;
}

#[tokio::test]
async fn what_contradicts_itself_is_an_error_that_says_so_and_keeps_the_status() {
    for (fields, body, why) in [
        ("Content-Length: 5\r\nContent-Length: 6\r\n", "hello", "its Content-Length is both 5 and 6"),
        ("Content-Length: five\r\n", "hello", "its Content-Length is \"five\""),
        ("Content-Length: 9\r\n", "hello", "the connection ended 4 bytes before its Content-Length"),
        ("Transfer-Encoding: chunked\r\n", "x\r\nhello", "a chunk has no size"),
        ("Transfer-Encoding: chunked\r\n", "4\r\nhello\r\n0\r\n\r\n", "a chunk is longer than its size"),
        ("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n", "the connection ended before the last chunk"),
    ] {
        let outcome = answered(format!("HTTP/1.1 201 Created\r\n{fields}\r\n{body}").as_bytes()).await;
        let message = format!("the response's body could not be read: {why}");
        assert_eq!(outcome.failure, Some((ErrorKind::Body, message.clone())), "{fields:?}");
        assert_eq!((outcome.response.status_code, outcome.response.error), (201, Some(message)));
    }
    for (bytes, why) in [
        ("SSH-2.0-OpenSSH_9.2\r\n", "what came is no HTTP response: \"SSH-2.0-OpenSSH_9.2\""),
        ("HTTP/1.1 2000 Long\r\n\r\n", "what came is no HTTP response: \"HTTP/1.1 2000 Long\""),
        ("hello", "what came is no HTTP response: \"hello\""),
    ] {
        let outcome = answered(bytes.as_bytes()).await;
        assert_eq!(outcome.failure, Some((ErrorKind::Reset, why.to_owned())));
        assert_eq!(outcome.response.status_code, 0);
    }
}

#[tokio::test]
async fn a_head_that_ends_with_its_connection_ends_there() {
    for head in
        ["HTTP/1.1 204 No\r\n", "HTTP/1.1 204 No\r\nX: y\r\n", "HTTP/1.1 204 No\r\nX: y\r\nContent-Le"]
    {
        let outcome = answered(head.as_bytes()).await;
        assert_eq!((outcome.failure, outcome.response.status_code), (None, 204), "{head:?}");
    }
    for head in ["HTTP/1.1 204 No", "HT", "", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 100 Continue\r\n"] {
        let outcome = answered(head.as_bytes()).await;
        assert_eq!(outcome.failure.unwrap().0, ErrorKind::Reset, "{head:?}");
        assert_eq!(outcome.response.status_code, 0, "{head:?}");
    }
    let outcome = answered(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y").await;
    assert_eq!((outcome.failure.unwrap().0, outcome.response.status_code), (ErrorKind::Body, 200));
}

#[tokio::test]
async fn an_answer_before_the_request_was_read_counts() {
    let (caller, target) = (Caller::new(8, Env::real()), Target::start().await);
    let fired = posting(&target.url(), &"x".repeat(250_000));
    for answer in [
        "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno!",
        "HTTP/1.1 413 Too Large\r\nConnection: close\r\n\r\nno!",
        "HTTP/1.1 413 Too Large\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nno!\r\n0\r\n\r\n",
    ] {
        for _ in 0..60 {
            let served = async {
                let mut stream = target.accept().await;
                // Some of the request has come. What is unread when the connection is closed resets it.
                stream.readable().await.unwrap();
                stream.write_all(answer.as_bytes()).await.unwrap();
            };
            let (outcome, ()) = tokio::join!(caller.fire(&fired), served);
            assert_eq!(outcome.failure, Some((ErrorKind::Status, "413 Payload Too Large".to_owned())));
            assert_eq!(outcome.response.body.as_deref(), Some("no!"));
        }
    }
    assert!(!target.has_caller());
}

#[tokio::test]
async fn the_rest_of_a_request_is_sent_behind_a_success_and_only_then() {
    let (caller, target) = (Caller::new(8, Env::real()), Target::start().await);
    // More than the buffers of a connection hold: some of it cannot be sent before it is read.
    let (name, variable) = ("n".repeat(255), "{{.JobName}}");
    let fired = posting(&target.url(), &variable.repeat(20_000));
    let served = async |answer: &str| {
        let mut stream = target.accept().await;
        let head = read_head(&mut stream).await;
        stream.write_all(answer.as_bytes()).await.unwrap();
        (stream, head)
    };
    let success = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes";
    let reads = async {
        let (mut stream, head) = served(success).await;
        assert!(head.contains("\r\nContent-Length: 5100000\r\n"), "{head}");
        let mut body = vec![0; 5_100_000];
        stream.read_exact(&mut body).await.unwrap();
        assert!(body.iter().all(|byte| *byte == b'n'));
    };
    let (outcome, ()) = tokio::join!(caller.fire_as(&name, &fired), soon("the body", reads));
    assert_eq!(outcome.failure, None);
    // Nobody waits for a target that has refused it.
    let failure = "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno!";
    let (outcome, _stream) = tokio::join!(caller.fire_as(&name, &fired), served(failure));
    assert_eq!((outcome.failure.unwrap().0, outcome.response.status_code), (ErrorKind::Status, 413));
    // A target that has taken it and does not read on has taken it.
    let fired = Webhook { timeout: Some(DurationMs::from_secs(1)), ..fired };
    let (outcome, _stream) = tokio::join!(caller.fire_as(&name, &fired), served(success));
    assert_eq!((outcome.failure, outcome.response.body.as_deref()), (None, Some("yes")));
}

#[tokio::test]
async fn a_body_that_times_out_keeps_the_status_and_what_came() {
    let (caller, target) = (Caller::new(8, Env::real()), Target::start().await);
    let timeout = Some(DurationMs::from_secs(1));
    let fired = Webhook { timeout, ..webhook(&target.url()) };
    let served = async {
        let mut stream = target.accept().await;
        answer(&mut stream, b"HTTP/1.1 202 Accepted\r\nContent-Length: 9\r\n\r\nhello").await;
        stream
    };
    let (outcome, _stream) = tokio::join!(caller.fire(&fired), served);
    let message = "no complete response within 1s; 202 Accepted came, and its end did not".to_owned();
    assert_eq!(outcome.failure, Some((ErrorKind::Timeout, message.clone())));
    let response = outcome.response;
    assert_eq!((response.status_code, response.body.as_deref()), (202, Some("hello")));
    assert_eq!(response.error, Some(message));
    // The status counts from its line on.
    let served = async {
        let mut stream = target.accept().await;
        answer(&mut stream, b"HTTP/1.1 202 Accepted\r\nX: y\r\n").await;
        stream
    };
    let (outcome, _stream) = tokio::join!(caller.fire(&fired), served);
    assert_eq!((outcome.failure.unwrap().0, outcome.response.status_code), (ErrorKind::Timeout, 202));
    // Of one that never came there is nothing.
    let served = async {
        let mut stream = target.accept().await;
        read_head(&mut stream).await;
        stream
    };
    let (outcome, _stream) = tokio::join!(caller.fire(&fired), served);
    assert_eq!(outcome.failure, Some((ErrorKind::Timeout, "no complete response within 1s".to_owned())));
    assert_eq!((outcome.response.status_code, outcome.response.body), (0, None));
}

#[tokio::test]
async fn a_number_that_is_too_great_to_be_read_is_longer_than_anything() {
    for (asked, seconds) in [("4294967296", 4_294_967_296), ("99999999999999999999", u64::MAX), ("7", 7)] {
        let head = format!("HTTP/1.1 503 Later\r\nRetry-After: {asked}\r\nContent-Length: 0\r\n\r\n");
        let outcome = answered(head.as_bytes()).await;
        assert_eq!(outcome.retry_after, Some(Duration::from_secs(seconds)), "{asked}");
    }
    // Also where the rest is cut.
    let outcome = answered(b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 5\r\n\r\n").await;
    assert_eq!(
        (outcome.failure.unwrap().0, outcome.retry_after),
        (ErrorKind::Body, Some(Duration::from_secs(7)))
    );
}

#[tokio::test]
async fn of_a_body_that_is_coded_it_is_said_what_it_was() {
    let coded = [&b"\x1f\x8b\x08"[..], &[0xff; 174]].concat();
    for (fields, said) in [
        ("Content-Encoding: gzip\r\n", "177 bytes of gzip"),
        ("Content-Encoding: br\r\n", "177 bytes of br"),
        ("", "177 bytes of gzip"),
    ] {
        let head = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 177\r\n\r\n");
        let outcome = answered(&[head.as_bytes(), &coded].concat()).await;
        assert_eq!((outcome.failure, outcome.response.body.as_deref()), (None, Some(said)), "{fields:?}");
    }
}

#[tokio::test]
async fn a_status_beyond_the_known_ones_is_a_status() {
    let outcome = answered(b"HTTP/1.1 999 Denied\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(outcome.failure, Some((ErrorKind::Status, "999".to_owned())));
    assert_eq!(outcome.response.status_code, 999);
    let (caller, target) = (Caller::new(8, Env::real()), Target::start().await);
    let codes = Some(SuccessCodes::parse(vec![204, 599]).unwrap());
    let fired = Webhook { success_codes: codes, ..webhook(&target.url()) };
    let (outcome, _) = tokio::join!(caller.fire(&fired), target.answer_once(b"HTTP/1.1 599 Odd\r\n\r\n"));
    assert_eq!((outcome.failure, outcome.response.status_code), (None, 599));
}

//! How long connections are kept, and what becomes of a request that met the end of one

use std::time::Duration;

use chronos_env::Env;
use chronos_types::ErrorKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::*;

/// A 200 with these fields beside its length.
fn ok(fields: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 2\r\n\r\nok").into_bytes()
}

/// One call on a new connection, which stays.
async fn call(caller: &Caller, target: &Target, fields: &str) -> TcpStream {
    let url = target.url();
    let served = async {
        let mut stream = target.accept().await;
        answer(&mut stream, &ok(fields)).await;
        stream
    };
    let (outcome, stream) = tokio::join!(caller.call(&url), served);
    assert_eq!(outcome.failure, None);
    stream
}

/// One more call, on this connection.
async fn call_again(caller: &Caller, target: &Target, stream: &mut TcpStream, fields: &str) {
    let url = target.url();
    let bytes = ok(fields);
    let (outcome, ()) = tokio::join!(caller.call(&url), answer(stream, &bytes));
    assert_eq!(outcome.failure, None);
    assert!(!target.has_caller());
}

async fn ends(stream: &mut TcpStream) {
    assert_eq!(soon("the connection's end", stream.read(&mut [0])).await.unwrap(), 0);
}

/// Lets time pass for the client.
async fn pass(ms: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_millis(ms)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_connection_is_kept_for_4_s_where_the_target_says_nothing() {
    let (caller, target) = (Caller::new(8, Env::real()), Target::start().await);
    let mut stream = call(&caller, &target, "").await;
    pass(3_000).await;
    call_again(&caller, &target, &mut stream, "").await;
    pass(3_000).await;
    call_again(&caller, &target, &mut stream, "").await;
    pass(4_001).await;
    let mut next = call(&caller, &target, "").await;
    ends(&mut stream).await;
    // It is closed also where no further call comes.
    pass(4_001).await;
    ends(&mut next).await;
    assert_eq!(caller.metric("idle_connections"), 0);
}

#[tokio::test]
async fn a_connection_is_kept_for_as_long_as_the_target_says() {
    let (caller, target) = (Caller::new(8, Env::real()), Target::start().await);
    let mut stream = call(&caller, &target, "Keep-Alive: timeout=20\r\n").await;
    pass(18_000).await;
    call_again(&caller, &target, &mut stream, "Keep-Alive: timeout=3\r\n").await;
    // A second before the target would close it.
    pass(2_001).await;
    call(&caller, &target, "").await;
    ends(&mut stream).await;
    for fields in ["Keep-Alive: timeout=1\r\n", "Keep-Alive: timeout=9, max=0\r\n", "Connection: close\r\n"] {
        ends(&mut call(&caller, &target, fields).await).await;
    }
}

#[tokio::test]
async fn a_connection_is_used_for_a_minute_at_most() {
    let (caller, target) = (Caller::new(8, Env::real()), Target::start().await);
    let long = "Keep-Alive: timeout=3600\r\n";
    let mut stream = call(&caller, &target, long).await;
    pass(40_000).await;
    call_again(&caller, &target, &mut stream, long).await;
    pass(20_001).await;
    call(&caller, &target, long).await;
    ends(&mut stream).await;
}

#[tokio::test]
async fn a_kept_connection_that_ends_without_a_byte_costs_no_attempt() {
    for resets in [false, true] {
        for body in [0, 2, 250_000] {
            let (caller, target) = (Caller::new(8, Env::real()), Target::start().await);
            let mut stream = call(&caller, &target, "").await;
            let url = target.url();
            let fired = if body == 0 { webhook(&url) } else { posting(&url, &"x".repeat(body)) };
            let served = async {
                if resets {
                    // What is unread when it is dropped resets it.
                    stream.readable().await.unwrap();
                } else {
                    read_head(&mut stream).await;
                    stream.read_exact(&mut vec![0; body]).await.unwrap();
                }
                drop(stream);
                let mut next = target.accept().await;
                answer(&mut next, &ok("")).await;
                next.read_exact(&mut vec![0; body]).await.unwrap();
            };
            let (outcome, ()) = tokio::join!(caller.fire(&fired), served);
            assert_eq!(outcome.failure, None, "{body} {resets}");
            assert_eq!(outcome.response.body.as_deref(), Some("ok"));
        }
    }
}

#[tokio::test]
async fn it_is_tried_once_more_and_only_where_nothing_came() {
    let (caller, target) = (Caller::new(8, Env::real()), Target::start().await);
    let url = target.url();
    // A new connection that ends is no kept one.
    let served = async { drop(target.accept().await) };
    let (outcome, ()) = tokio::join!(caller.call(&url), served);
    assert_eq!(outcome.failure.unwrap().0, ErrorKind::Reset);
    assert!(!target.has_caller());
    // Twice in a row.
    let mut stream = call(&caller, &target, "").await;
    let served = async {
        read_head(&mut stream).await;
        drop(stream);
        drop(target.accept().await);
    };
    let (outcome, ()) = tokio::join!(caller.call(&url), served);
    assert_eq!(outcome.failure.unwrap().0, ErrorKind::Reset);
    assert!(!target.has_caller());
    // One byte is an answer that broke off.
    let mut stream = call(&caller, &target, "").await;
    let served = async {
        read_head(&mut stream).await;
        stream.write_all(b"H").await.unwrap();
        drop(stream);
    };
    let (outcome, ()) = tokio::join!(caller.call(&url), served);
    assert_eq!(outcome.failure.unwrap().0, ErrorKind::Reset);
    assert!(!target.has_caller());
}

#[tokio::test]
async fn a_408_on_a_kept_connection_that_closes_is_no_answer() {
    let late = b"HTTP/1.0 408 Request Time-out\r\nConnection: close\r\n\r\n<html>late</html>";
    let (caller, target) = (Caller::new(8, Env::real()), Target::start().await);
    let mut stream = call(&caller, &target, "").await;
    let url = target.url();
    let served = async {
        answer(&mut stream, late).await;
        drop(stream);
        answer(&mut target.accept().await, &ok("")).await;
    };
    let (outcome, ()) = tokio::join!(caller.call(&url), served);
    assert_eq!((outcome.failure, outcome.response.body.as_deref()), (None, Some("ok")));
    // On a new connection it is one, and on one that stays.
    let caller = Caller::new(8, Env::real());
    let (outcome, _) = tokio::join!(caller.call(&url), target.answer_once(late));
    assert_eq!((outcome.failure.unwrap().0, outcome.response.status_code), (ErrorKind::Status, 408));
    let mut stream = call(&caller, &target, "").await;
    let stays = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n";
    let (outcome, ()) = tokio::join!(caller.call(&url), answer(&mut stream, stays));
    assert_eq!((outcome.failure.unwrap().0, outcome.response.status_code), (ErrorKind::Status, 408));
    assert!(!target.has_caller());
}

#[tokio::test]
async fn what_a_target_says_unasked_is_no_answer() {
    let (caller, target, other) = (Caller::new(8, Env::real()), Target::start().await, Target::start().await);
    let mut stream = call(&caller, &target, "").await;
    let late = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(late).await.unwrap();
    drop(stream);
    // It has arrived by the time that something behind it has.
    call(&caller, &other, "").await;
    call(&caller, &target, "").await;
    // A connection that stays, too.
    let mut stream = call(&caller, &target, "").await;
    stream.write_all(b"HTTP/1.1 103 Early Hints\r\n\r\n").await.unwrap();
    call(&caller, &other, "Connection: close\r\n").await;
    call(&caller, &target, "").await;
    // More than was announced, with the answer.
    let mut stream = call(&caller, &other, "Connection: close\r\n").await;
    ends(&mut stream).await;
    let url = target.url();
    let more = [ok(""), ok("X: y\r\n")].concat();
    let caller = Caller::new(8, Env::real());
    let served = async {
        let mut stream = target.accept().await;
        answer(&mut stream, &more).await;
        ends(&mut stream).await;
    };
    let (outcome, ()) = tokio::join!(caller.call(&url), served);
    assert_eq!(outcome.failure, None);
    call(&caller, &target, "").await;
}

//! How the time of an attempt is told apart. What was not reached, or not needed, is none; how long each part took
//! depends on the machine, and is not looked at but for their sum.

use std::time::Duration;

use chronos_env::Env;
use chronos_types::{DurationMs, ErrorKind, Phases, Webhook};
use chronos_webhook::Outcome;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::*;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Which parts there are: dns, connect, TLS, first byte, body.
fn parts(phases: Phases) -> [bool; 5] {
    let Phases { dns_ms, connect_ms, tls_ms, first_byte_ms, body_ms } = phases;
    [dns_ms, connect_ms, tls_ms, first_byte_ms, body_ms].map(|part| part.is_some())
}

fn sum(phases: Phases) -> u64 {
    let Phases { dns_ms, connect_ms, tls_ms, first_byte_ms, body_ms } = phases;
    [dns_ms, connect_ms, tls_ms, first_byte_ms, body_ms].into_iter().flatten().map(u64::from).sum()
}

/// A webhook that gives up soon: the target of this test never answers.
fn hasty(url: &str) -> Webhook {
    Webhook { timeout: Some(DurationMs::from_millis(200)), ..webhook(url) }
}

fn timed_out(outcome: &Outcome) -> Phases {
    assert_eq!(outcome.failure.as_ref().map(|(kind, _)| *kind), Some(ErrorKind::Timeout));
    // What was under way counts until the end.
    let sum = sum(outcome.phases);
    assert!(sum >= 150, "{:?}", outcome.phases);
    outcome.phases
}

#[tokio::test]
async fn a_kept_connection_has_no_look_up_and_no_connect() {
    let (caller, target) = (Caller::new(8, Env::real()), Target::start().await);
    let url = target.url();
    let served = async {
        let mut stream = target.accept().await;
        answer(&mut stream, OK).await;
        answer(&mut stream, OK).await;
    };
    let calls = async { (caller.call(&url).await, caller.call(&url).await) };
    let ((first, second), ()) = tokio::join!(calls, served);
    assert_eq!((first.failure, second.failure), (None, None));
    // An address that stands in the URL is not looked up.
    assert_eq!(parts(first.phases), [false, true, false, true, true]);
    assert_eq!(parts(second.phases), [false, false, false, true, true]);
}

#[tokio::test]
async fn a_name_is_looked_up() {
    let (caller, target) = (Caller::new(8, Env::real()), Target::start().await);
    let url = format!("http://localhost:{}/", target.address.port());
    let (outcome, _) = tokio::join!(caller.call(&url), target.answer_once(OK));
    assert_eq!(outcome.failure, None);
    assert_eq!(parts(outcome.phases), [true, true, false, true, true]);
}

#[tokio::test]
async fn an_attempt_that_fails_ends_where_it_was() {
    let caller = Caller::new(8, Env::real());
    let unknown = caller.call("http://unknown.invalid/").await;
    assert_eq!(unknown.failure.map(|(kind, _)| kind), Some(ErrorKind::Dns));
    assert_eq!(parts(unknown.phases), [true, false, false, false, false]);
    let gone = Target::start().await;
    let url = gone.url();
    drop(gone);
    let refused = caller.call(&url).await;
    assert_eq!(refused.failure.map(|(kind, _)| kind), Some(ErrorKind::Connect));
    assert_eq!(parts(refused.phases), [false, true, false, false, false]);
}

#[tokio::test]
async fn a_timeout_counts_for_what_was_under_way() {
    let caller = Caller::new(8, Env::real());
    // It takes the connection, reads, and says nothing.
    let target = Target::start().await;
    let (plain, secure) = (hasty(&target.url()), hasty(&target.url().replace("http://", "https://")));
    let silent = async {
        let mut stream = target.accept().await;
        while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
    };
    let (outcome, ()) = tokio::join!(caller.fire(&plain), silent);
    assert_eq!(parts(timed_out(&outcome)), [false, true, false, true, false]);
    // One byte of an answer, and no more.
    let begins = async {
        let mut stream = target.accept().await;
        read_head(&mut stream).await;
        stream.write_all(b"H").await.unwrap();
        while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
    };
    let (outcome, ()) = tokio::join!(caller.fire(&plain), begins);
    assert_eq!(parts(timed_out(&outcome)), [false, true, false, true, true]);
    // It speaks no TLS.
    let silent = async {
        let mut stream = target.accept().await;
        while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
    };
    let (outcome, ()) = tokio::join!(caller.fire(&secure), silent);
    assert_eq!(parts(timed_out(&outcome)), [false, true, true, false, false]);
}

#[tokio::test]
async fn what_comes_before_the_answer_is_no_answer() {
    let (caller, target) = (Caller::new(8, Env::real()), Target::start().await);
    let webhook = hasty(&target.url());
    let early = async {
        let mut stream = target.accept().await;
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 103 Early Hints\r\n\r\n").await.unwrap();
        while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
    };
    let (outcome, ()) = tokio::join!(caller.fire(&webhook), early);
    let Phases { first_byte_ms, body_ms, .. } = timed_out(&outcome);
    // The wait for the answer itself is the longer part, by far.
    assert!(first_byte_ms > body_ms, "{:?}", outcome.phases);
}

#[tokio::test]
async fn the_parts_of_all_requests_of_a_chain_are_added_up() {
    let (caller, first, second) = (Caller::new(8, Env::real()), Target::start().await, Target::start().await);
    let redirect = format!("HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", second.url());
    let following = Webhook { max_redirects: 1, ..webhook(&first.url()) };
    let begun = tokio::time::Instant::now();
    let calls = async {
        let outcome = caller.fire(&following).await;
        (outcome, begun.elapsed())
    };
    let ((outcome, took), _, _) =
        tokio::join!(calls, first.answer_once(redirect.as_bytes()), second.answer_once(OK));
    assert_eq!(outcome.failure, None);
    assert_eq!(parts(outcome.phases), [false, true, false, true, true]);
    // Five parts, each rounded by half a millisecond at most.
    assert!(Duration::from_millis(sum(outcome.phases)) <= took + Duration::from_millis(3));
}

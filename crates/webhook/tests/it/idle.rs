//! Idle connections are bounded over all targets, and those that are used are kept

use chronos_env::Env;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::support::*;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const EMPTY: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// One call on a new connection, which is answered and stays.
async fn call(caller: &Caller, target: &Target, bytes: &[u8]) -> TcpStream {
    let url = target.url();
    let served = async {
        let mut stream = target.accept().await;
        answer(&mut stream, bytes).await;
        stream
    };
    let (outcome, stream) = tokio::join!(caller.call(&url), served);
    assert_eq!(outcome.failure, None);
    stream
}

/// One more call on a connection.
async fn call_again(caller: &Caller, target: &Target, stream: &mut TcpStream, bytes: &[u8]) {
    let url = target.url();
    let (outcome, ()) = tokio::join!(caller.call(&url), answer(stream, bytes));
    assert_eq!(outcome.failure, None);
}

#[tokio::test]
async fn those_that_are_idle_for_longest_are_closed() {
    for bytes in [OK, EMPTY] {
        let caller = Caller::new(2, Env::real());
        let mut calls = Vec::new();
        for _ in 0..5 {
            let target = Target::start().await;
            let stream = call(&caller, &target, bytes).await;
            calls.push((target, stream));
        }
        for (_, stream) in &mut calls[..3] {
            assert_eq!(soon("the connection's end", stream.read(&mut [0])).await.unwrap(), 0);
        }
        assert_eq!(caller.metric("idle_connections"), 2);
        // Of the other two, the one that is used once more is kept, and the other one makes room.
        let (target, stream) = &mut calls[3];
        call_again(&caller, target, stream, bytes).await;
        let newest = Target::start().await;
        let _newest = call(&caller, &newest, bytes).await;
        let (_, stream) = &mut calls[4];
        assert_eq!(soon("the connection's end", stream.read(&mut [0])).await.unwrap(), 0);
        let (target, stream) = &mut calls[3];
        call_again(&caller, target, stream, bytes).await;
    }
}

#[tokio::test]
async fn a_connection_in_use_is_never_closed() {
    let caller = Caller::new(0, Env::real());
    let target = Target::start().await;
    let url = target.url();
    let busy = async {
        let mut stream = target.accept().await;
        read_head(&mut stream).await;
        // Meanwhile others come and go, and each is closed at once.
        for _ in 0..20 {
            let other = Target::start().await;
            let mut ended = call(&caller, &other, OK).await;
            assert_eq!(soon("the connection's end", ended.read(&mut [0])).await.unwrap(), 0);
        }
        tokio::io::AsyncWriteExt::write_all(&mut stream, OK).await.unwrap();
        stream
    };
    let (outcome, _stream) = tokio::join!(caller.call(&url), busy);
    assert_eq!(outcome.failure, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_calls_at_once_find_no_connection_that_was_just_closed() {
    let caller = Caller::new(1, Env::real());
    let mut targets = Vec::new();
    for _ in 0..4 {
        let target = Target::start().await;
        let url = target.url();
        targets.push(url);
        tokio::spawn(async move {
            loop {
                let mut stream = target.accept().await;
                tokio::spawn(async move {
                    // Until it is closed, between two requests.
                    while stream.peek(&mut [0]).await.is_ok_and(|bytes| bytes > 0) {
                        answer(&mut stream, EMPTY).await;
                    }
                });
            }
        });
    }
    for _ in 0..50 {
        let calls = targets.iter().cycle().take(32).map(|url| caller.call(url));
        for outcome in futures::future::join_all(calls).await {
            assert_eq!(outcome.failure, None);
        }
    }
}

//! How long a connection may stay as it is, in simulated time.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use axum::routing::get;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prometheus_client::registry::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_util::sync::CancellationToken;

use super::{Client, Crowd, Protocol, serve};
use crate::metrics::Metrics;

const BODY: usize = 1 << 20;

fn crowd(most: usize) -> Arc<Crowd> {
    Arc::new(Crowd::new(most, Metrics::new(&mut Registry::default())))
}

/// A connection that is one of a crowd. Little fits between its two ends.
fn connect(crowd: &Arc<Crowd>) -> DuplexStream {
    connect_by(crowd, Protocol::Http1)
}

fn connect_by(crowd: &Arc<Crowd>, speaks: Protocol) -> DuplexStream {
    let (ours, theirs) = duplex(1024);
    let router = Router::new().route("/", get(|| async { vec![b'x'; BODY] }));
    let (place, crowd) = (Crowd::join(crowd), Arc::clone(crowd));
    tokio::spawn(async move {
        let client = Client { address: [127, 0, 0, 1].into(), is_secured: false, speaks };
        serve(theirs, client, router, &crowd, CancellationToken::new()).await;
        drop(place);
    });
    ours
}

/// Asks, and reads so many bytes of the answer a second. Answers how many there were.
async fn read_slowly(stream: &mut DuplexStream, a_second: usize) -> usize {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.expect("it is open");
    let (mut part, mut all) = (vec![0; a_second], 0);
    loop {
        let mut read = 0;
        while read < a_second {
            match stream.read(&mut part[read..]).await {
                Ok(0) | Err(_) => return all + read,
                Ok(bytes) => read += bytes,
            }
        }
        all += read;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_may_be_taken_slowly_and_not_for_ever() {
    let crowd = crowd(100);
    assert!(read_slowly(&mut connect(&crowd), 4096).await > BODY);
    assert!(read_slowly(&mut connect(&crowd), 100).await < 64 * 1024);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_stays_while_there_are_few() {
    let crowd = crowd(4);
    let (mut first, mut second) = (connect(&crowd), connect(&crowd));
    let a_while = Duration::from_secs(30);
    assert!(tokio::time::timeout(a_while, first.read(&mut [0])).await.is_err(), "it was closed");
    // A third one is one too many, and one of the others makes room.
    let mut third = connect(&crowd);
    let (mut one, mut other) = ([0], [0]);
    let ended = async {
        tokio::select! {
            read = first.read(&mut one) => read,
            read = second.read(&mut other) => read,
        }
    };
    let ended = tokio::time::timeout(a_while, ended).await;
    assert!(matches!(ended, Ok(Ok(0))), "none makes room: {ended:?}");
    assert!(tokio::time::timeout(a_while, third.read(&mut [0])).await.is_err(), "it was closed, too");
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_http_2_is_taken_in_time_or_its_connection_ends() {
    let crowd = crowd(100);
    // Whoever takes it gets all of it, in as many parts as there are.
    for takes in [true, false] {
        let stream = TokioIo::new(connect_by(&crowd, Protocol::Http2));
        let client =
            http2::Builder::new(TokioExecutor::new()).initial_stream_window_size(1024_u32).handshake(stream);
        let (mut sender, connection) = client.await.expect("a connection");
        let connection = tokio::spawn(connection);
        let request = Request::get("http://localhost/").body(Empty::<Bytes>::new()).expect("a request");
        let answer = sender.send_request(request).await.expect("an answer");
        if takes {
            let body = answer.into_body().collect().await.expect("a body").to_bytes();
            assert_eq!(body.len(), BODY);
            continue;
        }
        let ended = tokio::time::timeout(Duration::from_secs(120), connection).await;
        assert!(ended.is_ok(), "it stays open though its answer is not taken");
        drop(answer);
    }
}

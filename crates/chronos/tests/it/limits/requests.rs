//! Requests to the API: hyper reads them, axum finds their page

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{converse, parts};
use crate::support::*;

/// Bytes of a head.
const HEAD: usize = 32 * 1024;

/// A request for `/health` whose head has so many bytes, and the two fields that it needs.
fn head_of(bytes: usize) -> String {
    let (before, after) =
        ("GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Long: ", "\r\n\r\n");
    format!("{before}{}{after}", "x".repeat(bytes - before.len() - after.len()))
}

/// The same with so many fields.
fn head_with(fields: usize) -> String {
    let more = "X-Many: a\r\n".repeat(fields - 2);
    format!("GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n")
}

/// The sentence of a refusal that is ours.
fn detail(answer: &[u8]) -> String {
    let (status, body) = parts(answer);
    let problem: Value =
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {status} {body:?}"));
    assert_eq!((status, &problem["code"]), (431, &json!("head_too_large")), "{problem:#}");
    problem["detail"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_head_has_32_kib_at_most_and_what_is_longer_is_told_so() {
    let server = CHRONOS.start().await;
    assert_eq!(parts(&converse(&server, head_of(HEAD).as_bytes()).await).0, 200);
    let said = detail(&converse(&server, head_of(HEAD + 1).as_bytes()).await);
    assert!(said.contains("has 32769 bytes; expected at most 32768"), "{said}");
    // A URL is a part of it.
    let target =
        format!("GET /jobs?q={} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "x".repeat(HEAD));
    let said = detail(&converse(&server, target.as_bytes()).await);
    assert!(said.contains("of URL and headers"), "{said}");
    // hyper gives it up with a bare status where it has read twice as much and the end is not there. With its last read
    // it may get as much again.
    let (status, body) = parts(&converse(&server, head_of(5 * HEAD).as_bytes()).await);
    assert_eq!((status, body.as_str()), (431, ""));
}

#[tokio::test]
async fn a_head_has_100_fields_at_most_and_what_has_more_is_told_so() {
    let server = CHRONOS.start().await;
    assert_eq!(parts(&converse(&server, head_with(100).as_bytes()).await).0, 200);
    let said = detail(&converse(&server, head_with(101).as_bytes()).await);
    assert!(said.contains("has 101 header fields; expected at most 100"), "{said}");
    let (status, body) = parts(&converse(&server, head_with(201).as_bytes()).await);
    assert_eq!((status, body.as_str()), (431, ""));
}

/// A job in one chunk, with what may stand beside the chunks.
fn chunked(name: &str, extension: &str, trailer: &str) -> String {
    let job = manual(name, json!({"url": "http://127.0.0.1:9/"})).to_string();
    format!(
        "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\n{:x}{extension}\r\n{job}\r\n0\r\n{trailer}\r\n",
        job.len()
    )
}

#[tokio::test]
async fn what_stands_beside_the_chunks_of_a_body_has_16_kib_at_most() {
    let server = CHRONOS.start().await;
    let long = |bytes: usize| "x".repeat(bytes);
    for (n, (extension, trailer)) in [
        (String::new(), String::new()),
        (format!(";a={}", long(16_000)), String::new()),
        (String::new(), format!("X-Trailer: {}\r\n", long(16_000))),
    ]
    .into_iter()
    .enumerate()
    {
        let request = chunked(&format!("job-{n}"), &extension, &trailer);
        assert_eq!(parts(&converse(&server, request.as_bytes()).await).0, 201, "{n}");
    }
    for (extension, trailer) in [
        (format!(";a={}", long(17_000)), String::new()),
        (String::new(), format!("X-Trailer: {}\r\n", long(17_000))),
    ] {
        let answer = converse(&server, chunked("long", &extension, &trailer).as_bytes()).await;
        let (status, body) = parts(&answer);
        assert!(status == 400 && body.contains("body_incomplete"), "{status} {body}");
    }
    server.get("/jobs/long").await.problem(404);
}

#[tokio::test]
async fn requests_are_http_1_1_or_1_0() {
    let server = CHRONOS.start().await;
    // One of HTTP/1.0 is answered in that version, and the connection closed.
    let answer = converse(&server, b"GET /health HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with(b"HTTP/1.0 200 OK\r\n"), "{answer:?}");
    for nothing_else in [
        "GET /health HTTP/2.0\r\nHost: localhost\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET /health\r\n",
    ] {
        let answer = converse(&server, nothing_else.as_bytes()).await;
        assert!(answer.is_empty() || parts(&answer).0 == 400, "{nothing_else:?}: {answer:?}");
    }
    for ambiguous in [
        "Transfer-Encoding: chunked\r\nX: folded\r\n here",
        "Content-Length: 2\r\nContent-Length: 3",
        "Transfer-Encoding: gzip",
        "Content-Length: +2",
    ] {
        let request = format!("POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\n{ambiguous}\r\n\r\n{{}}");
        let (status, _) = parts(&converse(&server, request.as_bytes()).await);
        assert_eq!(status, 400, "{ambiguous:?}");
    }
    let old = "POST /api/v1/jobs HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(parts(&converse(&server, old.as_bytes()).await).0, 400);
}

#[tokio::test]
async fn a_client_that_asks_whether_to_send_its_body_is_told_to() {
    let server = CHRONOS.start().await;
    let job = manual("asked", json!({"url": "http://127.0.0.1:9/"})).to_string();
    let head = |length: usize| {
        format!(
            "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(head(job.len()).as_bytes()).await.unwrap();
    let mut go_on = vec![0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
    soon("an answer", stream.read_exact(&mut go_on)).await.unwrap();
    assert_eq!(go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(job.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    soon("the end", stream.read_to_end(&mut answer)).await.unwrap();
    assert_eq!(parts(&answer).0, 201);
    // What would be too long is refused before it is sent.
    assert_eq!(parts(&converse(&server, head(2 << 20).as_bytes()).await).0, 413);
}

#[tokio::test]
async fn a_client_that_closes_its_side_is_taken_to_be_gone() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    receiver.script("/held", [Answer::ok().after(&Gate::closed())]);
    let test = json!({"webhook": {"url": receiver.url("/held")}}).to_string();
    let request = format!(
        "POST /api/v1/webhooks/test HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{test}",
        test.len()
    );
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    receiver.next("/held").await;
    stream.shutdown().await.unwrap();
    receiver.abandoned("/held").await;
    let mut answer = Vec::new();
    let _ = soon("the server to hang up", stream.read_to_end(&mut answer)).await;
    assert_eq!(answer, b"");
}

#[tokio::test]
async fn paths_and_queries_are_read_as_browsers_write_them() {
    let server = CHRONOS.start().await;
    let mut job = manual("a.b", json!({"url": "http://127.0.0.1:9/"}));
    job["description"] = "two words".into();
    server.create(&job).await;
    let found = |page: Value| page["jobs"].as_array().unwrap().len();
    for (query, count) in
        [("q=two+words", 1), ("q=two%20words", 1), ("q=two%2Bwords", 0), ("%71=two%20words", 1), ("q=", 1)]
    {
        assert_eq!(found(server.get(&format!("/jobs?{query}")).await.ok(200)), count, "{query}");
    }
    for (path, status) in [
        ("/jobs/a.b", 200),
        ("/jobs/%61%2eb", 200),
        ("/jobs/a%2Eb", 200),
        ("/jobs/A.b", 404),
        ("/jobs/a.b/", 404),
        ("/jobs//a.b", 404),
        ("/jobs/a.b%00", 404),
        ("/jobs/a.b/versions", 200),
        ("/jobs/a.b%2Fversions", 404),
    ] {
        assert_eq!(server.get(path).await.status, status, "{path}");
    }
    let head = server.send(hyper::Method::HEAD, "/api/v1/jobs/a.b", &[], "").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

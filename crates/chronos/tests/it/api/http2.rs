//! HTTP/2, which a client and the node agree on in the handshake of TLS: what it carries, and what is done to it

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::support::tls::Authority;
use crate::support::*;

const EVENTS: &str = "/api/v1/events";
/// Kinds of frames, and flags (RFC 9113, section 6).
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// Reasons (section 7).
const REFUSED_STREAM: u32 = 7;
const CANCEL: u32 = 8;
/// Requests at a time on one connection.
const STREAMS: u32 = 100;

/// A server with a certificate of this authority.
pub async fn https(authority: &Authority, keys: impl FnOnce(Setup) -> Setup) -> Server {
    let setup = keys(CHRONOS.setup());
    let (certificate, key) = authority.sign().pem();
    let (certificate, key) = (setup.file("cert.pem", &certificate), setup.file("key.pem", &key));
    setup
        .key("server.http.tls.cert_file", certificate.to_str().unwrap())
        .key("server.http.tls.key_file", key.to_str().unwrap())
        .start()
        .await
}

/// Shakes hands; the client speaks these.
async fn connect(server: &Server, authority: &Authority, speaks: &[&str]) -> TlsStream<TcpStream> {
    try_connect(server, authority, speaks).await.unwrap()
}

/// The same, where the server may have a certificate of another authority.
pub async fn try_connect(
    server: &Server,
    authority: &Authority,
    speaks: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = speaks.iter().map(|name| name.as_bytes().to_vec()).collect();
    let socket = TcpStream::connect(server.address()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    soon("a handshake", TlsConnector::from(Arc::new(config)).connect(name, socket)).await
}

/// A client of a library.
async fn speak(server: &Server, authority: &Authority) -> SendRequest<Full<Bytes>> {
    let stream = TokioIo::new(connect(server, authority, &["h2"]).await);
    let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn ask(
    sender: &mut SendRequest<Full<Bytes>>,
    request: hyper::http::request::Builder,
    body: &str,
) -> (u16, Response<Bytes>) {
    let request = request.body(Full::from(body.to_owned())).unwrap();
    let response = soon("an answer", sender.send_request(request)).await.unwrap();
    let (head, body) = response.into_parts();
    let body = soon("a body", body.collect()).await.unwrap().to_bytes();
    (head.status.as_u16(), Response::from_parts(head, body))
}

#[tokio::test]
async fn http_2_is_spoken_where_both_sides_agree_on_it() {
    let authority = Authority::new();
    let server = https(&authority, |setup| setup).await;
    for (speaks, agreed) in [
        (&["h2", "http/1.1"][..], Some("h2")),
        (&["http/1.1", "h2"], Some("h2")),
        (&["http/1.1"], Some("http/1.1")),
        (&[], None),
    ] {
        let mut stream = connect(&server, &authority, speaks).await;
        let found = stream.get_ref().1.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
        assert_eq!(found.as_deref(), agreed, "{speaks:?}");
        if agreed != Some("h2") {
            let head = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
            stream.write_all(head).await.unwrap();
            let mut answer = Vec::new();
            let _ = soon("an answer", stream.read_to_end(&mut answer)).await;
            assert!(answer.starts_with(b"HTTP/1.1 200 "), "{speaks:?}");
        }
    }
}

#[tokio::test]
async fn the_api_answers_over_http_2_as_it_does_else() {
    let authority = Authority::new();
    let server = https(&authority, |setup| setup).await;
    let mut sender = speak(&server, &authority).await;
    let json = ("content-type", "application/json");
    let url = |path: &str| format!("https://localhost{path}");
    let job = manual("job", json!({"url": "http://127.0.0.1:9/"})).to_string();
    let (status, made) =
        ask(&mut sender, Request::post(url("/api/v1/jobs")).header(json.0, json.1), &job).await;
    assert_eq!((status, made.version()), (201, hyper::Version::HTTP_2));
    assert!(made.headers().contains_key("etag") && !made.headers().contains_key("connection"), "{made:?}");
    assert_eq!(made.headers()["x-content-type-options"], "nosniff");
    let (status, read) = ask(&mut sender, Request::get(url("/api/v1/jobs/job")), "").await;
    assert_eq!(status, 200);
    assert_eq!(serde_json::from_slice::<Value>(read.body()).unwrap()["name"], "job");
    // Longer than one window, so it comes in parts.
    let (status, document) = ask(&mut sender, Request::get(url("/api/v1/openapi.json")), "").await;
    assert_eq!(status, 200);
    assert!(document.body().len() > 100_000 && serde_json::from_slice::<Value>(document.body()).is_ok());
    let (status, head) = ask(&mut sender, Request::head(url("/api/v1/jobs/job")), "").await;
    assert_eq!((status, head.body().len()), (200, 0));
    let (status, _) = ask(&mut sender, Request::delete(url("/api/v1/jobs/job")), "").await;
    assert_eq!(status, 204);
    let long = "x".repeat((1 << 20) + 1);
    let too_long = Request::post(url("/api/v1/jobs")).header(json.0, json.1);
    assert_eq!(ask(&mut sender, too_long, &long).await.0, 413);
    assert_eq!(ask(&mut sender, Request::get(url("/health")), "").await.0, 200, "the connection goes on");
}

#[tokio::test]
async fn the_guard_reads_the_authority_of_http_2() {
    let authority = Authority::new();
    let server = https(&authority, |setup| setup).await;
    let mut sender = speak(&server, &authority).await;
    for (host, more, expected) in [
        ("localhost", &[][..], 200),
        ("127.0.0.1:8443", &[], 200),
        ("evil.example", &[], 421),
        ("localhost", &[("host", "evil.example")], 400),
        ("localhost", &[("origin", "https://localhost")], 200),
        // Over TLS no page of plain HTTP is ours.
        ("localhost", &[("origin", "http://localhost")], 403),
        ("localhost", &[("origin", "https://evil.example")], 403),
        ("localhost", &[("sec-fetch-site", "cross-site")], 403),
    ] {
        let mut request = Request::get(format!("https://{host}/api/v1/jobs"));
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        assert_eq!(ask(&mut sender, request, "").await.0, expected, "{host} {more:?}");
    }
}

/// A connection to the frame.
struct Raw {
    stream: TlsStream<TcpStream>,
    last: u32,
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A GET of a path, as HPACK writes it without any compression (RFC 7541, appendix A has the numbers).
fn get(path: &str) -> Vec<u8> {
    let mut block = vec![0x82, 0x87];
    for (name, value) in [(0x04, path), (0x01, "localhost")] {
        block.push(name);
        block.push(u8::try_from(value.len()).unwrap());
        block.extend(value.bytes());
    }
    block
}

fn reset(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes())
}

impl Raw {
    async fn open(server: &Server, authority: &Authority) -> Self {
        let mut stream = connect(server, authority, &["h2"]).await;
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
        Self { stream, last: 0 }
    }

    /// The frame of the next request.
    fn request(&mut self, path: &str) -> Vec<u8> {
        self.last = if self.last == 0 { 1 } else { self.last + 2 };
        frame(HEADERS, END_STREAM | END_HEADERS, self.last, &get(path))
    }

    /// The next frame: its kind, its stream and its payload. None where the connection is over, or is about to be.
    async fn next(&mut self) -> Option<(u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        soon("a frame", self.stream.read_exact(&mut head)).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        soon("the rest of a frame", self.stream.read_exact(&mut payload)).await.ok()?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        if head[3] == GOAWAY { None } else { Some((head[3], stream, payload)) }
    }

    /// The first frame of a kind on a stream.
    async fn first(&mut self, kinds: &[u8], stream: u32) -> Option<(u8, Vec<u8>)> {
        loop {
            let (kind, at, payload) = self.next().await?;
            if at == stream && kinds.contains(&kind) {
                return Some((kind, payload));
            }
        }
    }
}

/// A server that tells of events.
async fn telling(authority: &Authority, keys: impl FnOnce(Setup) -> Setup) -> Server {
    let server = https(authority, keys).await;
    let mut sender = speak(&server, authority).await;
    loop {
        let (_, status) = ask(&mut sender, Request::get("https://localhost/api/v1/cluster/status"), "").await;
        let status: Value = serde_json::from_slice(status.body()).unwrap_or_default();
        if status["cluster_version"].as_u64() >= Some(2) {
            return server;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_connection_carries_a_hundred_requests_at_a_time() {
    let authority = Authority::new();
    let server = telling(&authority, |setup| setup).await;
    let mut raw = Raw::open(&server, &authority).await;
    let (_, settings) = raw.first(&[SETTINGS], 0).await.expect("settings");
    let most =
        settings.chunks(6).find(|setting| setting[..2] == [0, 3]).expect("how many streams there may be");
    assert_eq!(most[2..], STREAMS.to_be_bytes());
    for _ in 0..STREAMS {
        let request = raw.request(EVENTS);
        raw.stream.write_all(&request).await.unwrap();
        let (kind, _) = raw.first(&[HEADERS, RST_STREAM], raw.last).await.expect("an answer");
        assert_eq!(kind, HEADERS);
    }
    let request = raw.request(EVENTS);
    raw.stream.write_all(&request).await.unwrap();
    let (kind, payload) = raw.first(&[HEADERS, RST_STREAM], raw.last).await.expect("a refusal");
    assert_eq!((kind, payload), (RST_STREAM, REFUSED_STREAM.to_be_bytes().to_vec()));
}

#[tokio::test]
async fn requests_of_http_2_count_as_connections_do() {
    let authority = Authority::new();
    // A quarter of the open files is for connections of clients, and as many requests of HTTP/2.
    let server = telling(&authority, |setup| setup.open_files(256)).await;
    let mut raw = Raw::open(&server, &authority).await;
    for _ in 0..64 {
        let request = raw.request(EVENTS);
        raw.stream.write_all(&request).await.unwrap();
        raw.first(&[HEADERS], raw.last).await.expect("an answer");
    }
    let mut other = speak(&server, &authority).await;
    let (status, busy) = ask(&mut other, Request::get("https://localhost/api/v1/jobs"), "").await;
    let problem: Value = serde_json::from_slice(busy.body()).unwrap();
    assert_eq!((status, problem["code"].as_str()), (503, Some("busy")), "{problem:#}");
    // Whoever watches over the node by HTTP/1.1 is not held up.
    let mut plain = connect(&server, &authority, &["http/1.1"]).await;
    plain.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = soon("an answer", plain.read_to_end(&mut answer)).await;
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{:?}", String::from_utf8_lossy(&answer));
    let freed = reset(raw.last);
    raw.stream.write_all(&freed).await.unwrap();
    until("room for a request", || {
        let mut other = other.clone();
        async move {
            let asked = Request::get("https://localhost/api/v1/jobs");
            (ask(&mut other, asked, "").await.0 == 200).then_some(())
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_that_takes_its_requests_back_again_and_again_is_hung_up_on() {
    let authority = Authority::new();
    let server = telling(&authority, |setup| setup).await;
    // Each is answered before it is taken back.
    let mut raw = Raw::open(&server, &authority).await;
    let mut taken_back = 0;
    loop {
        let request = raw.request(EVENTS);
        if raw.stream.write_all(&request).await.is_err() || raw.first(&[HEADERS], raw.last).await.is_none() {
            break;
        }
        let back = reset(raw.last);
        let _ = raw.stream.write_all(&back).await;
        taken_back += 1;
        assert!(taken_back < 1_000, "nobody minds");
    }
    assert!(taken_back > STREAMS, "a page that is left takes back {taken_back}");
    // All in one go.
    let mut raw = Raw::open(&server, &authority).await;
    let mut flood = Vec::new();
    for _ in 0..10_000 {
        flood.extend(raw.request(EVENTS));
        flood.extend(reset(raw.last));
    }
    let _ = soon("the flood to be sent or not", raw.stream.write_all(&flood)).await;
    while raw.next().await.is_some() {}
    assert_eq!(
        ask(&mut speak(&server, &authority).await, Request::get("https://localhost/health"), "").await.0,
        200
    );
}

#[tokio::test]
async fn a_head_without_an_end_is_not_waited_for() {
    let authority = Authority::new();
    let server = https(&authority, |setup| setup).await;
    // A head in pieces is one all the same.
    let mut raw = Raw::open(&server, &authority).await;
    let block = get("/health");
    let (one, rest) = block.split_at(3);
    raw.stream.write_all(&frame(HEADERS, END_STREAM, 1, one)).await.unwrap();
    raw.stream.write_all(&frame(CONTINUATION, END_HEADERS, 1, rest)).await.unwrap();
    raw.first(&[HEADERS], 1).await.expect("an answer");
    for piece in [vec![], vec![0x10; 64], vec![0x10; 16_000]] {
        let mut raw = Raw::open(&server, &authority).await;
        let mut flood = frame(HEADERS, END_STREAM, 1, &get("/health"));
        for _ in 0..1_000 {
            flood.extend(frame(CONTINUATION, 0, 1, &piece));
        }
        let _ = soon("the flood to be sent or not", raw.stream.write_all(&flood)).await;
        while raw.next().await.is_some() {}
    }
}

//! Clients that are slow, many, or speak nonsense

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::*;

/// Sends bytes and answers all that comes back until the server closes.
async fn converse(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // A reset closes as well as an end does.
    let _ = soon("the server to hang up", stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn clients_that_never_finish_are_hung_up_on_and_nobody_else_waits() {
    let server = CHRONOS.start().await;
    let head = b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ".as_slice();
    let body = b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"na".as_slice();
    let api = async {
        for n in 0..20 {
            server.create(&manual(&format!("job-{n}"), json!({"url": "http://127.0.0.1:9/"}))).await;
        }
    };
    // Side by side, since each lasts as long as the server's patience.
    let (head, body, ()) = tokio::join!(converse(&server, head), converse(&server, body), api);
    assert!(head.is_empty() || head.starts_with("HTTP/1.1 408"), "{head}");
    assert!(body.is_empty() || body.starts_with("HTTP/1.1 408"), "{body}");
    assert_eq!(server.get("/jobs?limit=500").await.ok(200)["jobs"].as_array().unwrap().len(), 20);
}

#[tokio::test]
async fn what_is_not_http_gets_a_400_or_nothing() {
    let server = CHRONOS.start().await;
    for bytes in [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice(),
        b"NONSENSE\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
    ] {
        let answer = converse(&server, bytes).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    let endless = [b"GET / HTTP/1.1\r\nX: ".as_slice(), &[b'x'; 1 << 20]].concat();
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    // It may hang up before it has read all of that.
    let _ = stream.write_all(&endless).await;
    let mut answer = Vec::new();
    let _ = soon("the server to hang up", stream.read_to_end(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    server.root("/health").await.ok(200);
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

#[tokio::test]
async fn a_client_that_hangs_up_in_the_middle_harms_nobody() {
    let server = CHRONOS.start().await;
    let job = manual("half", json!({"url": "http://127.0.0.1:9/"})).to_string();
    let head = format!(
        "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        job.len()
    );
    let whole = format!("{head}{job}");
    for cut in [1, head.len() / 2, head.len(), whole.len() - 1] {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(&whole.as_bytes()[..cut]).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = soon("the server to hang up", stream.read_to_end(&mut answer)).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    server.get("/jobs/half").await.problem(404);
}

#[tokio::test]
async fn ten_thousand_idle_connections_do_not_stop_the_service() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, rustix::process::Rlimit { current: limit.maximum, ..limit }).unwrap();
    // The other tests of this process need some as well.
    let room = limit.maximum.map_or(10_000, |most| usize::try_from(most).unwrap().saturating_sub(1_000));
    let count = room.min(10_000);
    assert!(count >= 1_000, "the limit on open files leaves no room for this test: {limit:?}");
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let mut idle = Vec::with_capacity(count);
    for n in 0..count {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        // Some have been served before and stay, some have said nothing yet.
        if n % 10 == 0 {
            stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
            let mut byte = [0];
            stream.read_exact(&mut byte).await.unwrap();
        }
        idle.push(stream);
    }
    server.create(&manual("job", json!({"url": receiver.url("/")}))).await;
    assert_eq!(server.run_again("job").await["status"], "success");
    server.root("/ready").await.ok(200);
    drop(idle);
    server.root("/health").await.ok(200);
}

/// Reads one answer: its status, and its headers.
async fn answer(stream: &mut TcpStream) -> (u16, String) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(soon("an answer", stream.read_u8()).await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let mut body = vec![0; field("content-length:").unwrap().parse().unwrap()];
    soon("its body", stream.read_exact(&mut body)).await.unwrap();
    (head["http/1.1 ".len()..][..3].parse().unwrap(), head)
}

#[tokio::test]
async fn a_body_that_is_refused_unread_is_sent_in_peace_and_its_connection_goes_on() {
    let (server, locked) = (CHRONOS.start().await, CHRONOS.with(&[("auth.api_keys", "[]")]).await);
    // More than lies ready when it is refused.
    let body = vec![b'x'; 1 << 20];
    let head = |line: &str, host: &str, more: &str| {
        format!("{line} HTTP/1.1\r\nHost: {host}\r\n{more}Content-Length: {}\r\n\r\n", body.len())
    };
    for (server, asked) in [
        (
            &server,
            [
                ("POST /api/v1/jobs", "evil.example", 421),
                ("POST /api/v1/nothing", "localhost", 404),
                ("PUT /api/v1/jobs", "localhost", 405),
            ],
        ),
        (
            &locked,
            [
                ("POST /api/v1/jobs", "localhost", 401),
                ("DELETE /api/v1/jobs/a", "localhost", 401),
                ("PUT /api/v1/jobs/a", "localhost", 401),
            ],
        ),
    ] {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        for (line, host, status) in asked {
            stream.write_all(head(line, host, "").as_bytes()).await.unwrap();
            stream.write_all(&body).await.unwrap();
            assert_eq!(answer(&mut stream).await.0, status, "{line}");
        }
    }
    // Of a body that is not sent before it is asked for, nothing comes: so the answer says that it is the last one.
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let asks = head("POST /api/v1/jobs", "evil.example", "Expect: 100-continue\r\n");
    stream.write_all(asks.as_bytes()).await.unwrap();
    let (status, head) = answer(&mut stream).await;
    assert!(status == 421 && head.contains("\r\nconnection: close\r\n"), "{head}");
    assert_eq!(soon("the end", stream.read(&mut [0])).await.unwrap(), 0);
}

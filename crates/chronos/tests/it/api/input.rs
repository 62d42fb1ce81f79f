//! Bad input: a clear 4xx, never a panic, and never half a write

use hyper::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::*;

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

async fn post_raw(server: &Server, path: &str, body: impl Into<bytes::Bytes>) -> Reply {
    server.send(Method::POST, &format!("/api/v1{path}"), &JSON, body).await
}

/// The server is as well as it was, and remembers nothing of what was refused.
async fn unharmed(server: &Server) {
    assert_eq!(server.get("/jobs").await.ok(200)["jobs"], json!([]));
    server.create(&manual("after", json!({"url": "http://127.0.0.1:9/"}))).await;
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

#[tokio::test]
async fn malformed_json_is_refused_with_its_place() {
    let server = CHRONOS.start().await;
    for body in [
        "",
        " ",
        "{",
        "{]",
        "nonsense",
        "{\"name\": }",
        "{\"name\": \"a\",}",
        "{\"name\": \"a\"} trailing",
        "{'name': 'a'}",
        "{\"name\": \"\\ud800\"}",
        "{\"a\": 1e999}",
    ] {
        for path in ["/jobs", "/webhooks/test", "/schedules/preview"] {
            let problem = post_raw(&server, path, body).await.problem(400);
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains("line") || detail.contains("empty"), "{body:?}: {detail}");
        }
    }
    unharmed(&server).await;
}

#[tokio::test]
async fn json_of_another_kind_is_refused() {
    let server = CHRONOS.start().await;
    for body in ["null", "true", "7", "\"text\"", "[]", "[{}]"] {
        for path in ["/jobs", "/webhooks/test", "/schedules/preview"] {
            post_raw(&server, path, body).await.problem(400);
        }
    }
    unharmed(&server).await;
}

#[tokio::test]
async fn a_key_given_twice_is_refused() {
    let server = CHRONOS.start().await;
    let body =
        r#"{"name": "a", "name": "b", "schedule": "* * * * *", "webhook": {"url": "http://127.0.0.1:9/"}}"#;
    let problem = post_raw(&server, "/jobs", body).await.problem(400);
    assert!(problem.to_string().contains("name"), "{problem:#}");
    unharmed(&server).await;
}

#[tokio::test]
async fn nesting_without_end_is_refused() {
    let server = CHRONOS.start().await;
    let deep = 100_000;
    for body in ["[".repeat(deep), format!("{}1{}", "{\"a\":".repeat(deep), "}".repeat(deep))] {
        post_raw(&server, "/jobs", body).await.problem(400);
    }
    unharmed(&server).await;
}

#[tokio::test]
async fn invalid_utf_8_is_refused() {
    let server = CHRONOS.start().await;
    let body = b"{\"name\": \"caf\xe9\", \"schedule\": \"* * * * *\"}".to_vec();
    let problem = post_raw(&server, "/jobs", body).await.problem(400);
    assert!(problem["detail"].as_str().unwrap().contains("UTF-8"), "{problem:#}");
    for path in ["/jobs/%ff", "/jobs/a%00b", "/jobs?q=%ff", "/jobs/%ff/executions", "/jobs?limit=%ff"] {
        let reply = server.get(path).await;
        assert!(matches!(reply.status, 200 | 400 | 404), "{path}: {reply:?}");
    }
    unharmed(&server).await;
}

/// Sends a body in chunks, with no word of its length, and reads the answer's first line.
async fn post_in_chunks(server: &Server, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let head = "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
        Transfer-Encoding: chunked\r\n\r\n";
    let mut bytes = head.as_bytes().to_vec();
    for chunk in body.chunks(10_000) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    let (mut reader, mut writer) = stream.split();
    let mut answer = Vec::new();
    let exchange = async {
        // The server may have answered before it took all of this.
        let write = async {
            let _ = writer.write_all(&bytes).await;
        };
        let read = async {
            while !answer.contains(&b'\n') && reader.read_buf(&mut answer).await.is_ok_and(|n| n > 0) {}
        };
        tokio::join!(write, read);
    };
    soon("an answer", exchange).await;
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_body_in_chunks_is_taken_up_to_1_mib_as_well() {
    let server = CHRONOS.start().await;
    let job = |size| {
        let mut job = manual("chunked", json!({"url": "http://127.0.0.1:9/"}));
        job["description"] = "x".repeat(size).into();
        job.to_string()
    };
    assert!(post_in_chunks(&server, job(1 << 20).as_bytes()).await.starts_with("HTTP/1.1 413"));
    server.get("/jobs/chunked").await.problem(404);
    assert!(post_in_chunks(&server, job(1_000).as_bytes()).await.starts_with("HTTP/1.1 201"));
    server.get("/jobs/chunked").await.ok(200);
}

#[tokio::test]
async fn a_body_over_1_mib_is_refused() {
    let server = CHRONOS.start().await;
    let large = format!("{{\"description\": \"{}\"}}", "x".repeat(1 << 20));
    for path in ["/jobs", "/webhooks/test", "/schedules/preview"] {
        post_raw(&server, path, large.clone()).await.problem(413);
    }
    // Just inside: read, and judged by its fields.
    let fits = format!("{{\"description\": \"{}\"}}", "x".repeat((1 << 20) - 20));
    post_raw(&server, "/jobs", fits).await.problem(400);
    unharmed(&server).await;
}

#[tokio::test]
async fn another_media_type_is_refused() {
    let server = CHRONOS.start().await;
    let body = manual("job", json!({"url": "http://127.0.0.1:9/"})).to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/xml"] {
        let headers = [("content-type", kind)];
        server.send(Method::POST, "/api/v1/jobs", &headers, body.clone()).await.problem(415);
    }
    let headers = [("content-type", "application/json; charset=utf-8")];
    server.send(Method::POST, "/api/v1/jobs", &headers, body).await.ok(201);
}

/// A job called `packed`, in gzip.
const PACKED: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xff, 0xab, 0x56, 0xca, 0x4b, 0xcc, 0x4d, 0x55,
    0xb2, 0x52, 0x2a, 0x48, 0x4c, 0xce, 0x4e, 0x4d, 0x51, 0xd2, 0x51, 0x2a, 0x4e, 0xce, 0x48, 0x4d, 0x29,
    0xcd, 0x01, 0x89, 0x39, 0x24, 0x96, 0x28, 0x18, 0x19, 0x58, 0x5a, 0xea, 0x1a, 0x18, 0x02, 0x51, 0x88,
    0x81, 0x81, 0x15, 0x18, 0x45, 0x01, 0x55, 0x95, 0xa7, 0x26, 0x65, 0xe4, 0xe7, 0x67, 0x2b, 0x59, 0x55,
    0x2b, 0x95, 0x16, 0xe5, 0x00, 0xd5, 0x66, 0x94, 0x94, 0x14, 0x58, 0xe9, 0xeb, 0x1b, 0x1a, 0x99, 0xeb,
    0x19, 0x00, 0xa1, 0xa1, 0x95, 0xa5, 0xbe, 0x52, 0x6d, 0x2d, 0x00, 0x17, 0xd7, 0xf4, 0x75, 0x5f, 0x00,
    0x00, 0x00,
];

#[tokio::test]
async fn a_compressed_body_is_refused_by_its_coding() {
    let server = CHRONOS.start().await;
    server.create(&manual("job", json!({"url": "http://127.0.0.1:9/"}))).await;
    for (method, path) in [
        (Method::POST, "/jobs"),
        (Method::PUT, "/jobs/job"),
        (Method::PATCH, "/jobs/job"),
        (Method::POST, "/jobs/job/trigger"),
        (Method::POST, "/webhooks/test"),
        (Method::POST, "/schedules/preview"),
        (Method::POST, "/cluster/transfer-leadership"),
        (Method::POST, "/cluster/encryption/rotate"),
    ] {
        let path = format!("/api/v1{path}");
        // Whether the header says so, or the bytes alone do.
        for coding in [Some("gzip"), Some("identity, GZIP"), None] {
            let mut headers = JSON.to_vec();
            headers.extend(coding.map(|coding| ("content-encoding", coding)));
            let reply = server.send(method.clone(), &path, &headers, PACKED).await;
            assert_eq!(reply.problem(415)["code"], "unsupported_media_type", "{method} {path}");
            assert_eq!(reply.header("accept-encoding"), Some("identity"));
        }
    }
    let plain = manual("packed", json!({"url": "http://127.0.0.1:9/"})).to_string();
    for coding in ["x-gzip", "deflate", "br", "zstd", "x"] {
        let headers = [JSON[0], ("content-encoding", coding)];
        server.send(Method::POST, "/api/v1/jobs", &headers, plain.clone()).await.problem(415);
    }
    server.get("/jobs/packed").await.problem(404);
    let headers = [JSON[0], ("content-encoding", "Identity")];
    server.send(Method::POST, "/api/v1/jobs", &headers, plain).await.ok(201);
    // Nothing is packed where nothing is sent.
    let headers = [("content-encoding", "gzip")];
    server.send(Method::POST, "/api/v1/jobs/job/disable", &headers, "").await.ok(200);
}

#[tokio::test]
async fn a_byte_order_mark_is_not_of_the_body() {
    let server = CHRONOS.start().await;
    let job = manual("marked", json!({"url": "http://127.0.0.1:9/"}));
    post_raw(&server, "/jobs", format!("\u{feff}{job}")).await.ok(201);
    post_raw(&server, "/jobs", "\u{feff}").await.problem(400);
}

#[tokio::test]
async fn unknown_and_bad_query_parameters_are_refused_by_name() {
    let server = CHRONOS.start().await;
    for (path, name) in [
        ("/jobs?limit=0", "limit"),
        ("/jobs?limit=501", "limit"),
        ("/jobs?limit=-1", "limit"),
        ("/jobs?limit=ten", "limit"),
        ("/jobs?limit=", "limit"),
        ("/jobs?limit=%2B5", "limit"),
        ("/jobs?limit=%ff", "limit"),
        ("/jobs?q=%ff", "q"),
        ("/jobs?q=%00", "q"),
        ("/jobs?q=a%1Bb", "q"),
        ("/jobs?tag.team=%ff", "tag.team"),
        ("/jobs?tag.team=a&tag.team=b", "tag.team"),
        ("/jobs?limit=99999999999999999999", "limit"),
        ("/jobs?enabled=maybe", "enabled"),
        ("/jobs?colour=red", "colour"),
        ("/executions?status=lost", "status"),
        ("/executions?limit=0", "limit"),
    ] {
        let problem = server.get(path).await.problem(400);
        assert!(problem.to_string().contains(name), "{path}: {problem:#}");
    }
}

#[tokio::test]
async fn cursors_that_were_never_given_out_are_refused() {
    let server = CHRONOS.start().await;
    for cursor in
        ["x", "AAAA", "0", "-1", "%00", "Zm9vYmFy", "%F0%9F%92%A9", &"A".repeat(5_000), "'%20OR%201=1"]
    {
        for list in ["/jobs", "/executions"] {
            let problem = server.get(&format!("{list}?cursor={cursor}")).await.problem(400);
            assert!(problem.to_string().contains("cursor"), "{cursor}: {problem:#}");
        }
    }
    unharmed(&server).await;
}

#[tokio::test]
async fn ids_that_are_none_are_not_found() {
    let server = CHRONOS.start().await;
    server.create(&manual("job", json!({"url": "http://127.0.0.1:9/"}))).await;
    for id in ["x", "1", "../../etc/passwd", "00000000-0000-0000-0000-000000000000", "'; DROP TABLE jobs; --"]
    {
        let id: String = id.bytes().map(|b| format!("%{b:02x}")).collect();
        let reply = server.get(&format!("/jobs/job/executions/{id}")).await;
        assert!(matches!(reply.status, 400 | 404), "{reply:?}");
        let reply = server.act(&format!("/jobs/job/executions/{id}/cancel")).await;
        assert!(matches!(reply.status, 400 | 404), "{reply:?}");
        let reply = server.get(&format!("/jobs/{id}")).await;
        assert!(matches!(reply.status, 400 | 404), "{reply:?}");
    }
    server.get("/jobs/job").await.ok(200);
}

//! Which requests are let in: a web page must not drive a node that its browser can reach. What a browser sends is sent
//! here to the byte

use hyper::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::*;

const JSON: (&str, &str) = ("content-type", "application/json");
const JOBS: &str = "/api/v1/jobs";

/// Sends a head, and answers all that comes back.
async fn converse(server: &Server, head: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = soon("an answer", stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> u16 {
    answer.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer:?}"))
}

async fn names(server: &Server) -> Vec<Value> {
    let page = server.get("/jobs").await.ok(200);
    page["jobs"].as_array().unwrap().iter().map(|job| job["name"].clone()).collect()
}

#[tokio::test]
async fn a_node_answers_under_addresses_localhost_and_its_own_names_alone() {
    let names = "[chronos.example, \"*.internal.example\"]";
    let server = CHRONOS.with(&[("security.allowed_hosts", names)]).await;
    for (host, taken) in [
        ("127.0.0.1", 200),
        ("10.1.2.3:8080", 200),
        ("[::1]:8080", 200),
        ("localhost", 200),
        ("LOCALHOST.:1", 200),
        ("chronos.example", 200),
        ("chronos.example:443", 200),
        ("a.internal.example", 200),
        ("internal.example", 421),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("evil.localhost", 421),
        ("127.0.0.1.evil.example", 421),
        // A resolver may take it for 127.0.0.1; no browser sends it so.
        ("2130706433", 421),
        ("0x7f.1", 421),
        ("", 400),
        ("a b", 400),
        ("user@localhost", 400),
        ("localhost:port", 400),
        ("http://localhost", 400),
    ] {
        for path in [JOBS, "/api/v1/cluster/backup", "/api/docs/", "/metrics", "/nowhere"] {
            let found = if taken == 200 && path == "/nowhere" { 404 } else { taken };
            let reply = server.send(Method::GET, path, &[("host", host)], "").await;
            assert_eq!(reply.status, found, "{host:?} {path}: {reply:?}");
            if taken != 200 {
                let code = if taken == 421 { "host_not_allowed" } else { "bad_host" };
                let problem = reply.problem(taken);
                assert_eq!(problem["code"], code, "{host:?} {path}");
                assert!(problem["detail"].as_str().unwrap().contains("expected"), "{problem:#}");
            }
        }
        // Whatever watches over a node calls it by any name.
        for path in ["/health", "/ready"] {
            assert_eq!(
                server.send(Method::GET, path, &[("host", host)], "").await.status,
                200,
                "{host:?} {path}"
            );
        }
    }
}

#[tokio::test]
async fn the_host_of_a_request_is_named_once_or_alike() {
    let server = CHRONOS.start().await;
    for (target, hosts, expected) in [
        (JOBS, &["localhost"][..], 200),
        (JOBS, &[], 400),
        (JOBS, &["localhost", "localhost"], 400),
        (JOBS, &["localhost", "evil.example"], 400),
        ("http://localhost/api/v1/jobs", &["localhost"], 200),
        ("http://evil.example/api/v1/jobs", &["localhost"], 400),
        ("http://localhost/api/v1/jobs", &["evil.example"], 400),
        ("http://evil.example/api/v1/jobs", &["evil.example"], 421),
        ("http://user@localhost/api/v1/jobs", &["localhost"], 400),
        ("/health", &["a", "b"], 200),
    ] {
        let hosts: String = hosts.iter().map(|host| format!("Host: {host}\r\n")).collect();
        let head = format!("GET {target} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
        let answer = converse(&server, &head).await;
        assert_eq!(status(&answer), expected, "{head}{answer}");
    }
    let old = converse(&server, "GET /api/v1/jobs HTTP/1.0\r\n\r\n").await;
    assert_eq!(status(&old), 400, "{old}");
}

/// What a browser says of a request.
struct Sent {
    site: Option<&'static str>,
    origin: Option<&'static str>,
    more: &'static [(&'static str, &'static str)],
}

fn sent(site: Option<&'static str>, origin: Option<&'static str>) -> Sent {
    Sent { site, origin, more: &[] }
}

#[tokio::test]
async fn a_page_of_another_origin_reads_and_changes_nothing() {
    let server = CHRONOS.start().await;
    let own = format!("http://{}", server.address());
    let own: &'static str = Box::leak(own.into_boxed_str());
    let link = &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    let frame = &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")];
    let job = manual("foreign", json!({"url": "http://127.0.0.1:9/"})).to_string();
    for (number, (says, is_taken, is_shown)) in [
        // A program that is no browser.
        (sent(None, None), true, true),
        // Our own page, and what somebody types.
        (sent(Some("same-origin"), Some(own)), true, true),
        (sent(Some("same-origin"), None), true, true),
        (sent(Some("none"), None), true, true),
        // An older browser, or one to which the address is not trustworthy.
        (sent(None, Some(own)), true, true),
        (sent(None, Some("http://evil.example")), false, false),
        (sent(None, Some("null")), false, false),
        (sent(None, Some("")), false, false),
        // A page of another port of the same host.
        (sent(Some("same-site"), Some("http://127.0.0.1:1")), false, false),
        (sent(None, Some("http://127.0.0.1:1")), false, false),
        (sent(Some("cross-site"), Some("http://evil.example")), false, false),
        (sent(Some("cross-site"), Some("null")), false, false),
        // An image, a script or a form, of which a browser says no origin.
        (sent(Some("cross-site"), None), false, false),
        (sent(Some("same-site"), None), false, false),
        (sent(Some("anything"), None), false, false),
        // A link from elsewhere leads to a page for people, and nothing else does.
        (Sent { more: link, ..sent(Some("cross-site"), None) }, false, true),
        (Sent { more: frame, ..sent(Some("cross-site"), None) }, false, false),
        (Sent { more: link, ..sent(Some("cross-site"), Some("http://evil.example")) }, false, true),
    ]
    .into_iter()
    .enumerate()
    {
        let mut headers = says.more.to_vec();
        headers.extend(says.site.map(|site| ("sec-fetch-site", site)));
        headers.extend(says.origin.map(|origin| ("origin", origin)));
        let shown = format!("{number}: {headers:?}");
        let check = |reply: &Reply, is_taken: bool, good: u16| {
            if is_taken {
                assert_eq!(reply.status, good, "{shown}: {reply:?}");
            } else {
                assert_eq!(reply.problem(403)["code"], "foreign_origin", "{shown}");
            }
            assert_eq!(reply.header("access-control-allow-origin"), None, "{shown}");
        };
        for path in [JOBS, "/api/v1/cluster/backup", "/api/v1/openapi.json"] {
            check(&server.send(Method::GET, path, &headers, "").await, is_taken, 200);
        }
        check(&server.send(Method::GET, "/api/docs/", &headers, "").await, is_shown, 200);
        check(&server.send(Method::GET, "/api/docs", &headers, "").await, is_shown, 308);
        // Without a body no browser asks first whether it may.
        let created = [&headers[..], &[JSON]].concat();
        check(&server.send(Method::POST, JOBS, &created, job.clone()).await, is_taken, 201);
        assert_eq!(names(&server).await.is_empty(), !is_taken, "{shown}");
        check(&server.send(Method::POST, "/api/v1/jobs/foreign/disable", &headers, "").await, is_taken, 200);
        check(&server.send(Method::DELETE, "/api/v1/jobs/foreign", &headers, "").await, is_taken, 204);
        assert_eq!(server.send(Method::GET, "/health", &headers, "").await.status, 200, "{shown}");
    }
}

#[tokio::test]
async fn what_says_twice_where_it_comes_from_is_foreign() {
    let server = CHRONOS.start().await;
    let own = format!("http://{}", server.address());
    for twice in [
        [("sec-fetch-site", "same-origin"), ("sec-fetch-site", "none")],
        [("origin", own.as_str()), ("origin", "http://evil.example")],
    ] {
        server.send(Method::GET, JOBS, &twice, "").await.problem(403);
    }
}

#[tokio::test]
async fn the_origin_of_a_page_behind_a_proxy_with_tls_is_its_own() {
    let server = CHRONOS.with(&[("security.allowed_hosts", "[chronos.example]")]).await;
    let from = |origin: &'static str| [("host", "chronos.example"), ("origin", origin)];
    server.send(Method::GET, JOBS, &from("https://chronos.example"), "").await.ok(200);
    server.send(Method::GET, JOBS, &from("https://chronos.example:8443"), "").await.problem(403);
    server.send(Method::GET, JOBS, &from("https://other.example"), "").await.problem(403);
}

#[tokio::test]
async fn pages_of_origins_that_are_listed_may_do_what_a_program_may() {
    let origins = "[\"https://ui.example\", \"http://localhost:3000\"]";
    let server = CHRONOS.with(&[("security.cors_origins", origins)]).await;
    let from = |origin: &'static str| [("origin", origin), ("sec-fetch-site", "cross-site"), JSON];
    for origin in ["https://ui.example", "http://localhost:3000"] {
        let asks = [("origin", origin), ("access-control-request-method", "PUT")];
        let allowed = server.send(Method::OPTIONS, "/api/v1/jobs/x", &asks, "").await;
        assert_eq!((allowed.status, allowed.body.as_str()), (204, ""), "{allowed:?}");
        assert_eq!(allowed.header("access-control-allow-origin"), Some(origin));
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            assert!(allowed.header("access-control-allow-methods").unwrap().contains(method), "{allowed:?}");
        }
        let headers = allowed.header("access-control-allow-headers").unwrap();
        for name in ["content-type", "authorization", "idempotency-key", "if-match", "chronos-note"] {
            assert!(headers.contains(name), "{allowed:?}");
        }
        let job = manual("theirs", json!({"url": "http://127.0.0.1:9/"})).to_string();
        let made = server.send(Method::POST, JOBS, &from(origin), job).await;
        made.ok(201);
        assert_eq!(made.header("access-control-allow-origin"), Some(origin));
        assert!(made.header("access-control-expose-headers").unwrap().contains("etag"), "{made:?}");
        // Nothing that a browser keeps for this host goes along.
        assert_eq!(made.header("access-control-allow-credentials"), None);
        let refused = server.send(Method::POST, JOBS, &from(origin), "{}").await;
        refused.problem(400);
        assert_eq!(refused.header("access-control-allow-origin"), Some(origin), "a page reads why not, too");
        server.delete("/jobs/theirs").await;
    }
    for origin in ["https://ui.example.evil.example", "http://ui.example", "https://ui.example:444", "null"] {
        let asks = [("origin", origin), ("access-control-request-method", "PUT")];
        let refused = server.send(Method::OPTIONS, "/api/v1/jobs/x", &asks, "").await;
        refused.problem(403);
        assert_eq!(refused.header("access-control-allow-origin"), None, "{refused:?}");
        server.send(Method::GET, JOBS, &from(origin), "").await.problem(403);
    }
    let vary = server.get("/jobs").await.header("vary").unwrap().to_owned();
    assert!(vary.contains("origin"), "{vary}");
}

#[tokio::test]
async fn each_answer_is_what_its_header_says_and_for_pages_of_the_node_alone() {
    let server = CHRONOS.start().await;
    for (method, path, headers) in [
        (Method::GET, "/health", &[][..]),
        (Method::GET, "/ready", &[]),
        (Method::GET, "/metrics", &[]),
        (Method::GET, JOBS, &[]),
        (Method::GET, "/api/v1/openapi.json", &[]),
        (Method::GET, "/api/docs/", &[]),
        (Method::GET, "/api/docs/swagger-ui.css", &[]),
        (Method::GET, "/api/docs", &[]),
        (Method::GET, "/api/v1/cluster/backup", &[]),
        (Method::GET, "/nowhere", &[]),
        (Method::PUT, JOBS, &[]),
        (Method::POST, JOBS, &[]),
        (Method::GET, JOBS, &[("host", "evil.example")]),
        (Method::GET, JOBS, &[("origin", "http://evil.example")]),
    ] {
        let reply = server.send(method, path, headers, "").await;
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}: {reply:?}");
        assert_eq!(reply.header("cross-origin-resource-policy"), Some("same-origin"), "{path}: {reply:?}");
        assert_eq!(reply.header("access-control-allow-origin"), None, "{path}");
    }
}

#[tokio::test]
async fn a_body_that_does_not_say_that_it_is_json_is_refused() {
    let server = CHRONOS.start().await;
    let job = |name: &str| manual(name, json!({"url": "http://127.0.0.1:9/"})).to_string();
    for kinds in [
        &[][..],
        // What a form of any page sends without being asked.
        &["text/plain"],
        &["application/x-www-form-urlencoded"],
        &["multipart/form-data; boundary=x"],
        &[""],
        &["text/json"],
        &["json"],
        &["application/json-seq"],
        &["text/plain; a=application/json"],
        &["text/plain, application/json"],
        &["text/plain, a/b+json"],
        &["application/json", "text/plain"],
    ] {
        let headers: Vec<_> = kinds.iter().map(|kind| ("content-type", *kind)).collect();
        for (method, path) in [
            (Method::POST, JOBS),
            (Method::POST, "/api/v1/jobs/batch"),
            (Method::POST, "/api/v1/webhooks/test"),
        ] {
            let reply = server.send(method, path, &headers, job("job")).await;
            let problem = reply.problem(415);
            assert_eq!(problem["code"], "unsupported_media_type", "{kinds:?} {path}");
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains("Content-Type") && detail.contains("application/json"), "{detail}");
        }
    }
    assert!(names(&server).await.is_empty());
    for (number, kind) in ["application/json", "Application/JSON; charset=utf-8", "application/vnd.mine+json"]
        .into_iter()
        .enumerate()
    {
        let body = job(&format!("job-{number}"));
        server.send(Method::POST, JOBS, &[("content-type", kind)], body).await.ok(201);
    }
    // What has no body says nothing of it.
    server.act("/jobs/job-0/disable").await.ok(200);
}

/// Who made the job of this name, as its note says.
async fn author(server: &Server, name: &str, forwarded: &[(&str, &str)]) -> Value {
    let headers = [&[JSON][..], forwarded].concat();
    let job = manual(name, json!({"url": "http://127.0.0.1:9/"})).to_string();
    server.send(Method::POST, JOBS, &headers, job).await.ok(201)["by"]["address"].clone()
}

#[tokio::test]
async fn a_trusted_proxy_says_who_the_client_is_and_nobody_else_does() {
    let forwarded = [("x-forwarded-for", "1.1.1.1, 203.0.113.7, 10.0.0.9")];
    for (trusted, address) in
        [("[]", "127.0.0.1"), ("[127.0.0.1]", "10.0.0.9"), ("[127.0.0.0/8, 10.0.0.0/8]", "203.0.113.7")]
    {
        let server = CHRONOS.with(&[("security.trusted_proxies", trusted)]).await;
        until("the version to rise", || async {
            let status = server.get("/cluster/status").await.ok(200);
            (status["cluster_version"].as_u64().unwrap() >= 2).then_some(())
        })
        .await;
        assert_eq!(author(&server, "job", &forwarded).await, address, "{trusted}");
        assert_eq!(author(&server, "other", &[]).await, "127.0.0.1", "{trusted}");
    }
}

#[tokio::test]
async fn without_auth_a_node_listens_on_loopback_unless_that_is_written() {
    let open = CHRONOS.setup().key("server.http.address", "0.0.0.0:0");
    open.clone().refused().await.names(&["server.http.address", "0.0.0.0:0", "auth: none"]);
    open.key("auth", "none").start().await.get("/jobs").await.ok(200);
}

//! What stands before keys: a page of another origin tries none, and what a proxy says of its client counts

use hyper::Method;

use super::{api_keys, bearer, raised, start, token_of};
use crate::support::*;

const JOBS: &str = "/api/v1/jobs";
const SESSION: &str = "/session";
const JSON: (&str, &str) = ("content-type", "application/json");

fn login(token: &str) -> String {
    json!({"token": token}).to_string()
}

#[tokio::test]
async fn a_page_of_another_origin_tries_no_key() {
    let server = start().await;
    let evil = ("origin", "http://evil.example");
    let shown = bearer(&token_of("admin"));
    for token in ["no-key", &token_of("admin")] {
        // More often than a minute has room for.
        for _ in 0..20 {
            let refused = server.send(Method::POST, SESSION, &[JSON, evil], login(token)).await;
            assert_eq!(refused.problem(403)["code"], "foreign_origin");
            assert_eq!(refused.header("set-cookie"), None);
        }
    }
    for authorization in ["Bearer no-key", &shown] {
        let refused = server.send(Method::GET, JOBS, &[("authorization", authorization), evil], "").await;
        assert_eq!(refused.problem(403)["code"], "foreign_origin");
    }
    let refused =
        server.send(Method::GET, JOBS, &[("authorization", &shown), ("host", "evil.example")], "").await;
    assert_eq!(refused.problem(421)["code"], "host_not_allowed");
    // None of these has counted.
    let (reply, headers) =
        (server.send(Method::POST, SESSION, &[JSON], login("no-key")).await, [("authorization", &*shown)]);
    reply.problem(401);
    let metrics = server.send(Method::GET, "/metrics", &headers, "").await.body;
    assert!(metrics.contains("chronos_http_requests_denied_total{reason=\"unknown_key\"} 1\n"), "{metrics}");
}

#[tokio::test]
async fn a_page_of_a_listed_origin_shows_a_key_and_has_no_session() {
    let ui = "http://localhost:3000";
    let origins = format!("[\"{ui}\"]");
    let server = CHRONOS.with(&[("auth.api_keys", &api_keys()), ("security.cors_origins", &origins)]).await;
    raised(&server).await;
    let begun = server.send(Method::POST, SESSION, &[JSON], login(&token_of("admin"))).await;
    begun.ok(201);
    let cookie = begun.header("set-cookie").unwrap().split(';').next().unwrap();
    let shown = bearer(&token_of("admin"));
    // A page of another port of the same host can have the browser send its cookies.
    let theirs = [("origin", ui), ("sec-fetch-site", "same-site"), ("cookie", cookie)];
    let own = format!("http://{}", server.address());
    let ours = [("origin", own.as_str()), ("sec-fetch-site", "same-origin"), ("cookie", cookie)];
    for (method, path, good) in [
        (Method::GET, JOBS, 200),
        (Method::POST, "/api/v1/jobs/nobody/trigger", 404),
        (Method::DELETE, SESSION, 204),
    ] {
        let refused = server.send(method.clone(), path, &theirs, "").await;
        assert_eq!(refused.problem(401)["code"], "unauthenticated", "{method} {path}");
        assert_eq!(refused.header("access-control-allow-origin"), Some(ui), "a page reads why not");
        let with_key = [&theirs[..], &[("authorization", &*shown)]].concat();
        assert_eq!(server.send(method.clone(), path, &with_key, "").await.status, good, "{method} {path}");
        assert_eq!(server.send(method.clone(), path, &ours, "").await.status, good, "{method} {path}");
    }
    // A browser asks what it may send before it shows a key.
    let asks = [("origin", ui), ("access-control-request-method", "PUT")];
    assert_eq!(server.send(Method::OPTIONS, "/api/v1/jobs/x", &asks, "").await.status, 204);
}

#[tokio::test]
async fn a_trusted_proxy_says_whose_logins_failed_and_whether_a_cookie_is_for_tls_alone() {
    let keys = api_keys();
    for trusted in ["[127.0.0.1]", "[]"] {
        let server = CHRONOS.with(&[("auth.api_keys", &keys), ("security.trusted_proxies", trusted)]).await;
        raised(&server).await;
        let is_trusted = trusted != "[]";
        let failed = async |client: &str| {
            let headers = [("x-forwarded-for", client), ("authorization", "Bearer no-key")];
            server.send(Method::GET, JOBS, &headers, "").await.status
        };
        let mut held = 0;
        for _ in 0..30 {
            held += usize::from(failed("203.0.113.7").await == 429);
        }
        assert!(held > 0, "{trusted}: nobody was held up");
        assert_eq!(failed("203.0.113.8").await == 401, is_trusted, "{trusted}");
        let over_tls = [JSON, ("x-forwarded-proto", "https")];
        let begun = server.send(Method::POST, SESSION, &over_tls, login(&token_of("viewer"))).await;
        begun.ok(201);
        assert_eq!(begun.header("set-cookie").unwrap().ends_with("; Secure"), is_trusted, "{trusted}");
    }
}

//! Bad input: a clear 4xx, never a panic, and never half a write

use hyper::Method;

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
    let server = Server::start().await;
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
    let server = Server::start().await;
    for body in ["null", "true", "7", "\"text\"", "[]", "[{}]"] {
        for path in ["/jobs", "/webhooks/test", "/schedules/preview"] {
            post_raw(&server, path, body).await.problem(400);
        }
    }
    unharmed(&server).await;
}

#[tokio::test]
async fn a_key_given_twice_is_refused() {
    let server = Server::start().await;
    let body =
        r#"{"name": "a", "name": "b", "schedule": "* * * * *", "webhook": {"url": "http://127.0.0.1:9/"}}"#;
    let problem = post_raw(&server, "/jobs", body).await.problem(400);
    assert!(problem.to_string().contains("name"), "{problem:#}");
    unharmed(&server).await;
}

#[tokio::test]
async fn nesting_without_end_is_refused() {
    let server = Server::start().await;
    let deep = 100_000;
    for body in ["[".repeat(deep), format!("{}1{}", "{\"a\":".repeat(deep), "}".repeat(deep))] {
        post_raw(&server, "/jobs", body).await.problem(400);
    }
    unharmed(&server).await;
}

#[tokio::test]
async fn invalid_utf_8_is_refused() {
    let server = Server::start().await;
    let body = b"{\"name\": \"caf\xe9\", \"schedule\": \"* * * * *\"}".to_vec();
    let problem = post_raw(&server, "/jobs", body).await.problem(400);
    assert!(problem["detail"].as_str().unwrap().contains("UTF-8"), "{problem:#}");
    for path in ["/jobs/%ff", "/jobs/a%00b", "/jobs?q=%ff", "/jobs/%ff/executions", "/jobs?limit=%ff"] {
        let reply = server.get(path).await;
        assert!(matches!(reply.status, 200 | 400 | 404), "{path}: {reply:?}");
    }
    unharmed(&server).await;
}

#[tokio::test]
async fn a_body_over_1_mib_is_refused_however_it_is_sent() {
    let server = Server::start().await;
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
    let server = Server::start().await;
    let body = manual("job", json!({"url": "http://127.0.0.1:9/"})).to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/xml"] {
        let headers = [("content-type", kind)];
        server.send(Method::POST, "/api/v1/jobs", &headers, body.clone()).await.problem(415);
    }
    let headers = [("content-type", "application/json; charset=utf-8")];
    server.send(Method::POST, "/api/v1/jobs", &headers, body).await.ok(201);
}

#[tokio::test]
async fn unknown_and_bad_query_parameters_are_refused_by_name() {
    let server = Server::start().await;
    for (path, name) in [
        ("/jobs?limit=0", "limit"),
        ("/jobs?limit=501", "limit"),
        ("/jobs?limit=-1", "limit"),
        ("/jobs?limit=ten", "limit"),
        ("/jobs?limit=", "limit"),
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
    let server = Server::start().await;
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
    let server = Server::start().await;
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

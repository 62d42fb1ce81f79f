//! `ETag`, `If-Match`, `If-None-Match` and `Idempotency-Key`

use hyper::Method;

use crate::support::*;

fn job(name: &str) -> Value {
    manual(name, json!({"url": "http://127.0.0.1:9/"}))
}

#[tokio::test]
async fn if_match_lets_only_the_first_of_two_editors_through() {
    let server = CHRONOS.start().await;
    server.create(&job("job")).await;
    let etag = server.get("/jobs/job").await.header("etag").unwrap().to_owned();
    let with = [("if-match", etag.as_str())];
    server.call(Method::PUT, "/jobs/job", &with, &job("job")).await.ok(200);
    for (method, path, body) in [
        (Method::PUT, "", job("job").to_string()),
        (Method::PATCH, "", "{}".into()),
        (Method::DELETE, "", String::new()),
        (Method::POST, "/disable", String::new()),
        (Method::POST, "/rollback/1", String::new()),
    ] {
        let path = format!("/api/v1/jobs/job{path}");
        let headers = [with[0], ("content-type", "application/json")];
        let headers = if body.is_empty() { &headers[..1] } else { &headers };
        let refused = server.send(method.clone(), &path, headers, body).await;
        let problem = refused.problem(412);
        assert!(problem["detail"].as_str().unwrap().contains('2'), "{method} {path}: {problem:#}");
    }
    assert_eq!(server.get("/jobs/job").await.ok(200)["version"], 2);
    for (n, good) in ["\"1\"", "*", "\"9\", \"1\""].into_iter().enumerate() {
        let name = format!("fresh-{n}");
        server.create(&job(&name)).await;
        let with = [("if-match", good)];
        server.call(Method::PUT, &format!("/jobs/{name}"), &with, &job(&name)).await.ok(200);
    }
    let last = server.get("/jobs/job").await.header("etag").unwrap().to_owned();
    let gone = server.send(Method::DELETE, "/api/v1/jobs/job", &[("if-match", &last)], "").await;
    assert_eq!(gone.status, 204, "{gone:?}");
}

#[tokio::test]
async fn if_none_match_spares_what_is_known() {
    let server = CHRONOS.start().await;
    server.create(&job("job")).await;
    let path = "/api/v1/jobs/job";
    let fresh = server.send(Method::GET, path, &[("if-none-match", "\"1\"")], "").await;
    assert_eq!((fresh.status, fresh.body.as_str()), (304, ""), "{fresh:?}");
    server.patch("/jobs/job", &json!({"description": "new"})).await.ok(200);
    let stale = server.send(Method::GET, path, &[("if-none-match", "\"1\"")], "").await;
    assert_eq!(stale.ok(200)["version"], 2);
}

#[tokio::test]
async fn an_idempotency_key_makes_a_repeat_harmless() {
    let server = CHRONOS.start().await;
    let key = [("idempotency-key", "create-1")];
    let first = server.call(Method::POST, "/jobs", &key, &job("job")).await;
    let again = server.call(Method::POST, "/jobs", &key, &job("job")).await;
    assert_eq!((first.ok(201), first.header("location")), (again.ok(201), again.header("location")));
    assert_eq!(server.get("/jobs").await.ok(200)["jobs"].as_array().unwrap().len(), 1);
    let other = server.call(Method::POST, "/jobs", &key, &job("other")).await;
    other.problem(422);
    server.get("/jobs/other").await.problem(404);
}

#[tokio::test]
async fn a_repeated_trigger_with_its_key_runs_once() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    server.create(&manual("job", json!({"url": receiver.url("/")}))).await;
    let trigger = |key: &'static str| {
        let server = &server;
        async move {
            let headers = [("idempotency-key", key)];
            server.send(Method::POST, "/api/v1/jobs/job/trigger", &headers, "").await.ok(202)
        }
    };
    let first = trigger("once").await;
    let id = first["id"].as_str().unwrap();
    server.finished("job", id).await;
    assert_eq!(trigger("once").await["id"], first["id"]);
    let second = trigger("twice").await;
    assert_ne!(second["id"], first["id"]);
    server.finished("job", second["id"].as_str().unwrap()).await;
    assert_eq!(receiver.calls("/").len(), 2);
    server.create(&manual("other", json!({"url": receiver.url("/")}))).await;
    let headers = [("idempotency-key", "once")];
    server.send(Method::POST, "/api/v1/jobs/other/trigger", &headers, "").await.problem(422);
}

#[tokio::test]
async fn a_repeat_survives_kill_9() {
    let mut server = CHRONOS.start().await;
    let key = [("idempotency-key", "k")];
    let first = server.call(Method::POST, "/jobs", &key, &job("job")).await.ok(201);
    server.kill().await;
    let server = server.again().await;
    let again = server.call(Method::POST, "/jobs", &key, &job("job")).await.ok(201);
    assert_eq!(first["id"], again["id"]);
}

#[tokio::test]
async fn concurrent_repeats_make_one_job() {
    let server = CHRONOS.start().await;
    let mut ids = Vec::new();
    let mut set = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let api = (*server).clone();
        set.spawn(async move {
            let key = [("idempotency-key", "race")];
            api.call(Method::POST, "/jobs", &key, &job("job")).await.ok(201)["id"].clone()
        });
    }
    while let Some(id) = set.join_next().await {
        ids.push(id.unwrap());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
}

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
async fn a_job_is_answered_in_full_whatever_is_known_of_it() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let created = server.create(&manual("job", json!({"url": receiver.url("/")}))).await;
    let tag = etag(&created);
    let path = "/api/v1/jobs/job";
    for known in [tag.as_str(), "*", "\"1\"", "nonsense"] {
        let full = server.send(Method::GET, path, &[("if-none-match", known)], "").await;
        assert_eq!(without_stats(full.ok(200)), created, "{known}");
    }
    // The version is the same, and the answer is not: a run began.
    server.run_again("job").await;
    let after = server.send(Method::GET, path, &[("if-none-match", &tag)], "").await;
    assert_eq!(after.header("etag"), Some(tag.as_str()));
    assert_eq!(after.ok(200)["last_run"]["status"], "success");
}

#[tokio::test]
async fn an_etag_is_not_that_of_a_namesake() {
    let server = CHRONOS.start().await;
    let first = server.create(&job("job")).await;
    assert_eq!(server.delete("/jobs/job").await.status, 204);
    let second = server.create(&job("job")).await;
    let (gone, tag) = (etag(&first), etag(&second));
    assert_ne!(gone, tag, "{first:#} {second:#}");
    assert_eq!(server.get("/jobs/job").await.header("etag"), Some(tag.as_str()));
    let refused = server.call(Method::PUT, "/jobs/job", &[("if-match", &gone)], &job("job")).await;
    let problem = refused.problem(412);
    assert!(problem["detail"].as_str().unwrap().contains(&tag), "{problem:#}");
    let deleted = server.send(Method::DELETE, "/api/v1/jobs/job", &[("if-match", &gone)], "").await;
    deleted.problem(412);
    server.call(Method::PUT, "/jobs/job", &[("if-match", &tag)], &job("job")).await.ok(200);
    // A bare version is taken for that of any job.
    server.call(Method::PUT, "/jobs/job", &[("if-match", "\"2\"")], &job("job")).await.ok(200);
    server.call(Method::PUT, "/jobs/job", &[("if-match", "\"2\"")], &job("job")).await.problem(412);
}

#[tokio::test]
async fn if_none_match_changes_no_job_that_it_lists() {
    let server = CHRONOS.start().await;
    let created = server.create(&job("job")).await;
    let tag = etag(&created);
    let weak = format!("W/{tag}");
    for known in ["*", tag.as_str(), &weak, &format!("\"9\", {tag}")] {
        for (method, path, body) in [
            (Method::PUT, "", job("job").to_string()),
            (Method::PATCH, "", "{\"description\": \"x\"}".into()),
            (Method::DELETE, "", String::new()),
            (Method::POST, "/disable", String::new()),
            (Method::POST, "/rollback/1", String::new()),
        ] {
            let path = format!("/api/v1/jobs/job{path}");
            let headers = [("if-none-match", known), ("content-type", "application/json")];
            let headers = if body.is_empty() { &headers[..1] } else { &headers };
            server.send(method, &path, headers, body).await.problem(412);
        }
    }
    assert_eq!(without_stats(server.get("/jobs/job").await.ok(200)), created);
    // What it does not list may be changed, and what is not there is not found.
    let other = [("if-none-match", "\"1-00000000\", \"1\"")];
    server.call(Method::PUT, "/jobs/job", &other, &job("job")).await.ok(200);
    server.call(Method::PUT, "/jobs/nobody", &[("if-none-match", "*")], &job("nobody")).await.problem(404);
    for (header, named) in [("if-none-match", "If-None-Match"), ("if-match", "If-Match")] {
        let reply = server.call(Method::PUT, "/jobs/job", &[(header, "1-00000000")], &job("job")).await;
        assert_eq!(reply.bad_fields(), [named]);
        let message = reply.json()["errors"][0]["message"].to_string();
        assert!(message.contains("1-00000000") && message.contains("expected tags in quotes"), "{message}");
    }
    assert_eq!(server.get("/jobs/job").await.ok(200)["version"], 2);
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

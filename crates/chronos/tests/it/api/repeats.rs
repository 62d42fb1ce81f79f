//! Repeated requests with an `Idempotency-Key`: whatever has changed since, they get the answer of the first

use hyper::Method;

use crate::support::*;

/// A POST without a body, under a key.
async fn keyed(api: &Api, path: &str, key: &str) -> Reply {
    api.send(Method::POST, &format!("/api/v1{path}"), &[("idempotency-key", key)], "").await
}

/// The same answer, to the byte, but for what is counted anew for each connection.
#[track_caller]
fn same(first: &Reply, again: &Reply) {
    for name in ["etag", "location"] {
        assert_eq!(first.header(name), again.header(name), "{name} of {again:#?}");
    }
    assert_eq!((first.status, &first.body), (again.status, &again.body), "{}", again.asked);
}

/// Waits until a job has no more than so many executions on record.
async fn kept(server: &Server, job: &str, count: usize) {
    until("the oldest to be forgotten", || async {
        let page = server.get(&format!("/jobs/{job}/executions")).await.ok(200);
        (page["executions"].as_array().unwrap().len() <= count).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_conditional_change_is_not_refused_for_what_it_did_itself() {
    let server = CHRONOS.start().await;
    for action in ["disable", "enable", "rollback/1"] {
        let name = action.replace('/', "-");
        let mut job = manual(&name, json!({"url": "http://127.0.0.1:9/"}));
        job["enabled"] = (action != "enable").into();
        let etag = server.post("/jobs", &job).await.header("etag").unwrap().to_owned();
        let path = format!("/api/v1/jobs/{name}/{action}");
        let headers = [("idempotency-key", name.as_str()), ("if-match", etag.as_str())];
        let ask = || server.send(Method::POST, &path, &headers, "");
        let first = ask().await;
        assert_eq!(first.ok(200)["version"], 2, "{action}");
        same(&first, &ask().await);
        // Also when the job has moved on, is called something else, and is gone.
        server.patch(&format!("/jobs/{name}"), &json!({"description": "since"})).await.ok(200);
        same(&first, &ask().await);
        server.patch(&format!("/jobs/{name}"), &json!({"name": format!("{name}-2")})).await.ok(200);
        same(&first, &ask().await);
        assert_eq!(server.delete(&format!("/jobs/{name}-2")).await.status, 204);
        same(&first, &ask().await);
        // Without the key it is another request.
        server.send(Method::POST, &path, &headers[1..], "").await.problem(404);
    }
}

#[tokio::test]
async fn what_changed_nothing_changes_nothing_when_it_is_repeated() {
    let server = CHRONOS.start().await;
    for (action, opposite, enabled) in [("disable", "enable", false), ("enable", "disable", true)] {
        let mut job = manual(action, json!({"url": "http://127.0.0.1:9/"}));
        job["enabled"] = enabled.into();
        server.create(&job).await;
        let path = format!("/jobs/{action}/{action}");
        let first = keyed(&server, &path, action).await;
        assert_eq!((&first.ok(200)["version"], &first.ok(200)["enabled"]), (&json!(1), &json!(enabled)));
        server.act(&format!("/jobs/{action}/{opposite}")).await.ok(200);
        same(&first, &keyed(&server, &path, action).await);
        let now = server.get(&format!("/jobs/{action}")).await.ok(200);
        assert_eq!((&now["version"], &now["enabled"]), (&json!(2), &json!(!enabled)), "{action}");
        // Asked anew, it is done.
        let anew = keyed(&server, &path, &format!("{action}-2")).await.ok(200);
        assert_eq!((&anew["version"], &anew["enabled"]), (&json!(3), &json!(enabled)), "{action}");
    }
}

#[tokio::test]
async fn a_creation_is_answered_also_when_the_job_is_gone_or_could_not_be_created_now() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_millis(1_500);
    let job =
        json!({"name": "once", "schedule": format!("@at {soon}"), "webhook": {"url": receiver.url("/")}});
    let create = || async {
        let key = [("idempotency-key", "k")];
        server.call(Method::POST, "/jobs", &key, &job).await
    };
    let first = create().await;
    assert!(first.ok(201)["next_run"].is_string(), "{first:#?}");
    // Its one instant comes and goes.
    let run = receiver.next("/").await;
    server.finished("once", run.execution()).await;
    same(&first, &create().await);
    server.patch("/jobs/once", &json!({"name": "other", "schedule": NEVER})).await.ok(200);
    same(&first, &create().await);
    assert_eq!(server.delete("/jobs/other").await.status, 204);
    same(&first, &create().await);
    server.get("/jobs/once").await.problem(404);
}

#[tokio::test]
async fn a_trigger_is_answered_also_when_its_execution_and_its_job_are_gone() {
    let receiver = Receiver::start().await;
    let server = CHRONOS.with(&[("history.max_per_job", "1")]).await;
    server.create(&manual("job", json!({"url": receiver.url("/")}))).await;
    let ask = || keyed(&server, "/jobs/job/trigger", "k");
    let first = ask().await;
    let id = first.ok(202)["id"].as_str().unwrap().to_owned();
    server.finished("job", &id).await;
    same(&first, &ask().await);
    server.run_again("job").await;
    kept(&server, "job", 1).await;
    server.get(&format!("/jobs/job/executions/{id}")).await.problem(404);
    same(&first, &ask().await);
    assert_eq!(server.delete("/jobs/job").await.status, 204);
    same(&first, &ask().await);
    // A namesake is another job, and still this is the same request.
    server.create(&manual("job", json!({"url": receiver.url("/namesake")}))).await;
    same(&first, &ask().await);
    assert_eq!((receiver.calls("/").len(), receiver.calls("/namesake").len()), (2, 0));
}

#[tokio::test]
async fn a_replay_and_a_cancellation_are_answered_also_when_their_executions_are_gone() {
    let receiver = Receiver::start().await;
    let server = CHRONOS.with(&[("history.max_per_job", "1")]).await;
    let gate = Gate::closed();
    let mut job = manual("job", json!({"url": receiver.url("/")}));
    job["concurrency"] = "allow".into();
    server.create(&job).await;
    let run = server.run_again("job").await["id"].as_str().unwrap().to_owned();
    receiver.script("/", [Answer::ok().after(&gate)]);
    let replay = || async { keyed(&server, &format!("/jobs/job/executions/{run}/replay"), "replay").await };
    let replayed = replay().await;
    let id = replayed.ok(202)["id"].as_str().unwrap().to_owned();
    receiver.wait_for("/", 2).await;
    server.execution_is("job", &id, "running").await;
    let cancel = || async { keyed(&server, &format!("/jobs/job/executions/{id}/cancel"), "cancel").await };
    let cancelled = cancel().await;
    assert_eq!(cancelled.ok(200)["status"], "cancelled");
    same(&cancelled, &cancel().await);
    same(&replayed, &replay().await);
    gate.open();
    server.run_again("job").await;
    kept(&server, "job", 1).await;
    for gone in [&run, &id] {
        server.get(&format!("/jobs/job/executions/{gone}")).await.problem(404);
    }
    same(&replayed, &replay().await);
    // What it came to until then is gone; that it was cancelled, and when, is not.
    let (before, after) = (cancelled.ok(200), cancel().await.ok(200));
    for field in ["id", "job_id", "job_name", "status", "completed_at", "error_kind", "last_error", "trigger"]
    {
        assert_eq!(before[field], after[field], "{field}");
    }
    assert_eq!(server.delete("/jobs/job").await.status, 204);
    same(&replayed, &replay().await);
    assert_eq!(cancel().await.ok(200), after);
}

#[tokio::test]
async fn a_rollback_is_answered_also_when_the_version_is_gone() {
    let server = CHRONOS.with(&[("history.max_per_job", "1")]).await;
    let job = |n: i64| {
        let mut job = manual("job", json!({"url": "http://127.0.0.1:9/"}));
        job["description"] = n.to_string().into();
        job
    };
    server.create(&job(1)).await;
    server.put("/jobs/job", &job(2)).await.ok(200);
    let ask = || keyed(&server, "/jobs/job/rollback/1", "k");
    let first = ask().await;
    assert_eq!((&first.ok(200)["version"], &first.ok(200)["description"]), (&json!(3), &json!("1")));
    for n in 4..8 {
        server.put("/jobs/job", &job(n)).await.ok(200);
    }
    until("the version to be forgotten", || async {
        let versions = server.get("/jobs/job/versions").await.ok(200);
        let all = versions["versions"].as_array().unwrap();
        all.iter().all(|version| version["version"] != 1).then_some(())
    })
    .await;
    server.act("/jobs/job/rollback/1").await.problem(404);
    same(&first, &ask().await);
}

#[tokio::test]
async fn the_key_of_another_request_is_refused_whatever_that_asks_for() {
    let server = CHRONOS.start().await;
    let job = manual("job", json!({"url": "http://127.0.0.1:9/"}));
    let create = |body: Value| {
        let server = &server;
        async move { server.call(Method::POST, "/jobs", &[("idempotency-key", "k")], &body).await }
    };
    create(job.clone()).await.ok(201);
    for other in [json!({}), manual("job", json!({"url": "ftp://h/"}))] {
        let problem = create(other).await.problem(422);
        assert_eq!(problem["code"], "idempotency_key_reused");
    }
    for path in ["/jobs/nobody/trigger", "/jobs/nobody/disable", "/jobs/job/rollback/9"] {
        assert_eq!(keyed(&server, path, "k").await.problem(422)["code"], "idempotency_key_reused", "{path}");
    }
    // What was refused leaves its key free.
    keyed(&server, "/jobs/later/trigger", "free").await.problem(404);
    server.create(&manual("later", json!({"url": "http://127.0.0.1:9/"}))).await;
    keyed(&server, "/jobs/later/trigger", "free").await.ok(202);
}

//! Creating, reading, changing and deleting jobs

use crate::support::*;

fn webhook() -> Value {
    json!({"url": "http://127.0.0.1:9/"})
}

#[tokio::test]
async fn a_created_job_answers_201_with_itself_its_location_and_its_etag() {
    let server = CHRONOS.start().await;
    let created = server.post("/jobs", &manual("nightly-backup", webhook())).await;
    let job = created.ok(201);
    let id = job["id"].as_str().unwrap();
    assert_eq!(created.header("location"), Some(format!("/api/v1/jobs/{id}").as_str()));
    assert_eq!(created.header("etag"), Some(etag(&job).as_str()));
    assert_eq!((&job["name"], &job["version"]), (&json!("nightly-backup"), &json!(1)));
    assert_eq!(job["created_at"], job["updated_at"]);
    assert_eq!(job["next_run"], "2099-01-01T00:00:00.000Z");
    assert_eq!(job["last_run"], Value::Null);
    for (field, default) in [
        ("timezone", json!("UTC")),
        ("description", json!("")),
        ("concurrency", json!("forbid")),
        ("missed_runs", json!("execute_one")),
        ("jitter", json!("0s")),
        ("tags", json!({})),
        ("enabled", json!(true)),
    ] {
        assert_eq!(job[field], default, "{field}");
    }
}

#[tokio::test]
async fn a_job_is_found_by_id_and_by_name() {
    let server = CHRONOS.start().await;
    let job = server.create(&manual("team:a.b_C-1", webhook())).await;
    let id = job["id"].as_str().unwrap();
    for path in ["team:a.b_C-1", id, "team%3Aa.b_C-1", "team:a.b_C-1?consistent=true"] {
        let found = server.get(&format!("/jobs/{path}")).await.ok(200);
        assert_eq!(without_stats(found), job, "{path}");
    }
    for nobody in ["nobody", "00000000-0000-7000-8000-000000000000"] {
        server.get(&format!("/jobs/{nobody}")).await.problem(404);
    }
}

#[tokio::test]
async fn every_field_reads_back_as_written() {
    let server = CHRONOS.start().await;
    let written = json!({
        "name": "whole",
        "description": "All of it — ünïcode too",
        "schedule": "0 9 * * MON-FRI",
        "timezone": "America/New_York",
        "webhook": {
            "url": "https://api.example.com/endpoint?a=b", "method": "PUT",
            "headers": {"X-First": "1", "X-Second": "two"}, "body": "{\"a\": \"{{.JobID}}\"}",
            "success_codes": [200, 404], "timeout": "1m30s", "tls_skip_verify": true, "max_redirects": 3,
        },
        "retry_policy": {
            "max_attempts": 5, "initial_interval": "10s", "max_interval": "5m", "multiplier": 1.5, "jitter": 0.25,
        },
        "timeout": "5m",
        "concurrency": "queue",
        "missed_runs": "execute_all",
        "jitter": "30s",
        "start_at": "2030-01-01T00:00:00.000Z",
        "end_at": "2031-01-01T00:00:00.000Z",
        "tags": {"team": "billing", "env": "prod"},
        "enabled": false,
    });
    let job = server.create(&written).await;
    for (field, value) in written.as_object().unwrap() {
        assert_eq!(job[field], *value, "{field}");
    }
    assert_eq!(job["next_run"], Value::Null, "a disabled job has no next run");
    assert_eq!(without_stats(server.get("/jobs/whole").await.ok(200)), job);
}

#[tokio::test]
async fn a_name_that_is_taken_is_a_conflict() {
    let server = CHRONOS.start().await;
    server.create(&manual("one", webhook())).await;
    let taken = server.post("/jobs", &manual("one", webhook())).await.problem(409);
    assert!(taken["detail"].as_str().unwrap().contains("one"), "{taken:#}");
    server.create(&manual("two", webhook())).await;
    server.patch("/jobs/two", &json!({"name": "one"})).await.problem(409);
    let renamed = server.patch("/jobs/two", &json!({"name": "three"})).await.ok(200);
    assert_eq!(renamed["name"], "three");
    server.get("/jobs/two").await.problem(404);
}

#[tokio::test]
async fn put_replaces_the_whole_job_and_bumps_its_version() {
    let server = CHRONOS.start().await;
    let mut job = manual("job", webhook());
    job["tags"] = json!({"a": "b"});
    job["timeout"] = "5m".into();
    let created = server.create(&job).await;
    let put = server.put("/jobs/job", &manual("job", json!({"url": "http://127.0.0.1:9/new"}))).await;
    let changed = put.ok(200);
    assert_eq!(put.header("etag"), Some(etag(&changed).as_str()));
    assert_eq!((&changed["version"], &changed["id"]), (&json!(2), &created["id"]));
    assert_eq!(changed["webhook"]["url"], "http://127.0.0.1:9/new");
    assert_eq!((&changed["tags"], &changed["timeout"]), (&json!({}), &Value::Null));
    assert_eq!(changed["created_at"], created["created_at"]);
    // What was read can be written back.
    let again = server.put("/jobs/job", &changed).await.ok(200);
    assert_eq!(again["webhook"], changed["webhook"]);
    server.put("/jobs/nobody", &manual("nobody", webhook())).await.problem(404);
}

#[tokio::test]
async fn patch_merges_by_rfc_7396() {
    let server = CHRONOS.start().await;
    let mut job = manual("job", json!({"url": "http://127.0.0.1:9/", "headers": {"X-A": "1", "X-B": "2"}}));
    job["tags"] = json!({"a": "1", "b": "2"});
    job["timeout"] = "5m".into();
    server.create(&job).await;
    let change = json!({
        "description": "new", "timeout": null, "tags": {"a": null, "c": "3"}, "webhook": {"headers": {"X-A": null}},
    });
    let changed = server.patch("/jobs/job", &change).await.ok(200);
    assert_eq!((&changed["description"], &changed["version"]), (&json!("new"), &json!(2)));
    assert_eq!(changed["timeout"], Value::Null);
    assert_eq!(changed["tags"], json!({"b": "2", "c": "3"}));
    assert_eq!(changed["webhook"]["headers"], json!({"X-B": "2"}));
    assert_eq!(changed["webhook"]["url"], "http://127.0.0.1:9/", "what is not named stays");
    let secret = json!({"webhook": {"headers": {"Authorization": "hunter2", "X-Api-Key": "hunter2"}}});
    server.patch("/jobs/job", &secret).await.ok(200);
    let other_case = json!({"webhook": {"headers": {"authorization": null, "x-api-key": null, "x-b": "3"}}});
    let changed = server.patch("/jobs/job", &other_case).await.ok(200);
    assert_eq!(
        changed["webhook"]["headers"],
        json!({"x-b": "3"}),
        "the names of headers are the same in any case"
    );
    let wrong = server.patch("/jobs/job", &json!({"colour": "red", "timeout": "soon"})).await;
    assert_eq!(wrong.bad_fields(), ["colour", "timeout"]);
    server.patch("/jobs/job", &json!({"name": null})).await.problem(400);
    server.patch("/jobs/job", &json!(["name"])).await.problem(400);
    let left = without_stats(server.get("/jobs/job").await.ok(200));
    assert_eq!(left, changed, "what was refused changed nothing");
}

#[tokio::test]
async fn a_patch_takes_both_media_types() {
    let server = CHRONOS.start().await;
    server.create(&manual("job", webhook())).await;
    let body = json!({"description": "x"}).to_string();
    for kind in ["application/merge-patch+json", "application/json"] {
        let headers = [("content-type", kind)];
        let path = "/api/v1/jobs/job";
        server.send(hyper::Method::PATCH, path, &headers, body.clone()).await.ok(200);
    }
}

#[tokio::test]
async fn a_deleted_job_is_gone_and_its_name_is_free() {
    let receiver = Receiver::start().await;
    let server = CHRONOS.start().await;
    let job = json!({"name": "job", "schedule": "@every 1s", "webhook": {"url": receiver.url("/old")}});
    let old = server.create(&job).await;
    receiver.next("/old").await;
    let gone = server.delete("/jobs/job").await;
    assert_eq!((gone.status, gone.body.as_str()), (204, ""));
    server.get("/jobs/job").await.problem(404);
    server.delete("/jobs/job").await.problem(404);
    server.act("/jobs/job/trigger").await.problem(404);
    let new = server.create(&manual("job", json!({"url": receiver.url("/new")}))).await;
    assert_ne!(new["id"], old["id"]);
    assert_eq!(server.run_again("job").await["status"], "success");
    let of_new = server.executions("job", 1).await;
    assert_eq!(of_new.len(), 1, "the old job's executions are not the new one's");
}

#[tokio::test]
async fn a_disabled_job_does_not_fall_due_until_it_is_enabled() {
    let receiver = Receiver::start().await;
    let server = CHRONOS.start().await;
    let mut job = json!({"name": "job", "schedule": "@every 1s", "webhook": {"url": receiver.url("/")}});
    job["enabled"] = false.into();
    server.create(&job).await;
    // Another job with the same schedule tells when the instant has passed.
    let clock = json!({"name": "clock", "schedule": "@every 1s", "webhook": {"url": receiver.url("/clock")}});
    server.create(&clock).await;
    receiver.next("/clock").await;
    receiver.next("/clock").await;
    assert!(receiver.calls("/").is_empty());
    let enabled = server.act("/jobs/job/enable").await.ok(200);
    assert_eq!((&enabled["enabled"], &enabled["version"]), (&json!(true), &json!(2)));
    assert!(enabled["next_run"].is_string());
    receiver.next("/").await;
    let disabled = server.act("/jobs/job/disable").await.ok(200);
    assert_eq!((&disabled["enabled"], &disabled["next_run"]), (&json!(false), &Value::Null));
    let calls = receiver.calls("/").len();
    receiver.next("/clock").await;
    receiver.wait_for("/clock", receiver.calls("/clock").len() + 2).await;
    assert!(receiver.calls("/").len() <= calls + 1, "at most the one that was on its way");
    for action in ["enable", "disable"] {
        server.act(&format!("/jobs/nobody/{action}")).await.problem(404);
    }
}

#[tokio::test]
async fn a_disabled_job_can_still_be_triggered() {
    let receiver = Receiver::start().await;
    let server = CHRONOS.start().await;
    let mut job = manual("job", json!({"url": receiver.url("/")}));
    job["enabled"] = false.into();
    assert_eq!(server.run(&job).await["status"], "success");
}

#[tokio::test]
async fn the_last_run_is_shown_with_the_job() {
    let receiver = Receiver::start().await;
    let server = CHRONOS.start().await;
    receiver.script("/", [Answer::ok(), Answer::status(404)]);
    let first = server.run(&manual("job", json!({"url": receiver.url("/")}))).await;
    let last = &server.get("/jobs/job").await.ok(200)["last_run"];
    assert_eq!(*last, json!({"status": "success", "time": first["started_at"]}));
    server.run_again("job").await;
    let listed = server.get("/jobs").await.ok(200);
    assert_eq!(listed["jobs"][0]["last_run"]["status"], "failed");
}

#[tokio::test]
async fn wrong_methods_and_unknown_paths_are_problems_too() {
    let server = CHRONOS.start().await;
    server.get("/nothing").await.problem(404);
    server.get("/jobs/a/b/c/d").await.problem(404);
    server.delete("/jobs").await.problem(405);
    server.send(hyper::Method::PUT, "/api/v1/schedules/preview", &[], "").await.problem(405);
}

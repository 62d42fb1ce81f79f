//! `POST /jobs/batch`: many jobs at once, each of them created, changed, left as it is, or refused

use hyper::Method;

use super::sets::start;
use crate::support::*;

const BATCH: &str = "/api/v1/jobs/batch";
const JSON: (&str, &str) = ("content-type", "application/json");

fn job(name: &str) -> Value {
    manual(name, json!({"url": "http://127.0.0.1:9/"}))
}

fn described(name: &str, text: &str) -> Value {
    let mut job = job(name);
    job["description"] = text.into();
    job
}

fn outcomes(answer: &Value) -> Vec<&str> {
    answer["jobs"].as_array().unwrap().iter().map(|job| job["outcome"].as_str().unwrap()).collect()
}

/// A batch under a key.
async fn keyed(server: &Server, key: &str, body: &Value) -> Reply {
    server.call(Method::POST, "/jobs/batch", &[("idempotency-key", key)], body).await
}

async fn version(server: &Server, name: &str) -> Value {
    server.get(&format!("/jobs/{name}")).await.ok(200)["version"].clone()
}

#[tokio::test]
async fn a_batch_creates_changes_and_leaves_jobs_and_says_of_each_what_it_did() {
    let server = start().await;
    for name in ["changes", "stays"] {
        server.create(&job(name)).await;
    }
    let mut changed = described("changes", "new");
    changed["tags"] = json!({"team": "a.b"});
    changed["webhook"]["url"] = json!("http://127.0.0.1:9/other");
    changed["webhook"]["headers"] = json!({"X-One": "1"});
    changed["enabled"] = json!(false);
    let jobs = json!([job("new"), changed, job("stays"), {"name": "bad", "schedule": "@never"}, {"name": 7}]);
    let asked = json!({"jobs": jobs});
    let mut dry = asked.clone();
    dry["dry_run"] = json!(true);
    let told = server.post("/jobs/batch", &dry).await.ok(200);
    server.get("/jobs/new").await.problem(404);
    assert_eq!(version(&server, "changes").await, 1);

    let answer = server.post("/jobs/batch", &asked).await.ok(200);
    assert_eq!(
        (&told["jobs"], &told["dry_run"], &answer["dry_run"]),
        (&answer["jobs"], &json!(true), &json!(false))
    );
    assert_eq!(outcomes(&answer), ["created", "changed", "unchanged", "refused", "refused"]);
    let counts = json!({"created": 1, "changed": 1, "unchanged": 1, "deleted": 0, "refused": 2});
    assert_eq!(answer["counts"], counts);
    let [new, changed, stays, bad, nameless] = answer["jobs"].as_array().unwrap().as_slice() else {
        panic!()
    };
    assert_eq!(new, &json!({"name": "new", "outcome": "created", "version": 1}));
    assert_eq!(stays, &json!({"name": "stays", "outcome": "unchanged", "version": 1}));
    assert_eq!(changed["version"], 2);
    let expected = json!([
        {"field": "description", "from": "", "to": "new"},
        {"field": "webhook.url", "from": "http://127.0.0.1:9/", "to": "http://127.0.0.1:9/other"},
        {"field": "webhook.headers.X-One", "from": null, "to": "1"},
        {"field": "tags.team", "from": null, "to": "a.b"},
        {"field": "enabled", "from": true, "to": false},
    ]);
    assert_eq!(changed["changes"], expected, "{changed:#}");
    let fields = |job: &Value| {
        let errors = job["errors"].as_array().unwrap();
        errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((fields(bad), &bad["name"]), (vec!["schedule".to_owned(), "webhook".into()], &json!("bad")));
    assert!(fields(nameless).contains(&"name".to_owned()) && nameless["name"].is_null(), "{nameless:#}");
    assert_eq!((version(&server, "changes").await, version(&server, "stays").await), (json!(2), json!(1)));

    // The same again, but for what was refused.
    let again = json!({"jobs": [job("new"), asked["jobs"][1], job("stays")]});
    let answer = server.post("/jobs/batch", &again).await.ok(200);
    assert_eq!(outcomes(&answer), ["unchanged"; 3]);
}

#[tokio::test]
async fn what_a_job_is_left_without_takes_its_default_as_in_put() {
    let server = start().await;
    let mut first = described("a", "x");
    first["enabled"] = json!(false);
    server.create(&first).await;
    let answer = server.post("/jobs/batch", &json!({"jobs": [job("a")]})).await.ok(200);
    assert_eq!(outcomes(&answer), ["changed"]);
    let now = server.get("/jobs/a").await.ok(200);
    assert_eq!((&now["description"], &now["enabled"]), (&json!(""), &json!(true)));
    // What was read can be written back.
    let answer = server.post("/jobs/batch", &json!({"jobs": [now]})).await.ok(200);
    assert_eq!(outcomes(&answer), ["unchanged"]);
}

#[tokio::test]
async fn two_of_one_name_are_refused_with_the_places_of_both() {
    let server = start().await;
    let jobs = json!([job("a"), job("b"), described("a", "x")]);
    let answer = server.post("/jobs/batch", &json!({"jobs": jobs})).await.ok(200);
    assert_eq!(outcomes(&answer), ["refused", "created", "refused"]);
    for place in [0, 2] {
        let error = &answer["jobs"][place]["errors"][0];
        let message = error["message"].as_str().unwrap();
        assert_eq!(error["field"], "name");
        assert!(message.starts_with("\"a\" is the name of jobs[0] and jobs[2]; expected "), "{message}");
    }
    server.get("/jobs/a").await.problem(404);
}

#[tokio::test]
async fn all_or_none_are_written_where_that_is_asked_for() {
    let server = start().await;
    server.create(&job("old")).await;
    let bad = json!({"name": "bad", "schedule": "@daily", "webhook": {"url": "ftp://h/"}});
    for dry_run in [false, true] {
        let jobs = json!([job("new"), described("old", "x"), bad]);
        let asked = json!({"jobs": jobs, "atomic": true, "dry_run": dry_run});
        let refused = server.post("/jobs/batch", &asked).await;
        assert_eq!(refused.bad_fields(), ["jobs[2].webhook.url"]);
    }
    server.get("/jobs/new").await.problem(404);
    assert_eq!(version(&server, "old").await, 1);
    let asked = json!({"jobs": [job("new"), described("old", "x")], "atomic": true});
    assert_eq!(outcomes(&server.post("/jobs/batch", &asked).await.ok(200)), ["created", "changed"]);
    // What does not go into one step is refused as a whole.
    let many: Vec<_> = (0..1_001).map(|n| job(&format!("many-{n}"))).collect();
    let large = (0..9).map(|n| {
        let mut job = job(&format!("large-{n}"));
        job["webhook"]["body"] = "x".repeat(128 << 10).into();
        job
    });
    for jobs in [many, large.collect()] {
        let problem = server.post("/jobs/batch", &json!({"jobs": jobs, "atomic": true})).await.problem(413);
        assert_eq!(problem["code"], "write_too_large");
        assert!(problem["detail"].as_str().unwrap().contains("expected at most 1000 jobs"), "{problem:#}");
        let name = jobs[0]["name"].as_str().unwrap();
        server.get(&format!("/jobs/{name}")).await.problem(404);
    }
}

#[tokio::test]
async fn batches_of_the_same_jobs_at_once_are_each_done_as_a_whole() {
    let server = start().await;
    let batch = |text: String| {
        let jobs: Vec<_> = (0..30).map(|n| described(&format!("job-{n}"), &text)).collect();
        json!({"jobs": jobs, "atomic": true})
    };
    let all = (0..6).map(|n| {
        let (server, batch) = (&server, batch(n.to_string()));
        async move { server.post("/jobs/batch", &batch).await.ok(200) }
    });
    let answers = futures::future::join_all(all).await;
    assert_eq!(answers.iter().filter(|answer| answer["counts"]["created"] == 30).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer["counts"]["changed"] == 30).count(), 5);
    let page = server.get("/jobs").await.ok(200);
    let jobs = page["jobs"].as_array().unwrap();
    let last = &jobs[0]["description"];
    assert!(jobs.len() == 30 && jobs.iter().all(|job| job["description"] == *last), "{page:#}");
    assert!(jobs.iter().all(|job| job["version"] == 6), "{page:#}");
}

#[tokio::test]
async fn a_secret_that_is_redacted_keeps_what_is_stored_and_a_new_one_is_told_without_it() {
    let (receiver, server) = (Receiver::start().await, start().await);
    let webhook = |token: &str, key: &str| json!({"url": receiver.url("/"), "auth": {"type": "bearer", "token": token}, "headers": {"X-Api-Key": key}});
    server.create(&manual("a", webhook("t0ken", "k3y"))).await;
    let batch = |token, key| json!({"jobs": [manual("a", webhook(token, key))]});
    let answer = server.post("/jobs/batch", &batch("[redacted]", "[redacted]")).await.ok(200);
    assert_eq!(outcomes(&answer), ["unchanged"]);
    let reply = server.post("/jobs/batch", &batch("other", "[redacted]")).await;
    let hidden = json!({"field": "webhook.auth", "from": "[redacted]", "to": "[redacted]"});
    assert_eq!(reply.ok(200)["jobs"][0]["changes"], json!([hidden]));
    let reply = server.post("/jobs/batch", &batch("[redacted]", "another")).await;
    let hidden = json!({"field": "webhook.headers.X-Api-Key", "from": "[redacted]", "to": "[redacted]"});
    assert_eq!(reply.ok(200)["jobs"][0]["changes"], json!([hidden]));
    server.run_again("a").await;
    let call = receiver.next("/").await;
    assert_eq!((call.sent("Authorization"), call.sent("X-Api-Key")), ("Bearer other", "another"));
    // Of a new job there is none to keep.
    let answer =
        server.post("/jobs/batch", &json!({"jobs": [manual("b", webhook("[redacted]", "k"))]})).await;
    assert_eq!(answer.ok(200)["jobs"][0]["errors"][0]["field"], "webhook.auth.token");
}

#[tokio::test]
async fn each_version_shows_who_wrote_the_batch_and_what_they_said() {
    let server = start().await;
    server.create(&job("old")).await;
    let asked = json!({"jobs": [job("new"), described("old", "x")]});
    server.call(Method::POST, "/jobs/batch", &[("chronos-note", "nightly import")], &asked).await.ok(200);
    for name in ["new", "old"] {
        let job = server.get(&format!("/jobs/{name}")).await.ok(200);
        assert_eq!((&job["note"], &job["by"]["kind"]), (&json!("nightly import"), &json!("anonymous")));
    }
}

#[tokio::test]
async fn a_repeat_is_answered_as_the_first_request_and_does_nothing() {
    let server = start().await;
    server.create(&job("changes")).await;
    server.create(&job("stays")).await;
    // More than go into one portion.
    let mut jobs: Vec<_> = (0..600).map(|n| job(&format!("new-{n:03}"))).collect();
    let bad = json!({"name": "bad", "schedule": "@never", "webhook": {"url": "http://h/"}});
    jobs.extend([described("changes", "x"), job("stays"), bad]);
    let asked = json!({"jobs": jobs});
    let first = keyed(&server, "k", &asked).await.ok(200);
    let counts = json!({"created": 600, "changed": 1, "unchanged": 1, "deleted": 0, "refused": 1});
    assert_eq!(first["counts"], counts);
    assert_eq!(server.delete("/jobs/new-007").await.status, 204);
    server.patch("/jobs/changes", &json!({"description": "since"})).await.ok(200);
    server.patch("/jobs/stays", &json!({"description": "since"})).await.ok(200);
    let mut again = keyed(&server, "k", &asked).await.ok(200);
    // How they are others than before is not kept.
    let changes = first["jobs"][600]["changes"].clone();
    assert!(changes.is_array() && again["jobs"][600]["changes"].is_null(), "{again:#}");
    again["jobs"][600]["changes"] = changes;
    assert_eq!(first, again);
    server.get("/jobs/new-007").await.problem(404);
    assert_eq!(version(&server, "changes").await, 3);
    // Another request with the key is refused, and so is the key of another one.
    assert_eq!(
        keyed(&server, "k", &json!({"jobs": []})).await.problem(422)["code"],
        "idempotency_key_reused"
    );
    server.call(Method::POST, "/jobs", &[("idempotency-key", "other")], &job("one")).await.ok(201);
    assert_eq!(keyed(&server, "other", &asked).await.problem(422)["code"], "idempotency_key_reused");
    // A dry run uses none up.
    let dry = json!({"jobs": [job("dry")], "dry_run": true});
    keyed(&server, "dry", &dry).await.ok(200);
    assert_eq!(outcomes(&keyed(&server, "dry", &json!({"jobs": [job("dry")]})).await.ok(200)), ["created"]);
}

#[tokio::test]
async fn a_batch_has_16_mib_and_10000_jobs_at_most_and_other_bodies_have_no_more_than_before() {
    let server = start().await;
    let padded = |bytes: usize| {
        let text = json!({"jobs": [job("padded")]}).to_string();
        format!("{text}{}", " ".repeat(bytes - text.len()))
    };
    let post = |path: &'static str, body: String| {
        let server = &server;
        async move { server.send(Method::POST, path, &[JSON], body).await }
    };
    post(BATCH, padded(16 << 20)).await.ok(200);
    let problem = post(BATCH, padded((16 << 20) + 1)).await.problem(413);
    assert_eq!(problem["code"], "body_too_large");
    assert!(problem["detail"].as_str().unwrap().contains("16777216 bytes (16 MiB)"), "{problem:#}");
    assert_eq!(post("/api/v1/jobs", padded((1 << 20) + 1)).await.problem(413)["code"], "body_too_large");
    let small = |count: usize| {
        let one = r#"{"name":"a"}"#;
        format!(r#"{{"jobs":[{}{one}],"dry_run":true}}"#, format!("{one},").repeat(count - 1))
    };
    assert_eq!(post(BATCH, small(10_000)).await.ok(200)["counts"]["refused"], 10_000);
    let refused = post(BATCH, small(10_001)).await;
    assert_eq!(refused.bad_fields(), ["jobs"]);
    assert!(refused.body.contains("more than 10000 jobs; expected at most 10000"), "{}", refused.body);
    // A job of countless values is refused like one that comes alone, and the others go on.
    let countless = format!(r#"{{"jobs":[{{"name":"b","x":[{}0]}},{}]}}"#, "0,".repeat(10_000), job("c"));
    let answer = post(BATCH, countless).await.ok(200);
    assert_eq!(outcomes(&answer), ["refused", "created"]);
    let message = answer["jobs"][0]["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("more than 10000 values"), "{message}");
    for frame in [r#"{"jobs":[],"set":[{}0]}"#, r#"[{}0]"#] {
        let body = frame.replace("{}", &"0,".repeat(10_000));
        assert_eq!(post(BATCH, body).await.problem(400)["code"], "malformed_json");
    }
}

#[tokio::test]
async fn bodies_of_batches_leave_room_for_others() {
    let server = start().await;
    // One that never comes to its end holds all that batches may.
    let head = format!(
        "POST {BATCH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        16 << 20
    );
    use tokio::io::AsyncWriteExt as _;
    let small = json!({"jobs": [job("a")], "dry_run": true});
    let (busy, stream) = until("the body to be held", || async {
        let mut stream = tokio::net::TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&vec![b' '; (16 << 20) - 1]).await.unwrap();
        // Where a small one is under way when the last byte is read, the large one is told to come again.
        while stream.try_read(&mut [0; 1]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
        {
            let reply = server.post("/jobs/batch", &small).await;
            if reply.status != 200 {
                return Some((reply, stream));
            }
        }
        None
    })
    .await;
    assert_eq!(busy.problem(503)["code"], "busy");
    server.create(&job("b")).await;
    drop(stream);
    until("the room to be free", || async {
        let reply = server.post("/jobs/batch", &json!({"jobs": [job("a")]})).await;
        (reply.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_a_batch_says_beside_its_jobs_is_refused_by_name() {
    let server = start().await;
    for (body, fields) in [
        (json!({}), &["jobs"][..]),
        (json!({"jobs": "x"}), &["jobs"]),
        (json!({"jobs": null, "colour": "red"}), &["colour", "jobs"]),
        (json!({"jobs": [], "adopt": true, "apply_id": "1"}), &["adopt", "apply_id"]),
        (json!({"jobs": [], "set": "a b", "apply_id": "..", "adopt": 1}), &["adopt", "apply_id", "set"]),
        (json!({"jobs": [], "atomic": "yes", "dry_run": 1}), &["atomic", "dry_run"]),
        (json!([]), &[""]),
    ] {
        let reply = server.post("/jobs/batch", &body).await;
        assert_eq!(reply.bad_fields(), fields, "{body}");
        assert!(reply.body.contains("expected"), "{}", reply.body);
    }
    for body in [r#"{"jobs": [], "jobs": []}"#, r#"{"jobs": [1,]}"#, "", "x"] {
        let problem = server.send(Method::POST, BATCH, &[JSON], body).await.problem(400);
        assert_eq!(problem["code"], "malformed_json", "{body}");
    }
    // What is wrong with one job refuses that one.
    let text =
        format!(r#"{{"jobs": [{{"name": "a", "name": "b"}}, {{"webhook": 1e999}}, 7, {}]}}"#, job("c"));
    let answer = server.send(Method::POST, BATCH, &[JSON], text).await.ok(200);
    assert_eq!(outcomes(&answer), ["refused", "refused", "refused", "created"]);
    let message = |n: usize| answer["jobs"][n]["errors"][0]["message"].as_str().unwrap();
    assert!(message(0).contains("\"name\" is given twice"), "{}", message(0));
    assert!(message(1).contains("number out of range"), "{}", message(1));
    assert!(message(2).contains("is a number; expected an object"), "{}", message(2));
    assert_eq!(outcomes(&server.post("/jobs/batch", &json!({"jobs": []})).await.ok(200)), [""; 0]);
}

#[tokio::test]
async fn an_answer_lists_so_many_fields_of_a_job_and_counts_the_rest() {
    let server = start().await;
    let mut first = job("a");
    first["tags"] = (0..30).map(|n| (format!("k{n:02}"), json!("v"))).collect();
    server.create(&first).await;
    let mut bad = job("b");
    for n in 0..15 {
        bad[format!("unknown-{n}")] = json!(1);
    }
    let mut long = job("c");
    server.create(&long).await;
    long["description"] = "x".repeat(4_000).into();
    let answer = server.post("/jobs/batch", &json!({"jobs": [job("a"), bad, long]})).await.ok(200);
    let [changed, refused, long] = answer["jobs"].as_array().unwrap().as_slice() else { panic!() };
    assert_eq!((changed["changes"].as_array().unwrap().len(), &changed["more_changes"]), (20, &json!(10)));
    assert_eq!((refused["errors"].as_array().unwrap().len(), &refused["more_errors"]), (10, &json!(5)));
    let shown = long["changes"][0]["to"].as_str().unwrap();
    assert!(shown.len() < 600 && shown.ends_with('…'), "{shown}");
}

#[tokio::test]
async fn a_job_may_be_named_batch_and_is_reached_by_its_name() {
    let (receiver, server) = (Receiver::start().await, start().await);
    let job = manual("batch", json!({"url": receiver.url("/")}));
    let created = server.create(&job).await;
    assert_eq!(server.get("/jobs/batch").await.ok(200)["id"], created["id"]);
    server.put("/jobs/batch", &job).await.ok(200);
    server.patch("/jobs/batch", &json!({"description": "x"})).await.ok(200);
    assert_eq!(server.get("/jobs/batch/versions").await.ok(200)["versions"].as_array().unwrap().len(), 3);
    server.run_again("batch").await;
    assert_eq!(server.delete("/jobs/batch").await.status, 204);
    server.get("/jobs/batch").await.problem(404);
}

#[tokio::test]
async fn jobs_of_a_batch_run_and_are_found() {
    let (receiver, server) = (Receiver::start().await, start().await);
    let mut every = manual("every", json!({"url": receiver.url("/")}));
    every["schedule"] = "@every 1s".into();
    server.post("/jobs/batch", &json!({"jobs": [every]})).await.ok(200);
    receiver.next("/").await;
    let found = server.get("/jobs?q=every").await.ok(200);
    assert_eq!(found["jobs"][0]["name"], "every");
}

//! Pausing a job: who did it, why and until when; what ends it, and what does not

use hyper::Method;
use jiff::{SignedDuration, Timestamp};

use crate::support::*;

/// A server whose cluster has the version that brings pauses.
async fn start() -> Server {
    let server = CHRONOS.start().await;
    until("the version to rise", || async {
        let status = server.get("/cluster/status").await.ok(200);
        (status["cluster_version"].as_u64().unwrap() >= 2).then_some(())
    })
    .await;
    server
}

/// A job that falls due once a year.
fn yearly(name: &str) -> Value {
    json!({"name": name, "schedule": "@yearly", "webhook": {"url": "http://127.0.0.1:9/"}})
}

fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap_or_else(|| panic!("no time: {value}")).parse().unwrap()
}

/// A whole second that is so many seconds ahead.
fn in_seconds(seconds: i64) -> Timestamp {
    Timestamp::from_second(Timestamp::now().as_second() + seconds).unwrap()
}

#[tokio::test]
async fn a_paused_job_says_who_paused_it_and_why_and_until_when_and_is_at_the_same_version() {
    let mut server = start().await;
    let created = server.create(&yearly("job")).await;
    assert_eq!((&created["paused"], &created["skips"]), (&Value::Null, &Value::Null));
    let body = json!({"reason": "the target is being moved", "until": "2099-01-01T12:00:00+02:00"});
    let note = [("Chronos-Note", "as agreed")];
    let reply = server.call(Method::POST, "/jobs/job/pause", &note, &body).await;
    let paused = reply.ok(200);
    assert_eq!(reply.header("etag"), Some(etag(&created).as_str()), "it is no version");
    let pause = &paused["paused"];
    assert_eq!(pause["by"], json!({"kind": "anonymous", "address": "127.0.0.1"}));
    assert_eq!((&pause["reason"], &pause["note"]), (&body["reason"], &json!("as agreed")));
    assert_eq!(pause["until"], "2099-01-01T10:00:00.000Z");
    assert!(time(&pause["at"]) >= time(&created["created_at"]), "{paused:#}");
    assert_eq!((&paused["enabled"], &paused["next_run"]), (&json!(true), &Value::Null));
    assert_eq!(server.get("/jobs/job/versions").await.ok(200)["versions"].as_array().unwrap().len(), 1);

    // As everybody reads it, also after a restart.
    assert_eq!(without_stats(server.get("/jobs/job").await.ok(200)), paused);
    let listed = server.get("/jobs?enabled=true").await.ok(200)["jobs"][0].clone();
    assert_eq!(without_stats(listed), paused);
    assert_eq!(server.get("/jobs?enabled=false").await.ok(200)["jobs"], json!([]));
    server.stop().await;
    let server = server.again().await;
    assert_eq!(without_stats(server.get("/jobs/job").await.ok(200)), paused);

    // Whoever pauses it once more says it anew; it is paused since when it was.
    let again = server.act("/jobs/job/pause").await.ok(200);
    let said = &again["paused"];
    assert_eq!((&said["at"], &said["reason"], &said["until"]), (&pause["at"], &Value::Null, &Value::Null));
    assert_eq!(said["note"], Value::Null);
    let resumed = server.act("/jobs/job/resume").await.ok(200);
    assert_eq!((&resumed["paused"], &resumed["version"]), (&Value::Null, &json!(1)));
    assert_eq!(resumed["next_run"], created["next_run"]);
    assert_eq!(server.act("/jobs/job/resume").await.ok(200), resumed, "it stays as it is");
}

#[tokio::test]
async fn a_pause_survives_what_does_not_say_whether_the_job_runs() {
    let server = start().await;
    server.create(&yearly("job")).await;
    let pause = server.post("/jobs/job/pause", &json!({"reason": "so"})).await.ok(200)["paused"].clone();
    let mut put = yearly("job");
    put["description"] = "another".into();
    let whole = || async { server.get("/jobs/job").await.ok(200) };
    let patch = json!({"schedule": "@monthly"});
    for (what, changed) in [
        ("PUT", server.put("/jobs/job", &put).await),
        ("PATCH", server.patch("/jobs/job", &patch).await),
        ("rollback", server.act("/jobs/job/rollback/1").await),
        // What was read is written back: `enabled` is in it, and so is the pause.
        ("PUT of what was read", server.put("/jobs/job", &whole().await).await),
        ("PATCH of what was read", server.patch("/jobs/job", &whole().await).await),
    ] {
        let job = changed.ok(200);
        assert_eq!((&job["paused"], &job["next_run"]), (&pause, &Value::Null), "{what}: {job:#}");
        assert_eq!(job["enabled"], true, "{what}");
    }
    assert_eq!(server.get("/jobs/job").await.ok(200)["version"], 6);
    // A run by hand is none of the schedule.
    server.trigger("job").await;
}

#[tokio::test]
async fn a_batch_leaves_a_pause_unless_it_says_whether_the_job_runs() {
    let server = start().await;
    server.create(&yearly("job")).await;
    let pause = server.post("/jobs/job/pause", &json!({"reason": "so"})).await.ok(200)["paused"].clone();
    let mut says = yearly("job");
    says["enabled"] = true.into();
    let mut read = server.get("/jobs/job").await.ok(200);
    read["description"] = "another".into();
    for (job, outcome, version, paused) in [
        (yearly("job"), "unchanged", 1, &pause),
        // It was read and is written back.
        (read, "changed", 2, &pause),
        (yearly("job"), "changed", 3, &pause),
        (says.clone(), "changed", 4, &Value::Null),
        (says, "unchanged", 4, &Value::Null),
    ] {
        let body = json!({"jobs": [job]});
        let answer = server.post("/jobs/batch", &body).await.ok(200);
        let item = &answer["jobs"][0];
        assert_eq!((&item["outcome"], &item["version"]), (&json!(outcome), &json!(version)), "{answer:#}");
        let shown = server.get("/jobs/job").await.ok(200);
        assert_eq!((&shown["paused"], &shown["version"]), (paused, &json!(version)), "{body:#}");
        assert_eq!(shown["next_run"].is_string(), paused.is_null(), "{shown:#}");
    }
}

#[tokio::test]
async fn whoever_says_whether_the_job_runs_ends_its_pause() {
    let server = start().await;
    let mut enabled = yearly("job");
    enabled["enabled"] = true.into();
    server.create(&enabled).await;
    let mut disabled = enabled.clone();
    disabled["enabled"] = false.into();
    let mut version = 1;
    for (what, runs, makes_version) in [
        ("PUT true", true, true),
        ("PATCH true", true, true),
        ("PATCH null", true, true),
        ("/enable", true, false),
        ("PUT false", false, true),
        ("/enable", true, true),
        ("PATCH false", false, true),
        // It was disabled before.
        ("/disable", false, false),
        ("/enable", true, true),
        ("/disable", false, true),
    ] {
        let paused = server.act("/jobs/job/pause").await.ok(200);
        assert_eq!((&paused["paused"]["until"], &paused["next_run"]), (&Value::Null, &Value::Null));
        let reply = match what {
            "PUT true" => server.put("/jobs/job", &enabled).await,
            "PUT false" => server.put("/jobs/job", &disabled).await,
            "PATCH true" => server.patch("/jobs/job", &json!({"enabled": true})).await,
            "PATCH false" => server.patch("/jobs/job", &json!({"enabled": false})).await,
            "PATCH null" => server.patch("/jobs/job", &json!({"enabled": null})).await,
            path => server.act(&format!("/jobs/job{path}")).await,
        };
        let job = reply.ok(200);
        version += i32::from(makes_version);
        assert_eq!((&job["paused"], &job["enabled"]), (&Value::Null, &json!(runs)), "{what}: {job:#}");
        assert_eq!(job["version"], version, "{what}");
        assert_eq!(job["next_run"].is_string(), runs, "{what}: {job:#}");
    }
    // A pause of a disabled job is one, and its end enables nothing.
    assert!(server.act("/jobs/job/pause").await.ok(200)["paused"].is_object());
    let resumed = server.act("/jobs/job/resume").await.ok(200);
    assert_eq!((&resumed["paused"], &resumed["enabled"]), (&Value::Null, &json!(false)));
    assert_eq!(resumed["version"], version);
}

#[tokio::test]
async fn a_pause_that_cannot_be_is_refused_by_the_field_and_changes_nothing() {
    let server = start().await;
    let created = server.create(&yearly("job")).await;
    let long = "x".repeat(1_025);
    for (body, field, says) in [
        (json!({"until": "2020-01-01T00:00:00Z"}), "until", "\"2020-01-01T00:00:00Z\" is past (it is 2"),
        (json!({"until": "tomorrow"}), "until", "expected an RFC 3339 time"),
        (json!({"until": 7}), "until", "expected an RFC 3339 time"),
        (json!({"reason": ""}), "reason", "expected 1 to 1024 bytes of text"),
        (json!({"reason": "a\u{7}b"}), "reason", "expected 1 to 1024 bytes of text"),
        (json!({"reason": long}), "reason", "1025 bytes; expected 1 to 1024 bytes"),
        (json!({"for": "1h"}), "for", "expected one of reason, until"),
        (json!([]), "", "expected an object"),
    ] {
        let refused = server.post("/jobs/job/pause", &body).await;
        assert_eq!(refused.bad_fields(), [field], "{body}");
        let message = refused.json()["errors"][0]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(says), "{body}: {message}");
    }
    for path in ["/jobs/nobody/pause", "/jobs/nobody/resume"] {
        assert_eq!(server.act(path).await.problem(404)["code"], "job_not_found");
    }
    assert_eq!(server.post("/jobs/job/resume", &json!({"colour": 1})).await.bad_fields(), ["colour"]);
    for path in ["pause", "resume"] {
        let path = format!("/api/v1/jobs/job/{path}");
        let stale = server.send(Method::POST, &path, &[("if-match", "\"7\"")], "").await;
        assert_eq!(stale.problem(412)["code"], "version_mismatch");
    }
    assert_eq!(without_stats(server.get("/jobs/job").await.ok(200)), created);
    let longest = json!({"reason": "ä".repeat(512)});
    assert_eq!(server.post("/jobs/job/pause", &longest).await.ok(200)["paused"]["reason"], longest["reason"]);
}

#[tokio::test]
async fn a_repeated_pause_does_not_pause_a_job_that_went_on_since() {
    let server = start().await;
    server.create(&yearly("job")).await;
    let ask = |path: &'static str, key: &'static str| {
        let server = &server;
        let path = format!("/api/v1/jobs/job/{path}");
        async move { server.send(Method::POST, &path, &[("idempotency-key", key)], "").await.ok(200) }
    };
    assert!(ask("pause", "one").await["paused"].is_object());
    assert_eq!(ask("resume", "two").await["paused"], Value::Null);
    assert_eq!(ask("pause", "one").await["paused"], Value::Null, "as it stands");
    assert_eq!(server.get("/jobs/job").await.ok(200)["paused"], Value::Null);
    assert!(ask("pause", "three").await["paused"].is_object());
    ask("resume", "two").await;
    assert!(server.get("/jobs/job").await.ok(200)["paused"].is_object());
    // Another end is another request.
    let other = json!({"until": "2099-01-01T00:00:00Z"});
    let reused = server.call(Method::POST, "/jobs/job/pause", &[("idempotency-key", "three")], &other).await;
    assert_eq!(reused.problem(422)["code"], "idempotency_key_reused");
}

#[tokio::test]
async fn what_falls_due_at_the_end_of_a_pause_runs_and_nothing_before_it() {
    let (receiver, server) = (Receiver::start().await, start().await);
    let mut job = json!({
        "name": "job", "schedule": "* * * * * *", "missed_runs": "execute_all", "enabled": false,
        "webhook": {"url": receiver.url("/")},
    });
    server.create(&job).await;
    let end = in_seconds(9);
    let pause = server.post("/jobs/job/pause", &json!({"until": end.to_string()})).await.ok(200);
    // Enabled as one that is paused still.
    job["enabled"] = true.into();
    job["paused"] = pause["paused"].clone();
    let shown = server.put("/jobs/job", &job).await.ok(200);
    assert_eq!((&shown["paused"], &shown["enabled"]), (&pause["paused"], &json!(true)));
    let first = receiver.next("/").await;
    assert_eq!(first.sent("X-Chronos-Scheduled-Time").parse::<Timestamp>().unwrap(), end);
    let shown = server.get("/jobs/job").await.ok(200);
    assert_eq!((&shown["paused"], &shown["version"]), (&Value::Null, &json!(2)), "{shown:#}");
    receiver.wait_for("/", 2).await;
    server.act("/jobs/job/disable").await.ok(200);
    let executions = server.executions("job", 2).await;
    let mut instants: Vec<_> = executions.iter().map(|run| time(&run["scheduled_time"])).collect();
    instants.sort_unstable();
    for (number, at) in (0..).zip(&instants) {
        assert_eq!(*at, end + SignedDuration::from_secs(number), "{instants:?}");
    }
    assert!(executions.iter().all(|run| run["trigger"] == "schedule"), "{executions:#?}");
}

#[tokio::test]
async fn a_pause_that_ends_while_the_node_is_down_is_over_from_that_instant_on() {
    let receiver = Receiver::start().await;
    let mut server = start().await;
    let mut job = json!({
        "name": "job", "schedule": "* * * * * *", "enabled": false, "concurrency": "allow",
        "webhook": {"url": receiver.url("/")},
    });
    server.create(&job).await;
    let end = in_seconds(8);
    let pause = server.post("/jobs/job/pause", &json!({"until": end.to_string()})).await.ok(200);
    job["enabled"] = true.into();
    job["paused"] = pause["paused"].clone();
    server.put("/jobs/job", &job).await.ok(200);
    server.kill().await;
    let back = end + SignedDuration::from_secs(2);
    until("the pause to be over", || async { (Timestamp::now() > back).then_some(()) }).await;
    let server = server.again().await;
    receiver.wait_for("/", 3).await;
    let executions = server.executions("job", 3).await;
    let mut instants: Vec<_> = executions.iter().map(|run| time(&run["scheduled_time"])).collect();
    instants.sort_unstable();
    for (number, at) in (0..3).zip(&instants) {
        assert_eq!(*at, end + SignedDuration::from_secs(number), "{instants:?}");
    }
    assert_eq!(server.get("/jobs/job").await.ok(200)["paused"], Value::Null);
}

#[tokio::test]
async fn what_is_to_run_goes_by_pauses() {
    let server = start().await;
    for name in ["asleep", "dozes", "runs"] {
        let job = json!({"name": name, "schedule": "0 * * * *", "webhook": {"url": "http://127.0.0.1:9/"}});
        server.create(&job).await;
    }
    let end = Timestamp::now() + SignedDuration::from_hours(10);
    server.act("/jobs/asleep/pause").await.ok(200);
    server.post("/jobs/dozes/pause", &json!({"until": end.to_string()})).await.ok(200);
    let runs = until("all jobs to be known", || async {
        let answer = server.get("/runs/upcoming?limit=30").await.ok(200);
        (answer["complete"] == true).then(|| answer["runs"].as_array().unwrap().clone())
    })
    .await;
    let of = |name: &str| -> Vec<Timestamp> {
        let of = runs.iter().filter(|run| run["job_name"] == name);
        of.map(|run| time(&run["scheduled_time"])).collect()
    };
    assert_eq!((of("asleep").len(), of("dozes").len() + of("runs").len()), (0, 30));
    let dozes = of("dozes");
    assert!(dozes.len() > 5 && dozes.iter().all(|at| *at >= end), "{dozes:?}");
    // The same of one job.
    let one = |name: &'static str| {
        let server = &server;
        async move {
            let answer = server.get(&format!("/runs/upcoming?job={name}&limit=1")).await.ok(200);
            answer["runs"].as_array().unwrap().first().map(|run| time(&run["scheduled_time"]))
        }
    };
    assert_eq!((one("asleep").await, one("dozes").await), (None, dozes.first().copied()));
    // Two jobs of 48 hours, one of them for ten hours less.
    let counted = server.get("/schedules/density").await.ok(200);
    let sum: u64 = counted["counts"].as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).sum();
    assert!((48 + 37..=48 + 39).contains(&sum), "{counted:#}");
    server.act("/jobs/dozes/resume").await.ok(200);
    until("the job to be counted again", || async {
        let answer = server.get("/runs/upcoming?limit=4").await.ok(200);
        let names: Vec<_> = answer["runs"].as_array().unwrap().iter().map(|run| &run["job_name"]).collect();
        (names == ["dozes", "runs", "dozes", "runs"]).then_some(())
    })
    .await;
}

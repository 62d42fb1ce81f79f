//! A job has a run left when it is created and when its times change; else it is refused, and the field is named

use jiff::{SignedDuration, Timestamp};

use crate::support::*;

fn job(members: Value) -> Value {
    let mut job = manual("job", json!({"url": "http://127.0.0.1:9/"}));
    for (name, value) in members.as_object().unwrap() {
        job[name] = value.clone();
    }
    job
}

/// Times that leave no run, and the fields that are to be named.
fn never() -> Vec<(Value, Vec<&'static str>)> {
    let hour_ago = (Timestamp::now() - SignedDuration::from_hours(1)).to_string();
    vec![
        (json!({"schedule": "@at 2020-01-01T00:00:00Z"}), vec!["schedule"]),
        (json!({"schedule": format!("@at {hour_ago}")}), vec!["schedule"]),
        (json!({"schedule": "@at 0000-01-01T00:00:00Z"}), vec!["schedule"]),
        (json!({"schedule": "* * * * *", "end_at": hour_ago}), vec!["end_at"]),
        (json!({"schedule": "@every 1s", "end_at": "2020-01-01T00:00:00Z"}), vec!["end_at"]),
        (
            json!({"schedule": "* * * * *", "start_at": "2020-01-01T00:00:00Z", "end_at": "2020-01-02T00:00:00Z"}),
            vec!["end_at"],
        ),
        // The window is to come, and no run is in it.
        (
            json!({"schedule": "@daily", "start_at": "2098-01-01T00:00:01Z", "end_at": "2098-01-01T23:59:59Z"}),
            vec!["end_at"],
        ),
        (json!({"schedule": "@every 876000h", "end_at": "2098-01-01T00:00:00Z"}), vec!["end_at"]),
        (
            json!({"schedule": "@at 2098-01-01T00:00:00Z", "start_at": "2098-01-01T00:00:00.001Z"}),
            vec!["start_at"],
        ),
        (
            json!({"schedule": "@at 2098-01-01T00:00:00.001Z", "end_at": "2098-01-01T00:00:00Z"}),
            vec!["end_at"],
        ),
        (json!({"schedule": "0 0 1 1 *", "start_at": "9999-01-01T00:00:01Z"}), vec!["start_at"]),
        (
            json!({"schedule": "@at 2020-01-01T00:00:00Z", "end_at": "2021-01-01T00:00:00Z"}),
            vec!["end_at", "schedule"],
        ),
    ]
}

#[tokio::test]
async fn times_that_leave_no_run_are_refused_when_a_job_gets_them() {
    let server = CHRONOS.start().await;
    for (members, fields) in never() {
        for enabled in [true, false] {
            let mut job = job(members.clone());
            job["enabled"] = enabled.into();
            assert_eq!(server.post("/jobs", &job).await.bad_fields(), fields, "{members}");
        }
    }
    // All bad fields are named at once, these too.
    let both = job(json!({"schedule": "@at 2020-01-01T00:00:00Z", "timeout": "x"}));
    assert_eq!(server.post("/jobs", &both).await.bad_fields(), ["schedule", "timeout"]);
    assert_eq!(server.get("/jobs").await.ok(200)["jobs"], json!([]));

    let created = server.create(&job(json!({}))).await;
    for (members, fields) in never() {
        assert_eq!(
            server.put("/jobs/job", &job(members.clone())).await.bad_fields(),
            fields,
            "PUT {members}"
        );
        assert_eq!(server.patch("/jobs/job", &members).await.bad_fields(), fields, "PATCH {members}");
    }
    let left = without_stats(server.get("/jobs/job").await.ok(200));
    assert_eq!(left, created, "what was refused changed nothing");
}

#[tokio::test]
async fn a_refused_time_is_named_with_its_value_and_what_was_expected() {
    let server = CHRONOS.start().await;
    for (members, says) in [
        (
            json!({"schedule": "@at 2020-01-02T03:04:05Z"}),
            ["\"@at 2020-01-02T03:04:05Z\" is past", "expected a time to come"],
        ),
        (
            json!({"schedule": "* * * * *", "end_at": "2020-01-02T03:04:05+01:00"}),
            ["\"2020-01-02T03:04:05+01:00\" is past", "expected a time to come"],
        ),
        (
            json!({"schedule": "@at 2098-01-02T00:00:00Z", "end_at": "2098-01-01T00:00:00Z"}),
            ["\"2098-01-01T00:00:00Z\" is before the first run", "expected that time or later"],
        ),
    ] {
        let problem = server.post("/jobs", &job(members)).await.problem(400);
        let message = problem["errors"][0]["message"].as_str().unwrap();
        assert!(says.iter().all(|part| message.contains(part)), "{message}");
    }
}

#[tokio::test]
async fn the_last_instant_that_can_be_written_is_taken_everywhere() {
    let server = CHRONOS.start().await;
    let end = "9999-12-31T23:59:59.999Z";
    let job = job(json!({
        "schedule": format!("@at {end}"), "start_at": "0000-01-01T00:00:00Z", "end_at": end,
    }));
    let created = server.create(&job).await;
    assert_eq!((&created["end_at"], &created["next_run"]), (&json!(end), &json!(end)));
    let shown = json!({"schedule": format!("@at {end}"), "after": "9999-12-31T00:00:00Z"});
    let shown = server.post("/schedules/preview", &shown).await.ok(200);
    assert_eq!(shown["next_runs"], json!([end]));
    assert!(shown["description"].as_str().unwrap().contains(end), "{shown}");
    let hours = json!({"schedule": "0 * * * *", "after": "9999-12-31T21:00:00Z"});
    let hours = server.post("/schedules/preview", &hours).await.ok(200);
    assert_eq!(hours["next_runs"].as_array().unwrap().len(), 2, "{hours}");
}

#[tokio::test]
async fn an_at_that_is_less_late_than_the_threshold_runs_under_its_own_time() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let at = Timestamp::from_second(Timestamp::now().as_second() - 5).unwrap();
    let late = |name: &str| json!({"name": name, "schedule": format!("@at {at}"), "webhook": {"url": receiver.url(&format!("/{name}"))}});
    server.create(&late("new")).await;
    server.create(&manual("changed", json!({"url": receiver.url("/changed")}))).await;
    server.patch("/jobs/changed", &json!({"schedule": format!("@at {at}")})).await.ok(200);
    for name in ["new", "changed"] {
        let call = receiver.next(&format!("/{name}")).await;
        let scheduled: Timestamp = call.sent("X-Chronos-Scheduled-Time").parse().unwrap();
        assert_eq!(scheduled, at);
        assert_eq!(call.sent("X-Chronos-Trigger"), "schedule");
        let execution = server.finished(name, call.execution()).await;
        assert_eq!(execution["status"], "success");
    }
    // One that is disabled has no time to be late for.
    let mut off = late("off");
    off["enabled"] = false.into();
    assert_eq!(server.create(&off).await["next_run"], Value::Null);
    assert_eq!(server.act("/jobs/off/enable").await.ok(200)["next_run"], Value::Null);
}

#[tokio::test]
async fn a_job_that_is_over_can_be_changed_and_does_not_run_again() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let at = Timestamp::now() - SignedDuration::from_secs(1);
    let once =
        json!({"name": "once", "schedule": format!("@at {at}"), "webhook": {"url": receiver.url("/")}});
    server.create(&once).await;
    let call = receiver.next("/").await;
    server.finished("once", call.execution()).await;
    // Its time is less than a minute ago. It has these times already, so they are not asked for a run, and not run.
    for change in [
        json!({"description": "over"}),
        json!({"jitter": "1s"}),
        json!({"enabled": false}),
        json!({"enabled": true}),
    ] {
        assert_eq!(server.patch("/jobs/once", &change).await.ok(200)["next_run"], Value::Null, "{change}");
    }
    let read = server.get("/jobs/once").await.ok(200);
    assert_eq!(server.put("/jobs/once", &read).await.ok(200)["next_run"], Value::Null);
    for action in ["disable", "enable"] {
        let job = server.act(&format!("/jobs/once/{action}")).await.ok(200);
        assert_eq!(job["next_run"], Value::Null);
    }
    server.run_again("once").await;
    assert_eq!(server.executions("once", 2).await.len(), 2, "its own run, and the one by hand");
}

#[tokio::test]
async fn a_repeat_is_answered_though_its_time_is_past_by_now() {
    let receiver = Receiver::start().await;
    let server = CHRONOS.with(&[("scheduler.misfire_threshold", "1ms")]).await;
    let at = Timestamp::now() + SignedDuration::from_secs(2);
    let once = json!({"name": "job", "schedule": format!("@at {at}"), "webhook": {"url": receiver.url("/")}});
    let key = [("idempotency-key", "once")];
    let first = server.call(hyper::Method::POST, "/jobs", &key, &once).await.ok(201);
    let call = receiver.next("/").await;
    server.finished("job", call.execution()).await;
    let again = server.call(hyper::Method::POST, "/jobs", &key, &once).await.ok(201);
    assert_eq!(again, first);
    let mut other = once.clone();
    other["name"] = "other".into();
    assert_eq!(server.post("/jobs", &other).await.bad_fields(), ["schedule"]);
}

#[tokio::test]
async fn a_rollback_to_times_that_are_over_is_refused() {
    let receiver = Receiver::start().await;
    let server = CHRONOS.with(&[("scheduler.misfire_threshold", "1ms")]).await;
    let at = Timestamp::now() + SignedDuration::from_secs(2);
    let once = json!({"name": "job", "schedule": format!("@at {at}"), "webhook": {"url": receiver.url("/")}});
    server.create(&once).await;
    let call = receiver.next("/").await;
    server.finished("job", call.execution()).await;
    server.put("/jobs/job", &manual("job", json!({"url": receiver.url("/")}))).await.ok(200);
    let refused = server.act("/jobs/job/rollback/1").await;
    assert_eq!(refused.bad_fields(), ["schedule"]);
    assert_eq!(server.get("/jobs/job").await.ok(200)["version"], 2);
}

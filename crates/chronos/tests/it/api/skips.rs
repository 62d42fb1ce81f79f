//! Coming runs that are skipped on request

use hyper::Method;
use jiff::{SignedDuration, Timestamp};

use crate::support::*;

/// A server whose cluster has the version that brings skips.
async fn start() -> Server {
    let server = CHRONOS.start().await;
    until("the version to rise", || async {
        let status = server.get("/cluster/status").await.ok(200);
        (status["cluster_version"].as_u64().unwrap() >= 2).then_some(())
    })
    .await;
    server
}

fn hourly(name: &str) -> Value {
    json!({"name": name, "schedule": "0 * * * *", "webhook": {"url": "http://127.0.0.1:9/"}})
}

fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap_or_else(|| panic!("no time: {value}")).parse().unwrap()
}

#[tokio::test]
async fn exactly_so_many_runs_are_skipped_and_the_next_one_runs() {
    let (receiver, server) = (Receiver::start().await, start().await);
    let job = json!({
        "name": "job", "schedule": "* * * * * *", "enabled": false, "concurrency": "allow",
        "webhook": {"url": receiver.url("/")},
    });
    server.create(&job).await;
    let note = [("Chronos-Note", "holiday")];
    let body = json!({"count": 2});
    let asked = server.call(Method::POST, "/jobs/job/skip", &note, &body).await.ok(200);
    let skips = &asked["skips"];
    assert_eq!((&skips["count"], &skips["until"], &skips["next"]), (&json!(2), &Value::Null, &Value::Null));
    let enabled = server.act("/jobs/job/enable").await.ok(200);
    assert_eq!(enabled["skips"]["next"], enabled["next_run"], "the next run is one of them");
    let first = receiver.next("/").await;
    server.act("/jobs/job/disable").await.ok(200);
    let at: Timestamp = first.sent("X-Chronos-Scheduled-Time").parse().unwrap();
    let mut executions = server.executions("job", 3).await;
    executions.sort_by_key(|run| time(&run["scheduled_time"]));
    for (run, before) in executions.iter().zip([2, 1]) {
        assert_eq!(time(&run["scheduled_time"]), at - SignedDuration::from_secs(before), "{executions:#?}");
        assert_eq!((&run["status"], &run["last_error"]), (&json!("skipped"), &json!("skipped by request")));
        assert_eq!((&run["by"], &run["note"]), (&skips["by"], &json!("holiday")), "{run:#}");
        let (none, attempts) = (Value::Null, json!(0));
        assert_eq!((&run["attempts"], &run["error_kind"], &run["missed"]), (&attempts, &none, &none));
        assert!(run["completed_at"].is_string() && run["started_at"].is_null(), "{run:#}");
    }
    assert_eq!(executions[2]["id"], first.execution());
    assert_eq!(server.get("/jobs/job").await.ok(200)["skips"], Value::Null);
}

#[tokio::test]
async fn the_runs_before_a_time_are_skipped_across_a_kill_and_that_of_the_time_runs() {
    let receiver = Receiver::start().await;
    let mut server = start().await;
    let job = json!({
        "name": "job", "schedule": "* * * * * *", "enabled": false, "missed_runs": "execute_all",
        "concurrency": "allow", "webhook": {"url": receiver.url("/")},
    });
    server.create(&job).await;
    let end = Timestamp::from_second(Timestamp::now().as_second() + 9).unwrap();
    server.post("/jobs/job/skip", &json!({"until": end.to_string()})).await.ok(200);
    server.act("/jobs/job/enable").await.ok(200);
    server.executions("job", 1).await;
    server.kill().await;
    let server = server.again().await;
    let first = receiver.next("/").await;
    assert_eq!(first.sent("X-Chronos-Scheduled-Time").parse::<Timestamp>().unwrap(), end);
    let executions = server.executions("job", 2).await;
    let is_skipped = |run: &&Value| time(&run["scheduled_time"]) < end;
    let skipped: Vec<_> = executions.iter().filter(is_skipped).collect();
    assert!(skipped.len() > 1 && skipped.iter().all(|run| run["status"] == "skipped"), "{executions:#?}");
}

#[tokio::test]
async fn what_is_to_be_skipped_is_replaced_taken_back_and_no_version() {
    let server = start().await;
    let created = server.create(&hourly("job")).await;
    let reply = server.post("/jobs/job/skip", &json!({"count": 1_000})).await;
    assert_eq!(reply.header("etag"), Some(etag(&created).as_str()));
    let skips = reply.ok(200)["skips"].clone();
    assert_eq!((&skips["count"], &skips["next"]), (&json!(1_000), &created["next_run"]));
    assert_eq!(skips["by"], json!({"kind": "anonymous", "address": "127.0.0.1"}));
    assert!(skips["at"].is_string() && skips["note"].is_null(), "{skips:#}");
    // Which runs these are is told of what is to run.
    let upcoming = |query: &'static str| {
        let server = &server;
        async move {
            let answer = server.get(&format!("/runs/upcoming?limit=4{query}")).await.ok(200);
            let runs = answer["runs"].as_array().unwrap().clone();
            runs.iter().map(|run| run["skipped"].as_bool().unwrap()).collect::<Vec<_>>()
        }
    };
    let second = time(&created["next_run"]) + SignedDuration::from_hours(1);
    for (body, skipped) in [
        (json!({"count": 2}), [true, true, false, false]),
        (json!({"until": second.to_string()}), [true, false, false, false]),
        (json!({"count": 1}), [true, false, false, false]),
    ] {
        let shown = server.post("/jobs/job/skip", &body).await.ok(200);
        assert_eq!(shown["next_run"], created["next_run"], "it is an instant still");
        assert_eq!(upcoming("&job=job").await, skipped, "{body}");
        until("the job to be known", || async { (upcoming("").await == skipped).then_some(()) }).await;
    }
    // It outlives a change of the job, as one that was read and written back too.
    let whole = server.get("/jobs/job").await.ok(200);
    let put = server.put("/jobs/job", &whole).await.ok(200);
    assert_eq!((&put["skips"], &put["version"]), (&whole["skips"], &json!(2)));
    let kept = server.delete("/jobs/job/skip").await.ok(200);
    assert_eq!((&kept["skips"], &kept["version"]), (&Value::Null, &json!(2)));
    assert_eq!(server.delete("/jobs/job/skip").await.ok(200), kept, "it stays as it is");
    assert_eq!(upcoming("&job=job").await, [false; 4]);
}

#[tokio::test]
async fn a_run_that_waits_for_its_jitter_is_skipped() {
    let server = start().await;
    let at = Timestamp::from_second(Timestamp::now().as_second() + 3).unwrap();
    // Its share of so long a jitter is hours.
    let job = json!({
        "name": "job", "schedule": format!("@at {at}"), "jitter": "10000h",
        "webhook": {"url": "http://127.0.0.1:9/"},
    });
    server.create(&job).await;
    let waits = server.executions("job", 1).await.remove(0);
    assert_eq!(waits["status"], "pending");
    let shown = server.post("/jobs/job/skip", &json!({"count": 1})).await.ok(200);
    assert_eq!((&shown["skips"], &shown["next_run"]), (&Value::Null, &Value::Null), "{shown:#}");
    let skipped = server.execution("job", waits["id"].as_str().unwrap()).await;
    assert_eq!((&skipped["status"], &skipped["by"]["kind"]), (&json!("skipped"), &json!("anonymous")));
}

#[tokio::test]
async fn what_cannot_be_skipped_is_refused_by_the_field_and_changes_nothing() {
    let server = start().await;
    let created = server.create(&hourly("job")).await;
    for (body, field, says) in [
        (json!({}), "count", "is missing; expected count or until"),
        (json!({"count": 0}), "count", "0 is out of range; expected a whole number from 1 to 1000"),
        (json!({"count": 1_001}), "count", "1001 is out of range; expected a whole number from 1 to 1000"),
        (json!({"count": "all"}), "count", "\"all\" is a string; expected a whole number from 1 to 1000"),
        (json!({"until": "2020-01-01T00:00:00Z"}), "until", "\"2020-01-01T00:00:00Z\" is past (it is 2"),
        (json!({"until": "never"}), "until", "expected an RFC 3339 time"),
        (json!({"count": 1, "until": "2099-01-01T00:00:00Z"}), "until", "expected one of the two"),
        (json!({"count": 1, "next": true}), "next", "expected one of count, until"),
    ] {
        let refused = server.post("/jobs/job/skip", &body).await;
        assert_eq!(refused.bad_fields(), [field], "{body}");
        let message = refused.json()["errors"][0]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(says), "{body}: {message}");
    }
    assert_eq!(server.act("/jobs/job/skip").await.problem(400)["code"], "malformed_json");
    let body = json!({"count": 1});
    assert_eq!(server.post("/jobs/nobody/skip", &body).await.problem(404)["code"], "job_not_found");
    assert_eq!(server.delete("/jobs/nobody/skip").await.problem(404)["code"], "job_not_found");
    let stale = [("if-match", "\"7\"")];
    server.call(Method::POST, "/jobs/job/skip", &stale, &body).await.problem(412);
    server.send(Method::DELETE, "/api/v1/jobs/job/skip", &stale, "").await.problem(412);
    assert_eq!(without_stats(server.get("/jobs/job").await.ok(200)), created);
}

#[tokio::test]
async fn a_repeated_skip_skips_no_further_run() {
    let server = start().await;
    server.create(&hourly("job")).await;
    let key = [("idempotency-key", "one")];
    let body = json!({"count": 1});
    let ask = || server.call(Method::POST, "/jobs/job/skip", &key, &body);
    assert_eq!(ask().await.ok(200)["skips"]["count"], 1);
    server.delete("/jobs/job/skip").await.ok(200);
    assert_eq!(ask().await.ok(200)["skips"], Value::Null, "as it stands");
    assert_eq!(server.get("/jobs/job").await.ok(200)["skips"], Value::Null);
}

//! What is done with many jobs or executions at once

use std::collections::BTreeSet;

use chronos_client::PageQuery;
use chronos_client::api::{BackfillRequest, ExecutionActionRequest, JobActionRequest};
use hyper::Method;
use jiff::{SignedDuration, Timestamp};

use crate::support::*;

/// A server whose cluster has the version that brings operations.
async fn start() -> Server {
    let server = CHRONOS.start().await;
    until("the version to rise", || async {
        let status = server.get("/cluster/status").await.ok(200);
        (status["cluster_version"].as_u64().unwrap() >= 2).then_some(())
    })
    .await;
    server
}

/// A job that calls a path of its own name, which overlaps with itself.
fn job(name: &str, receiver: &Receiver) -> Value {
    let mut job = manual(name, json!({"url": receiver.url(&format!("/{name}"))}));
    job["concurrency"] = json!("allow");
    job
}

/// The same with a tag.
fn tagged(name: &str, team: &str, receiver: &Receiver) -> Value {
    let mut job = job(name, receiver);
    job["tags"] = json!({"team": team});
    job
}

/// An operation once it is over.
async fn over(server: &Server, operation: &Value) -> Value {
    let id = operation["id"].as_str().unwrap();
    until("the end of the operation", || async {
        Some(server.get(&format!("/operations/{id}")).await.ok(200))
            .filter(|found| found["state"] != "running")
    })
    .await
}

fn counts(operation: &Value) -> (&Value, u64, u64) {
    (&operation["state"], operation["done"].as_u64().unwrap(), operation["refused"].as_u64().unwrap())
}

#[tokio::test]
async fn all_jobs_that_a_filter_matches_are_run_once_and_no_others() {
    let (receiver, server) = (Receiver::start().await, start().await);
    for number in 0..5 {
        server.create(&tagged(&format!("a-{number}"), "a", &receiver)).await;
        server.create(&tagged(&format!("b-{number}"), "b", &receiver)).await;
    }
    let mut request =
        json!({"action": "trigger", "filter": {"tag.team": "a", "enabled": true}, "dry_run": true});
    let preview = server.post("/jobs/actions", &request).await.ok(200);
    assert_eq!(preview["total"], json!({"count": 5, "exact": true}));
    assert_eq!(preview["sample"], json!(["a-0", "a-1", "a-2", "a-3", "a-4"]));
    assert_eq!(server.get("/operations").await.ok(200)["operations"], json!([]), "nothing was made");
    request["dry_run"] = json!(false);
    let headers = [("content-type", "application/json"), ("chronos-note", "after the outage")];
    let reply = server.send(Method::POST, "/api/v1/jobs/actions", &headers, request.to_string()).await;
    let operation = reply.ok(202);
    let id = operation["id"].as_str().unwrap();
    assert_eq!(reply.header("location").unwrap(), format!("/api/v1/operations/{id}"));
    assert_eq!((&operation["total"]["count"], &operation["per_second"]), (&json!(5), &json!(50)));
    let found = over(&server, &operation).await;
    assert_eq!(counts(&found), (&json!("done"), 5, 0));
    assert_eq!((&found["note"], &found["by"]["kind"]), (&json!("after the outage"), &json!("anonymous")));
    assert_eq!((&found["action"], &found["errors"]), (&json!("trigger"), &json!([])));
    assert!(found["completed_at"].is_string());
    for number in 0..5 {
        let runs = server.executions(&format!("a-{number}"), 1).await;
        assert_eq!(runs.len(), 1);
        assert_eq!((&runs[0]["trigger"], &runs[0]["operation"]), (&json!("manual"), &json!(id)));
        assert_eq!(runs[0]["note"], "after the outage", "whoever asked for the operation asked for the run");
        let done = server.finished(&format!("a-{number}"), runs[0]["id"].as_str().unwrap()).await;
        assert_eq!(done["status"], "success");
        let others = server.get(&format!("/jobs/b-{number}/executions")).await.ok(200);
        assert_eq!(others["executions"], json!([]));
    }
}

#[tokio::test]
async fn jobs_that_are_named_are_deleted_and_those_that_are_not_there_are_told() {
    let (receiver, server) = (Receiver::start().await, start().await);
    let mut names = Vec::new();
    for number in 0..3 {
        let created = server.create(&job(&format!("job-{number}"), &receiver)).await;
        names.push(created[if number == 0 { "id" } else { "name" }].clone());
    }
    let stays = server.create(&job("stays", &receiver)).await;
    names.insert(1, json!("nobody"));
    let request = json!({"action": "delete", "names": names});
    let operation = server.post("/jobs/actions", &request).await.ok(202);
    assert_eq!(operation["total"], json!({"count": 3, "exact": true}));
    let found = over(&server, &operation).await;
    assert_eq!(counts(&found), (&json!("done"), 3, 1));
    let error = json!({"target": "nobody", "code": "job_not_found", "message": "there is no such job, or not any more"});
    assert_eq!((&found["errors"], &found["names"]), (&json!([error]), &json!(names)));
    let left = server.get("/jobs").await.ok(200);
    assert_eq!(
        left["jobs"].as_array().unwrap().iter().map(|job| &job["id"]).collect::<Vec<_>>(),
        [&stays["id"]]
    );
    // A list is without what may be long.
    let listed = server.get("/operations").await.ok(200);
    let listed = &listed["operations"][0];
    assert_eq!((&listed["id"], counts(listed)), (&found["id"], counts(&found)));
    assert!(listed.get("errors").is_none() && listed.get("names").is_none(), "{listed:#}");
}

#[tokio::test]
async fn a_patch_changes_each_job_and_what_it_would_make_invalid_is_told() {
    let (receiver, server) = (Receiver::start().await, start().await);
    for name in ["a", "b"] {
        server.create(&job(name, &receiver)).await;
    }
    let mut once = job("once", &receiver);
    once["end_at"] = json!("2099-01-02T00:00:00Z");
    server.create(&once).await;
    let patch = json!({
        "timeout": "7s",
        "schedule": "@at 2099-02-01T00:00:00Z",
        "webhook": {
            "headers": {"X-Team": "t0p"},
            "auth": {"type": "bearer", "token": "s3cret"},
            "signing": {"secret": format!("whsec_{}", "s3cret7/".repeat(4)), "previous": null},
        },
    });
    let request = json!({"action": "patch", "filter": {}, "patch": patch});
    let operation = server.post("/jobs/actions", &request).await.ok(202);
    let found = over(&server, &operation).await;
    assert_eq!(counts(&found), (&json!("done"), 2, 1));
    let error = &found["errors"][0];
    assert_eq!((&error["target"], &error["code"]), (&json!("once"), &json!("invalid")));
    assert!(error["message"].as_str().unwrap().contains("end_at: "), "{error:#}");
    let text = found.to_string();
    assert!(!text.contains("s3cret") && !text.contains("t0p"), "{text}");
    assert_eq!(found["patch"]["webhook"]["auth"], json!({"type": "bearer", "token": "[redacted]"}));
    assert_eq!(found["patch"]["webhook"]["signing"], json!({"secret": "[redacted]", "previous": null}));
    assert_eq!(found["patch"]["timeout"], "7s");
    for name in ["a", "b"] {
        let changed = server.get(&format!("/jobs/{name}")).await.ok(200);
        assert_eq!((&changed["version"], &changed["timeout"]), (&json!(2), &json!("7s")));
    }
    assert_eq!(server.get("/jobs/once").await.ok(200)["version"], 1);
    // Where a patch changes nothing, there is no new version.
    let again = server.post("/jobs/actions", &request).await.ok(202);
    assert_eq!(counts(&over(&server, &again).await), (&json!("done"), 2, 1));
    assert_eq!(server.get("/jobs/a").await.ok(200)["version"], 2);
}

#[tokio::test]
async fn all_jobs_of_a_team_are_paused_and_resumed() {
    let (receiver, server) = (Receiver::start().await, start().await);
    for (name, team) in [("a", "x"), ("b", "x"), ("c", "y")] {
        server.create(&tagged(name, team, &receiver)).await;
    }
    let paused = || async {
        let jobs = server.get("/jobs").await.ok(200);
        let reasons = jobs["jobs"].as_array().unwrap().iter().map(|job| job["paused"]["reason"].clone());
        reasons.collect::<Vec<_>>()
    };
    let mut request = json!({"action": "pause", "filter": {"tag.team": "x"}, "reason": "they move"});
    request["until"] = json!("2098-01-01T00:00:00Z");
    let operation = server.post("/jobs/actions", &request).await.ok(202);
    assert_eq!(
        (&operation["reason"], &operation["until"]),
        (&json!("they move"), &json!("2098-01-01T00:00:00.000Z"))
    );
    assert_eq!(counts(&over(&server, &operation).await), (&json!("done"), 2, 0));
    assert_eq!(paused().await, [json!("they move"), json!("they move"), Value::Null]);
    let request = json!({"action": "resume", "filter": {}});
    let operation = server.post("/jobs/actions", &request).await.ok(202);
    // One that is not paused stays as it is.
    assert_eq!(counts(&over(&server, &operation).await), (&json!("done"), 3, 0));
    assert_eq!(paused().await, [Value::Null, Value::Null, Value::Null]);
    assert_eq!(server.get("/jobs/a").await.ok(200)["version"], 1);
    let mut past = json!({"action": "pause", "filter": {}, "until": "2026-01-01T00:00:00Z"});
    for dry_run in [false, true] {
        past["dry_run"] = dry_run.into();
        assert_eq!(server.post("/jobs/actions", &past).await.bad_fields(), ["until"]);
    }
}

#[tokio::test]
async fn a_job_whose_turn_comes_after_the_end_of_its_pause_is_not_paused() {
    let (receiver, server) = (Receiver::start().await, start().await);
    let names: Vec<_> = (0..6).map(|number| format!("job-{number}")).collect();
    for name in &names {
        server.create(&job(name, &receiver)).await;
    }
    let end = Timestamp::now() + SignedDuration::from_secs(4);
    let request = json!({"action": "pause", "names": names, "until": end.to_string(), "per_second": 1});
    let operation = server.post("/jobs/actions", &request).await.ok(202);
    let found = over(&server, &operation).await;
    let (state, done, refused) = counts(&found);
    assert_eq!((state, done + refused), (&json!("done"), 6));
    assert!(refused > 0, "the last one has its turn five seconds after the first: {found:#}");
    for error in found["errors"].as_array().unwrap() {
        assert_eq!(error["code"], "invalid");
        assert!(error["message"].as_str().unwrap().contains("is past by now"), "{error:#}");
    }
    assert_eq!(found["errors"][0]["target"], names[usize::try_from(done).unwrap()], "in the order given");
    assert_eq!(server.get("/jobs/job-5").await.ok(200)["paused"], Value::Null);
}

#[tokio::test]
async fn all_that_failed_is_replayed_once_and_what_comes_of_it_is_not() {
    let (receiver, server) = (Receiver::start().await, start().await);
    receiver.respond(|_| Answer::status(400));
    for name in ["a", "b"] {
        server.run(&job(name, &receiver)).await;
        server.run_again(name).await;
    }
    let failed = server.get("/executions?status=failed").await.ok(200);
    let ids: BTreeSet<_> =
        failed["executions"].as_array().unwrap().iter().map(|one| one["id"].to_string()).collect();
    assert_eq!(ids.len(), 4);
    let request =
        json!({"action": "replay", "filter": {"status": "failed"}, "spread": "1s", "per_second": 100});
    let operation = server.post("/executions/actions", &request).await.ok(202);
    assert_eq!((&operation["spread"], &operation["per_second"]), (&json!("1s"), &json!(100)));
    let found = over(&server, &operation).await;
    assert_eq!(counts(&found), (&json!("done"), 4, 0));
    let mut replayed = BTreeSet::new();
    for name in ["a", "b"] {
        for run in server.executions(name, 4).await {
            let id = run["id"].as_str().unwrap();
            // They fail as well, and are none of those that were meant.
            assert_eq!(server.finished(name, id).await["status"], "failed");
            if run["trigger"] == "replay" {
                assert_eq!(run["operation"], operation["id"]);
                assert!(replayed.insert(run["replay_of"].to_string()), "one twice: {run:#}");
            }
        }
    }
    assert_eq!(replayed, ids);
    let by_job = json!({"action": "replay", "filter": {"job": "a", "status": "failed"}, "dry_run": true});
    let preview = server.post("/executions/actions", &by_job).await.ok(200);
    assert_eq!(preview["total"], json!({"count": 4, "exact": true}));
    let by_id = json!({"action": "replay", "ids": [failed["executions"][0]["id"], "nobody"]});
    let operation = server.post("/executions/actions", &by_id).await.ok(202);
    let found = over(&server, &operation).await;
    assert_eq!(counts(&found), (&json!("done"), 1, 1));
    assert_eq!(found["errors"][0]["code"], "execution_not_found");
}

#[tokio::test]
async fn all_that_is_unfinished_is_cancelled_and_what_is_over_is_not_meant() {
    let (receiver, server) = (Receiver::start().await, start().await);
    server.run(&job("over", &receiver)).await;
    let gate = Gate::closed();
    let held = gate.clone();
    receiver.respond(move |_| Answer::ok().after(&held));
    server.create(&job("held", &receiver)).await;
    for _ in 0..3 {
        server.trigger("held").await;
    }
    receiver.wait_for("/held", 3).await;
    let request = json!({"action": "cancel", "filter": {}});
    let operation = server.post("/executions/actions", &request).await.ok(202);
    assert_eq!((&operation["total"]["count"], &operation["per_second"]), (&json!(3), &Value::Null));
    assert_eq!(counts(&over(&server, &operation).await), (&json!("done"), 3, 0));
    for run in server.executions("held", 3).await {
        assert_eq!(run["status"], "cancelled");
    }
    gate.open();
}

#[tokio::test]
async fn a_job_that_forbids_overlap_is_refused_with_its_reason_while_one_is_unfinished() {
    let (receiver, server) = (Receiver::start().await, start().await);
    let gate = Gate::closed();
    receiver.script("/held", [Answer::ok().after(&gate)]);
    server.create(&manual("held", json!({"url": receiver.url("/held")}))).await;
    let under_way = server.trigger("held").await["id"].as_str().unwrap().to_owned();
    let operation = server.post("/jobs/actions", &json!({"action": "trigger", "filter": {}})).await.ok(202);
    let found = over(&server, &operation).await;
    assert_eq!(counts(&found), (&json!("done"), 0, 1));
    let error = &found["errors"][0];
    assert_eq!((&error["target"], &error["code"]), (&json!("held"), &json!("overlap")));
    assert!(error["message"].as_str().unwrap().contains(&under_way), "{error:#}");
    gate.open();
}

#[tokio::test]
async fn an_operation_that_is_cancelled_stands_where_it_is() {
    let (receiver, server) = (Receiver::start().await, start().await);
    for number in 0..5 {
        server.create(&job(&format!("job-{number}"), &receiver)).await;
    }
    let request = json!({"action": "trigger", "filter": {}, "per_second": 1});
    let operation = server.post("/jobs/actions", &request).await.ok(202);
    let path = format!("/operations/{}", operation["id"].as_str().unwrap());
    receiver.wait_for("/job-0", 1).await;
    let headers = [("chronos-note", "enough")];
    let cancelled = server.send(Method::POST, &format!("/api/v1{path}/cancel"), &headers, "").await.ok(200);
    assert_eq!(
        (&cancelled["state"], &cancelled["cancelled"]["note"]),
        (&json!("cancelled"), &json!("enough"))
    );
    let problem = server.act(&format!("{path}/cancel")).await.problem(409);
    assert_eq!(problem["code"], "operation_ended");
    let done = server.get(&path).await.ok(200)["done"].as_u64().unwrap();
    assert!((1..5).contains(&done), "{done}");
    // Another one goes on meanwhile, and that one has not gone on since.
    let other = server.post("/jobs/actions", &json!({"action": "delete", "filter": {}})).await.ok(202);
    assert_eq!(counts(&over(&server, &other).await), (&json!("done"), 5, 0));
    assert_eq!(server.get(&path).await.ok(200)["done"].as_u64().unwrap(), done);
    let nobody = "019ab2c4-5d6e-7f80-9a0b-1c2d3e4f5a6b";
    for path in [format!("/operations/{nobody}"), "/operations/x".to_owned()] {
        assert_eq!(server.get(&path).await.problem(404)["code"], "operation_not_found");
        assert_eq!(server.act(&format!("{path}/cancel")).await.problem(404)["code"], "operation_not_found");
    }
}

#[tokio::test]
async fn a_backfill_runs_each_instant_of_a_past_range_in_turn_whether_it_ran_or_not() {
    let (receiver, server) = (Receiver::start().await, start().await);
    let mut daily = manual("daily", json!({"url": receiver.url("/daily"), "body": "{{.ScheduledTime}}"}));
    (daily["schedule"], daily["timezone"]) = (json!("30 2 * * *"), json!("Europe/Berlin"));
    // A disabled job runs what it is asked for, and no overlap is allowed.
    daily["enabled"] = json!(false);
    server.create(&daily).await;
    let mut request = json!({"from": "2026-03-28T00:00:00Z", "to": "2026-03-30T12:00:00Z", "dry_run": true});
    let preview = server.post("/jobs/daily/backfill", &request).await.ok(200);
    // On the second day the clock goes forward over 02:30.
    let instants = ["2026-03-28T01:30:00.000Z", "2026-03-29T01:00:00.000Z", "2026-03-30T00:30:00.000Z"];
    assert_eq!((&preview["total"]["count"], &preview["sample"]), (&json!(3), &json!(instants)));
    request["dry_run"] = json!(false);
    for round in 1..=2 {
        let operation = server.post("/jobs/daily/backfill", &request).await.ok(202);
        assert_eq!(
            (&operation["action"], &operation["from"]),
            (&json!("backfill"), &json!("2026-03-28T00:00:00.000Z"))
        );
        assert_eq!(counts(&over(&server, &operation).await), (&json!("done"), 3, 0));
        let runs = server.executions("daily", 3 * round).await;
        let mut scheduled = Vec::new();
        for run in runs.iter().filter(|run| run["operation"] == operation["id"]) {
            assert_eq!(run["trigger"], "backfill");
            let done = server.finished("daily", run["id"].as_str().unwrap()).await;
            assert_eq!(done["status"], "success", "{done:#}");
            scheduled.push(run["scheduled_time"].as_str().unwrap().to_owned());
        }
        scheduled.reverse();
        assert_eq!(scheduled, instants, "the newest first");
    }
    let calls = receiver.wait_for("/daily", 6).await;
    assert!(calls.iter().all(|call| call.sent("X-Chronos-Trigger") == "backfill"));
    assert_eq!(
        calls.iter().map(|call| call.body.as_str()).collect::<Vec<_>>(),
        [instants, instants].concat()
    );
}

#[tokio::test]
async fn a_backfill_has_so_many_unfinished_runs_at_a_time() {
    let (receiver, server) = (Receiver::start().await, start().await);
    let gate = Gate::closed();
    let held = gate.clone();
    receiver.respond(move |_| Answer::ok().after(&held));
    let mut minutely = job("minutely", &receiver);
    (minutely["schedule"], minutely["enabled"]) = (json!("* * * * *"), json!(false));
    server.create(&minutely).await;
    let range = json!({"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T01:59:00Z", "per_second": 1000});
    let operation = server.post("/jobs/minutely/backfill", &range).await.ok(202);
    let path = format!("/operations/{}", operation["id"].as_str().unwrap());
    until("as many as may be", || async { (server.get(&path).await.ok(200)["done"] == 100).then_some(()) })
        .await;
    // Another operation comes to its end meanwhile.
    let other =
        server.post("/jobs/actions", &json!({"action": "trigger", "names": ["nobody"]})).await.ok(202);
    over(&server, &other).await;
    let stands = server.get(&path).await.ok(200);
    assert_eq!(counts(&stands), (&json!("running"), 100, 0));
    gate.open();
    assert_eq!(counts(&over(&server, &operation).await), (&json!("done"), 120, 0));
}

#[tokio::test]
async fn a_repeat_with_the_same_key_makes_no_second_operation() {
    let (receiver, server) = (Receiver::start().await, start().await);
    server.create(&job("job", &receiver)).await;
    let request = json!({"action": "delete", "filter": {}});
    let key = [("idempotency-key", "once")];
    let first = server.call(Method::POST, "/jobs/actions", &key, &request).await.ok(202);
    over(&server, &first).await;
    let again = server.call(Method::POST, "/jobs/actions", &key, &request).await.ok(202);
    assert_eq!((&again["id"], &again["state"]), (&first["id"], &json!("done")), "as it stands");
    assert_eq!(server.get("/operations").await.ok(200)["operations"].as_array().unwrap().len(), 1);
    // The job of a backfill may be gone when its request is repeated.
    let mut hourly = job("hourly", &receiver);
    hourly["schedule"] = json!("0 * * * *");
    server.create(&hourly).await;
    let range = json!({"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"});
    let key = [("idempotency-key", "twice")];
    let first = server.call(Method::POST, "/jobs/hourly/backfill", &key, &range).await.ok(202);
    server.delete("/jobs/hourly").await;
    let again = server.call(Method::POST, "/jobs/hourly/backfill", &key, &range).await.ok(202);
    assert_eq!(again["id"], first["id"]);
}

#[tokio::test]
async fn operations_are_listed_in_pages_the_newest_first() {
    let server = start().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        let operation =
            server.post("/jobs/actions", &json!({"action": "delete", "filter": {}})).await.ok(202);
        made.push(over(&server, &operation).await["id"].clone());
    }
    made.reverse();
    let (mut found, mut query) = (Vec::new(), "?limit=2".to_owned());
    loop {
        let page = server.get(&format!("/operations{query}")).await.ok(200);
        found.extend(page["operations"].as_array().unwrap().iter().map(|operation| operation["id"].clone()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("?limit=2&cursor={cursor}");
    }
    assert_eq!(found, made);
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_refused_with_the_value_and_what_was_expected() {
    let (receiver, server) = (Receiver::start().await, start().await);
    let mut every = job("every", &receiver);
    every["schedule"] = json!("* * * * *");
    server.create(&every).await;
    let jobs = |body: Value| ("/jobs/actions", body);
    let executions = |body: Value| ("/executions/actions", body);
    let backfill = |from: &str, to: &str| ("/jobs/every/backfill", json!({"from": from, "to": to}));
    for ((path, body), field, says) in [
        (
            jobs(json!({"action": "explode", "filter": {}})),
            "action",
            "expected one of pause, resume, trigger, delete or patch",
        ),
        (executions(json!({"action": "delete", "filter": {}})), "action", "expected one of replay or cancel"),
        (
            jobs(json!({"action": "delete", "filter": {"colour": "red"}})),
            "filter.colour",
            "expected one of enabled",
        ),
        (
            jobs(json!({"action": "delete", "filter": {"limit": 5}})),
            "filter.limit",
            "unknown query parameter",
        ),
        (jobs(json!({"action": "delete", "filter": {"enabled": "maybe"}})), "filter.enabled", "\"maybe\""),
        (executions(json!({"action": "cancel", "filter": {"status": "odd"}})), "filter.status", "\"odd\""),
        (jobs(json!({"action": "delete"})), "filter", "expected one of the two"),
        (
            jobs(json!({"action": "patch", "filter": {}, "patch": {"name": "x"}})),
            "patch.name",
            "expected no name",
        ),
        (backfill("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"), "from", "is after `to`, 2026-01-01"),
        (
            backfill("2026-01-02T00:00:00Z", "2099-01-01T00:00:00Z"),
            "to",
            "2099-01-01T00:00:00.000Z is to come",
        ),
        (backfill("2020-01-01T00:00:00Z", "2026-01-01T00:00:00Z"), "to", "gives more than 10000 runs"),
        (backfill("2026-01-01T00:00:01Z", "2026-01-01T00:00:02Z"), "from", "no instant"),
        (backfill("yesterday", "2026-01-01T00:00:02Z"), "from", "\"yesterday\""),
    ] {
        for dry_run in [true, false] {
            let mut body = body.clone();
            body["dry_run"] = json!(dry_run);
            let problem = server.post(path, &body).await.problem(400);
            let errors = problem["errors"].as_array().unwrap();
            assert_eq!(errors[0]["field"], field, "{problem:#}");
            assert!(errors[0]["message"].as_str().unwrap().contains(says), "{problem:#}");
        }
    }
    let range = json!({"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:00:02Z"});
    assert_eq!(server.post("/jobs/nobody/backfill", &range).await.problem(404)["code"], "job_not_found");
    let of_nobody = json!({"action": "cancel", "filter": {"job": "nobody"}});
    assert_eq!(server.post("/executions/actions", &of_nobody).await.problem(404)["code"], "job_not_found");
    assert_eq!(server.get("/operations").await.ok(200)["operations"], json!([]));
}

#[tokio::test]
async fn so_many_operations_are_under_way_at_a_time() {
    let (receiver, server) = (Receiver::start().await, start().await);
    for name in ["a", "b"] {
        server.create(&job(name, &receiver)).await;
    }
    // The second of two runs has its turn a second later, or, where replays are spread, a day later.
    server.run_again("a").await;
    server.run_again("b").await;
    let slow = json!({"action": "replay", "filter": {}, "spread": "24h"});
    let mut made = Vec::new();
    for _ in 0..16 {
        made.push(server.post("/executions/actions", &slow).await.ok(202));
    }
    let problem = server.post("/executions/actions", &slow).await.problem(409);
    assert_eq!(problem["code"], "too_many_operations");
    assert!(problem["detail"].as_str().unwrap().starts_with("16 operations are under way"), "{problem:#}");
    server.act(&format!("/operations/{}/cancel", made[0]["id"].as_str().unwrap())).await.ok(200);
    server.post("/executions/actions", &slow).await.ok(202);
}

#[tokio::test]
async fn the_client_asks_for_all_of_it() {
    let (receiver, server) = (Receiver::start().await, start().await);
    let mut hourly = job("hourly", &receiver);
    hourly["schedule"] = json!("0 * * * *");
    server.create(&hourly).await;
    let client = server.client();
    let filter = || Some(json!({"q": "hour"}).as_object().unwrap().clone());
    let trigger = JobActionRequest { action: "trigger".into(), filter: filter(), ..Default::default() };
    assert_eq!(client.preview_job_action(&trigger).await.unwrap().sample, ["hourly"]);
    let operation = client.act_on_jobs(&trigger, Some("key")).await.unwrap();
    assert_eq!(client.act_on_jobs(&trigger, Some("key")).await.unwrap().id, operation.id);
    server.executions("hourly", 1).await;
    let replay = ExecutionActionRequest {
        action: "replay".into(),
        filter: Some(json!({"job": "hourly"}).as_object().unwrap().clone()),
        spread: Some("24h".into()),
        ..Default::default()
    };
    assert_eq!(client.preview_execution_action(&replay).await.unwrap().total.count, 1);
    let replay = client.act_on_executions(&replay, None).await.unwrap();
    let range = BackfillRequest {
        from: "2026-01-01T00:00:00Z".into(),
        to: "2026-01-01T03:00:00Z".into(),
        per_second: Some(1),
        dry_run: None,
    };
    assert_eq!(client.preview_backfill("hourly", &range).await.unwrap().total.count, 4);
    let backfill = client.backfill_job("hourly", &range, None).await.unwrap();
    assert_eq!(client.cancel_operation(&backfill.id, None).await.unwrap().state, "cancelled");
    assert_eq!(client.operation(&backfill.id, true).await.unwrap().errors, Some(vec![]));
    let page = client.operations(&PageQuery::default()).await.unwrap();
    let ids: Vec<_> = page.operations.iter().map(|operation| &operation.id).collect();
    assert_eq!(ids, [&backfill.id, &replay.id, &operation.id]);
}

#[tokio::test]
async fn a_job_may_be_called_as_what_is_done_with_many_is() {
    let (receiver, server) = (Receiver::start().await, start().await);
    let made = server.create(&job("actions", &receiver)).await;
    assert_eq!(server.get("/jobs/actions").await.ok(200)["id"], made["id"]);
    server.patch("/jobs/actions", &json!({"description": "x"})).await.ok(200);
    let operation =
        server.post("/jobs/actions", &json!({"action": "delete", "names": ["actions"]})).await.ok(202);
    assert_eq!(counts(&over(&server, &operation).await), (&json!("done"), 1, 0));
}

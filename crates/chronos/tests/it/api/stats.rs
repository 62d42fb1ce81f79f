//! What was done: statistics of a job, figures of all, and what fails now

use std::collections::BTreeSet;

use crate::support::*;

/// A server whose cluster has the version that counts what is done.
async fn start() -> Server {
    at_version_2(CHRONOS.start().await).await
}

async fn at_version_2(server: Server) -> Server {
    until("the version to rise", || async {
        let status = server.get("/cluster/status").await.ok(200);
        (status["cluster_version"].as_u64().unwrap() >= 2).then_some(())
    })
    .await;
    server
}

/// A job that runs each second and is not retried.
fn each_second(name: &str, url: &str) -> Value {
    json!({
        "name": name, "schedule": "@every 1s", "webhook": {"url": url}, "retry_policy": {"max_attempts": 1},
    })
}

/// Waits until the statistics of a job are as they should be.
async fn stats_are(server: &Server, job: &str, what: &str, are: impl Fn(&Value) -> bool) -> Value {
    let path = format!("/jobs/{job}");
    until(what, || async {
        let stats = server.get(&path).await.ok(200)["stats"].clone();
        Some(stats).filter(|stats| are(stats))
    })
    .await
}

#[tokio::test]
async fn a_job_says_how_its_runs_came_out() {
    let (receiver, server) = (Receiver::start().await, start().await);
    receiver.respond(|_| Answer::status(503));
    let created = server.create(&each_second("job", &receiver.url("/"))).await;
    assert!(created.get("stats").is_none(), "{created:#}");
    let fails = stats_are(&server, "job", "two failures", |stats| stats["failures_in_row"] == 2).await;
    let failing = &fails["failing"];
    assert_eq!((&failing["error_kind"], &failing["status_code"]), (&json!("status"), &json!(503)));
    assert_eq!(failing["host"], "127.0.0.1");
    let outcomes = fails["outcomes"].as_array().unwrap();
    assert_eq!(outcomes.len(), 2, "{fails:#}");
    for outcome in outcomes {
        assert_eq!((&outcome["status"], &outcome["reason"]), (&json!("failed"), &json!("status 503")));
        assert_eq!((&outcome["attempts"], &outcome["version"]), (&json!(1), &json!(1)));
        let run = server.execution("job", outcome["id"].as_str().unwrap()).await;
        assert_eq!(run["scheduled_time"], outcome["scheduled_time"]);
        assert_eq!(run["duration_ms"], outcome["duration_ms"]);
    }
    assert!(outcomes[0]["scheduled_time"].as_str() > outcomes[1]["scheduled_time"].as_str());
    assert_eq!((&fails["last_success_at"], &fails["duration_ms"]), (&Value::Null, &Value::Null));

    // A run by hand succeeds, and does not count in the row.
    server.act("/jobs/job/disable").await.ok(200);
    let row = server.get("/jobs/job").await.ok(200)["stats"]["failures_in_row"].clone();
    receiver.respond(|_| Answer::ok());
    server.run_again("job").await;
    let by_hand = stats_are(&server, "job", "a success", |stats| stats["last_success_at"].is_string()).await;
    assert_eq!((&by_hand["failures_in_row"], &by_hand["outcomes"][0]["trigger"]), (&row, &json!("manual")));
    assert!(by_hand["duration_ms"]["p50"].is_u64(), "{by_hand:#}");
    server.act("/jobs/job/enable").await.ok(200);
    let well = stats_are(&server, "job", "a success", |stats| stats["failures_in_row"] == 0).await;
    assert!(well.get("failing").is_none() && well["last_failure_at"].is_string(), "{well:#}");

    // The list has the same, and what was read can be written back.
    server.act("/jobs/job/disable").await.ok(200);
    let read = until("the last run to end", || async {
        let read = server.get("/jobs/job").await.ok(200);
        let outcomes = read["stats"]["outcomes"].as_array().unwrap();
        outcomes.iter().all(|outcome| outcome["status"] != "running").then(|| read.clone())
    })
    .await;
    assert_eq!(server.get("/jobs").await.ok(200)["jobs"][0]["stats"], read["stats"]);
    server.put("/jobs/job", &read).await.ok(200);
}

#[tokio::test]
async fn instants_that_were_passed_over_are_among_the_outcomes_and_no_failure() {
    let receiver = Receiver::start().await;
    let mut server = at_version_2(CHRONOS.with(&[("scheduler.misfire_threshold", "3s")]).await).await;
    let mut job = each_second("job", &receiver.url("/"));
    job["missed_runs"] = json!("ignore");
    server.create(&job).await;
    stats_are(&server, "job", "a success", |stats| stats["last_success_at"].is_string()).await;
    server.stop().await;
    let back = now_ms() + 6_000;
    until("instants to be missed", || async { (now_ms() > back).then_some(()) }).await;
    let server = server.again().await;
    let is_missed = |outcome: &&Value| outcome.get("missed").is_some();
    let missed = stats_are(&server, "job", "an entry", |stats| {
        stats["outcomes"].as_array().unwrap().iter().any(|outcome| is_missed(&outcome))
    })
    .await;
    let entry = missed["outcomes"].as_array().unwrap().iter().find(is_missed).unwrap();
    assert_eq!((&entry["status"], &entry["duration_ms"]), (&json!("skipped"), &Value::Null));
    assert_eq!(entry["missed"]["reason"], entry["reason"]);
    assert_eq!(missed["failures_in_row"], 0);
    let total = server.get("/stats").await.ok(200)["total"].clone();
    assert!(total["missed"].as_u64() >= entry["missed"]["count"].as_u64(), "{total:#}");
}

#[tokio::test]
async fn what_was_done_is_counted_for_all_and_for_one_job() {
    let (receiver, server) = (Receiver::start().await, start().await);
    receiver.script("/fails", [Answer::status(404)]);
    let mut retried = manual("retried", json!({"url": receiver.url("/retried")}));
    retried["retry_policy"] = json!({"initial_interval": "10ms"});
    receiver.script("/retried", [Answer::status(500), Answer::ok()]);
    server.run(&retried).await;
    server.run(&manual("fails", json!({"url": receiver.url("/fails")}))).await;
    server.run(&manual("good", json!({"url": receiver.url("/good")}))).await;
    for _ in 0..2 {
        server.run_again("good").await;
    }
    let done = server.get("/stats").await.ok(200);
    let total = &done["total"];
    let ended = json!({"success": 4, "failed": 1, "cancelled": 0, "skipped": 0});
    assert_eq!((&total["executions"], &total["triggers"]), (&ended, &json!({"manual": 5})));
    assert_eq!(total["attempts"], json!({"success": 4, "status": 2}));
    assert_eq!((&total["missed"], &total["lateness_ms"]), (&json!(0), &Value::Null), "none was scheduled");
    assert!(total["duration_ms"]["p99"].as_u64() <= total["duration_ms"]["max"].as_u64(), "{total:#}");
    assert_eq!(done["failed_hosts"], json!([{"host": "127.0.0.1", "error_kind": "status", "count": 1}]));
    let series = done["series"].as_array().unwrap();
    let count = |step: &Value| step["executions"]["success"].as_u64().unwrap();
    assert_eq!(series.iter().map(count).sum::<u64>(), 4);
    assert_eq!(done["step"], "5m");
    assert!(done["since"].is_string() && done["complete"] == false, "it began today: {done:#}");
    for time in ["from", "to"] {
        let text = done[time].as_str().unwrap();
        assert!(text.ends_with("0:00.000Z") || text.ends_with("5:00.000Z"), "{time}: {text}");
    }
    let days = server.get("/stats?step=24h").await.ok(200);
    assert_eq!((&days["total"], &days["step"]), (total, &json!("24h")));

    let one = server.get("/stats?job=good&consistent=true").await.ok(200);
    let ended = json!({"success": 3, "failed": 0, "cancelled": 0, "skipped": 0});
    assert_eq!((&one["total"]["executions"], &one["total"]["attempts"]), (&ended, &json!({"success": 3})));
    assert_eq!(
        (&one["complete"], &one["since"], &one["failed_hosts"]),
        (&json!(true), &Value::Null, &json!([]))
    );
    let past = server.get("/stats?to=2026-01-01T00:00:00Z&job=good").await.ok(200);
    assert_eq!((&past["series"], &past["total"]["executions"]["success"]), (&json!([]), &json!(0)));
    let problem = server.get("/stats?job=nobody").await.problem(404);
    assert_eq!(problem["code"], "job_not_found");
}

#[tokio::test]
async fn jobs_that_fail_alike_are_listed_together() {
    let (receiver, server) = (Receiver::start().await, start().await);
    receiver.respond(|call| if call.target == "/ok" { Answer::ok() } else { Answer::status(418) });
    for name in ["a", "b"] {
        server.create(&each_second(name, &receiver.url("/x"))).await;
    }
    server.create(&each_second("good", &receiver.url("/ok"))).await;
    let refused = format!("http://127.0.0.1:{}/", closed_port());
    server.create(&each_second("refused", &refused)).await;
    let found = until("three jobs to fail", || async {
        let found = server.get("/failures").await.ok(200);
        (found["jobs"] == 3).then_some(found)
    })
    .await;
    assert_eq!((&found["groups"], &found["complete"]), (&json!(2), &json!(true)));
    let [alike, refused] = found["failures"].as_array().unwrap().as_slice() else { panic!("{found:#}") };
    assert_eq!((&alike["jobs"], &alike["error_kind"]), (&json!(2), &json!("status")));
    assert_eq!((&alike["status_code"], &alike["host"]), (&json!(418), &json!("127.0.0.1")));
    let mut names: Vec<_> = alike["names"].as_array().unwrap().iter().map(Value::to_string).collect();
    names.sort();
    assert_eq!(names, ["\"a\"", "\"b\""]);
    assert!(alike["first"].as_str() <= alike["last"].as_str() && alike["failures"].as_u64() >= Some(2));
    assert_eq!((&refused["error_kind"], &refused["status_code"]), (&json!("connect"), &Value::Null));
    let first = server.get("/failures?limit=1").await.ok(200);
    assert_eq!((first["failures"].as_array().unwrap().len(), &first["groups"]), (1, &json!(2)));
    // Those that do not run do not fail now.
    server.act("/jobs/a/disable").await.ok(200);
    server.delete("/jobs/refused").await;
    let left = server.get("/failures").await.ok(200);
    assert_eq!((&left["jobs"], &left["failures"][0]["names"]), (&json!(1), &json!(["b"])));
}

#[tokio::test]
async fn a_host_that_fails_is_one_however_urls_spell_it_and_is_the_one_that_jobs_are_found_by() {
    let (receiver, server) = (Receiver::start().await, start().await);
    receiver.respond(|_| Answer::status(404));
    let port = receiver.port();
    for (name, url) in [
        ("plain", format!("http://127.0.0.1:{port}/")),
        ("hexadecimal", format!("http://0x7F.1:{port}/")),
        ("unicode", "http://Bücher.invalid/".to_owned()),
        ("ascii", "http://xn--bcher-kva.invalid/".to_owned()),
    ] {
        let mut job = each_second(name, &url);
        // Whatever a name server makes of it.
        job["timeout"] = json!("1s");
        server.create(&job).await;
    }
    let found = until("four jobs to fail", || async {
        let found = server.get("/failures").await.ok(200);
        (found["jobs"] == 4).then_some(found)
    })
    .await;
    let failures = found["failures"].as_array().unwrap();
    let hosts: BTreeSet<_> = failures.iter().map(|group| group["host"].as_str().unwrap()).collect();
    assert_eq!(hosts, BTreeSet::from(["127.0.0.1", "xn--bcher-kva.invalid"]), "{found:#}");
    let local = failures.iter().find(|group| group["host"] == "127.0.0.1").unwrap();
    assert_eq!(local["jobs"], 2, "{found:#}");
    let counted = server.get("/stats").await.ok(200)["failed_hosts"].clone();
    let counted = counted.as_array().unwrap();
    assert_eq!(counted.iter().map(|one| one["host"].as_str().unwrap()).collect::<BTreeSet<_>>(), hosts);
    for (asked, expected) in [
        ("127.0.0.1", ["plain", "hexadecimal"]),
        ("xn--bcher-kva.invalid", ["unicode", "ascii"]),
        ("b%C3%BCcher.invalid", ["unicode", "ascii"]),
    ] {
        let page = server.get(&format!("/jobs?host={asked}")).await.ok(200);
        let jobs = page["jobs"].as_array().unwrap();
        assert_eq!(jobs.iter().map(|job| job["name"].as_str().unwrap()).collect::<Vec<_>>(), expected);
        for job in jobs {
            assert!(hosts.contains(job["stats"]["failing"]["host"].as_str().unwrap()), "{job:#}");
        }
    }
}

#[tokio::test]
async fn figures_are_asked_for_within_bounds() {
    let server = CHRONOS.start().await;
    for (query, fields) in [
        ("/stats?from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z", &["from"][..]),
        ("/stats?step=0s", &["step"]),
        ("/stats?step=7m", &["step"]),
        ("/stats?step=24h&from=2000-01-01T00:00:00Z", &["step"]),
        ("/stats?step=5m&from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z&job=x", &["step"]),
        ("/stats?from=x&to=y&job=&more=1", &["from", "job", "more", "to"]),
        ("/failures?limit=501&cursor=x", &["cursor", "limit"]),
    ] {
        assert_eq!(server.get(query).await.bad_fields(), fields, "{query}");
    }
    // However long the range is, a step that is not asked for is long enough.
    let wide = server.get("/stats?from=0000-01-01T00:00:00Z&to=9999-12-31T23:59:59Z").await.ok(200);
    assert_eq!(wide["series"], json!([]));
}

//! What is to run: the counts are those of the runs that are listed, and both follow the jobs, a restart and the clock.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chronos_client::api::{Density, UpcomingRuns};
use chronos_client::{DensityQuery, UpcomingQuery};
use chronos_env::Env;
use chronos_server::{Node, config::Config};
use chronos_testkit::{Answer, Api, Receiver, Value, instant, json, manual, until};
use chronos_types::format_rfc3339;

use crate::clock::step::StepClock;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// How much of the time to come is compared.
const COMPARED_MS: i64 = 20 * HOUR_MS;
const STEP_MS: i64 = HOUR_MS / 2;

/// A node on a clock of its own.
async fn start(clock: &StepClock, directory: &Path) -> (Node, Api) {
    let mut config = Config::default();
    config.cluster.data_dir = directory.to_owned();
    config.server.http.address = ([127, 0, 0, 1], 0).into();
    config.cluster.raft.address = Some(([127, 0, 0, 1], 0).into());
    let node = Node::start(config, Env::with_clock(Arc::new(clock.clone()))).await.expect("a node");
    let api = Api::new(node.address());
    (node, api)
}

fn job(name: &str, schedule: &str, timezone: &str) -> Value {
    json!({
        "name": name, "schedule": schedule, "timezone": timezone, "concurrency": "allow", "missed_runs": "ignore",
        "webhook": {"url": "http://127.0.0.1:9/"},
    })
}

/// The counts of some time, once they are those of all jobs.
async fn density(api: &Api, from: i64, to: i64) -> Density {
    let query = DensityQuery {
        from: Some(format_rfc3339(from)),
        to: Some(format_rfc3339(to)),
        step: Some(format!("{}m", STEP_MS / 60_000)),
    };
    until("all jobs to be counted", || async {
        let density = api.client().schedule_density(&query).await.unwrap();
        density.complete.then_some(density)
    })
    .await
}

/// All runs of some time, of all jobs or of one.
async fn runs(api: &Api, job: Option<&str>, from: i64, to: i64) -> Vec<(i64, String)> {
    let mut query = UpcomingQuery {
        from: Some(format_rfc3339(from)),
        to: Some(format_rfc3339(to)),
        job: job.map(str::to_owned),
        limit: Some(500),
    };
    let mut all: Vec<(i64, String)> = Vec::new();
    loop {
        let UpcomingRuns { complete, runs, .. } = api.client().upcoming_runs(&query).await.unwrap();
        assert!(complete, "the counts of all jobs were complete before");
        let is_end = runs.len() < 500;
        let last = runs.last().map(|run| instant(&run.scheduled_time));
        all.extend(runs.into_iter().map(|run| (instant(&run.scheduled_time), run.job_name)));
        if is_end {
            return all;
        }
        // The last instant is asked for again: there may be more of it.
        all.retain(|(at, _)| Some(*at) != last);
        query.from = last.map(format_rfc3339);
    }
}

/// Compares what the memory of the node says with what is on record of each job. Answers how many runs each has.
async fn compare(api: &Api, clock: &StepClock) -> BTreeMap<String, usize> {
    // Later than now, so that no run passes by meanwhile.
    let from = (clock.now_ms().div_euclid(HOUR_MS) + 1) * HOUR_MS;
    let to = from + COMPARED_MS;
    let density = density(api, from, to).await;
    assert_eq!((instant(&density.from), instant(&density.to)), (from, to));
    assert_eq!(density.step, "30m");
    let listed = runs(api, None, from, to - 1).await;
    assert!(listed.is_sorted_by_key(|(at, _)| *at));
    let mut counts = vec![0; usize::try_from(COMPARED_MS / STEP_MS).unwrap()];
    let mut by_job = BTreeMap::<String, usize>::new();
    for (at, name) in &listed {
        counts[usize::try_from((at - from) / STEP_MS).unwrap()] += 1;
        *by_job.entry(name.clone()).or_default() += 1;
    }
    assert_eq!(density.counts, counts);
    let mut on_record = Vec::new();
    for job in api.client().jobs(&chronos_client::JobQuery::default()).await.unwrap().jobs {
        let of_job = runs(api, Some(&job.id), from, to - 1).await;
        assert_eq!(
            of_job.len(),
            by_job.get(&job.spec.name).copied().unwrap_or_default(),
            "{}",
            job.spec.name
        );
        on_record.extend(of_job);
    }
    on_record.sort();
    let mut listed = listed;
    listed.sort();
    assert_eq!(listed, on_record);
    by_job
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_run_follows_the_jobs_a_restart_and_the_clock() {
    let clock = StepClock::new();
    let directory = tempfile::tempdir().expect("a directory");
    let (node, api) = start(&clock, directory.path()).await;
    assert_eq!(compare(&api, &clock).await, BTreeMap::new());

    api.create(&job("quarters", "*/15 * * * *", "Europe/Berlin")).await;
    api.create(&job("tens", "@every 10m", "UTC")).await;
    api.create(&job("seconds", "*/50 */10 * * * *", "Asia/Kolkata")).await;
    api.create(&job("yearly", "0 0 1 1 *", "UTC")).await;
    let mut disabled = job("disabled", "* * * * *", "UTC");
    disabled["enabled"] = false.into();
    api.create(&disabled).await;
    let mut ends = job("ends", "* * * * *", "UTC");
    ends["start_at"] = format_rfc3339(clock.now_ms() + 3 * HOUR_MS).into();
    ends["end_at"] = format_rfc3339(clock.now_ms() + 4 * HOUR_MS).into();
    api.create(&ends).await;
    let count = |found: &BTreeMap<String, usize>, name: &str| found.get(name).copied();
    let first = compare(&api, &clock).await;
    assert_eq!((count(&first, "quarters"), count(&first, "tens")), (Some(80), Some(120)));
    assert_eq!((count(&first, "seconds"), count(&first, "disabled")), (Some(240), None));
    assert!((60..=61).contains(&count(&first, "ends").unwrap()), "{first:?}");

    // Each change is seen.
    api.patch("/jobs/quarters", &json!({"schedule": "*/30 * * * *"})).await.ok(200);
    api.patch("/jobs/tens", &json!({"name": "renamed"})).await.ok(200);
    api.act("/jobs/disabled/enable").await.ok(200);
    api.act("/jobs/seconds/disable").await.ok(200);
    assert_eq!(api.delete("/jobs/ends").await.status, 204);
    let changed = compare(&api, &clock).await;
    let expected = [("disabled", 1_200), ("quarters", 40), ("renamed", 120)];
    assert_eq!(changed, BTreeMap::from(expected.map(|(name, runs)| (name.to_owned(), runs))));

    node.stop().await;
    let (node, api) = start(&clock, directory.path()).await;
    assert_eq!(compare(&api, &clock).await, changed);

    for step in [3 * DAY_MS, -3 * DAY_MS] {
        clock.step(step);
        // News has the clock looked at.
        api.act("/jobs/seconds/enable").await.ok(200);
        api.act("/jobs/seconds/disable").await.ok(200);
        assert_eq!(compare(&api, &clock).await, changed, "after a step of {step} ms");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_run_is_asked_for_within_bounds() {
    let clock = StepClock::new();
    let directory = tempfile::tempdir().expect("a directory");
    let (node, api) = start(&clock, directory.path()).await;
    api.create(&job("minutes", "* * * * *", "UTC")).await;
    let after = |hours: i64| format_rfc3339(clock.now_ms() + hours * HOUR_MS);
    for (query, fields) in [
        (format!("/schedules/density?from={}&to={}", after(2), after(1)), &["from"][..]),
        (format!("/schedules/density?to={}", after(49)), &["to"]),
        (format!("/schedules/density?from={}", after(49)), &["from"]),
        ("/schedules/density?step=1m".to_owned(), &["step"]),
        ("/schedules/density?step=0s&from=x&to=y&more=1".to_owned(), &["from", "more", "to"]),
        ("/schedules/density?step=0s".to_owned(), &["step"]),
        (format!("/runs/upcoming?from={}&to={}", after(2), after(1)), &["from"]),
        ("/runs/upcoming?limit=501&cursor=x".to_owned(), &["cursor", "limit"]),
    ] {
        assert_eq!(api.get(&query).await.bad_fields(), fields, "{query}");
    }
    let problem = api.get("/runs/upcoming?job=nobody").await.problem(404);
    assert_eq!(problem["code"], "job_not_found");
    // What has passed is left out, and what is long gone is not gone through.
    let past = api.get(&format!("/runs/upcoming?from={}&job=minutes", after(-10_000))).await.ok(200);
    assert_eq!(past["runs"].as_array().unwrap().len(), 50);
    assert!(past["runs"][0]["scheduled_time"].as_str() >= past["as_of"].as_str(), "{past:#}");
    assert_eq!((&past["complete"], &past["runs"][0]["job_name"]), (&json!(true), &json!("minutes")));
    let gone = "/schedules/density?from=2001-01-01T00:00:00Z&to=2001-01-01T10:00:00Z";
    assert_eq!(api.get(gone).await.ok(200)["counts"], json!(vec![0; 10]));
    let all = api.get("/schedules/density").await.ok(200);
    assert_eq!((all["counts"].as_array().unwrap().len(), &all["step"]), (48, &json!("1h")));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_warns_of_what_is_odd_and_says_what_the_clock_does() {
    let receiver = Receiver::start().await;
    let clock = StepClock::new();
    let directory = tempfile::tempdir().expect("a directory");
    let (node, api) = start(&clock, directory.path()).await;
    let preview = async |body: Value| api.post("/schedules/preview", &body).await.ok(200);
    let codes = |shown: &Value| {
        let warnings = shown["warnings"].as_array().unwrap().iter();
        warnings.map(|warning| warning["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };

    let shown = preview(json!({"schedule": "0 0 1 * MON"})).await;
    assert_eq!(codes(&shown), ["day_or_weekday", "midnight"]);
    let berlin = json!({
        "schedule": "30 2 * * *", "timezone": "Europe/Berlin", "after": "2027-03-26T12:00:00Z", "count": 3,
    });
    let shown = preview(berlin).await;
    assert_eq!((&shown["warnings"], shown["clock_changes"].as_array().unwrap().len()), (&json!([]), 1));
    let change = &shown["clock_changes"][0];
    assert_eq!((&change["run"], &change["effect"]), (&shown["next_runs"][1], &json!("moved")));
    assert!(change["message"].as_str().unwrap().starts_with("2027-03-28 02:30 does not exist"), "{change:#}");

    // A job without executions has no usual duration.
    receiver.respond(|_| Answer::ok().late(Duration::from_millis(1_100)));
    api.create(&manual("slow", json!({"url": receiver.url("/slow")}))).await;
    let every = |schedule: &str| json!({"schedule": schedule, "job": "slow"});
    assert_eq!(codes(&preview(every("@every 1s")).await), [""; 0]);
    assert_eq!(api.run_again("slow").await["status"], "success");
    let shown = preview(every("@every 1s")).await;
    assert_eq!(codes(&shown), ["shorter_than_duration"]);
    assert!(
        shown["warnings"][0]["message"].as_str().unwrap().contains("come 1s after each other"),
        "{shown:#}"
    );
    assert_eq!(codes(&preview(every("@every 1h")).await), [""; 0]);
    let nobody = api.post("/schedules/preview", &json!({"schedule": "@hourly", "job": "nobody"})).await;
    assert_eq!(nobody.problem(404)["code"], "job_not_found");
    node.stop().await;
}

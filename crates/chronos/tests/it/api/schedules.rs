//! Previews, and the window and jitter of a job's runs

use jiff::{SignedDuration, Timestamp};

use crate::support::*;

async fn preview(server: &Server, request: Value) -> Value {
    server.post("/schedules/preview", &request).await.ok(200)
}

fn instant(value: &Value) -> Timestamp {
    value.as_str().unwrap_or_else(|| panic!("{value} is no instant")).parse().unwrap()
}

#[tokio::test]
async fn a_preview_describes_a_schedule_and_lists_its_next_runs() {
    let server = CHRONOS.start().await;
    let request = json!({
        "schedule": "0 9 * * 1-5", "timezone": "America/New_York", "after": "2026-03-06T12:00:00Z", "count": 3,
    });
    let shown = preview(&server, request).await;
    assert_eq!(shown["valid"], true);
    assert_eq!(shown["description"], "At 09:00, Monday through Friday");
    // The clocks go forward on Sunday 8 March.
    let runs: Vec<_> = shown["next_runs"].as_array().unwrap().iter().map(instant).collect();
    let expected = ["2026-03-06T14:00:00Z", "2026-03-09T13:00:00Z", "2026-03-10T13:00:00Z"];
    assert_eq!(runs, expected.map(|text| text.parse::<Timestamp>().unwrap()));
}

#[tokio::test]
async fn a_preview_of_every_is_anchored_at_after_and_an_at_runs_once() {
    let server = CHRONOS.start().await;
    let after = "2026-01-01T00:00:00Z";
    let shown = preview(&server, json!({"schedule": "@every 90s", "after": after, "count": 2})).await;
    let runs: Vec<_> = shown["next_runs"].as_array().unwrap().iter().map(instant).collect();
    let begin: Timestamp = after.parse().unwrap();
    assert_eq!(runs, [90, 180].map(|secs| begin + SignedDuration::from_secs(secs)));
    let once = json!({"schedule": "@at 2027-01-01T00:00:00Z", "after": after, "count": 9});
    assert_eq!(preview(&server, once).await["next_runs"].as_array().unwrap().len(), 1);
    let over = json!({"schedule": "@at 2025-01-01T00:00:00Z", "after": after});
    assert_eq!(preview(&server, over).await["next_runs"], json!([]));
    let now = preview(&server, json!({"schedule": "* * * * *"})).await;
    assert!(!now["next_runs"].as_array().unwrap().is_empty(), "after and count have defaults");
}

#[tokio::test]
async fn a_bad_preview_names_its_fields() {
    let server = CHRONOS.start().await;
    let request =
        json!({"schedule": "0 0 30 2 *", "timezone": "Nowhere", "after": "x", "count": 0, "more": 1});
    let fields = server.post("/schedules/preview", &request).await.bad_fields();
    assert_eq!(fields, ["after", "count", "more", "schedule", "timezone"]);
    assert_eq!(server.post("/schedules/preview", &json!({})).await.bad_fields(), ["schedule"]);
    let many = json!({"schedule": "* * * * *", "count": 1_000_000});
    assert_eq!(server.post("/schedules/preview", &many).await.bad_fields(), ["count"]);
}

#[tokio::test]
async fn no_run_comes_before_start_at_or_after_end_at() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let start = Timestamp::now() + SignedDuration::from_secs(5);
    let end = start + SignedDuration::from_millis(2_500);
    let job = json!({
        "name": "window", "schedule": "@every 1s", "webhook": {"url": receiver.url("/")},
        "start_at": start.to_string(), "end_at": end.to_string(), "concurrency": "allow",
    });
    let created = server.create(&job).await;
    assert!(instant(&created["next_run"]) >= start - SignedDuration::from_millis(1));
    let over = until("the end of the window", || async {
        Some(server.get("/jobs/window").await.ok(200)).filter(|job| job["next_run"].is_null())
    })
    .await;
    assert_eq!(over["enabled"], true);
    let runs = server.executions("window", 2).await;
    for run in &runs {
        let at = instant(&run["scheduled_time"]);
        assert!(
            start <= at + SignedDuration::from_millis(1) && at <= end,
            "{at} is not within {start} and {end}"
        );
    }
    let ended = json!({
        "name": "over", "schedule": "@every 1s", "webhook": {"url": receiver.url("/")},
        "end_at": "2020-01-01T00:00:00Z",
    });
    assert_eq!(server.post("/jobs", &ended).await.bad_fields(), ["end_at"]);
}

#[tokio::test]
async fn an_at_runs_once_under_its_own_time() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let at = Timestamp::from_second(Timestamp::now().as_second() + 6).unwrap();
    let job = json!({"name": "once", "schedule": format!("@at {at}"), "webhook": {"url": receiver.url("/")}});
    let created = server.create(&job).await;
    assert_eq!(instant(&created["next_run"]), at);
    let call = receiver.next("/").await;
    assert_eq!(
        call.sent("X-Chronos-Scheduled-Time"),
        format!("{at:.3}"),
        "in UTC, with three digits of a second"
    );
    let job = server.get("/jobs/once").await.ok(200);
    assert_eq!(job["next_run"], Value::Null);
}

#[tokio::test]
async fn the_next_run_is_the_one_that_waits_on_record() {
    let server = CHRONOS.start().await;
    let at = Timestamp::from_second(Timestamp::now().as_second() + 4).unwrap();
    // Its share of so long a jitter is hours: it waits on record for as long as this test goes on.
    let job = |name: &str| {
        json!({
            "name": name, "schedule": format!("@at {at}"), "jitter": "10000h", "tags": {"kind": name},
            "webhook": {"url": "http://127.0.0.1:1/"},
        })
    };
    let next_run = |job: &Value| Some(job["next_run"].as_str()?.parse::<Timestamp>().unwrap());
    for name in ["cancelled", "disabled"] {
        server.create(&job(name)).await;
    }
    for name in ["cancelled", "disabled"] {
        let planned = server.executions(name, 1).await.remove(0);
        assert_eq!((&planned["status"], instant(&planned["scheduled_time"])), (&json!("pending"), at));
        let path = format!("/jobs/{name}");
        assert_eq!(next_run(&server.get(&path).await.ok(200)), Some(at));
        let page = server.get(&format!("/jobs?tag.kind={name}")).await.ok(200);
        assert_eq!(next_run(&page["jobs"][0]), Some(at));
        assert_eq!(next_run(&server.act(&format!("{path}/enable")).await.ok(200)), Some(at));
        let changed = server.patch(&path, &json!({"description": "the same instants"})).await.ok(200);
        assert_eq!(next_run(&changed), Some(at));
        // Where it does not come any more, nothing does.
        let end = match name {
            "cancelled" => format!("{path}/executions/{}/cancel", planned["id"].as_str().unwrap()),
            _ => format!("{path}/disable"),
        };
        server.act(&end).await.ok(200);
        assert_eq!(next_run(&server.get(&path).await.ok(200)), None, "{name}");
    }
}

#[tokio::test]
async fn cron_with_seconds_fires_on_the_second() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let job = json!({
        "name": "tick", "schedule": "* * * * * *", "concurrency": "allow", "webhook": {"url": receiver.url("/")},
    });
    server.create(&job).await;
    let calls = receiver.wait_for("/", 2).await;
    let mut times: Vec<Timestamp> =
        calls.iter().map(|call| call.sent("X-Chronos-Scheduled-Time").parse().unwrap()).collect();
    times.sort_unstable();
    assert!(times.iter().all(|time| time.subsec_nanosecond() == 0), "{times:?}");
    assert_eq!(times[1] - times[0], jiff::SignedDuration::from_secs(1), "each second once");
}

#[tokio::test]
async fn jitter_delays_a_run_and_leaves_its_scheduled_time() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let job = json!({
        "name": "spread", "schedule": "@every 1s", "jitter": "900ms", "concurrency": "allow",
        "webhook": {"url": receiver.url("/")},
    });
    let created = server.create(&job).await;
    let first = instant(&created["next_run"]);
    receiver.wait_for("/", 3).await;
    server.act("/jobs/spread/disable").await.ok(200);
    let mut late = 0;
    for call in receiver.calls("/") {
        let execution = server.finished("spread", call.execution()).await;
        let (due, began) = (instant(&execution["scheduled_time"]), instant(&execution["started_at"]));
        assert!(due >= first && began >= due);
        assert_eq!((due - first).as_millis() % 1_000, 0, "on the schedule's own beat");
        late += i32::from(began > due);
    }
    assert!(late > 0, "three runs in a row without any delay");
}

//! Instants and zones: jiff has their calendar

use crate::support::*;

async fn runs(server: &Server, request: Value) -> Vec<String> {
    let shown = server.post("/schedules/preview", &request).await.ok(200);
    let whole_seconds = |run: &Value| run.as_str().unwrap().replacen(".000", "", 1);
    shown["next_runs"].as_array().unwrap().iter().map(whole_seconds).collect()
}

#[tokio::test]
async fn runs_end_with_the_year_9999() {
    let server = CHRONOS.start().await;
    let yearly = json!({"schedule": "0 0 1 1 *", "after": "9989-06-01T00:00:00Z", "count": 100});
    let found = runs(&server, yearly).await;
    assert_eq!(found.len(), 10, "{found:?}");
    assert_eq!((found[0].as_str(), found[9].as_str()), ("9990-01-01T00:00:00Z", "9999-01-01T00:00:00Z"));
    let last = json!({"schedule": "@every 24h", "after": "9999-12-30T00:00:00Z"});
    assert!(runs(&server, last).await.len() <= 1);
    let at = json!({"schedule": "@at 9999-12-30T22:00:00Z"});
    assert_eq!(runs(&server, at).await, ["9999-12-30T22:00:00Z"]);
    let job = json!({"name": "late", "schedule": "@at 9999-12-30T22:00:00Z", "webhook": {"url": "http://127.0.0.1:9/"}});
    let created = server.create(&job).await;
    assert!(created["next_run"].as_str().unwrap().starts_with("9999-12-30T22:00:00"), "{created:#}");
}

#[tokio::test]
async fn times_begin_with_the_year_0000() {
    let server = CHRONOS.start().await;
    let daily = json!({"schedule": "@daily", "after": "0000-01-01T00:00:00Z", "count": 1});
    assert_eq!(runs(&server, daily).await, ["0000-01-02T00:00:00Z"]);
    for after in ["-000001-12-31T00:00:00Z", "0000-01-01T00:00:00+00:01", "10000-01-01T00:00:00Z"] {
        let refused = server.post("/schedules/preview", &json!({"schedule": "@daily", "after": after})).await;
        assert_eq!(refused.bad_fields(), ["after"], "{after}");
    }
}

#[tokio::test]
async fn zones_are_those_of_the_iana_in_any_case_and_their_rules_go_on() {
    let server = CHRONOS.start().await;
    let noon = |zone: &str, after: &str| json!({"schedule": "0 12 * * *", "timezone": zone, "after": after, "count": 1});
    for (zone, after, run) in [
        ("Europe/Berlin", "2500-07-01T00:00:00Z", "2500-07-01T12:00:00+02:00"),
        ("europe/BERLIN", "2500-01-01T00:00:00Z", "2500-01-01T12:00:00+01:00"),
        ("US/Eastern", "9000-07-01T00:00:00Z", "9000-07-01T12:00:00-04:00"),
        ("Etc/GMT+12", "2026-01-01T12:00:00Z", "2026-01-01T12:00:00-12:00"),
        ("Pacific/Kiritimati", "2026-01-01T00:00:00Z", "2026-01-02T12:00:00+14:00"),
    ] {
        assert_eq!(runs(&server, noon(zone, after)).await, [run], "{zone}");
    }
    // What other programs take for the zone of the machine, a rule or an offset.
    for zone in ["Local", "localtime", "CET-1CEST", "+01:00", "UTC+1", "/etc/localtime", "Europe/Berlin "] {
        let refused = server.post("/schedules/preview", &noon(zone, "2026-01-01T00:00:00Z")).await;
        assert_eq!(refused.bad_fields(), ["timezone"], "{zone}");
    }
}

//! What is sent, and what is read.

use chronos_client::api::{BatchRequest, JobInput, PruneRequest};
use chronos_client::{
    DensityQuery, EventQuery, ExecutionQuery, JobQuery, PageQuery, StatsQuery, Status, UpcomingQuery,
    WriteOptions,
};
use chronos_testkit::{Answer, Receiver, Value, json};
use chronos_types::{ErrorKind, Trigger};

use crate::client;

fn job() -> Value {
    json!({
        "id": "id", "name": "nightly", "schedule": "@daily", "webhook": {"url": "http://h/"}, "version": 3,
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z", "next_run": null,
        "last_run": null,
    })
}

fn answer(status: u16, body: &Value) -> Answer {
    Answer::status(status).header("Content-Type", "application/json").body(body.to_string())
}

#[tokio::test]
async fn a_job_is_sent_and_read_as_the_api_has_it() {
    let server = Receiver::start().await;
    server.script("/api/v1/jobs", [answer(201, &job())]);
    let input: JobInput = serde_json::from_value(
        json!({"name": "nightly", "schedule": "@daily", "webhook": {"url": "http://h/"}}),
    )
    .unwrap();
    let created = client(&server).create_job(&input, Some("key-1")).await.unwrap();
    assert_eq!((created.spec, created.version), (input, 3));
    let call = server.next("/api/v1/jobs").await;
    assert_eq!((call.method.as_str(), call.sent("Content-Type")), ("POST", "application/json"));
    assert_eq!((call.sent("Idempotency-Key"), call.header("If-Match")), ("key-1", None));
    assert_eq!(call.sent("Host"), format!("127.0.0.1:{}", server.port()));
    // What was not said is left to the server.
    assert_eq!(
        call.json(),
        json!({"name": "nightly", "schedule": "@daily", "webhook": {"url": "http://h/"}})
    );
}

#[tokio::test]
async fn a_change_says_for_which_version_it_is_meant() {
    let server = Receiver::start().await;
    server.respond(|_| answer(200, &job()));
    let (client, write) = (client(&server), WriteOptions { if_version: Some(3), idempotency_key: None });
    client.patch_job("nightly", &json!({"enabled": false}), write).await.unwrap();
    client.rollback_job("nightly", 2, WriteOptions::default()).await.unwrap();
    let call = server.next("/api/v1/jobs/nightly").await;
    assert_eq!((call.method.as_str(), call.sent("If-Match")), ("PATCH", "\"3\""));
    assert_eq!(call.sent("Content-Type"), "application/merge-patch+json");
    let call = server.next("/api/v1/jobs/nightly/rollback/2").await;
    assert_eq!((call.header("If-Match"), call.header("Content-Type"), call.body.as_str()), (None, None, ""));
}

#[tokio::test]
async fn a_batch_and_a_prune_say_what_was_asked_for_and_no_more() {
    let server = Receiver::start().await;
    let counts = json!({"created": 1, "changed": 0, "unchanged": 0, "deleted": 0, "refused": 0});
    let item = json!({"name": "nightly", "outcome": "created", "version": 1});
    let written = json!({"jobs": [item], "counts": counts, "dry_run": false});
    server.script("/api/v1/jobs/batch", [answer(200, &written)]);
    server.script("/api/v1/sets/a:b/prune", [answer(200, &json!({"deleted": ["gone"], "dry_run": false}))]);
    let asked = json!({
        "jobs": [{"name": "nightly", "schedule": "@daily", "webhook": {"url": "http://h/"}}], "set": "a:b", "apply_id": "1",
    });
    let batch: BatchRequest = serde_json::from_value(asked.clone()).unwrap();
    let answer = client(&server).put_jobs(&batch, Some("key-1")).await.unwrap();
    assert_eq!((answer.counts.created, answer.jobs[0].outcome.as_str()), (1, "created"));
    let call = server.next("/api/v1/jobs/batch").await;
    assert_eq!((call.json(), call.sent("Idempotency-Key")), (asked, "key-1"));
    let prune = PruneRequest { apply_id: "1".into(), max: 5, if_count: None, dry_run: None };
    assert_eq!(client(&server).prune_set("a:b", &prune, None).await.unwrap().deleted, ["gone"]);
    let call = server.next("/api/v1/sets/a:b/prune").await;
    assert_eq!(call.json(), json!({"apply_id": "1", "max": 5}));
}

#[tokio::test]
async fn names_and_queries_are_encoded() {
    let server = Receiver::start().await;
    server.respond(|_| answer(200, &json!({"jobs": [], "next_cursor": null})));
    let query = JobQuery {
        sort: Some("-next_run".to_owned()),
        enabled: Some(true),
        status: Some(Status::Failed),
        failing: Some(true),
        late: Some(false),
        running: Some(true),
        never_ran: Some(false),
        tags: vec![("team".to_owned(), "a&b".to_owned())],
        not_tags: vec![("env".to_owned(), "dev".to_owned())],
        set: Some("billing".to_owned()),
        text: Some("two words".to_owned()),
        host: Some("[::1]".to_owned()),
        timezone: Some("UTC".to_owned()),
        page: PageQuery { limit: Some(7), cursor: Some("c=".to_owned()), consistent: true, count: true },
    };
    client(&server).jobs(&query).await.unwrap();
    let target = server.next("/api/v1/jobs").await.target;
    let flags =
        "sort=-next_run&enabled=true&status=failed&failing=true&late=false&running=true&never_ran=false";
    let texts = "set=billing&q=two%20words&host=%5B::1%5D&timezone=UTC&tag.team=a%26b&-tag.env=dev";
    let page = "limit=7&cursor=c%3D&consistent=true&count=true";
    assert_eq!(target, format!("/api/v1/jobs?{flags}&{texts}&{page}"));
    server.respond(|_| answer(200, &json!({"executions": [], "next_cursor": null})));
    let query = ExecutionQuery {
        job: Some("nightly".to_owned()),
        status: Some(Status::Failed),
        error_kind: Some(ErrorKind::Timeout),
        trigger: Some(Trigger::Schedule),
        node: Some("n1".to_owned()),
        host: Some("h".to_owned()),
        tags: vec![("team".to_owned(), "x".to_owned())],
        late: Some(true),
        from: Some("2026-11-23T10:00:00Z".to_owned()),
        to: Some("2026-11-23T11:00:00Z".to_owned()),
        is_ascending: true,
        is_full: true,
        page: PageQuery::default(),
    };
    client(&server).executions(&query).await.unwrap();
    let target = server.next("/api/v1/executions").await.target;
    let kinds = "job=nightly&status=failed&error_kind=timeout&trigger=schedule&node=n1&host=h&late=true";
    let rest = "from=2026-11-23T10:00:00Z&to=2026-11-23T11:00:00Z&order=asc&view=full&tag.team=x";
    assert_eq!(target, format!("/api/v1/executions?{kinds}&{rest}"));
    client(&server).job("a/b", false).await.unwrap_err();
    server.next("/api/v1/jobs/a%2Fb").await;
}

#[tokio::test]
async fn what_is_to_run_is_asked_for_by_time() {
    let server = Receiver::start().await;
    let at = "2026-11-23T10:00:00Z";
    let counted = json!({"as_of": at, "complete": true, "from": at, "to": at, "step": "1h", "counts": [3]});
    server.script("/api/v1/schedules/density", [answer(200, &counted)]);
    let query = DensityQuery { from: Some(at.to_owned()), to: None, step: Some("1h".to_owned()) };
    assert_eq!(client(&server).schedule_density(&query).await.unwrap().counts, [3]);
    let target = server.next("/api/v1/schedules/density").await.target;
    assert_eq!(target, "/api/v1/schedules/density?from=2026-11-23T10:00:00Z&step=1h");
    let listed = json!({"as_of": at, "complete": false, "runs": []});
    server.script("/api/v1/runs/upcoming", [answer(200, &listed)]);
    let query = UpcomingQuery { job: Some("a b".to_owned()), limit: Some(7), ..UpcomingQuery::default() };
    assert!(!client(&server).upcoming_runs(&query).await.unwrap().complete);
    let target = server.next("/api/v1/runs/upcoming").await.target;
    assert_eq!(target, "/api/v1/runs/upcoming?job=a%20b&limit=7");
}

#[tokio::test]
async fn what_was_done_is_asked_for_by_time_and_job() {
    let server = Receiver::start().await;
    let at = "2026-11-23T10:00:00Z";
    let figures = json!({
        "executions": {"success": 3, "failed": 0, "cancelled": 0, "skipped": 0}, "triggers": {"schedule": 3},
        "attempts": {"success": 3}, "missed": 0, "lateness_ms": null, "duration_ms": null,
    });
    let done = json!({
        "from": at, "to": at, "step": "1h", "since": at, "complete": true, "total": figures, "series": [],
        "failed_hosts": [],
    });
    server.script("/api/v1/stats", [answer(200, &done)]);
    let query = StatsQuery { to: Some(at.to_owned()), job: Some("a b".to_owned()), ..StatsQuery::default() };
    assert_eq!(client(&server).statistics(&query).await.unwrap().total.executions.success, 3);
    let target = server.next("/api/v1/stats").await.target;
    assert_eq!(target, "/api/v1/stats?to=2026-11-23T10:00:00Z&job=a%20b");
    let none = json!({"failures": [], "groups": 0, "jobs": 0, "complete": true});
    server.script("/api/v1/failures", [answer(200, &none)]);
    assert!(client(&server).failures(Some(7)).await.unwrap().failures.is_empty());
    assert_eq!(server.next("/api/v1/failures").await.target, "/api/v1/failures?limit=7");
}

#[tokio::test]
async fn all_of_a_list_is_read_page_by_page() {
    let server = Receiver::start().await;
    let page = |cursor: Value| answer(200, &json!({"executions": [], "next_cursor": cursor}));
    server.script("/api/v1/executions", [page("one".into()), page("two".into()), page(Value::Null)]);
    client(&server).all_executions(ExecutionQuery::default()).await.unwrap();
    let targets: Vec<_> = server.calls("/api/v1/executions").into_iter().map(|call| call.target).collect();
    let target = |cursor: &str| format!("/api/v1/executions?limit=500{cursor}");
    assert_eq!(targets, [target(""), target("&cursor=one"), target("&cursor=two")]);
}

#[tokio::test]
async fn a_node_that_is_not_ready_says_why() {
    let server = Receiver::start().await;
    server.script("/ready", [answer(503, &json!({"status": "not_ready", "reason": "no leader"}))]);
    let ready = client(&server).ready().await.unwrap();
    assert_eq!((ready.status.as_str(), ready.reason.as_deref()), ("not_ready", Some("no leader")));
}

#[tokio::test]
async fn a_backup_is_read_part_by_part() {
    let server = Receiver::start().await;
    let bytes = vec![7; 300_000];
    server.script("/api/v1/cluster/backup", [Answer::status(200).body(bytes.clone())]);
    let mut backup = client(&server).backup(true).await.unwrap();
    assert_eq!(backup.length(), Some(300_000));
    let mut read = Vec::new();
    while let Some(part) = backup.part().await.unwrap() {
        read.extend_from_slice(&part);
    }
    assert!(read == bytes, "{} bytes", read.len());
    assert_eq!(server.next("/api/v1/cluster/backup").await.target, "/api/v1/cluster/backup?consistent=true");
    server.script("/api/v1/cluster/backup", [Answer::cut_short().body(bytes)]);
    let mut cut = client(&server).backup(false).await.unwrap();
    while let Ok(part) = cut.part().await {
        assert!(part.is_some(), "half of a backup is none");
    }
}

#[tokio::test]
async fn events_are_heard_and_asked_for_from_where_the_client_was() {
    let server = Receiver::start().await;
    let told = |n: u32| {
        format!(
            "id: c-{n}-0\nevent: job.deleted\ndata: {{\"type\":\"job.deleted\",\"time\":\"t\",\"job_id\":\"i\",\
             \"job_name\":\"a\",\"job_version\":{n}}}\n\n"
        )
    };
    let text = format!("retry: 2000\n\n{}:\nid: c-8-0\n\n", told(7));
    server.script("/api/v1/events", [Answer::status(200).body(text)]);
    let query = EventQuery {
        types: vec!["job.*".into()],
        job: Some("a".into()),
        tags: vec![("team".into(), "b".into())],
        statuses: vec![Status::Failed, Status::Skipped],
        after: Some("c-6-0".into()),
        ..EventQuery::default()
    };
    let mut stream = client(&server).events(&query).await.unwrap();
    assert_eq!(stream.last_id(), Some("c-6-0"));
    let heard = stream.next().await.unwrap().unwrap();
    assert_eq!((heard.id.as_deref(), heard.event.kind()), (Some("c-7-0"), "job.deleted"));
    assert_eq!(stream.last_id(), Some("c-7-0"));
    assert_eq!(stream.next().await.unwrap(), None);
    assert_eq!(stream.last_id(), Some("c-8-0"), "nothing else came up to there");
    let call = server.next("/api/v1/events").await;
    assert_eq!(call.target, "/api/v1/events?type=job.%2A&job=a&status=failed%2Cskipped&tag.team=b");
    assert_eq!(call.header("last-event-id"), Some("c-6-0"));
}

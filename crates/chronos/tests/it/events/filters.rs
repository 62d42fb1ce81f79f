//! Which events are told to whom

use chronos_client::api::StreamEvent;
use chronos_client::{ErrorKind, EventQuery, Status, Trigger};

use super::*;

/// What is heard of the jobs of the test: the job and the type of each event, up to the last one wanted.
async fn heard(stream: &mut EventStream, count: usize) -> Vec<(String, String)> {
    let mut all = Vec::new();
    while all.len() < count {
        let heard = next(stream).await;
        // On a slow machine a run may last.
        if heard.event.kind() == "execution.started" {
            continue;
        }
        let name = name_of(&heard.event).unwrap_or_default().to_owned();
        all.push((name, heard.event.kind().to_owned()));
    }
    all
}

#[tokio::test]
async fn only_what_is_asked_for_is_told() {
    let (receiver, server) = (Receiver::start().await, server().await);
    let mut whole = listen(&server, types(&[])).await;
    let first = begun(&server, &mut whole).await;
    receiver.script("/fails", [Answer::status(404), Answer::ok()]);
    let mut good = manual("good", json!({"url": receiver.url("/")}));
    good["tags"] = json!({"team": "a", "stage": "live"});
    let mut bad = manual("bad", json!({"url": receiver.url("/fails")}));
    bad["tags"] = json!({"team": "b"});
    server.create(&good).await;
    server.create(&bad).await;
    server.run_again("good").await;
    let run = server.run_again("bad").await;
    let replay = format!("/jobs/bad/executions/{}/replay", run["id"].as_str().unwrap());
    let replay = server.act(&replay).await.ok(202);
    server.finished("bad", replay["id"].as_str().unwrap()).await;
    for name in ["good", "bad"] {
        server.patch(&format!("/jobs/{name}"), &json!({"description": "x"})).await.ok(200);
    }
    let all = heard(&mut whole, 10).await;
    let of = |name: &str, kind: &str| (name.to_owned(), kind.to_owned());
    let base = || after(&first);
    let tagged = |pairs: &[(&str, &str)]| EventQuery {
        tags: pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        ..base()
    };
    let named = |name: &str| all.iter().filter(|(job, _)| job == name).cloned().collect::<Vec<_>>();
    let called = |kinds: &[&str]| {
        all.iter().filter(|(_, kind)| kinds.contains(&kind.as_str())).cloned().collect::<Vec<_>>()
    };
    let kind = |names: &[&str]| EventQuery { after: Some(first.clone()), ..types(names) };
    let cases = [
        (base(), all.clone()),
        (EventQuery { job: Some("bad".into()), ..base() }, named("bad")),
        (EventQuery { job: Some(run["job_id"].as_str().unwrap().to_owned()), ..base() }, named("bad")),
        (tagged(&[("team", "a")]), named("good")),
        (tagged(&[("team", "a"), ("stage", "live")]), named("good")),
        (kind(&["job.*"]), called(&["job.created", "job.changed"])),
        (kind(&["job.changed", "execution.failed"]), called(&["job.changed", "execution.failed"])),
        (EventQuery { statuses: vec![Status::Success], ..base() }, called(&["execution.succeeded"])),
        (
            EventQuery { statuses: vec![Status::Pending, Status::Failed], ..base() },
            called(&["execution.triggered", "execution.failed"]),
        ),
        (
            EventQuery { triggers: vec![Trigger::Replay], ..base() },
            vec![of("bad", "execution.triggered"), of("bad", "execution.succeeded")],
        ),
        (EventQuery { error_kinds: vec![ErrorKind::Status], ..base() }, vec![of("bad", "execution.failed")]),
    ];
    let mut streams = Vec::new();
    for (query, wanted) in cases {
        assert!(!wanted.is_empty(), "{query:?}");
        let mut stream = listen(&server, query.clone()).await;
        assert_eq!(heard(&mut stream, wanted.len()).await, wanted, "{query:?}");
        streams.push((stream, query, wanted));
    }
    // And it goes on live with the same.
    for name in ["good", "bad"] {
        server.patch(&format!("/jobs/{name}"), &json!({"description": "y"})).await.ok(200);
        server.run_again(name).await;
    }
    let news = heard(&mut streams[0].0, 6).await;
    assert_eq!(news.last(), Some(&of("bad", "execution.succeeded")));
    for (mut stream, query, wanted) in streams.drain(1..) {
        let kinds: Vec<_> = wanted.iter().map(|(_, kind)| kind).collect();
        let again: Vec<_> = news
            .iter()
            .filter(|(name, kind)| {
                let is_of = wanted.iter().any(|(job, _)| job == name);
                is_of && kinds.contains(&kind) && query.triggers.is_empty()
            })
            .cloned()
            .collect();
        assert_eq!(heard(&mut stream, again.len()).await, again, "{query:?}");
    }
}

#[tokio::test]
async fn what_no_event_has_is_refused_with_what_there_is() {
    let server = server().await;
    for (query, says) in [
        ("type=job.moved", "type: \"job.moved\" is not an event type; expected one of job.created, "),
        ("type=moon.*", "job.deleted, "),
        ("type=", "type: \"\" is not an event type"),
        ("status=done", "status: \"done\" is not an execution status; expected one of pending, "),
        ("status=failed,", "status: \"\" is not an execution status"),
        ("trigger=chance", "trigger: \"chance\" is not a trigger"),
        ("error_kind=bad", "error_kind: \"bad\" is not an error kind"),
        ("digest=100ms", "digest: \"100ms\" is no time between two digests; expected 1s to 60s"),
        ("digest=1", "digest: "),
        (
            "last_event_id=7",
            "last_event_id: \"7\" is no id of an event; expected one that was told, such as ",
        ),
        ("job=", "job: \"\" names no job"),
        ("colour=red", "colour: unknown query parameter; expected one of last_event_id, type, "),
    ] {
        let problem = server.get(&format!("/events?{query}")).await.problem(400);
        assert!(problem["detail"].as_str().unwrap().contains(says), "{query}: {problem:#}");
    }
    let header = [("last-event-id", "x")];
    let reply = server.send(hyper::Method::GET, "/api/v1/events", &header, "").await;
    assert_eq!(reply.bad_fields(), ["Last-Event-ID"]);
    let problem = server.get("/events?job=nobody").await.problem(404);
    assert_eq!(problem["code"], "job_not_found");
}

#[tokio::test]
async fn a_job_that_is_gone_is_found_by_its_id() {
    let (receiver, server) = (Receiver::start().await, server().await);
    let mut whole = listen(&server, types(&[])).await;
    let first = begun(&server, &mut whole).await;
    let job = server.create(&manual("gone", json!({"url": receiver.url("/")}))).await;
    server.run_again("gone").await;
    assert_eq!(server.delete("/jobs/gone").await.status, 204);
    assert_eq!(server.get("/events?job=gone").await.problem(404)["code"], "job_not_found");
    let id = job["id"].as_str().unwrap().to_owned();
    let mut stream = listen(&server, EventQuery { job: Some(id.clone()), ..after(&first) }).await;
    for kind in ["job.created", "execution.triggered", "execution.succeeded", "job.deleted"] {
        let heard = next(&mut stream).await;
        assert_eq!((heard.event.kind(), name_of(&heard.event)), (kind, Some("gone")));
        if let StreamEvent::Execution(event) = heard.event {
            assert_eq!(event.job_id.as_ref(), Some(&id));
        }
    }
}

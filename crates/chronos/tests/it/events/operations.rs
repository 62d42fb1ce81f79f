//! How far operations are is told

use chronos_client::api::{OperationEvent, StreamEvent};

use super::*;

/// Jobs that may overlap with themselves.
async fn create(server: &Server, receiver: &Receiver, names: &[&str]) {
    for name in names {
        let mut job = manual(name, json!({"url": receiver.url("/")}));
        job["concurrency"] = json!("allow");
        server.create(&job).await;
    }
}

/// The next event, which is about an operation.
async fn step(stream: &mut EventStream) -> OperationEvent {
    match next(stream).await.event {
        StreamEvent::Operation(event) => event,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_step_of_an_operation_is_told_from_its_begin_to_its_end() {
    let (receiver, server) = (Receiver::start().await, server().await);
    create(&server, &receiver, &["a", "b", "c"]).await;
    let mut stream = listen(&server, types(&["operation.*", "job.created"])).await;
    let first = begun(&server, &mut stream).await;
    // At this rate each has a step of its own.
    let request = json!({"action": "trigger", "names": ["a", "nobody", "b", "c"], "per_second": 5});
    let operation = server.post("/jobs/actions", &request).await.ok(202);
    let mut steps = vec![step(&mut stream).await];
    while steps.last().is_none_or(|last| last.kind != "operation.done") {
        steps.push(step(&mut stream).await);
    }
    let id = operation["id"].as_str().unwrap();
    assert!(steps.iter().all(|step| step.operation_id == id), "{steps:?}");
    let kinds: Vec<_> = steps.iter().map(|step| step.kind.as_str()).collect();
    assert_eq!(kinds[0], "operation.started");
    assert!(kinds.len() > 3 && kinds[1..kinds.len() - 1].iter().all(|kind| *kind == "operation.progressed"));
    let counts: Vec<_> = steps.iter().map(|step| (step.done, step.refused)).collect();
    assert!(counts.is_sorted() && counts[0] == (0, 0) && *counts.last().unwrap() == (3, 1), "{counts:?}");
    let shown = server.get(&format!("/operations/{id}")).await.ok(200);
    assert_eq!((&shown["state"], &shown["done"], &shown["refused"]), (&json!("done"), &json!(3), &json!(1)));
    // Whoever comes back hears the same.
    let query = EventQuery { after: Some(first.clone()), ..types(&["operation.*"]) };
    let mut missed = listen(&server, query.clone()).await;
    for wanted in &steps {
        assert_eq!(step(&mut missed).await, *wanted);
    }
    // Summed up they are about no job.
    let mut summed = listen(&server, EventQuery { digest: Some("1s".into()), ..query }).await;
    let mut count = 0;
    while count < steps.len() as u64 {
        let StreamEvent::Digest(digest) = next(&mut summed).await.event else { panic!("no digest") };
        assert_eq!((digest.kind.as_str(), digest.topic.as_str()), ("operation.digest", "operation"));
        assert_eq!((digest.job_ids.len(), digest.has_more_jobs), (0, false));
        count += digest.count;
    }
    assert_eq!(count, steps.len() as u64);
}

#[tokio::test]
async fn an_operation_that_is_cancelled_says_so_and_nothing_more() {
    let server = server().await;
    let mut stream = listen(&server, types(&["operation.*", "job.created"])).await;
    begun(&server, &mut stream).await;
    let names: Vec<_> = (0..500).map(|number| format!("nobody-{number}")).collect();
    let request = json!({"action": "trigger", "names": names, "per_second": 1});
    let operation = server.post("/jobs/actions", &request).await.ok(202);
    let id = operation["id"].as_str().unwrap();
    assert_eq!(step(&mut stream).await.kind, "operation.started");
    assert_eq!(step(&mut stream).await.kind, "operation.progressed");
    let over = server.act(&format!("/operations/{id}/cancel")).await.ok(200);
    let mut last = step(&mut stream).await;
    while last.kind == "operation.progressed" {
        last = step(&mut stream).await;
    }
    assert_eq!((last.kind.as_str(), json!(last.refused)), ("operation.cancelled", over["refused"].clone()));
    server.create(&manual("last", json!({"url": "http://127.0.0.1:9/"}))).await;
    assert_eq!(next(&mut stream).await.event.kind(), "job.created");
}

#[tokio::test]
async fn operations_are_told_to_those_who_ask_for_no_job_and_what_they_do_to_those_who_ask_for_it() {
    let (receiver, server) = (Receiver::start().await, server().await);
    create(&server, &receiver, &["a", "b"]).await;
    let mut all = listen(&server, types(&["operation.*", "job.*"])).await;
    begun(&server, &mut all).await;
    let mut one = listen(&server, EventQuery { job: Some("a".into()), ..EventQuery::default() }).await;
    for (action, told) in [("pause", "job.paused"), ("resume", "job.resumed"), ("delete", "job.deleted")] {
        let request = json!({"action": action, "names": ["a", "b"]});
        server.post("/jobs/actions", &request).await.ok(202);
        let mut heard = Vec::new();
        while heard.last().is_none_or(|last| last != "operation.done") {
            heard.push(next(&mut all).await.event.kind().to_owned());
        }
        heard.retain(|kind| kind != "operation.progressed");
        assert_eq!(heard, ["operation.started", told, told, "operation.done"]);
        assert_eq!(next(&mut one).await.event.kind(), told);
    }
}

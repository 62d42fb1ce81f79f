//! Events: what happens is told to whoever listens, once, whichever node they ask and however often they come back.

mod beside;
mod bounds;
mod filters;
mod operations;
mod resume;
mod stream;

use chronos_client::api::StreamEvent;
use chronos_client::{EventQuery, EventStream, HeardEvent};

use crate::support::*;

/// A server whose cluster has the version that brings events.
async fn server() -> Server {
    let server = CHRONOS.start().await;
    raised(&server).await;
    server
}

/// Waits until a node knows that its cluster has the version that brings events.
async fn raised(api: &Api) {
    until("the version to rise", || async {
        let status = api.get("/cluster/status").await.ok(200);
        (status["cluster_version"].as_u64().unwrap() >= 2).then_some(())
    })
    .await;
}

async fn listen(api: &Api, query: EventQuery) -> EventStream {
    soon("to be heard", api.client().events(&query)).await.unwrap()
}

/// What is asked for by types, with those of jobs and executions where none is named.
fn types(names: &[&str]) -> EventQuery {
    let names = if names.is_empty() { &["job.*", "execution.*"] } else { names };
    EventQuery { types: names.iter().map(|name| (*name).to_owned()).collect(), ..EventQuery::default() }
}

fn after(id: &str) -> EventQuery {
    EventQuery { after: Some(id.to_owned()), ..types(&[]) }
}

async fn next(stream: &mut EventStream) -> HeardEvent {
    soon("an event", stream.next()).await.unwrap().expect("it goes on")
}

/// Waits until it has begun, and answers where.
async fn begun(api: &Api, stream: &mut EventStream) -> String {
    // Whoever has heard nothing yet hears of the next job.
    api.create(&manual("first", json!({"url": "http://127.0.0.1:9/"}))).await;
    next(stream).await.id.unwrap()
}

/// What so many events are called that come next.
async fn kinds(stream: &mut EventStream, count: usize) -> Vec<String> {
    let mut kinds = Vec::new();
    for _ in 0..count {
        kinds.push(next(stream).await.event.kind().to_owned());
    }
    kinds
}

/// The parts of an id.
fn place(id: &str) -> (String, u64, u64) {
    let parts: Vec<_> = id.rsplitn(3, '-').collect();
    (parts[2].to_owned(), parts[1].parse().unwrap(), parts[0].parse().unwrap())
}

fn name_of(event: &StreamEvent) -> Option<&str> {
    match event {
        StreamEvent::Job(event) => Some(&event.job_name),
        StreamEvent::Execution(event) => event.job_name.as_deref(),
        _ => None,
    }
}

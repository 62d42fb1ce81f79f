//! What the webhooks call: notes each delivery, and lets a test wait for what it wants to see.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use chronos_types::parse_rfc3339;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How long anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_secs(180);

/// All deliveries so far.
#[derive(Debug, Default)]
pub struct Seen {
    /// The instants of each job's scheduled runs, in order of arrival.
    times: HashMap<String, Vec<i64>>,
    /// How often each execution came.
    executions: HashMap<String, usize>,
}

impl Seen {
    /// The instants of a job's scheduled runs.
    pub fn of(&self, job: &str) -> impl Iterator<Item = i64> {
        self.times.get(job).into_iter().flatten().copied()
    }

    pub fn has(&self, execution: &str) -> bool {
        self.executions.contains_key(execution)
    }
}

pub struct Receiver {
    address: SocketAddr,
    seen: watch::Sender<Seen>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let seen = watch::Sender::new(Seen::default());
        let notes = seen.clone();
        tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let notes = notes.clone();
                let service = service_fn(move |request| {
                    note(&request, &notes);
                    std::future::ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())))
                });
                let serve = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                // It ends with the node.
                tokio::spawn(async move { drop(serve.await) });
            }
        });
        Self { address, seen }
    }

    pub fn url(&self, job: &str) -> String {
        format!("http://{}/{job}", self.address)
    }

    pub async fn wait(&self, what: &str, mut until: impl FnMut(&Seen) -> bool) {
        let mut seen = self.seen.subscribe();
        let wait = seen.wait_for(|seen| until(seen));
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        assert!(matches!(waited, Ok(Ok(_))), "it was waited in vain until {what}");
    }

    /// How often an execution came.
    pub fn deliveries(&self, execution: &str) -> usize {
        self.seen.borrow().executions.get(execution).copied().unwrap_or_default()
    }
}

fn note(request: &Request<Incoming>, seen: &watch::Sender<Seen>) {
    let header = |name: &str| {
        let value = request.headers().get(name).unwrap_or_else(|| panic!("{name} is missing"));
        value.to_str().expect("a text").to_owned()
    };
    let job = request.uri().path().trim_start_matches('/').to_owned();
    let scheduled_time = parse_rfc3339(&header("x-chronos-scheduled-time")).expect("an instant");
    seen.send_modify(|seen| {
        if header("x-chronos-trigger") != "manual" {
            seen.times.entry(job).or_default().push(scheduled_time);
        }
        *seen.executions.entry(header("x-chronos-execution-id")).or_default() += 1;
    });
}

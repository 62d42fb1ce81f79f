//! What the webhooks call: notes each delivery, and holds back or fails those that a test wants so.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use chronos_types::ExecutionId;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// `gate` answers when the gate is open, `fail` with 500, `fail-once` with 500 the first time.
pub struct Receiver {
    address: SocketAddr,
    seen: watch::Sender<Vec<ExecutionId>>,
    gate: watch::Sender<bool>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let (seen, gate) = (watch::Sender::new(Vec::new()), watch::Sender::new(false));
        let (notes, opened) = (seen.clone(), gate.clone());
        tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let (notes, opened) = (notes.clone(), opened.clone());
                let service = service_fn(move |request| answer(request, notes.clone(), opened.subscribe()));
                let serve = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                // It ends with the test.
                tokio::spawn(async move { drop(serve.await) });
            }
        });
        Self { address, seen, gate }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    pub fn open_gate(&self) {
        self.gate.send_replace(true);
    }

    /// All deliveries so far, in order.
    pub fn all(&self) -> Vec<ExecutionId> {
        self.seen.borrow().clone()
    }

    /// Waits until an execution was delivered so often.
    pub async fn wait(&self, execution: ExecutionId, times: usize) {
        let mut seen = self.seen.subscribe();
        let wait = seen.wait_for(|seen| seen.iter().filter(|id| **id == execution).count() >= times);
        let waited = tokio::time::timeout(Duration::from_secs(30), wait).await;
        assert!(matches!(waited, Ok(Ok(_))), "{execution} was not delivered {times} times");
    }
}

async fn answer(
    request: Request<Incoming>,
    seen: watch::Sender<Vec<ExecutionId>>,
    mut gate: watch::Receiver<bool>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let id = request.headers().get("x-chronos-execution-id").expect("an execution's id");
    let id = ExecutionId::parse(id.to_str().expect("a text")).expect("an id");
    let mut before = 0;
    seen.send_modify(|seen| {
        before = seen.iter().filter(|other| **other == id).count();
        seen.push(id);
    });
    let path = request.uri().path();
    if path.contains("gate") {
        // Where the test is over, nobody waits for the answer.
        let _ = gate.wait_for(|open| *open).await;
    }
    let fails = path.ends_with("fail") || path.ends_with("fail-once") && before == 0;
    let mut response = Response::new(Full::default());
    if fails {
        *response.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
    }
    Ok(response)
}

//! The API as a client that expects every server to vanish at any moment.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// A server that says nothing for so long is as good as dead.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between tries of a client that tries again.
const PAUSE: Duration = Duration::from_millis(20);

/// Speaks to one node for as long as that answers, and then to the next. Clones move on together.
#[derive(Clone)]
pub struct Client {
    addresses: Vec<SocketAddr>,
    turn: Arc<AtomicUsize>,
    retry_for: Duration,
    http: HyperClient<HttpConnector, Full<Bytes>>,
}

/// Why no answer came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Nothing was sent.
    NotConnected(String),
    /// It may have been taken or not.
    Unanswered(String),
}

/// What came back: the status and the body, where there was one.
pub type Answer = (StatusCode, Value);

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        Self::of(vec![address])
    }

    /// Of the nodes of a cluster.
    pub fn of(addresses: Vec<SocketAddr>) -> Self {
        let http = HyperClient::builder(TokioExecutor::new()).build_http();
        Self { addresses, turn: Arc::default(), retry_for: Duration::ZERO, http }
    }

    /// Asks for so long again where the answer is 503 or there is no connection, as a client should
    /// that wants to live through the loss of a node. What was sent and not answered is not sent again.
    pub fn retry_for(self, retry_for: Duration) -> Self {
        Self { retry_for, ..self }
    }

    /// One that begins with another node, and moves on by itself.
    pub fn beginning_with(&self, n: usize) -> Self {
        Self { turn: Arc::new(AtomicUsize::new(n)), ..self.clone() }
    }

    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Result<Answer, Lost> {
        let deadline = Instant::now() + self.retry_for;
        let mut again = false;
        loop {
            let turn = self.turn.load(Ordering::Relaxed);
            let address = self.addresses[turn % self.addresses.len()];
            let answer = self.exchange(address, method.clone(), path, body, key).await;
            let refused = match &answer {
                Ok((status, _)) => *status == StatusCode::SERVICE_UNAVAILABLE,
                Err(lost) => matches!(lost, Lost::NotConnected(_)),
            };
            if refused || answer.is_err() {
                // Unless another call with this client has moved on already.
                let _ = self.turn.compare_exchange(turn, turn + 1, Ordering::Relaxed, Ordering::Relaxed);
            }
            if refused && Instant::now() < deadline {
                again = true;
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            return match answer {
                // A 503 does not say that nothing was done: a deletion asked for again finds nothing.
                Ok((StatusCode::NOT_FOUND, body)) if again && method == Method::DELETE => {
                    Ok((StatusCode::NO_CONTENT, body))
                }
                answer => answer,
            };
        }
    }

    async fn exchange(
        &self,
        address: SocketAddr,
        method: Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Result<Answer, Lost> {
        let mut request = Request::builder().method(method).uri(format!("http://{address}{path}"));
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let body = body.map(ToString::to_string).unwrap_or_default();
        let request = request.body(Full::from(body)).expect("a request");
        let exchange = async {
            let lost = |e: hyper_util::client::legacy::Error| {
                let reason = format!("{address}: {e:?}");
                if e.is_connect() { Lost::NotConnected(reason) } else { Lost::Unanswered(reason) }
            };
            let response = self.http.request(request).await.map_err(lost)?;
            let status = response.status();
            let body = response
                .into_body()
                .collect()
                .await
                .map_err(|e| Lost::Unanswered(format!("{address}: {e:?}")))?
                .to_bytes();
            Ok((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
        };
        tokio::time::timeout(PATIENCE, exchange)
            .await
            .unwrap_or_else(|_| Err(Lost::Unanswered(format!("{address}: no answer within {PATIENCE:?}"))))
    }

    pub async fn get(&self, path: &str) -> Result<Answer, Lost> {
        self.call(Method::GET, path, None, None).await
    }

    pub async fn create(&self, job: &Value, key: &str) -> Result<Value, Result<Answer, Lost>> {
        match self.call(Method::POST, "/api/v1/jobs", Some(job), Some(key)).await {
            Ok((StatusCode::CREATED, created)) => Ok(created),
            other => Err(other),
        }
    }

    pub async fn wait_until_ready(&self) {
        let ready = async {
            while !matches!(self.get("/ready").await, Ok((StatusCode::OK, _))) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), ready).await.expect("the server becomes ready");
    }

    /// All items of a list, with every write that was acknowledged before.
    pub async fn all(&self, path: &str, name: &str) -> Vec<Value> {
        self.pages(path, name, usize::MAX).await
    }

    /// The items of the first pages of a list.
    pub async fn pages(&self, path: &str, name: &str, count: usize) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        for _ in 0..count {
            let page = self.get(&format!("{path}?consistent=true&limit=500{cursor}")).await;
            let Ok((StatusCode::OK, mut page)) = page else { panic!("GET {path}: {page:?}") };
            items.extend(page[name].as_array_mut().map(std::mem::take).expect("a list"));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        items
    }
}

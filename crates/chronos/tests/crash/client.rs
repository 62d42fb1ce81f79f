//! The API as a client that expects the server to vanish at any moment.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// A server that says nothing for so long is as good as dead.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone)]
pub struct Client {
    address: SocketAddr,
    http: HyperClient<HttpConnector, Full<Bytes>>,
}

/// What came back: the status and the body, where there was one.
pub type Answer = (StatusCode, Value);

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, http: HyperClient::builder(TokioExecutor::new()).build_http() }
    }

    /// Nothing where no answer came: the call may have been taken or not.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Option<Answer> {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let body = body.map(ToString::to_string).unwrap_or_default();
        let request = request.body(Full::from(body)).expect("a request");
        let exchange = async {
            let response = self.http.request(request).await.ok()?;
            let status = response.status();
            let body = response.into_body().collect().await.ok()?.to_bytes();
            Some((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
        };
        tokio::time::timeout(PATIENCE, exchange).await.ok().flatten()
    }

    pub async fn get(&self, path: &str) -> Option<Answer> {
        self.call(Method::GET, path, None, None).await
    }

    pub async fn create(&self, job: &Value, key: &str) -> Result<Value, Option<Answer>> {
        match self.call(Method::POST, "/api/v1/jobs", Some(job), Some(key)).await {
            Some((StatusCode::CREATED, created)) => Ok(created),
            other => Err(other),
        }
    }

    pub async fn wait_until_ready(&self) {
        let ready = async {
            while !matches!(self.get("/ready").await, Some((StatusCode::OK, _))) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), ready).await.expect("the server becomes ready");
    }

    /// All items of a list.
    pub async fn all(&self, path: &str, name: &str) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{path}?limit=500{cursor}")).await;
            let Some((StatusCode::OK, mut page)) = page else { panic!("GET {path}: {page:?}") };
            items.extend(page[name].as_array_mut().map(std::mem::take).expect("a list"));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }
}

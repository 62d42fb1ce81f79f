//! Speaks to a server over kept-alive connections, as any client would.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use serde_json::Value;

use crate::Result;

const JOBS: &str = "/api/v1/jobs";

/// A client of one server. Cheap to clone; connections are shared.
#[derive(Clone)]
pub struct Api {
    address: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// One connection to a server, one request at a time: a load that takes little of the machine.
pub struct Line {
    sender: hyper::client::conn::http1::SendRequest<Full<Bytes>>,
    host: HeaderValue,
}

impl Line {
    /// Creates a job.
    pub async fn create(&mut self, job: Bytes) -> Result<()> {
        let request = Request::post(JOBS)
            .header(header::HOST, &self.host)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(job))?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        created(status, &response.into_body().collect().await?.to_bytes())
    }
}

fn created(status: StatusCode, body: &[u8]) -> Result<()> {
    if status == StatusCode::CREATED {
        Ok(())
    } else {
        Err(format!("POST {JOBS}: {status}: {}", String::from_utf8_lossy(body)).into())
    }
}

/// The client as the server has it, apart from TLS and the guard.
pub fn client() -> Client<HttpConnector, Full<Bytes>> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_keepalive(Some(Duration::from_secs(30)));
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(50))
        .pool_max_idle_per_host(512)
        .build(connector)
}

impl Api {
    /// For the server at an address.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, client: client() }
    }

    /// Sends a request; answers whatever comes back.
    pub async fn call(&self, method: Method, path: &str, body: Option<Bytes>) -> Result<(StatusCode, Bytes)> {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let request = request.body(Full::new(body.unwrap_or_default()))?;
        let response = self.client.request(request).await?;
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }

    /// Reads a page as text.
    pub async fn text(&self, path: &str) -> Result<String> {
        let (status, body) = self.call(Method::GET, path, None).await?;
        let text = String::from_utf8_lossy(&body).into_owned();
        if status == StatusCode::OK { Ok(text) } else { Err(format!("GET {path}: {status}: {text}").into()) }
    }

    /// Reads a page as JSON.
    pub async fn json(&self, path: &str) -> Result<Value> {
        Ok(serde_json::from_str(&self.text(path).await?)?)
    }

    /// Creates a job.
    pub async fn create(&self, job: Bytes) -> Result<()> {
        let (status, body) = self.call(Method::POST, JOBS, Some(job)).await?;
        created(status, &body)
    }

    /// A connection of its own.
    pub async fn line(&self) -> Result<Line> {
        let stream = tokio::net::TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // It ends with its sender; a fault shows in the request that meets it.
        tokio::spawn(connection);
        Ok(Line { sender, host: HeaderValue::from_str(&self.address.to_string())? })
    }

    /// Creates jobs, `clients` at a time.
    pub async fn create_all(&self, jobs: Vec<Bytes>, clients: usize) -> Result<()> {
        let jobs = std::sync::Arc::new(std::sync::Mutex::new(jobs));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..clients {
            let (api, jobs) = (self.clone(), std::sync::Arc::clone(&jobs));
            tasks.spawn(async move {
                loop {
                    let next = jobs.lock().map_err(|error| error.to_string())?.pop();
                    let Some(job) = next else {
                        return Ok::<(), Box<dyn std::error::Error + Send + Sync>>(());
                    };
                    api.create(job).await?;
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        Ok(())
    }

    /// All items of a list, page by page.
    pub async fn all(&self, path: &str, name: &str) -> Result<Vec<Value>> {
        let (mut items, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let glue = if path.contains('?') { '&' } else { '?' };
            let more = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
            let mut page = self.json(&format!("{path}{glue}limit=500{more}")).await?;
            let found = page[name].take();
            let Value::Array(found) = found else {
                return Err(format!("GET {path}: there is no list {name:?}").into());
            };
            items.extend(found);
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                return Ok(items);
            }
        }
    }
}

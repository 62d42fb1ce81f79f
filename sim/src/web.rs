//! The API over the simulated network: each request has a connection of its own.

use std::io;
use std::time::Duration;

use chronos_client::{BoxFuture, Client, Connect, Method, Stream};
use serde_json::Value;
use turmoil::net::TcpStream;

/// A client's patience.
pub(crate) const PATIENCE: Duration = Duration::from_secs(8);
/// Where nodes serve the API.
pub(crate) const PORT: u16 = 8080;

/// From when on executions are asked for: of all jobs, else those of a day are listed, and clocks here are off by more.
pub(crate) const EVER: &str = "1970-01-01T00:00:00Z";

/// Connects through the network of the host that asks.
#[derive(Debug)]
struct Simulated;

impl Connect for Simulated {
    fn connect<'a>(&'a self, server: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Stream>>> {
        Box::pin(async move { Ok(Box::new(TcpStream::connect(server).await?) as Box<dyn Stream>) })
    }
}

/// Asks, and answers with status and body. None where nobody knows what came of it.
pub(crate) async fn ask(
    host: &str,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> Option<(u16, Value)> {
    ask_with_key(host, method, path, body, None).await
}

/// The same, where a request may have an idempotency key.
pub(crate) async fn ask_with_key(
    host: &str,
    method: Method,
    path: &str,
    body: Option<&Value>,
    key: Option<&str>,
) -> Option<(u16, Value)> {
    let client = Client::new(format!("{host}:{PORT}"), Simulated).ok()?.patience(PATIENCE).keep(0);
    let kind = body.map(|_| ("content-type", "application/json"));
    let key = key.map(|key| ("idempotency-key", key));
    let headers: Vec<_> = kind.into_iter().chain(key).collect();
    let body = body.map(ToString::to_string).unwrap_or_default();
    let answer = client.request(method, path, &headers, body).await.ok()?;
    Some((answer.status.as_u16(), answer.json().unwrap_or(Value::Null)))
}

/// Fetches a file, and answers with status and bytes. None where it did not come as a whole.
pub(crate) async fn fetch(host: &str, path: &str) -> Option<(u16, Vec<u8>)> {
    let client = Client::new(format!("{host}:{PORT}"), Simulated).ok()?.patience(PATIENCE).keep(0);
    let answer = client.request(Method::GET, path, &[], "").await.ok()?;
    Some((answer.status.as_u16(), answer.body.to_vec()))
}

//! HTTP over the simulated network: one request, one connection.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use turmoil::net::TcpStream;

/// A client's patience.
const PATIENCE: Duration = Duration::from_secs(8);

/// Asks, and answers with status and body. None where nobody knows what came of it.
pub(crate) async fn ask(
    host: &str,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> Option<(u16, Value)> {
    tokio::time::timeout(PATIENCE, exchange(host, method, path, body)).await.ok()?
}

async fn exchange(host: &str, method: Method, path: &str, body: Option<&Value>) -> Option<(u16, Value)> {
    let stream = TcpStream::connect((host, 8080)).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    let serving = tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(path).header("host", host);
    if body.is_some() {
        request = request.header("content-type", "application/json");
    }
    let body = body.map(ToString::to_string).unwrap_or_default();
    let response = sender.send_request(request.body(Full::new(Bytes::from(body))).ok()?).await.ok()?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.ok()?.to_bytes();
    serving.abort();
    Some((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
}

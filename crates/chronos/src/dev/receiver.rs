//! What the example jobs call: it prints each call, and fails the first attempt of each run of `/flaky`.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Attempts seen of executions of `/flaky`, to fail the first of each.
type Seen = Arc<Mutex<HashMap<String, u32>>>;

/// Starts it on a free port of loopback.
///
/// # Errors
/// No port is free.
pub(super) async fn start() -> Result<SocketAddr, String> {
    let failed = |error: std::io::Error| format!("the example receiver cannot listen: {error}");
    #[expect(clippy::disallowed_methods, reason = "it stands beside the node, on the machine's own network")]
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let seen = Seen::default();
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let seen = Arc::clone(&seen);
            tokio::spawn(async move {
                let service = service_fn(move |request| answer(request, Arc::clone(&seen)));
                // A connection that breaks is the client's to report.
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    Ok(address)
}

async fn answer(request: Request<Incoming>, seen: Seen) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let header =
        |name| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("-").to_owned();
    let (execution, attempt) = (header("x-chronos-execution-id"), header("x-chronos-attempt"));
    let body = Limited::new(body, 64 * 1024).collect().await.map(http_body_util::Collected::to_bytes);
    let fails = head.uri.path() == "/flaky" && {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        // Only the latest matter; a newcomer's afternoon must not fill the memory.
        if seen.len() > 1_000 {
            seen.clear();
        }
        let count = seen.entry(execution.clone()).or_insert(0);
        *count += 1;
        *count == 1
    };
    let status = if fails { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    println!(
        "{}  {} {}  attempt {attempt}  execution {execution}  {}  -> {status}",
        header("x-chronos-scheduled-time"),
        head.method,
        head.uri.path(),
        String::from_utf8_lossy(&body.unwrap_or_default()),
    );
    let mut response = Response::new(Full::from(if fails { "try again" } else { "{\"received\": true}" }));
    *response.status_mut() = status;
    Ok(response)
}

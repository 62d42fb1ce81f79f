//! The receiver that the example jobs call. It prints each call, and fails the first attempt of each run of
//! `/flaky`.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chronos_server::telemetry::Lines;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Between tries to take a connection, where that failed.
const PAUSE: Duration = Duration::from_millis(50);

/// How many attempts of each execution of `/flaky` were seen, to fail the first of each.
type Seen = Arc<Mutex<HashMap<String, u32>>>;

/// Starts the receiver on a free port of loopback. It shows each call in `lines`.
///
/// # Errors
/// No port is free.
pub(super) async fn start(lines: Lines) -> Result<SocketAddr, String> {
    let failed = |error: std::io::Error| format!("the example receiver cannot listen: {error}");
    #[expect(clippy::disallowed_methods, reason = "it stands beside the node, on the machine's own network")]
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let seen = Seen::default();
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // No descriptor is left for it, so the next try comes to the same.
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let (seen, lines) = (Arc::clone(&seen), lines.clone());
            tokio::spawn(async move {
                let service = service_fn(move |request| answer(request, Arc::clone(&seen), lines.clone()));
                // Where a connection breaks, the client reports it.
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    Ok(address)
}

async fn answer(
    request: Request<Incoming>,
    seen: Seen,
    lines: Lines,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let header =
        |name| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("-").to_owned();
    let (execution, attempt) = (header("x-chronos-execution-id"), header("x-chronos-attempt"));
    let body = Limited::new(body, 64 * 1024).collect().await.map(http_body_util::Collected::to_bytes);
    let fails = head.uri.path() == "/flaky" && {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        // Only the latest executions matter, and a long session must not fill the memory.
        if seen.len() > 1_000 {
            seen.clear();
        }
        let count = seen.entry(execution.clone()).or_insert(0);
        *count += 1;
        *count == 1
    };
    let status = if fails { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let call = format!(
        "{}  {} {}  attempt {attempt}  execution {execution}  {}  -> {status}\n",
        header("x-chronos-scheduled-time"),
        head.method,
        head.uri.path(),
        String::from_utf8_lossy(&body.unwrap_or_default()),
    );
    lines.put(call.as_bytes());
    let mut response = Response::new(Full::from(if fails { "try again" } else { "{\"received\": true}" }));
    *response.status_mut() = status;
    Ok(response)
}

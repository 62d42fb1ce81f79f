//! Answers other nodes over HTTP/1.1.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use chronos_env::{Accept, Further, Listener, Socket};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::handler::Handler;
use super::tls::{PeerTls, TlsError};
use super::wire::{STALL, root};
use super::{Caller, Service};

/// How long a caller may take for its TLS handshake, and then until its first call begins. A caller connects
/// only when it has a call to make.
const FIRST_CALL: Duration = Duration::from_secs(10);
/// How long a connection may be idle: from the end of one call to the end of the next call's head. Callers
/// stop using a connection after one minute.
const IDLE: Duration = Duration::from_secs(5 * 60);
/// How long calls under way may take when this node stops. What is cut off, the caller makes again elsewhere.
const GRACE: Duration = Duration::from_secs(2);

/// Serves until `stop` is cancelled. Then it takes no more calls, and gives those under way a while to
/// end. A connection beyond `most` is closed at once. With `tls`, a caller has to show a certificate. The service's future is dropped when its caller
/// is seen to have gone away. This is not seen while a body is not read.
///
/// # Errors
/// A file of `tls` cannot be used.
pub fn serve(
    listener: Box<dyn Listener>,
    tls: Option<&PeerTls>,
    caller: Caller,
    service: Arc<dyn Service>,
    most: usize,
    stop: CancellationToken,
) -> Result<impl Future<Output = ()> + Send + use<>, TlsError> {
    let tls = tls.map(PeerTls::server).transpose()?.map(TlsAcceptor::from);
    let handler = Handler { caller, service, stall: STALL };
    Ok(accept(listener, tls, Arc::new(handler), most, stop))
}

pub(super) async fn accept(
    listener: Box<dyn Listener>,
    tls: Option<TlsAcceptor>,
    handler: Arc<Handler>,
    most: usize,
    stop: CancellationToken,
) {
    let limits = Accept { from: "other nodes", most, further: Further::IsClosed, grace: GRACE };
    let serve = |socket, from| {
        let (tls, handler, stop) = (tls.clone(), Arc::clone(&handler), stop.clone());
        async move {
            if let Err(error) = serve_connection(socket, tls, handler, stop).await {
                tracing::debug!(%from, %error, "a connection from another node broke");
            }
        }
    };
    chronos_env::accept(listener, limits, stop.clone(), serve).await;
}

/// Serves one connection until it is closed, by either side or by `stop`.
async fn serve_connection(
    socket: Socket,
    tls: Option<TlsAcceptor>,
    handler: Arc<Handler>,
    stop: CancellationToken,
) -> Result<(), String> {
    let socket: Socket = match tls {
        None => socket,
        Some(tls) => tokio::select! {
            () = stop.cancelled() => return Ok(()),
            shaken = tokio::time::timeout(FIRST_CALL, tls.accept(socket)) => {
                let shaken = shaken.map_err(|_| "its TLS handshake took too long")?;
                Box::new(shaken.map_err(|error| format!("its TLS handshake failed: {error}"))?)
            }
        },
    };
    let has_called = Arc::new(AtomicBool::new(false));
    let answer = {
        let has_called = Arc::clone(&has_called);
        service_fn(move |request: Request<Incoming>| {
            has_called.store(true, Ordering::Relaxed);
            let handler = Arc::clone(&handler);
            async move { Ok::<_, Infallible>(response(handler.answer(request).await)) }
        })
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .serve_connection(TokioIo::new(socket), answer);
    let mut connection = pin!(connection);
    let mut first_call = pin!(tokio::time::sleep(FIRST_CALL));
    let (mut is_new, mut is_stopping) = (true, false);
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => return ended.map_err(|error| root(&error)),
            () = first_call.as_mut(), if is_new => {
                is_new = false;
                if !has_called.load(Ordering::Relaxed) {
                    return Err("it was opened and not used".to_owned());
                }
            }
            () = stop.cancelled(), if !is_stopping => {
                is_stopping = true;
                // hyper does not know that a connection is idle if it never carried a call.
                if !has_called.load(Ordering::Relaxed) {
                    return Ok(());
                }
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

fn response(answer: Result<Bytes, (StatusCode, String)>) -> Response<Full<Bytes>> {
    let (status, body) = match answer {
        Ok(body) => (StatusCode::OK, body),
        Err((status, reason)) => (status, Bytes::from(reason)),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response
}

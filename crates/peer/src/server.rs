//! Answers other nodes over HTTP/1.1.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use chronos_env::{Accept, Further, Listener, Socket};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::handler::{Handler, Rejection};
use super::places::{Place, Places};
use super::tls::{Credentials, Shown};
use super::wire::{STALL, root};
use super::{Caller, Service};

/// How long a caller may take for its TLS handshake, and then until its first call begins; without TLS, until a call
/// has shown that it is a node. A caller connects only when it has a call to make, and gives up after 2 s.
const HELLO: Duration = Duration::from_secs(3);
/// How long a connection of a node may be idle: from the end of one call to the end of the next call's head. Callers
/// stop using a connection after one minute.
const IDLE: Duration = Duration::from_secs(5 * 60);
/// How long calls under way may take when this node stops. What is cut off, the caller makes again elsewhere.
const GRACE: Duration = Duration::from_secs(2);

/// Serves until `stop` is cancelled. Then it takes no more calls, and gives those under way a while to
/// end. Of `most` connections, a few are for callers that have not shown yet that they are nodes (see `places`). With
/// `tls`, a caller has to show a certificate. The service's future is dropped when its caller is seen to have gone
/// away. This is not seen while a body is not read.
pub fn serve(
    listener: Box<dyn Listener>,
    tls: Option<Credentials>,
    caller: Caller,
    service: Arc<dyn Service>,
    most: usize,
    stop: CancellationToken,
) -> impl Future<Output = ()> + Send + use<> {
    if let Some(tls) = &tls {
        tls.know(Arc::clone(&service));
    }
    let handler = Handler { caller, service, stall: STALL, hello: HELLO };
    accept(listener, tls, Arc::new(handler), most, stop)
}

pub(super) async fn accept(
    listener: Box<dyn Listener>,
    tls: Option<Credentials>,
    handler: Arc<Handler>,
    most: usize,
    stop: CancellationToken,
) {
    let places = Places::new(most);
    let most = places.most_open();
    let limits = Accept { from: "other nodes", most, further: Further::IsClosed, grace: GRACE };
    let serve = |socket, from: SocketAddr| {
        let (tls, handler, stop) = (tls.clone(), Arc::clone(&handler), stop.clone());
        let place = Arc::new(places.enter(from.ip()));
        async move {
            let served = tokio::select! {
                served = serve_connection(socket, Arc::clone(&place), tls, handler, stop) => served,
                () = place.gives_way() => Err("it made way for another caller".to_owned()),
            };
            if let Err(error) = served {
                tracing::debug!(%from, %error, "a connection from another node broke");
            }
        }
    };
    chronos_env::accept(listener, limits, stop.clone(), serve).await;
}

/// Serves one connection until it is closed, by either side or by `stop`, or the certificate of the caller is not valid any
/// more.
async fn serve_connection(
    socket: Socket,
    place: Arc<Place>,
    tls: Option<Credentials>,
    handler: Arc<Handler>,
    stop: CancellationToken,
) -> Result<(), String> {
    let hello = handler.hello;
    let (socket, shown) = match tls {
        None => (socket, None),
        Some(tls) => tokio::select! {
            () = stop.cancelled() => return Ok(()),
            shaken = tokio::time::timeout(hello, shake(tls, socket, &place)) => {
                let (socket, shown) = shaken.map_err(|_| "its TLS handshake took too long")??;
                (socket, Some(Arc::new(shown)))
            }
        },
    };
    let ends = shown.as_ref().map(|shown| shown.ends()).unwrap_or_default();
    let has_called = Arc::new(AtomicBool::new(false));
    let answer = {
        let (has_called, place, shown) = (Arc::clone(&has_called), Arc::clone(&place), shown.clone());
        service_fn(move |request: Request<Incoming>| {
            has_called.store(true, Ordering::Relaxed);
            let (handler, place, shown) = (Arc::clone(&handler), Arc::clone(&place), shown.clone());
            async move {
                let answer = handler.answer(request, &place, shown.as_deref()).await;
                Ok::<_, Infallible>(response(answer))
            }
        })
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .serve_connection(TokioIo::new(socket), answer);
    let mut connection = pin!(connection);
    let mut looks = tokio::time::interval_at(Instant::now() + hello, hello);
    let mut is_stopping = false;
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => return ended.map_err(|error| root(&error)),
            () = ends.cancelled() => return Err("the certificate of the caller is not valid any more".to_owned()),
            _ = looks.tick() => {
                let is_of_use = if place.is_nodes() { has_called.load(Ordering::Relaxed) } else { place.is_calling() };
                if !is_of_use {
                    return Err("it was opened and not used as nodes use it".to_owned());
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

/// Makes a TLS connection. Whoever can do that is a node; which one its calls say, and its certificate has to fit.
async fn shake(tls: Credentials, socket: Socket, place: &Place) -> Result<(Socket, Shown), String> {
    let failed = |error: &dyn std::fmt::Display| format!("its TLS handshake failed: {error}");
    let stream = TlsAcceptor::from(tls.server()).accept(socket).await.map_err(|error| failed(&error))?;
    let shown = tls.shown(stream.get_ref().1.peer_certificates(), false).map_err(|error| failed(&error))?;
    if !place.becomes_nodes() {
        return Err("too many connections of nodes are open".to_owned());
    }
    let socket: Socket = Box::new(stream);
    Ok((socket, shown))
}

fn response(answer: Result<Bytes, Rejection>) -> Response<Full<Bytes>> {
    let (status, body, closes) = match answer {
        Ok(body) => (StatusCode::OK, body, false),
        Err(Rejection { status, reason, is_no_call }) => (status, Bytes::from(reason), is_no_call),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    if closes {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

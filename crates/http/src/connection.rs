//! One connection: HTTP/1.1 or, where client and server agree on it in the handshake of TLS, HTTP/2; and how long it may
//! keep the server waiting.
//!
//! An idle connection is cheap and may stay for a while. A client that begins a request must get its
//! head across soon, and one that does not read its answer is cut off. So is one that begins requests and takes
//! them back again and again.

mod answer;
mod crowd;
#[cfg(test)]
mod tests;
mod unread;
mod watch;

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::response::IntoResponse as _;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::caller::{ClientAddress, Secured};
use crate::head;
use crate::problem::ApiError;
use answer::WatchedBody;
pub(crate) use crowd::Crowd;
use watch::{IDLE, Watch, Watched};

/// How long an idle connection is served on when the server stops: a request may be on its way, and
/// to close now would reset it. Its answer says that the connection closes.
const LINGER: Duration = Duration::from_millis(250);
/// Requests at a time on one connection of HTTP/2.
const STREAMS: u32 = 100;
/// Streams that the other side takes back before we have looked at them, and streams that we end for its errors. Past
/// either it is told to be calm (RFC 9113, section 7), and the connection closes.
const EARLY_RESETS: usize = 20;
const ERRORS: usize = 100;
/// Bytes that may come of the bodies of requests before they are read, on a connection and on each of its streams. The
/// largest body, 16 MiB, arrives within its 30 s over round trips of 200 ms.
const WINDOW: u32 = 128 * 1024;

/// The version of HTTP on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    pub(crate) address: IpAddr,
    /// Whether it speaks TLS.
    pub(crate) is_secured: bool,
    pub(crate) speaks: Protocol,
}

impl Protocol {
    /// Its name in the handshake of TLS (RFC 7301).
    pub(crate) const fn alpn(self) -> &'static [u8] {
        match self {
            Self::Http1 => b"http/1.1",
            Self::Http2 => b"h2",
        }
    }

    /// What a handshake has come to. A client that names none speaks HTTP/1.1.
    pub(crate) fn of(agreed: Option<&[u8]>) -> Self {
        if agreed == Some(Self::Http2.alpn()) { Self::Http2 } else { Self::Http1 }
    }
}

/// Serves one connection of a client until it is closed, by either side or by `stop`. Where it is one of many, it is closed
/// soon after its last answer.
pub(crate) async fn serve<S>(
    stream: S,
    client: Client,
    router: Router,
    crowd: &Arc<Crowd>,
    stop: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let watch = Watch::new(client.speaks);
    let io = TokioIo::new(Watched { stream, watch: watch.clone() });
    let answer = {
        let (watch, crowd, stop) = (watch.clone(), Arc::clone(crowd), stop.clone());
        service_fn(move |mut request: hyper::Request<Incoming>| {
            let open = watch.begin();
            request.extensions_mut().insert(ClientAddress::from(client.address));
            request.extensions_mut().insert(Secured(client.is_secured));
            let room = match client.speaks {
                Protocol::Http1 => Ok(None),
                Protocol::Http2 => crowd.take_stream().map(Some).ok_or(()),
            };
            let (mut router, stop) = (router.clone(), stop.clone());
            async move {
                let (mut response, room) = match room {
                    Ok(room) => {
                        let (request, unread) = unread::lend(request);
                        let mut response = router.call(request).await?;
                        if !unread.read().await {
                            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                        }
                        (response, room)
                    }
                    Err(()) => {
                        let detail =
                            "as many requests are under way as this node takes at once; nothing was done";
                        (ApiError::busy(detail).into_response(), None)
                    }
                };
                match client.speaks {
                    Protocol::Http1 if stop.is_cancelled() => {
                        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                    }
                    // A connection of HTTP/2 closes by a word of its own, and not for one answer.
                    Protocol::Http2 => drop(response.headers_mut().remove(CONNECTION)),
                    Protocol::Http1 => {}
                }
                Ok::<_, Infallible>(response.map(|body| WatchedBody::new(body, open, room)))
            }
        })
    };
    match client.speaks {
        Protocol::Http1 => {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                // The watch is stricter once a request has begun.
                .header_read_timeout(IDLE)
                .max_buf_size(head::READ_BYTES)
                .max_headers(head::READ_FIELDS)
                .serve_connection(io, answer);
            drive(connection, |connection| connection.graceful_shutdown(), &watch, crowd, stop).await;
        }
        Protocol::Http2 => {
            let connection = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_concurrent_streams(STREAMS)
                .max_pending_accept_reset_streams(EARLY_RESETS)
                .max_local_error_reset_streams(ERRORS)
                // With it, the number of CONTINUATION frames has a limit, too.
                .max_header_list_size(u32::try_from(head::READ_BYTES).unwrap_or(u32::MAX))
                .initial_stream_window_size(WINDOW)
                .initial_connection_window_size(WINDOW)
                .serve_connection(io, answer);
            drive(connection, |connection| connection.graceful_shutdown(), &watch, crowd, stop).await;
        }
    }
}

/// Carries a connection to its end. `finish` has it take no more requests.
async fn drive<C>(
    connection: C,
    finish: impl Fn(Pin<&mut C>),
    watch: &Watch,
    crowd: &Crowd,
    stop: CancellationToken,
) where
    C: Future<Output = hyper::Result<()>>,
{
    let mut connection = pin!(connection);
    let mut alarm = pin!(tokio::time::sleep(IDLE));
    let mut stopped = pin!(async {
        stop.cancelled().await;
        tokio::time::sleep(LINGER).await;
    });
    let mut stopping = false;
    let mut turned = pin!(crowd.turns());
    loop {
        let served = std::future::poll_fn(|context| {
            if let Poll::Ready(result) = connection.as_mut().poll(context) {
                return Poll::Ready(Some(result));
            }
            if watch.is_flooded() {
                return Poll::Ready(None);
            }
            // Deadlines mostly move away; the alarm follows only where one comes nearer, or when
            // it goes off.
            loop {
                let deadline = watch.deadline(crowd.is_large());
                if let Some(deadline) = deadline.filter(|deadline| *deadline < alarm.deadline()) {
                    alarm.as_mut().reset(deadline);
                }
                ready!(alarm.as_mut().poll(context));
                let now = Instant::now();
                if deadline.is_some_and(|deadline| deadline <= now) {
                    return Poll::Ready(None);
                }
                alarm.as_mut().reset(deadline.unwrap_or(now + IDLE));
            }
        });
        tokio::select! {
            biased;
            served = served => {
                match served {
                    Some(Ok(())) => {}
                    Some(Err(error)) => tracing::debug!(%error, "a connection broke"),
                    None if watch.is_flooded() => {
                        tracing::debug!("a connection whose client takes its requests back was closed");
                    }
                    None => tracing::debug!("a connection took too long and was closed"),
                }
                return;
            }
            () = turned.as_mut() => turned.set(crowd.turns()),
            () = &mut stopped, if !stopping => {
                stopping = true;
                if watch.owes_nothing() {
                    return;
                }
                finish(connection.as_mut());
            }
        }
    }
}

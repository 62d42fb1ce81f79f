//! One connection: HTTP/1.1, and how long it may keep the server waiting.
//!
//! An idle connection is cheap and may stay for a while. A client that begins a request must get its
//! head across soon, and one that does not read its answer is cut off.

mod crowd;
#[cfg(test)]
mod tests;
mod watch;

use std::convert::Infallible;
use std::future::Future as _;
use std::net::IpAddr;
use std::pin::pin;
use std::task::{Poll, ready};
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::caller::ClientAddress;
use crate::head;
pub(crate) use crowd::Crowd;
use watch::{IDLE, Stage, Watch, Watched, WatchedBody};

/// How long an idle connection is served on when the server stops: a request may be on its way, and
/// to close now would reset it. Its answer says that the connection closes.
const LINGER: Duration = Duration::from_millis(250);

/// Serves one connection of a client until it is closed, by either side or by `stop`. Where it is one of many, it is closed
/// soon after its last answer.
pub(crate) async fn serve<S>(
    stream: S,
    client: IpAddr,
    router: Router,
    crowd: &Crowd,
    stop: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let watch = Watch::new();
    let io = TokioIo::new(Watched { stream, watch: watch.clone() });
    let answer = {
        let (watch, stop) = (watch.clone(), stop.clone());
        service_fn(move |mut request: hyper::Request<Incoming>| {
            watch.set(Stage::Answering);
            request.extensions_mut().insert(ClientAddress::from(client));
            let (answer, watch, stop) = (router.clone().call(request), watch.clone(), stop.clone());
            async move {
                let mut response = answer.await?;
                if stop.is_cancelled() {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response.map(|body| WatchedBody { body, watch }))
            }
        })
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // The watch is stricter once a request has begun.
        .header_read_timeout(IDLE)
        .max_buf_size(head::READ_BYTES)
        .max_headers(head::READ_FIELDS)
        .serve_connection(io, answer);
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
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

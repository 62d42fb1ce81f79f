//! One connection: HTTP/1.1, and how long it may keep us waiting.
//!
//! An idle connection is cheap and may stay for a while; one that begins a request must get its
//! head across soon, and one that does not read its answer is closed.

use std::future::Future as _;
use std::io::IoSlice;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::Service;

/// Between two requests; longer than the idle time of common clients and proxies (60 s), so that
/// it is they who close, and no request meets a closing connection.
const IDLE: Duration = Duration::from_secs(75);
/// From the first byte of a request to the end of its head.
const HEAD: Duration = Duration::from_secs(10);
/// For the client to take the next part of an answer.
const WRITE: Duration = Duration::from_secs(30);
/// A request's head: its URL holds a cursor and some filters, its headers what proxies add.
const MAX_HEAD_BYTES: usize = 32 * 1024;
const MAX_HEADERS: usize = 100;

/// Serves one connection until it is closed, by either side or by `stop`.
pub(super) async fn serve<S>(stream: S, router: Router, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let watch = Watch::new();
    let io = TokioIo::new(Watched { stream, watch: watch.clone() });
    let answer = {
        let watch = watch.clone();
        service_fn(move |request: hyper::Request<Incoming>| {
            watch.set(Stage::Answering);
            let (answer, watch) = (router.clone().call(request), watch.clone());
            async move { answer.await.map(|response| response.map(|body| WatchedBody { body, watch })) }
        })
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // The watch is stricter once a request has begun.
        .header_read_timeout(IDLE)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(io, answer);
    let mut connection = pin!(connection);
    let mut alarm = pin!(tokio::time::sleep(IDLE));
    let mut stopping = false;
    loop {
        let served = std::future::poll_fn(|context| {
            if let Poll::Ready(result) = connection.as_mut().poll(context) {
                return Poll::Ready(Some(result));
            }
            // Deadlines mostly move away; the alarm follows only where one comes nearer, or when
            // it goes off.
            loop {
                let deadline = watch.deadline();
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
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                if watch.is_idle() {
                    return;
                }
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing of a request has come.
    Idle,
    /// A part of a request's head has come.
    Head,
    /// A request is being read, done or answered.
    Answering,
}

/// Where the connection stands, as seen by its stream, its handler and its answers.
#[derive(Clone)]
struct Watch(Arc<Mutex<Standing>>);

struct Standing {
    stage: Stage,
    since: Instant,
    stalled: Option<Instant>,
}

impl Watch {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Standing { stage: Stage::Idle, since: Instant::now(), stalled: None })))
    }

    fn with<T>(&self, look: impl FnOnce(&mut Standing) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, stage: Stage) {
        self.with(|standing| {
            standing.stage = stage;
            standing.since = Instant::now();
        });
    }

    fn is_idle(&self) -> bool {
        self.with(|standing| standing.stage == Stage::Idle && standing.stalled.is_none())
    }

    fn received(&self) {
        if self.with(|standing| standing.stage == Stage::Idle) {
            self.set(Stage::Head);
        }
    }

    fn wrote(&self, progress: bool) {
        self.with(|standing| {
            if progress {
                standing.stalled = None;
            } else if standing.stalled.is_none() {
                standing.stalled = Some(Instant::now());
            }
        });
    }

    fn deadline(&self) -> Option<Instant> {
        self.with(|standing| {
            let waiting = match standing.stage {
                Stage::Idle => Some(standing.since + IDLE),
                Stage::Head => Some(standing.since + HEAD),
                Stage::Answering => None,
            };
            let writing = standing.stalled.map(|since| since + WRITE);
            waiting.into_iter().chain(writing).min()
        })
    }
}

struct Watched<S> {
    stream: S,
    watch: Watch,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let result = ready!(Pin::new(&mut self.stream).poll_read(context, buffer));
        if buffer.filled().len() > before {
            self.watch.received();
        }
        Poll::Ready(result)
    }
}

impl<S: AsyncWrite + Unpin> Watched<S> {
    fn watched<T>(&mut self, write: impl FnOnce(Pin<&mut S>) -> Poll<T>) -> Poll<T> {
        let result = write(Pin::new(&mut self.stream));
        self.watch.wrote(result.is_ready());
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.watched(|stream| stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        self.watched(|stream| stream.poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.watched(|stream| stream.poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.watched(|stream| stream.poll_shutdown(context))
    }
}

/// An answer's body. Once it is gone, the connection waits for the next request.
struct WatchedBody {
    body: Body,
    watch: Watch,
}

impl Drop for WatchedBody {
    fn drop(&mut self) {
        self.watch.set(Stage::Idle);
    }
}

impl http_body::Body for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

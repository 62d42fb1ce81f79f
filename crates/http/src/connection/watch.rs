//! Where a connection stands, and until when it may stay there. Its stream, its handler and the bodies of its
//! answers report to the watch; the task that serves the connection asks it.

use std::io::IoSlice;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// Between two requests; longer than the idle time of common clients and proxies (60 s), so that
/// it is they who close, and no request meets a closing connection.
pub(super) const IDLE: Duration = Duration::from_secs(75);
/// From the first byte of a request to the end of its head.
const HEAD: Duration = Duration::from_secs(10);
/// For the client to take the next part of an answer.
const WRITE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing of a request has come.
    Idle,
    /// A part of a request's head has come.
    Head,
    /// A request is being read, done or answered.
    Answering,
}

/// Where the connection stands, as seen by its stream, its handler and its answers.
#[derive(Clone)]
pub(super) struct Watch(Arc<Mutex<Standing>>);

struct Standing {
    stage: Stage,
    since: Instant,
    stalled: Option<Instant>,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Standing { stage: Stage::Idle, since: Instant::now(), stalled: None })))
    }

    fn with<T>(&self, look: impl FnOnce(&mut Standing) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn set(&self, stage: Stage) {
        self.with(|standing| {
            standing.stage = stage;
            standing.since = Instant::now();
        });
    }

    /// Whether no whole request has come and every answer is out: closing now loses nothing.
    pub(super) fn owes_nothing(&self) -> bool {
        self.with(|standing| standing.stage != Stage::Answering && standing.stalled.is_none())
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

    pub(super) fn deadline(&self) -> Option<Instant> {
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

/// A stream whose reads and writes are seen.
pub(super) struct Watched<S> {
    pub(super) stream: S,
    pub(super) watch: Watch,
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
pub(super) struct WatchedBody {
    pub(super) body: Body,
    pub(super) watch: Watch,
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

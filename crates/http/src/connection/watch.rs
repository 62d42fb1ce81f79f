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
/// The same where there are many connections, and others wait. A client that keeps its connection has sent its
/// next request by then.
const IDLE_IN_A_CROWD: Duration = Duration::from_secs(1);
/// For the client to take the next [`PART`] of an answer, or what is left of it.
const WRITE: Duration = Duration::from_secs(30);
/// Less than this within [`WRITE`] is too slow: the answer and its reader would be kept for hours.
const PART: usize = 16 * 1024;

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
    /// Bytes that the client took since then.
    taken: usize,
}

impl Watch {
    pub(super) fn new() -> Self {
        let standing = Standing { stage: Stage::Idle, since: Instant::now(), stalled: None, taken: 0 };
        Self(Arc::new(Mutex::new(standing)))
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

    /// The client takes nothing for now.
    fn stalls(&self) {
        self.with(|standing| {
            if standing.stalled.is_none() {
                standing.stalled = Some(Instant::now());
                standing.taken = 0;
            }
        });
    }

    /// The client took so many bytes.
    fn took(&self, bytes: usize) {
        self.with(|standing| {
            standing.taken = standing.taken.saturating_add(bytes);
            if standing.taken >= PART {
                standing.stalled = None;
            }
        });
    }

    /// The client took all that there was.
    fn took_all(&self) {
        self.with(|standing| {
            if standing.stalled.take().is_some() && standing.stage == Stage::Idle {
                // Not before now.
                standing.since = Instant::now();
            }
        });
    }

    /// Until when it may stay as it is, as one of many connections or of few.
    pub(super) fn deadline(&self, in_a_crowd: bool) -> Option<Instant> {
        self.with(|standing| {
            let waiting = match standing.stage {
                // Its last answer is still on its way.
                Stage::Idle if standing.stalled.is_some() => None,
                Stage::Idle if in_a_crowd => Some(standing.since + IDLE_IN_A_CROWD),
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
    fn written(&self, result: Poll<std::io::Result<usize>>) -> Poll<std::io::Result<usize>> {
        match &result {
            Poll::Pending => self.watch.stalls(),
            Poll::Ready(Ok(bytes)) => self.watch.took(*bytes),
            Poll::Ready(Err(_)) => {}
        }
        result
    }

    fn emptied(&self, result: Poll<std::io::Result<()>>) -> Poll<std::io::Result<()>> {
        if result.is_pending() {
            self.watch.stalls();
        } else {
            self.watch.took_all();
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.written(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(context);
        self.emptied(result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_shutdown(context);
        self.emptied(result)
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

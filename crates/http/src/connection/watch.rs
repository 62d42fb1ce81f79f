//! Where a connection stands, and until when it may stay there. Its stream, its handler and the bodies of its
//! answers report to the watch; the task that serves the connection asks it.

use std::collections::BTreeMap;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::Protocol;

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
pub(super) const PART: usize = 16 * 1024;
/// Requests that a client took back, less those that it let be answered. A browser takes back at most as many as it has
/// under way ([`super::STREAMS`]) when its page is left; who goes on so makes work for nothing.
const TAKEN_BACK: u32 = 2 * super::STREAMS;

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
pub(super) struct Watch(Arc<Mutex<Standing>>);

struct Standing {
    protocol: Protocol,
    stage: Stage,
    since: Instant,
    stalled: Option<Instant>,
    /// Bytes that the client took since then.
    taken: usize,
    /// The requests under way, and since when each has a part of its answer that the client does not take.
    open: BTreeMap<u64, Option<Instant>>,
    begun: u64,
    taken_back: u32,
}

/// A request under way.
pub(super) struct Open {
    watch: Watch,
    pub(super) protocol: Protocol,
    number: u64,
    is_answered: bool,
}

impl Watch {
    pub(super) fn new(protocol: Protocol) -> Self {
        Self(Arc::new(Mutex::new(Standing {
            protocol,
            stage: Stage::Idle,
            since: Instant::now(),
            stalled: None,
            taken: 0,
            open: BTreeMap::new(),
            begun: 0,
            taken_back: 0,
        })))
    }

    /// A request has come.
    pub(super) fn begin(&self) -> Open {
        let (number, protocol) = self.with(|standing| {
            standing.begun += 1;
            standing.open.insert(standing.begun, None);
            standing.turn(Stage::Answering);
            (standing.begun, standing.protocol)
        });
        Open { watch: self.clone(), protocol, number, is_answered: false }
    }

    /// Whether the client takes back what it asks for, again and again. In HTTP/1.1 that ends its connection.
    pub(super) fn is_flooded(&self) -> bool {
        self.with(|standing| standing.taken_back > TAKEN_BACK)
    }

    fn with<T>(&self, look: impl FnOnce(&mut Standing) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether no whole request has come and every answer is out: closing now loses nothing.
    pub(super) fn owes_nothing(&self) -> bool {
        self.with(|standing| standing.stage != Stage::Answering && standing.stalled.is_none())
    }

    fn received(&self) {
        self.with(|standing| {
            // In HTTP/2 what comes between two requests need not begin one.
            if standing.stage == Stage::Idle && standing.protocol == Protocol::Http1 {
                standing.turn(Stage::Head);
            }
        });
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
            let untaken =
                standing.open.values().flatten().chain(&standing.stalled).map(|since| *since + WRITE);
            waiting.into_iter().chain(untaken).min()
        })
    }
}

impl Standing {
    fn turn(&mut self, stage: Stage) {
        self.stage = stage;
        self.since = Instant::now();
    }
}

impl Open {
    /// A part of the answer waits for the client, or the last one was taken. In HTTP/1.1 the stream of the connection tells
    /// that better.
    pub(super) fn waits(&self, waits: bool) {
        if self.protocol == Protocol::Http2 {
            let since = waits.then(Instant::now);
            self.watch.with(|standing| {
                let _ = standing.open.insert(self.number, since);
            });
        }
    }

    /// All of the answer is out of our hands.
    pub(super) fn answered(&mut self) {
        self.is_answered = true;
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.watch.with(|standing| {
            standing.open.remove(&self.number);
            if self.is_answered {
                standing.taken_back = standing.taken_back.saturating_sub(1);
            } else if self.protocol == Protocol::Http2 {
                standing.taken_back += 1;
            }
            if standing.open.is_empty() {
                // Once the last answer is gone, the connection waits for the next request.
                standing.turn(Stage::Idle);
            }
        });
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

//! When bytes last moved on a connection.
//!
//! This is seen at the socket and not at the body. A body is handed over in large parts, and sending one
//! part over a slow network may take longer than a dead connection is waited for.
//!
//! A call is given up for standing still, and never for what it takes in all: a large message over a slow
//! network arrives as long as its bytes move.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use chronos_env::Socket;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// The instant at which bytes last moved. Clones share it.
#[derive(Clone)]
pub(super) struct Activity(Arc<Mutex<Instant>>);

impl Activity {
    pub(super) fn now() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    pub(super) fn last(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the instant to now.
    pub(super) fn touch(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// How long a call has stood still: from its start until it has a connection, and from then on since bytes
/// last moved there.
pub(super) struct Watch {
    begun: Instant,
    connection: Mutex<Option<Activity>>,
}

impl Watch {
    pub(super) fn begin() -> Self {
        Self { begun: Instant::now(), connection: Mutex::default() }
    }

    /// The call goes over this connection from now on.
    pub(super) fn goes_over(&self, activity: &Activity) {
        activity.touch();
        *self.connection() = Some(activity.clone());
    }

    /// Whether the call has had a connection.
    pub(super) fn is_connected(&self) -> bool {
        self.connection().is_some()
    }

    /// Waits until the call has stood still for as long as `patience` says by then. Returns how long that is.
    pub(super) async fn stands_still(&self, patience: impl Fn() -> Duration) -> Duration {
        loop {
            let last = self.connection().as_ref().map_or(self.begun, Activity::last);
            let patience = patience();
            if last.elapsed() >= patience {
                return patience;
            }
            tokio::time::sleep_until(last + patience).await;
        }
    }

    fn connection(&self) -> MutexGuard<'_, Option<Activity>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A socket that records when bytes move.
pub(super) struct Watched {
    pub(super) socket: Socket,
    pub(super) activity: Activity,
}

impl Watched {
    fn wrote(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(1..)) = result {
            self.activity.touch();
        }
        result
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = ready!(Pin::new(&mut self.socket).poll_read(context, buffer));
        if buffer.filled().len() > before {
            self.activity.touch();
        }
        Poll::Ready(result)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.wrote(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.socket).poll_write_vectored(context, slices);
        self.wrote(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

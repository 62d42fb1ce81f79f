//! The connections to one address on one lane.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::connection::Connection;

/// How many calls to one node one lane makes at a time, and how many connections it keeps. Further calls
/// wait. A lane usually has a few calls at once (a proposal beside entries). The limit only keeps a node
/// that is slow to answer from collecting connections: with as many from each of ten others it stays below
/// its own limit. If fewer were kept than a burst uses, the next burst would have to make the rest anew.
const MAX_CALLS: usize = 32;
/// A connection that was not used for this long is not used again. This is well below the other node's
/// idle limit, so that no call meets a connection that is closing.
const KEEP: Duration = Duration::from_secs(60);

/// Idle connections, and a limit on the calls that are made at once.
pub(super) struct Pool {
    calls: Arc<Semaphore>,
    /// The connection that was used last is at the end, and is used first.
    idle: Mutex<Vec<(Connection, Instant)>>,
}

impl Pool {
    pub(super) fn new() -> Self {
        Self { calls: Arc::new(Semaphore::new(MAX_CALLS)), idle: Mutex::default() }
    }

    /// Waits until a call may be made. It never returns `None`, because nobody closes the semaphore.
    pub(super) async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.calls).acquire_owned().await.ok()
    }

    /// Takes an idle connection that seems to be open.
    pub(super) fn take(&self) -> Option<Connection> {
        self.with(|idle| {
            idle.retain(|(connection, since)| !connection.is_closed() && since.elapsed() < KEEP);
            idle.pop().map(|(connection, _)| connection)
        })
    }

    /// Keeps a connection whose last exchange is over for later calls.
    pub(super) fn put(&self, connection: Connection) {
        self.with(|idle| {
            idle.push((connection, Instant::now()));
            if idle.len() > MAX_CALLS {
                idle.remove(0);
            }
        });
    }

    /// Closes all idle connections: what broke one of them (a restart, a cut) broke the others.
    pub(super) fn clear(&self) {
        self.with(Vec::clear);
    }

    fn with<T>(&self, act: impl FnOnce(&mut Vec<(Connection, Instant)>) -> T) -> T {
        act(&mut self.idle.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

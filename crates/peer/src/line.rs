//! The connections to one address on one lane.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::connection::Connection;

/// Calls on one lane to one node at a time, and connections kept for them; more calls wait. A lane
/// has a few at once (a proposal beside entries), so this only keeps a node that is slow to answer from
/// collecting connections: with as many from each of ten others it stays below what it takes. Keeping
/// fewer than are used in a burst would make the others anew in the next one.
const MAX_CALLS: usize = 32;
/// A connection not used for so long is not used again. Well below the patience of the other end, so
/// that no call meets a closing connection.
const KEEP: Duration = Duration::from_secs(60);

pub(super) struct Line {
    calls: Arc<Semaphore>,
    /// The last one used is at the end, and used first.
    idle: Mutex<Vec<(Connection, Instant)>>,
}

impl Line {
    pub(super) fn new() -> Self {
        Self { calls: Arc::new(Semaphore::new(MAX_CALLS)), idle: Mutex::default() }
    }

    /// Waits for its turn. `None` never happens: nobody closes a line.
    pub(super) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.calls).acquire_owned().await.ok()
    }

    /// A connection that seems to be open.
    pub(super) fn take(&self) -> Option<Connection> {
        self.with(|idle| {
            idle.retain(|(connection, since)| !connection.is_closed() && since.elapsed() < KEEP);
            idle.pop().map(|(connection, _)| connection)
        })
    }

    /// Keeps a connection whose last exchange is over.
    pub(super) fn put(&self, connection: Connection) {
        self.with(|idle| {
            idle.push((connection, Instant::now()));
            if idle.len() > MAX_CALLS {
                idle.remove(0);
            }
        });
    }

    /// Drops all that wait: what befell one of them (a restart, a cut) befell the others.
    pub(super) fn clear(&self) {
        self.with(Vec::clear);
    }

    fn with<T>(&self, act: impl FnOnce(&mut Vec<(Connection, Instant)>) -> T) -> T {
        act(&mut self.idle.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

//! When this node last heard of a leader, or as one of a majority.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::blocking::lock;

/// The last sign of life of the rest of the cluster.
#[derive(Debug, Default)]
pub(super) struct Contact(Mutex<Option<Instant>>);

impl Contact {
    /// There was one at this instant.
    pub(super) fn at(&self, instant: Instant) {
        let mut last = lock(&self.0);
        *last = (*last).max(Some(instant));
    }

    /// There was one so long ago.
    pub(super) fn ago(&self, time: Duration) {
        if let Some(instant) = Instant::now().checked_sub(time) {
            self.at(instant);
        }
    }

    /// Whether there was one within this time.
    pub(super) fn within(&self, time: Duration) -> bool {
        lock(&self.0).is_some_and(|last| last.elapsed() < time)
    }
}

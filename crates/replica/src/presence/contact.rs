//! The last contact of this node with the rest of its cluster.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::lock::lock;

/// The newest instant of a contact.
#[derive(Debug, Default)]
pub(crate) struct LastContact(Mutex<Option<Instant>>);

impl LastContact {
    /// There was one at this instant.
    pub(crate) fn at(&self, instant: Instant) {
        let mut last = lock(&self.0);
        *last = (*last).max(Some(instant));
    }

    /// Whether there was one within this time.
    pub(crate) fn within(&self, time: Duration) -> bool {
        lock(&self.0).is_some_and(|last| last.elapsed() < time)
    }
}

//! How many connections there are. Where there are many, none of them may be idle for long, since others wait.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::metrics::Metrics;

/// All open connections.
pub(crate) struct Crowd {
    /// More than these are many.
    few: usize,
    count: watch::Sender<usize>,
    /// One for each request of HTTP/2 that may be under way.
    streams: Arc<Semaphore>,
    metrics: Metrics,
}

/// One of them, for as long as it is open.
pub(crate) struct Place(Arc<Crowd>);

impl Crowd {
    /// Of at most `most` connections, and as many requests of HTTP/2. More than half of the connections are many.
    pub(crate) fn new(most: usize, metrics: Metrics) -> Self {
        let streams = Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        Self { few: most / 2, count: watch::Sender::new(0), streams, metrics }
    }

    /// Room for one more request of HTTP/2, if there is any. Those of HTTP/1.1 are no more than the connections.
    pub(super) fn take_stream(&self) -> Option<OwnedSemaphorePermit> {
        let room = Arc::clone(&self.streams).try_acquire_owned().ok();
        if room.is_none() {
            self.metrics.refused("streams");
        }
        room
    }

    /// One more.
    pub(crate) fn join(crowd: &Arc<Self>) -> Place {
        crowd.change(|count| *count += 1);
        Place(Arc::clone(crowd))
    }

    /// Whether there are many.
    pub(super) fn is_large(&self) -> bool {
        self.is_many(*self.count.borrow())
    }

    /// Resolves when there come to be many, or few again.
    pub(super) fn turns(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut count = self.count.subscribe();
        async move {
            if count.changed().await.is_err() {
                // The crowd is gone, and nothing changes any more.
                std::future::pending().await
            }
        }
    }

    fn is_many(&self, count: usize) -> bool {
        count > self.few
    }

    fn change(&self, change: impl FnOnce(&mut usize)) {
        // Only a turn concerns the others.
        self.count.send_if_modified(|count| {
            let before = self.is_many(*count);
            change(count);
            self.metrics.connections(*count);
            self.is_many(*count) != before
        });
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.change(|count| *count -= 1);
    }
}

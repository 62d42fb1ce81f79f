//! How many connections there are. Where there are many, none of them may be idle for long, since others wait.

use std::sync::Arc;

use tokio::sync::watch;

use crate::metrics::Metrics;

/// All open connections.
pub(crate) struct Crowd {
    /// More than these are many.
    few: usize,
    count: watch::Sender<usize>,
    metrics: Metrics,
}

/// One of them, for as long as it is open.
pub(crate) struct Place(Arc<Crowd>);

impl Crowd {
    /// Of at most `most` connections. More than half of them are many.
    pub(crate) fn new(most: usize, metrics: Metrics) -> Self {
        Self { few: most / 2, count: watch::Sender::new(0), metrics }
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

//! What is counted of the log.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

/// The counters. Cheap to clone; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// Transactions of the log.
    pub(crate) log_commits: Counter,
}

impl Metrics {
    /// All of them at zero, to be read through `registry`.
    #[must_use]
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "log_commits",
            "Transactions of the log since the start, each synced to the disk and shared by all that waited",
            metrics.log_commits.clone(),
        );
        metrics
    }
}

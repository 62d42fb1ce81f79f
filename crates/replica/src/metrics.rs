//! What is counted of the log, and the version of the cluster.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The counters. Cheap to clone; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// Transactions of the log.
    pub(crate) log_commits: Counter,
    /// The version of the cluster, as this node has applied it.
    pub(crate) cluster_version: Gauge,
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
        registry.register(
            "cluster_version",
            "The version of the cluster, as far as this node has applied its log",
            metrics.cluster_version.clone(),
        );
        metrics
    }
}

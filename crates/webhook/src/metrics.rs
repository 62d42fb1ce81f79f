//! What is counted of calls.

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The gauges. Cheap to clone; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    idle: Gauge,
}

impl Metrics {
    /// All of them at zero, to be read through `registry`.
    #[must_use]
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("idle_connections", "Idle connections to targets", metrics.idle.clone());
        metrics
    }

    /// So many connections are idle.
    pub(crate) fn idle(&self, count: usize) {
        self.idle.set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}

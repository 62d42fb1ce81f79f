//! What is counted of calls.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The counters. Cheap to clone; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    shortages: Counter,
    idle: Gauge,
}

impl Metrics {
    /// All of them at zero, to be read through `registry`.
    #[must_use]
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let Self { shortages, idle } = metrics.clone();
        let help = "Calls that could not be made for want of descriptors, ports or memory of this machine";
        registry.register("shortages", help, shortages);
        registry.register("idle_connections", "Idle connections to targets", idle);
        metrics
    }

    /// A call could not be made for want of something of this machine.
    pub(crate) fn shortage(&self) {
        self.shortages.inc();
    }

    /// So many connections are idle.
    pub(crate) fn idle(&self, count: usize) {
        self.idle.set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}

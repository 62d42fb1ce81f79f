//! What is counted of those who listen.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::queue::Closed;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByReason {
    reason: &'static str,
}

/// The counters. Clones count together.
#[derive(Clone, Debug)]
pub(super) struct EventMetrics {
    listeners: Gauge,
    dropped: Family<ByReason, Counter>,
}

impl EventMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let metrics = Self { listeners: Gauge::default(), dropped: Family::default() };
        let Self { listeners, dropped } = metrics.clone();
        registry.register("event_listeners", "Clients that listen for events on this node", listeners);
        registry.register(
            "event_listeners_dropped",
            "Clients that this node stopped telling events, by reason",
            dropped,
        );
        metrics
    }

    pub(super) fn listeners(&self, count: usize) {
        self.listeners.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(super) fn dropped(&self, why: Closed) {
        let reason = match why {
            Closed::Slow => "slow",
            Closed::Lost => "lost",
            Closed::Failed => "failed",
            Closed::Stopping => "stopping",
        };
        self.dropped.get_or_create(&ByReason { reason }).inc();
    }
}

//! What is counted of the API.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByRequest {
    method: String,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByLimit {
    limit: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByReason {
    reason: &'static str,
}

/// The counters. Cheap to clone; clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Family<ByRequest, Counter>,
    duration: Histogram,
    refused: Family<ByLimit, Counter>,
    denied: Family<ByReason, Counter>,
    connections: Gauge,
}

impl Metrics {
    /// All of them at zero, to be read through `registry`.
    #[must_use]
    pub fn new(registry: &mut Registry) -> Self {
        let durations = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0];
        let metrics = Self {
            requests: Family::default(),
            duration: Histogram::new(durations),
            refused: Family::default(),
            denied: Family::default(),
            connections: Gauge::default(),
        };
        let Self { requests, duration, refused, denied, connections } = metrics.clone();
        registry.register("http_connections", "Connections of API clients that are open", connections);
        registry.register("http_requests", "API requests, by method, route and status", requests);
        registry.register_with_unit(
            "http_request_duration",
            "From an API request's head to its response's head",
            Unit::Seconds,
            duration,
        );
        let help = "API requests refused because too many others were under way, by what they share: bodies, streams or tests";
        registry.register("http_requests_refused", help, refused);
        let help = "API requests denied, by why: no_key, unknown_key, role, key_rate (the key's per_second) or failures (too \
            many bad keys from an address)";
        registry.register("http_requests_denied", help, denied);
        metrics
    }

    /// A request was refused, because others use all of what they share.
    pub(crate) fn refused(&self, limit: &'static str) {
        self.refused.get_or_create(&ByLimit { limit }).inc();
    }

    /// A request was denied.
    pub(crate) fn denied(&self, reason: &'static str) {
        self.denied.get_or_create(&ByReason { reason }).inc();
    }

    /// So many connections are open.
    pub(crate) fn connections(&self, open: usize) {
        self.connections.set(i64::try_from(open).unwrap_or(i64::MAX));
    }

    /// An API request was answered.
    pub(crate) fn request(&self, method: &str, route: &str, status: u16, seconds: f64) {
        let label = ByRequest { method: method.to_owned(), route: route.to_owned(), status };
        self.requests.get_or_create(&label).inc();
        self.duration.observe(seconds);
    }
}

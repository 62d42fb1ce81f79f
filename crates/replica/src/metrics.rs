//! What is counted of the log, of the state and of the other nodes: a file for each kind of thing.
//!
//! To count costs a clock's reading and an addition at most. To read what was counted waits for nothing that waits for
//! a disk: most of it are numbers at hand, and the rest is what openraft last said of itself.

mod copies;
mod peers;
mod standing;
mod writes;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

use chronos_types::NodeName;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::error::ProposeError;
use peers::PeerMetrics;
use standing::Standing;

pub(crate) use copies::{Copies, CopyMetrics};
pub(crate) use writes::WriteMetrics;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByReason {
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByNode {
    node: String,
}

/// The counters. Cheap to clone; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// What it takes to write.
    pub(crate) writes: WriteMetrics,
    /// Copies of the state on their way between nodes.
    pub(crate) copies: CopyMetrics,
    /// How far away the others are.
    pub(crate) peers: PeerMetrics,
    /// Where this node stands among them.
    pub(crate) standing: Standing,
    /// The version of the cluster, as this node has applied it.
    pub(crate) cluster_version: Gauge,
    /// Pieces of the state that were compared with those of the other nodes.
    pieces_compared: Counter,
    /// Members whose state is not that of this node.
    states_differ: Gauge,
    /// Writes that were refused before they were proposed.
    refused: Family<ByReason, Counter>,
    queries_refused: Family<ByReason, Counter>,
    clock_skew: Family<ByNode, Gauge<f64, AtomicU64>>,
}

impl Metrics {
    /// All of them at zero, to be read through `registry`.
    #[must_use]
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        metrics.writes.register(registry);
        metrics.copies.register(registry);
        metrics.standing.register(&metrics.peers, registry);
        registry.register(
            "cluster_version",
            "The version of the cluster, as far as this node has applied its log",
            metrics.cluster_version.clone(),
        );
        registry.register(
            "state_pieces_compared",
            "Pieces of the state of this node that were compared with those of the other nodes",
            metrics.pieces_compared.clone(),
        );
        registry.register(
            "states_differ",
            "Members whose state is not that of this node; 1 on a node whose state is not that of most nodes",
            metrics.states_differ.clone(),
        );
        registry.register(
            "writes_refused",
            "Writes that were refused before they were proposed: too many waited, or one was too large",
            metrics.refused.clone(),
        );
        registry.register(
            "queries_refused",
            "Questions of API clients that were not answered, by reason: too many others (busy), or too long a search (too_long)",
            metrics.queries_refused.clone(),
        );
        registry.register(
            "clock_skew_seconds",
            "How far the clock of each node is ahead of what most clocks say, as the leader sees it",
            metrics.clock_skew.clone(),
        );
        metrics
    }

    /// How far the clock of each node is ahead, in milliseconds, where this node leads and knows.
    pub(crate) fn clocks(&self, skews: BTreeMap<NodeName, i64>) {
        // A node may be no member any more, or not be heard from.
        self.clock_skew.clear();
        for (node, ms) in skews {
            let skew = std::time::Duration::from_millis(ms.unsigned_abs()).as_secs_f64();
            let by_node = ByNode { node: node.to_string() };
            self.clock_skew.get_or_create(&by_node).set(if ms < 0 { -skew } else { skew });
        }
    }

    /// A write was not accepted. It is counted where it was not even proposed.
    pub(crate) fn refused(&self, error: &ProposeError) {
        let reason = match error {
            ProposeError::Busy(_) => "busy",
            ProposeError::TooLarge { .. } | ProposeError::TooManyRows { .. } => "too_large",
            _ => return,
        };
        self.refused.get_or_create(&ByReason { reason }).inc();
    }

    /// A piece of the state was compared with those of the other nodes.
    pub(crate) fn piece_compared(&self) {
        self.pieces_compared.inc();
    }

    /// So many members have another state.
    pub(crate) fn states_differ(&self, count: usize) {
        self.states_differ.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// A client's question was not answered.
    pub(crate) fn query_refused(&self, reason: &'static str) {
        self.queries_refused.get_or_create(&ByReason { reason }).inc();
    }
}

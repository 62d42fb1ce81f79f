//! What every use case and every loop works with.

use std::sync::Arc;

use chronos_env::Env;
use chronos_replica::{Activity, Proposer, Store, View};
use chronos_types::{DurationMs, NodeName};
use tokio::sync::watch;

use crate::metrics::Metrics;
use crate::quota::Quota;

/// The parts of a node that use cases and loops share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Services {
    /// The name of this node.
    pub node: NodeName,
    /// The clock, random bytes, and where blocking work runs.
    pub env: Env,
    /// Where the state is read.
    pub store: Store,
    /// Where commands go.
    pub proposer: Proposer,
    /// Which nodes may fire.
    pub view: watch::Receiver<View>,
    /// What this node does with its runs.
    pub activity: Arc<Activity>,
    /// A run less late than this is simply run.
    pub misfire_threshold: DurationMs,
    /// The counters.
    pub metrics: Metrics,
    /// The bound on what the state takes.
    pub quota: Quota,
}

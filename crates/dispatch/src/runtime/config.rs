//! What the dispatcher needs from the rest of the node.

use chronos_env::{Env, Loops};
use chronos_replica::{Lease, Proposer, Store};
use chronos_seal::Keyring;
use chronos_types::NodeName;
use chronos_webhook::Client;

use crate::Metrics;

/// What the dispatcher needs.
pub struct Config {
    /// This node's name, as plans name it.
    pub node: NodeName,
    /// Attempts at once.
    pub max_concurrent: usize,
    /// The state.
    pub store: Store,
    /// Where outcomes go.
    pub proposer: Proposer,
    /// What calls the webhooks.
    pub client: Client,
    /// What opens the secrets that webhooks name.
    pub keyring: Keyring,
    /// Whether this node may fire.
    pub lease: Lease,
    /// The clock.
    pub env: Env,
    /// The counters.
    pub metrics: Metrics,
    /// The loops of this node.
    pub loops: Loops,
}

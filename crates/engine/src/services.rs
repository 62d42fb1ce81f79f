//! What every use case and every loop works with.

use std::sync::Arc;

use chronos_env::Env;
use chronos_replica::{Activity, Proposer, Store, View};
use chronos_seal::Keyring;
use chronos_state::{AUTHORS_SINCE, Command, Idempotency, Proposal};
use chronos_types::{By, DurationMs, NodeName};
use tokio::sync::watch;

use crate::error::Unavailable;
use crate::metrics::Metrics;
use crate::quota::Quota;
use crate::sealing::{self, SealingMemory};

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
    /// The encryption keys of this node.
    pub keyring: Keyring,
    /// What it knows of sealing.
    pub sealing: SealingMemory,
    /// The tag that is the scope of keys, where the configuration names one.
    pub scope_tag: Option<Arc<str>>,
    /// The bound on what the state takes.
    pub quota: Quota,
}

impl Services {
    /// A command that somebody asks for. Before the version of the cluster that puts on record who does, it says nothing
    /// of them.
    ///
    /// # Errors
    /// A note would be lost.
    pub(crate) fn proposal(
        &self,
        by: &By,
        idempotency: Option<&Idempotency>,
        command: Command,
    ) -> Result<Proposal, Unavailable> {
        let version = self.proposer.version();
        let by = match &by.note {
            _ if version >= AUTHORS_SINCE => Some(by.clone()),
            None => None,
            Some(_) => {
                return Err(Unavailable::NotInUse(format!(
                    "a note (Chronos-Note) is kept from cluster version {AUTHORS_SINCE} on, and the cluster is at \
                     version {version} until every node can follow a higher one; send none, or come again"
                )));
            }
        };
        let idempotency = idempotency.map(|request| sealing::keyed(self, request));
        Ok(Proposal { idempotency, by, ..command.into() })
    }
}

//! The types that openraft runs on here: ids, members, entries and answers.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use chronos_peer::MAX_MESSAGE_BYTES;
use chronos_state::{Batch, Outcome, SECRETS_SINCE, StateError};
use chronos_types::NodeName;
use serde::{Deserialize, Serialize};

// openraft's own name for its tokio runtime is deprecated in favour of a crate that it already
// brings along; naming that crate would only add a version to keep in step.
#[allow(deprecated)]
mod config {
    openraft::declare_raft_types!(
        /// The types of this cluster. Leader ids are openraft's totally ordered kind, so that two
        /// candidates of one term do not tie.
        pub(crate) Types:
            D = crate::types::LoggedBatch,
            R = crate::types::Reply,
            NodeId = u64,
            Node = crate::types::Member,
    );
}

pub(crate) use config::Types;

pub(crate) type LogId = openraft::alias::LogIdOf<Types>;
pub(crate) type Entry = openraft::alias::EntryOf<Types>;
pub(crate) type Vote = openraft::alias::VoteOf<Types>;
pub(crate) type LeaderId = openraft::alias::LeaderIdOf<Types>;
pub(crate) type Membership = openraft::Membership<u64, Member>;
pub(crate) type StoredMembership = openraft::alias::StoredMembershipOf<Types>;
pub(crate) type SnapshotMeta = openraft::alias::SnapshotMetaOf<Types>;

/// A member of the cluster, as every node knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Member {
    /// The name its operator gave it, `cluster.node_id`.
    pub name: NodeName,
    /// Where other nodes reach it, `host:port`. Empty where none can.
    pub address: String,
    /// Where its API is, for people and for redirects.
    pub http: String,
    /// The version of Chronos that it runs.
    pub version: String,
    /// The release of the time zone rules that it plans by.
    pub tz_release: String,
    /// The highest version of the cluster that it can follow.
    pub follows: u32,
    /// The ids of its encryption keys. Said from [`chronos_state::SECRETS_SINCE`] on, and to whoever may know them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub encryption_keys: Vec<String>,
}

impl Member {
    /// The same, as a cluster of this version knows it.
    pub(crate) fn known_at(&self, version: u32) -> Self {
        let encryption_keys =
            if version >= SECRETS_SINCE { self.encryption_keys.clone() } else { Vec::new() };
        Self { encryption_keys, ..self.clone() }
    }
}

/// The most bytes of a batch. It goes to the other nodes in a message, of which the head takes far less than the
/// rest. What is proposed together is smaller by far, whatever JSON makes of it; see [`crate::proposer`].
pub(crate) const MAX_BATCH_BYTES: usize = MAX_MESSAGE_BYTES - (1 << 20);

/// A batch on its way through the log, with its bytes. Whoever proposes it encodes it once, on its own task and
/// not on the one thread that writes the log. Clones share both.
#[derive(Clone)]
pub(crate) struct LoggedBatch {
    batch: Arc<Batch>,
    bytes: Bytes,
}

impl LoggedBatch {
    pub(crate) fn new(batch: Batch) -> Result<Self, StateError> {
        let bytes = batch.encode()?.into();
        Ok(Self { batch: Arc::new(batch), bytes })
    }

    pub(crate) fn decode(bytes: Bytes) -> Result<Self, StateError> {
        Ok(Self { batch: Arc::new(Batch::decode(&bytes)?), bytes })
    }

    /// For tests: with bytes that say something else.
    #[cfg(test)]
    pub(crate) fn forged(batch: Batch, bytes: &'static [u8]) -> Self {
        Self { batch: Arc::new(batch), bytes: Bytes::from_static(bytes) }
    }

    pub(crate) fn batch(&self) -> &Batch {
        &self.batch
    }

    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl fmt::Debug for LoggedBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "batch of {} commands, {} bytes", self.batch.items.len(), self.bytes.len())
    }
}

impl fmt::Display for LoggedBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The answer to a batch: one outcome for each of its commands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    pub outcomes: Vec<Outcome>,
}

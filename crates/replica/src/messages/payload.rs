//! What requests between nodes, and the answers to them, carry.

use chronos_state::Outcome;
use chronos_types::NodeName;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse};
use serde::{Deserialize, Serialize};

use crate::presence::stamp::Stamp;
use crate::types::{Member, SnapshotMeta, Types, Vote};

/// A message to one node. An address may have passed to another node since; raft must not take the
/// answer of one for that of the other.
#[derive(Serialize, Deserialize)]
pub(crate) struct To<T> {
    /// The raft id of the node that is meant.
    pub to: u64,
    pub message: T,
}

/// What a leader sends: entries, or none as a heartbeat.
pub(crate) struct Append {
    pub request: AppendEntriesRequest<Types>,
    /// A stamp of the follower, by which it knows that it was heard; see [`crate::presence::followers`].
    pub proven: Option<Stamp>,
}

/// The answer to [`Append`].
#[derive(Serialize, Deserialize)]
pub(crate) struct Appended {
    pub answer: AppendEntriesResponse<Types>,
    /// From a node that follows the leader which asked.
    #[serde(rename = "sign")]
    pub stamp: Option<Stamp>,
}

/// Which copy of a state: told by what it holds, not by where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CopyId {
    pub sha256: String,
    pub length: u64,
}

/// What is said before the bytes of a copy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SnapshotHead {
    /// The leader's vote.
    pub vote: Vote,
    /// Where the state in the copy stands.
    pub meta: SnapshotMeta,
    pub copy: CopyId,
    /// The bytes begin here.
    pub offset: u64,
}

/// A batch that is in the log for good, and in the state of the node that answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Accepted {
    /// Its place in the log. A node that has applied this index shows the batch.
    pub index: u64,
    /// One for each command, in order.
    pub outcomes: Vec<Outcome>,
}

/// A change of the membership, as a leader is asked for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Change {
    /// Take this node in; if it is a member already, note its new address.
    Join { id: u64, member: Member },
    /// The same, from a node that knows that it was a member.
    Update { id: u64, member: Member },
    /// Forget the member of this name, once it has left by itself or is not heard from any more.
    Remove { name: NodeName },
    /// Forget the member of this name. It asks for that itself, and fires nothing any more.
    Leave { name: NodeName },
    /// Let the voter of this name lead, or any.
    Transfer { to: Option<NodeName> },
}

/// The answer to a change that was made.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Changed {
    /// The cluster's id.
    pub cluster: String,
}

/// A node that asks to become a member, or says who it is.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct JoinRequest {
    pub id: u64,
    pub member: Member,
}

/// Whether a raft id is a member, as far as the node that answers knows.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Standing {
    pub is_member: bool,
    /// The entry that says so.
    pub as_of: Option<u64>,
}

/// What a member says of itself to the leader.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PresenceNote {
    pub id: u64,
    /// It is about to stop.
    pub leaving: bool,
}

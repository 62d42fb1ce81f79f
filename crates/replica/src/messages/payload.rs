//! What requests between nodes, and the answers to them, carry.

use chronos_state::Outcome;
use chronos_types::NodeName;
use openraft::raft::AppendEntriesRequest;
use serde::{Deserialize, Serialize};

use super::raft::AppendAnswer;
use crate::forms::{As, SnapshotForm, VoteForm};
use crate::presence::sign::Sign;
use crate::presence::stamp::Stamp;
use crate::types::{Member, SnapshotMeta, Types, Vote};

/// A message to one node. An address may have passed to another node since; raft must not take the
/// answer of one for that of the other.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct To<T> {
    /// The raft id of the node that is meant.
    pub to: u64,
    pub message: T,
}

/// What a leader sends: entries, or none as a heartbeat.
#[derive(Debug)]
pub(crate) struct Append {
    pub request: AppendEntriesRequest<Types>,
    /// A stamp of the follower, by which it knows that it was heard; see [`crate::presence::followers`].
    pub proven: Option<Stamp>,
    /// How long the leader's oldest entry has waited to be committed and applied.
    pub stalled_ms: u64,
}

/// The answer to [`Append`].
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Appended {
    pub answer: AppendAnswer,
    /// From a node that follows the leader which asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign: Option<Sign>,
}

/// Which copy of a state: told by what it holds, not by where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CopyId {
    pub sha256: String,
    pub length: u64,
}

/// What is said before the bytes of a copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SnapshotHead {
    /// The leader's vote.
    #[serde(with = "As::<VoteForm>")]
    pub vote: Vote,
    /// Where the state in the copy stands.
    #[serde(with = "As::<SnapshotForm>")]
    pub meta: SnapshotMeta,
    pub copy: CopyId,
    /// The bytes begin here.
    pub offset: u64,
}

/// What became of a copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum CopyAnswer {
    /// It is installed, unless the node follows another leader: its vote.
    Installed(#[serde(with = "As::<VoteForm>")] Vote),
    /// It is not what was announced, for this reason. Nothing is kept of it: the next one begins anew.
    Damaged(String),
}

/// A batch that is in the log for good, and in the state of the node that answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accepted {
    /// Its place in the log. A node that has applied this index shows the batch.
    pub index: u64,
    /// One for each command, in order.
    pub outcomes: Vec<Outcome>,
}

/// A change of the membership, as a leader is asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
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
    Transfer {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<NodeName>,
    },
}

/// The answer to a change that was made.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Changed {
    /// The cluster's id.
    pub cluster: String,
}

/// A node that asks to become a member, or says who it is.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JoinRequest {
    pub id: u64,
    pub member: Member,
}

/// Whether a raft id is a member, as far as the node that answers knows.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Standing {
    pub is_member: bool,
    /// The entry that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<u64>,
}

/// What a node has in the rows that an entry of the log had compared.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Compared {
    /// The entry.
    pub index: u64,
    /// Its digest of them ([`chronos_state::RangeDigest`]).
    pub sha256: String,
}

//! How a node is, as it tells itself and others: what it has applied, what it fires, and as a leader what it knows of
//! the others.

use std::collections::BTreeMap;

use chronos_types::NodeName;
use serde::{Deserialize, Serialize};

/// How a node is, for people to see. So it is read tolerantly, unlike all other messages: fields may be added, and
/// those that are not known are passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeReport {
    /// The last entry of the log in its state.
    pub applied: Option<u64>,
    /// Attempts under way.
    pub firing: u64,
    /// Whether it begins attempts.
    pub fires: bool,
    /// Whether it starts none because it may not be heard.
    pub fenced: bool,
    /// Whether its writes wait for space on its disk.
    pub disk_full: bool,
    /// What is wrong with it, and with the states of others, as far as it knows: in whole sentences.
    pub problems: Vec<String>,
    /// Of a leader: the names of the nodes that get runs.
    pub live: Vec<NodeName>,
    /// Of a leader: what it knows of each member, by name.
    pub members: BTreeMap<NodeName, MemberReport>,
}

/// What a leader knows of a member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MemberReport {
    /// Milliseconds since it was last heard from; of itself it says 0.
    pub last_contact_ms: Option<u64>,
    /// Entries that the leader has applied and the member has not.
    pub behind: Option<u64>,
    /// How far its clock is ahead of what most clocks say, in milliseconds: of the leader's, where no majority agrees.
    pub clock_skew_ms: Option<i64>,
    /// What is wrong with it, in whole sentences.
    pub problems: Vec<String>,
}

//! How a node is, as it tells itself and others: what it has applied, what it fires.

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
    /// Whether it starts none because it may not be heard.
    pub fenced: bool,
    /// Of a leader: milliseconds since it last heard from each member, by name.
    pub heard: BTreeMap<NodeName, u64>,
}

//! How a node is, as it tells itself and others: what it has applied, what it fires.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use chronos_peer::Lane;
use chronos_types::NodeName;
use serde::{Deserialize, Serialize};

use super::Raft;

/// What asks a node for its [`NodeReport`].
pub(super) const KIND: &str = "report";
/// A node that does not say how it is within this is not reachable.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// What this node does with its runs: written by whoever fires them, told to others by the node.
#[derive(Debug, Default)]
pub struct Activity {
    running: AtomicUsize,
    may_fire: AtomicBool,
}

impl Activity {
    /// So many attempts are under way, and this is whether more may begin.
    pub fn set(&self, running: usize, may_fire: bool) {
        self.running.store(running, Ordering::Relaxed);
        self.may_fire.store(may_fire, Ordering::Relaxed);
    }

    /// Attempts under way on this node.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }

    /// Whether attempts may begin: not while this node is cut off, nor before it has taken in what it owes.
    #[must_use]
    pub fn may_fire(&self) -> bool {
        self.may_fire.load(Ordering::Relaxed)
    }
}

/// How a node is. Fields may be added; those that are not known are passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeReport {
    /// The last entry of the log in its state.
    pub applied: Option<u64>,
    /// Attempts under way.
    pub firing: u64,
    /// Whether it starts none for want of a leader.
    pub fenced: bool,
    /// Of a leader: milliseconds since it last heard of each member, by name.
    pub heard: BTreeMap<NodeName, u64>,
}

impl Raft {
    /// How this node is.
    #[must_use]
    pub fn report(&self) -> NodeReport {
        let status = self.status();
        let heard =
            status.members.into_iter().filter_map(|member| Some((member.name, member.last_contact_ms?)));
        NodeReport {
            applied: status.applied,
            firing: self.shared.activity.running() as u64,
            fenced: self.shared.view.borrow().fenced,
            heard: heard.collect(),
        }
    }

    /// How the node at an address is; nothing where it does not say.
    pub async fn report_of(&self, address: &str) -> Option<NodeReport> {
        let call = self.shared.transport.call(address, Lane::Log, KIND, Bytes::new(), ANSWER_WITHIN);
        // Why it does not answer is in the log of whoever must reach it.
        serde_json::from_slice(&call.await.ok()?).ok()
    }
}

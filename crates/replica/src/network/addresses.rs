//! Where the members are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use openraft::async_runtime::WatchReceiver as _;

use crate::lock::lock;
use crate::log::upkeep::raft_ended;
use crate::raft::{Raft, look_at};
use crate::types::StoredMembership;

/// Where each node is to be reached, by its raft id. A node may move while replication to it goes on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Addresses(Arc<Mutex<BTreeMap<u64, String>>>);

impl Addresses {
    /// Follows the membership. A loop: it does not end.
    pub(crate) async fn follow(self, raft: Raft) {
        let mut metrics = raft.server_metrics();
        loop {
            look_at(&metrics, |now| self.take_over(&now.membership_config));
            if metrics.changed().await.is_err() {
                return raft_ended().await;
            }
        }
    }

    fn take_over(&self, members: &StoredMembership) {
        let mut addresses = lock(&self.0);
        addresses.extend(members.nodes().map(|(id, member)| (*id, member.address.clone())));
    }

    /// A node is at this address.
    pub(super) fn insert(&self, id: u64, address: String) {
        lock(&self.0).insert(id, address);
    }

    /// The address of a node, if it is known.
    pub(super) fn of(&self, id: u64) -> Option<String> {
        lock(&self.0).get(&id).filter(|address| !address.is_empty()).cloned()
    }
}

//! [`Replica`]: this node's copy of the cluster's state, and its part in keeping all copies the same.

use std::sync::Arc;
use std::time::Duration;

use chronos_env::Loops;
use chronos_peer::Service;
use chronos_state::{Batch, Proposal};
use chronos_types::Millis;
use tokio::sync::watch;

use crate::config::ReplicaConfig;
use crate::error::{ProposeError, ReplicaError};
use crate::forward;
use crate::log::handle::OnPropose;
use crate::log::pending::Pending;
use crate::membership::handle::Membership;
use crate::messages::payload::Accepted;
use crate::metrics::Metrics;
use crate::presence::handle::Presence;
use crate::progress::STANDSTILL;
use crate::service::WeakService;
use crate::start::{self, Dependencies, Parts};
use crate::status::{Leadership, RaftStatus};

/// A leader that stops waits at most this long for another one to be elected.
const HAND_OVER: Duration = Duration::from_secs(2);

/// A handle on this node's replica. Clones are cheap. [`Replica::shutdown`] ends it in order; dropping the handles
/// does not.
#[derive(Clone)]
pub struct Replica {
    pub(crate) parts: Arc<Parts>,
}

impl std::fmt::Debug for Replica {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Replica").field(&self.status()).finish()
    }
}

impl Replica {
    /// Opens the log. Founds a cluster, where this node is to found one and has nobody to ask. A node that is
    /// all of its cluster waits until it has applied what it had before and leads; while the disk is full
    /// that takes until there is space. Any other node comes to its place in the cluster later; serve
    /// [`Replica::service`] meanwhile.
    ///
    /// # Errors
    /// The data cannot be used: damaged, in use, another node's, or from a newer Chronos.
    pub async fn start(config: ReplicaConfig, dependencies: Dependencies) -> Result<Self, ReplicaError> {
        Ok(Self { parts: Arc::new(start::start(&config, dependencies).await?) })
    }

    /// Who belongs to the cluster.
    #[must_use]
    pub fn membership(&self) -> &Membership {
        &self.parts.membership
    }

    /// Who is there, and how this node is.
    #[must_use]
    pub fn presence(&self) -> &Arc<Presence> {
        &self.parts.presence
    }

    /// Answers other nodes for as long as there is a handle on this replica.
    #[must_use]
    pub fn service(&self) -> Arc<dyn Service> {
        Arc::new(WeakService(Arc::downgrade(&self.parts.service)))
    }

    /// Where this node stands.
    #[must_use]
    pub fn status(&self) -> RaftStatus {
        self.parts.log.status()
    }

    /// Follows who leads.
    #[must_use]
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.parts.log.leadership()
    }

    /// Whether this node leads, as far as it knows.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.parts.log.is_leader()
    }

    /// Whether a write sent now would have somewhere to go, else why not.
    ///
    /// # Errors
    /// The reason, for people.
    pub fn is_ready(&self) -> Result<(), String> {
        let Parts { log, membership, .. } = &*self.parts;
        let health = &log.storage.health;
        let obstacle = health.fault().now().or_else(|| health.disk_full().borrow().clone());
        let obstacle = obstacle.or_else(|| membership.obstacle()).or_else(|| health.progress().standstill());
        let obstacle = obstacle.or_else(|| log.difference());
        let leads = log.is_leader();
        let stalled = if leads { health.progress().stalled() } else { log.lead.stalled() };
        match obstacle.or_else(|| health.progress().behind()) {
            Some(reason) => Err(reason),
            None if log.is_cut_off() && leads => {
                Err("this node leads, and cannot reach a majority of the nodes".to_owned())
            }
            None if log.is_cut_off() => Err("no leader can be reached".to_owned()),
            None if !log.knows_leader() => Err("no leader is known".to_owned()),
            None if stalled >= STANDSTILL => {
                let who = if leads { "this node leads, and" } else { "the leader" };
                Err(format!("{who} has committed nothing for {} s", stalled.as_secs()))
            }
            None => Ok(()),
        }
    }

    /// Whether the storage of this node does not take, or not apply, what it is to.
    #[must_use]
    pub fn stands_still(&self) -> bool {
        self.parts.log.storage.health.progress().standstill().is_some()
    }

    /// Resolves with a message when this node cannot go on and must be stopped: its storage is
    /// damaged, raft has ended by itself, or a loop has. Never resolves otherwise.
    pub async fn fault(&self) -> String {
        self.parts.log.loops.fault().reported().await
    }

    /// Has another node lead where this one does, stops taking part, lets what is being written finish, and closes the files.
    pub async fn shutdown(&self) {
        let Parts { log, membership, .. } = &*self.parts;
        if log.is_leader() && log.raft.voter_ids().count() > 1 {
            // Without an answer the others elect one when they miss this one.
            let _ = tokio::time::timeout(HAND_OVER, membership.changes.hand_over(None)).await;
        }
        log.stop().await;
    }

    /// The time that this node goes by as a leader; see [`Presence::time`].
    pub(crate) fn time(&self) -> Millis {
        self.parts.presence.time()
    }

    /// The time of the log; see [`crate::log::handle::Log::last_at`].
    pub(crate) fn last_at(&self) -> i64 {
        self.parts.log.last_at()
    }

    /// That the state of this node is not that of most nodes; for people.
    pub(crate) fn difference(&self) -> Option<String> {
        self.parts.log.difference()
    }

    /// From now on these encryption keys are needed; see [`crate::keys`].
    pub(crate) fn needs_keys(&self, needed: Vec<String>) {
        self.parts.log.storage.keys.need(needed);
    }

    /// Takes what was written over or deleted out of the files of this node; see [`crate::clean`].
    pub(crate) async fn clean(&self, mark: &str) -> Result<bool, String> {
        crate::clean::clean(&self.parts.log, mark).await
    }

    /// The version of the cluster, as this node has applied it.
    pub(crate) fn version(&self) -> u32 {
        self.parts.log.version()
    }

    /// Hands a batch over, where this node leads.
    pub(crate) async fn submit(&self, batch: Batch) -> Result<Pending, ProposeError> {
        self.parts.log.submit(batch).await
    }

    /// Has the leader propose these, and waits until they are applied here; see [`forward::propose`].
    pub(crate) async fn forward(&self, items: &[Proposal]) -> Result<Accepted, ProposeError> {
        forward::propose(&self.parts.leader, items).await
    }

    /// Whether this node leads and no other has a vote.
    pub(crate) fn is_alone(&self) -> bool {
        self.is_leader() && self.parts.log.raft.voter_ids().count() == 1
    }

    /// Waits until this node has applied what was acknowledged; see [`forward::barrier`].
    pub(crate) async fn barrier(&self) -> Result<(), ProposeError> {
        forward::barrier(&self.parts.leader).await
    }

    /// What is counted.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.parts.metrics
    }

    /// The loops of this node.
    pub(crate) fn loops(&self) -> &Loops {
        &self.parts.log.loops
    }

    /// Sets what takes the proposals of other nodes, once.
    pub(crate) fn on_propose(&self, handler: OnPropose) {
        self.parts.log.on_propose(handler);
    }
}

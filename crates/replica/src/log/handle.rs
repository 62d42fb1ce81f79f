//! [`Log`]: the replicated log of this node, and how it goes into the state.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chronos_env::{BoxFuture, Loop, Loops};
use chronos_state::{Batch, Proposal};
use chronos_types::NodeName;
use openraft::errors::{LinearizableReadError, RaftError};
use openraft::impls::ProgressResponder;
use openraft::metrics::WaitError;
use openraft::{ReadPolicy, ServerState};
use tokio::sync::watch;

use super::change::Identity;
use super::pending::{Pending, no_leader};
use super::upkeep;
use crate::error::{ProposeError, ReplicaError};
use crate::lead::{Halt, Lead};
use crate::messages::payload::Accepted;
use crate::raft::{Figures, Raft, look_at};
use crate::status::{Leadership, RaftStatus, members};
use crate::storage::Storage;
use crate::types::{LoggedBatch, MAX_BATCH_BYTES, Member};

/// Between looks whether the storage stands still.
const LOOK: Duration = Duration::from_millis(100);
/// How long a node that stops waits for its disk.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// Proposes commands on the node that leads, in turn with those of its own clients.
pub(crate) type OnPropose =
    Box<dyn Fn(Vec<Proposal>) -> BoxFuture<'static, Result<Accepted, ProposeError>> + Send + Sync>;

/// The log of this node, in the hands of openraft, and the state behind it.
pub(crate) struct Log {
    /// This node's name.
    pub name: NodeName,
    /// The id of the cluster that the log belongs to, once it does.
    pub cluster: Arc<OnceLock<String>>,
    pub storage: Storage,
    pub raft: Raft,
    /// What is known of the lead beside what openraft says.
    pub lead: Arc<Lead>,
    /// Whether no leader, or as a leader no majority, was heard from lately.
    pub cut_off: watch::Receiver<bool>,
    /// The loops of this node.
    pub loops: Loops,
    /// It is kept here, so that nobody takes the end of whoever follows openraft for an end of leadership.
    leadership: watch::Sender<Leadership>,
    on_propose: OnceLock<OnPropose>,
    /// They end with this.
    running: Vec<Loop>,
}

impl Log {
    /// Starts what looks after the log.
    pub(crate) fn new(
        name: NodeName,
        cluster: Arc<OnceLock<String>>,
        storage: Storage,
        raft: Raft,
        lead: Arc<Lead>,
        cut_off: watch::Receiver<bool>,
        loops: Loops,
    ) -> Self {
        let leadership = watch::Sender::new(Leadership::default());
        let health = storage.health.clone();
        let follow = upkeep::follow_leadership(raft.clone(), lead.clone(), leadership.clone(), health);
        let copy = upkeep::snapshot_by_bytes(raft.clone(), storage.log.clone());
        let running = vec![loops.start("leadership", follow), loops.start("snapshots", copy)];
        let on_propose = OnceLock::new();
        Self { name, cluster, storage, raft, lead, cut_off, loops, leadership, on_propose, running }
    }

    /// Has other loops go on for as long as the log is there.
    pub(crate) fn keep(&mut self, running: Vec<Loop>) {
        self.running.extend(running);
    }

    /// This node's number within raft.
    pub(crate) fn id(&self) -> u64 {
        self.storage.id
    }

    /// openraft's figures as they are now. Where another leader was heard and openraft does not know it yet, they say
    /// that it leads.
    pub(crate) fn figures(&self) -> Figures {
        let mut now = look_at(&self.raft.metrics(), Figures::clone);
        if let Some(leader) = self.lead.deposed_by(&now.vote) {
            now.state = ServerState::Follower;
            (now.current_term, now.current_leader) = (leader.term, Some(leader.node_id));
        }
        now
    }

    /// Follows who leads.
    pub(crate) fn leadership(&self) -> watch::Receiver<Leadership> {
        self.leadership.subscribe()
    }

    /// Whether a leader is known.
    pub(crate) fn knows_leader(&self) -> bool {
        self.leadership.borrow().leader.is_some()
    }

    /// Whether this node leads, as far as it knows.
    pub(crate) fn is_leader(&self) -> bool {
        self.leadership.borrow().is_leader
    }

    /// Whether no leader, or as a leader no majority, was heard from lately.
    pub(crate) fn is_cut_off(&self) -> bool {
        *self.cut_off.borrow()
    }

    /// The greatest `at` of any batch that this node has appended or applied, also before a restart, since the
    /// time was last set back. A batch must not be stamped earlier, unless it sets the time back.
    pub(crate) fn last_at(&self) -> i64 {
        self.storage.time.now()
    }

    /// The version of the cluster, as this node has applied it.
    pub(crate) fn version(&self) -> u32 {
        self.storage.version.get()
    }

    /// Sets what takes the commands that come from other nodes and from the cluster itself; once.
    pub(crate) fn on_propose(&self, handler: OnPropose) {
        // A second one would be a mistake of ours, and the first serves as well.
        let _ = self.on_propose.set(handler);
    }

    /// Proposes commands, where this node leads. Whoever proposes them knows that they may be used.
    pub(crate) async fn propose(&self, items: Vec<Proposal>) -> Result<Accepted, ProposeError> {
        match self.on_propose.get() {
            Some(propose) if self.is_leader() => propose(items).await,
            _ => Err(ProposeError::NoLeader { leader: self.leadership.borrow().leader.clone() }),
        }
    }

    /// Hands a batch over and returns. Batches are ordered as the calls of this return.
    ///
    /// # Errors
    /// See [`ProposeError`]; nothing was written then.
    pub(crate) async fn submit(&self, batch: Batch) -> Result<Pending, ProposeError> {
        let health = self.storage.health.clone();
        let disk_full = health.disk_full();
        if let Some(reason) = disk_full.borrow().clone() {
            return Err(ProposeError::DiskFull(reason));
        }
        let halted = self.lead.halted();
        if let Some(halt) = &*halted.borrow() {
            return Err(halt.refusal());
        }
        let cut_off = self.cut_off.clone();
        if *cut_off.borrow() {
            return Err(ProposeError::NoLeader { leader: None });
        }
        let logged = LoggedBatch::new(batch).map_err(|error| ProposeError::Stopped(error.to_string()))?;
        let (bytes, limit) = (logged.bytes().len(), MAX_BATCH_BYTES);
        if bytes > limit {
            // In the log it would stop all that comes after it, since no other node could take it.
            return Err(ProposeError::TooLarge { bytes, limit });
        }
        let (responder, answer) = ProgressResponder::complete_only();
        let submitted = self.raft.client_write_ff(logged, Some(responder)).await;
        submitted.map_err(|fatal| ProposeError::Stopped(health.word(&fatal)))?;
        Ok(Pending { answer, disk_full, cut_off, halted, health })
    }

    /// Where this node leads, the index up to which a node must have applied to show all that was
    /// acknowledged.
    pub(crate) async fn read_index(&self) -> Result<u64, ProposeError> {
        // The question would go to the others as a heartbeat.
        if let Some(halt @ Halt::GivesUp(_)) = &*self.lead.halted().borrow() {
            return Err(halt.refusal());
        }
        match self.raft.get_read_linearizer(ReadPolicy::ReadIndex).await {
            Ok(linearizer) => Ok(linearizer.read_log_id().index()),
            Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(to))) => Err(no_leader(to)),
            Err(RaftError::APIError(LinearizableReadError::QuorumNotEnough(_))) => {
                Err(ProposeError::NoLeader { leader: None })
            }
            Err(RaftError::Fatal(fatal)) => Err(ProposeError::Stopped(self.storage.health.word(&fatal))),
        }
    }

    /// Waits until this node has applied that entry, or its storage stands still.
    pub(crate) async fn applied(&self, index: u64, within: Duration) -> Result<(), ProposeError> {
        let wait = self.raft.wait(Some(within));
        let applied = tokio::select! {
            biased;
            applied = wait.applied_index_at_least(Some(index), "applied") => applied,
            why = self.standstill() => {
                return Err(ProposeError::Unknown(format!("it is accepted as entry {index}, and {why}")));
            }
        };
        match applied {
            Ok(_) => Ok(()),
            Err(WaitError::Timeout(..)) => Err(ProposeError::Unknown(format!(
                "it is accepted as entry {index}, and this node has not applied that after {} s",
                within.as_secs()
            ))),
            Err(error) => Err(ProposeError::Stopped(self.storage.health.word(&error))),
        }
    }

    /// Waits until the storage of this node stands still, and says so.
    async fn standstill(&self) -> String {
        loop {
            if let Some(why) = self.storage.health.progress().standstill() {
                return why;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Belongs to this cluster from now on; durable when it returns.
    pub(crate) async fn adopt(&self, cluster: String) -> Result<(), ReplicaError> {
        let identity = Identity { name: self.name.clone(), id: self.id(), cluster: Some(cluster.clone()) };
        self.storage.log.claim(identity).await?;
        // Whoever set it before set the same: a node of one cluster is not answered by another.
        let _ = self.cluster.set(cluster);
        Ok(())
    }

    /// Where this node stands.
    pub(crate) fn status(&self) -> RaftStatus {
        let now = self.figures();
        let heard = now.current_leader.filter(|_| !self.is_cut_off());
        let leader = heard.and_then(|id| now.membership_config.get_node(&id));
        RaftStatus {
            term: now.current_term,
            leader: leader.map(|member| member.name.clone()),
            is_leader: now.state.is_leader(),
            cluster: self.cluster.get().cloned(),
            version: self.version(),
            members: members(&now),
            last_log: now.last_log_index,
            committed: now.local_committed.map(|id| id.index),
            applied: now.last_applied.map(|id| id.index),
            snapshot: now.snapshot.map(|id| id.index),
            purged: now.purged.map(|id| id.index),
            log_commits: self.storage.log.commits(),
            disk_full: self.storage.health.disk_full().borrow().clone(),
        }
    }

    /// That the state of this node is not that of most nodes, so that it neither fires nor leads; for people. One that lacks an
    /// encryption key leads all the same where no other voter could: somebody must, so that the key can be changed.
    pub(crate) fn difference(&self) -> Option<String> {
        let others = || self.figures().membership_config.nodes().count() > 1;
        self.storage.differences.obstacle(&self.name).filter(|_| others())
    }

    /// Where a member is reached, as far as this node knows.
    pub(crate) fn address_of(&self, name: &str) -> Option<String> {
        let now = self.figures();
        let mut members = now.membership_config.nodes().map(|(_, member): (_, &Member)| member);
        let found = members.find(|member| member.name.as_str() == name && !member.address.is_empty());
        found.map(|member| member.address.clone())
    }

    /// The member that is reached there, as far as this node knows.
    pub(crate) fn member_at(&self, address: &str) -> Option<String> {
        let now = self.figures();
        let mut members = now.membership_config.nodes().map(|(_, member): (_, &Member)| member);
        members.find(|member| member.address == address).map(|member| member.name.to_string())
    }

    /// What is wrong with the states of the nodes, as this one knows: a sentence each.
    pub(crate) fn problems(&self) -> Vec<String> {
        let others = self.figures().membership_config.nodes().count() > 1;
        if !others {
            return Vec::new();
        }
        let Storage { differences, keys, .. } = &self.storage;
        differences.problems(&self.name).into_iter().chain(keys.obstacle(&self.name)).collect()
    }

    /// A fault of openraft, as the node reports it.
    pub(crate) fn failed(&self, error: &dyn std::fmt::Display) -> ReplicaError {
        ReplicaError::Storage(self.storage.health.word(error))
    }

    /// Lets what is being written finish, and closes the files. A disk that hangs is not waited for: what it has not
    /// taken was not acknowledged, and the files are as a crash leaves them.
    pub(crate) async fn stop(&self) {
        self.loops.stop();
        self.storage.health.stop();
        let closed = async {
            // It fails only where openraft's task panicked, which has been reported.
            let _ = self.raft.shutdown().await;
            self.storage.stop().await;
        };
        if tokio::time::timeout(CLOSE_WITHIN, closed).await.is_err() {
            tracing::warn!(
                "the files could not be closed within {} s, since the disk does not take what is written; they are left \
                 as a crash leaves them",
                CLOSE_WITHIN.as_secs()
            );
        }
    }
}

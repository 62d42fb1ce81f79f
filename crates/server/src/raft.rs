//! The replicated log, and the state machine behind it.
//!
//! A batch goes in through [`Raft::propose`] and comes back as outcomes once it is on the disks of
//! a quorum and applied here; what it asks of the world goes to the sink given at the start, on
//! every node, in log order. No type of openraft leaves this module, no clock is read in it, and
//! threads begin only in `blocking`.

mod blocking;
mod codec;
mod error;
mod health;
mod log_file;
mod log_store;
mod log_writer;
mod network;
mod snapshot;
mod start;
mod state_file;
mod state_store;
mod tail;
mod types;
mod upkeep;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chronos_state::{Applied, Batch, Machine, Outcome};
use openraft::ReadPolicy;
use openraft::alias::OneshotReceiverOf;
use openraft::async_runtime::WatchReceiver as _;
use openraft::errors::{ClientWriteError, ForwardToLeader, LinearizableReadError, RaftError as OpenraftError};
use openraft::impls::ProgressResponder;
use openraft::raft::ClientWriteResult;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use error::{ProposeError, RaftError};

use blocking::Worker;
use health::Health;
use log_store::LogStore;
use state_file::StateFile;
use types::{LoggedBatch, Types};
use upkeep::Openraft;

/// What raft must be told.
#[derive(Clone, Debug)]
pub struct RaftConfig {
    /// The name of this node, `cluster.node_id`. It is kept with the log; a log is not opened under
    /// another name.
    pub node_id: String,
    /// Where `log.db` lies, beside the state.
    pub data_dir: PathBuf,
    /// How often a leader says that it is there.
    pub heartbeat_interval_ms: u64,
    /// How long a follower waits for that before it stands for election: so long at least, twice as
    /// long at most.
    pub election_timeout_ms: u64,
}

/// A handle on this node's raft. Clones are cheap. [`Raft::shutdown`] ends it; dropping does not.
#[derive(Clone)]
pub struct Raft {
    shared: Arc<Shared>,
}

struct Shared {
    raft: Openraft,
    log: LogStore,
    state: Worker<StateFile>,
    health: Arc<Health>,
    newest_at: Arc<AtomicI64>,
    leadership: watch::Receiver<Leadership>,
    /// Ended with the last handle.
    _upkeep: JoinSet<()>,
}

/// A batch that was handed over.
#[must_use = "whether it was accepted is known only by waiting"]
pub struct Pending {
    answer: OneshotReceiverOf<Types, ClientWriteResult<Types>>,
    disk_full: watch::Receiver<Option<String>>,
    health: Arc<Health>,
}

/// A batch that is in the log for good, and in the state of this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its place in the log. A node that has applied this index shows the batch.
    pub index: u64,
    /// One for each command, in order.
    pub outcomes: Vec<Outcome>,
}

/// Who leads, as far as this node knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leadership {
    /// The term of the newest vote.
    pub term: u64,
    /// The leader's name, if one is known.
    pub leader: Option<String>,
    /// Whether it is this node.
    pub is_leader: bool,
}

/// Where this node stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RaftStatus {
    /// The current term.
    pub term: u64,
    /// The leader's name, if one is known.
    pub leader: Option<String>,
    /// Whether it is this node.
    pub is_leader: bool,
    /// The names of the voting members.
    pub voters: Vec<String>,
    /// The last index in the log.
    pub last_log: Option<u64>,
    /// The last index known to be on a quorum.
    pub committed: Option<u64>,
    /// The last index in the state.
    pub applied: Option<u64>,
    /// The last index that the state holds durably without the log.
    pub snapshot: Option<u64>,
    /// The last index that the log has dropped.
    pub purged: Option<u64>,
    /// The transactions the log has made since the start; each is a sync, shared by all that waited.
    pub log_commits: u64,
    /// Why writes wait, while the disk is full.
    pub disk_full: Option<String>,
}

impl std::fmt::Debug for Raft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Raft").field(&self.status()).finish()
    }
}

impl Raft {
    /// Opens the log, founds a cluster of one where there is none, and waits until this node has
    /// applied what it had before and, being alone, leads. While the disk is full that takes until
    /// there is space.
    ///
    /// `applied` gets what every batch came to, once for each time it is applied, in log order, on
    /// the state machine's thread; also those applied again because a crash took the state back.
    ///
    /// # Errors
    /// The data cannot be used: damaged, in use, another node's, or from a newer Chronos.
    pub async fn start(
        config: RaftConfig,
        machine: Machine,
        applied: Box<dyn Fn(Applied) + Send + Sync>,
    ) -> Result<Self, RaftError> {
        start::start(config, machine, applied).await
    }

    /// Proposes a batch. Resolves when it is committed, durable and applied on this node. Many can
    /// be under way at once.
    ///
    /// # Errors
    /// See [`ProposeError`]; in some cases the batch may be accepted all the same.
    pub async fn propose(&self, batch: Batch) -> Result<Accepted, ProposeError> {
        self.submit(batch).await?.applied().await
    }

    /// Hands a batch over and returns. Batches are ordered as the calls of this return.
    ///
    /// # Errors
    /// See [`ProposeError`]; nothing was written then.
    pub async fn submit(&self, batch: Batch) -> Result<Pending, ProposeError> {
        let health = self.shared.health.clone();
        let disk_full = health.disk_full();
        if let Some(reason) = disk_full.borrow().clone() {
            return Err(ProposeError::DiskFull(reason));
        }
        let logged = LoggedBatch::new(batch).map_err(|error| ProposeError::Stopped(error.to_string()))?;
        let (responder, answer) = ProgressResponder::complete_only();
        let submitted = self.shared.raft.client_write_ff(logged, Some(responder)).await;
        submitted.map_err(|fatal| ProposeError::Stopped(health.word(&fatal)))?;
        Ok(Pending { answer, disk_full, health })
    }

    /// Waits until this node has applied every write that was acknowledged before the call.
    ///
    /// # Errors
    /// This node does not lead, or cannot reach enough others to know that it still does.
    pub async fn barrier(&self) -> Result<(), ProposeError> {
        // Alone, this node is the one that acknowledges, and it does so when it has applied. Also
        // when its disk is full and what was not acknowledged waits.
        if self.is_leader() && self.shared.raft.voter_ids().count() == 1 {
            return Ok(());
        }
        match self.shared.raft.ensure_linearizable(ReadPolicy::ReadIndex).await {
            Ok(_) => Ok(()),
            Err(OpenraftError::APIError(LinearizableReadError::ForwardToLeader(to))) => Err(no_leader(to)),
            Err(OpenraftError::APIError(LinearizableReadError::QuorumNotEnough(_))) => {
                Err(ProposeError::NoLeader { leader: None })
            }
            Err(OpenraftError::Fatal(fatal)) => Err(ProposeError::Stopped(self.shared.health.word(&fatal))),
        }
    }

    /// Whether a write sent now would have somewhere to go, else why not.
    ///
    /// # Errors
    /// The reason, for people.
    pub fn is_ready(&self) -> Result<(), String> {
        let health = &self.shared.health;
        let ailment = health.fault().borrow().clone().or_else(|| health.disk_full().borrow().clone());
        match ailment {
            Some(reason) => Err(reason),
            None if self.shared.leadership.borrow().leader.is_none() => Err("no leader is known".to_owned()),
            None => Ok(()),
        }
    }

    /// Follows who leads.
    #[must_use]
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.shared.leadership.clone()
    }

    /// Whether this node leads, as far as it knows.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.shared.leadership.borrow().is_leader
    }

    /// The greatest `at` of any batch that this node has appended or applied, also before a
    /// restart. A batch must not be stamped earlier.
    #[must_use]
    pub fn last_at(&self) -> i64 {
        self.shared.newest_at.load(Ordering::Relaxed)
    }

    /// Why writes wait, while the disk is full.
    #[must_use]
    pub fn disk_full(&self) -> watch::Receiver<Option<String>> {
        self.shared.health.disk_full()
    }

    /// Where this node stands.
    #[must_use]
    pub fn status(&self) -> RaftStatus {
        let metrics = self.shared.raft.metrics();
        let now = metrics.borrow_watched();
        let members = &now.membership_config;
        let name = |id: u64| members.get_node(&id).map(|member| member.name.clone());
        RaftStatus {
            term: now.current_term,
            leader: now.current_leader.and_then(name),
            is_leader: now.state.is_leader(),
            voters: members.voter_ids().filter_map(name).collect(),
            last_log: now.last_log_index,
            committed: now.local_committed.map(|id| id.index),
            applied: now.last_applied.map(|id| id.index),
            snapshot: now.snapshot.map(|id| id.index),
            purged: now.purged.map(|id| id.index),
            log_commits: self.shared.log.commits(),
            disk_full: self.shared.health.disk_full().borrow().clone(),
        }
    }

    /// Resolves with a message when this node cannot go on and must be stopped: its storage is
    /// damaged, or raft has ended by itself. Never resolves otherwise.
    pub async fn fault(&self) -> String {
        let mut fault = self.shared.health.fault();
        match fault.wait_for(Option::is_some).await {
            Ok(message) => message.clone().unwrap_or_default(),
            Err(_) => std::future::pending().await,
        }
    }

    /// Stops taking part, lets what is being written finish, and closes the files.
    pub async fn shutdown(&self) {
        self.shared.health.stop();
        // It fails only where openraft's task panicked, which has been reported.
        let _ = self.shared.raft.shutdown().await;
        self.shared.log.stop().await;
        self.shared.state.stop().await;
    }
}

impl Pending {
    /// Waits until the batch is committed, durable and applied on this node.
    ///
    /// # Errors
    /// See [`ProposeError`].
    pub async fn applied(mut self) -> Result<Accepted, ProposeError> {
        let answer = tokio::select! {
            biased;
            answer = self.answer => answer,
            Ok(reason) = self.disk_full.wait_for(Option::is_some) => {
                return Err(ProposeError::Unknown(reason.clone().unwrap_or_default()));
            }
        };
        match answer {
            Ok(Ok(written)) => Ok(Accepted { index: written.log_id.index, outcomes: written.data.outcomes }),
            Ok(Err(ClientWriteError::ForwardToLeader(to))) => Err(no_leader(to)),
            Ok(Err(other)) => Err(ProposeError::Unknown(other.to_string())),
            Err(_) => Err(ProposeError::Stopped(self.health.word(&"raft has ended"))),
        }
    }
}

fn no_leader(to: ForwardToLeader<Types>) -> ProposeError {
    ProposeError::NoLeader { leader: to.leader_node.map(|member| member.name) }
}

//! The replicated log, and the state machine behind it.
//!
//! A batch goes in through [`Raft::propose`] and comes back as outcomes once it is on the disks of
//! a quorum and applied here; what it asks of the world goes to the sink given at the start, on
//! every node, in log order. No type of openraft leaves this module, no clock is read in it, and
//! threads begin only in `blocking`.

mod backfill;
mod blocking;
mod codec;
mod error;
mod health;
mod log_file;
mod log_rows;
mod log_store;
mod log_writer;
mod network;
mod progress;
mod propose;
mod snapshot;
mod start;
mod state_file;
mod state_store;
mod status;
mod tail;
mod types;
mod upkeep;
mod view;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chronos_state::Machine;
use openraft::ReadPolicy;
use openraft::async_runtime::WatchReceiver as _;
use openraft::errors::{LinearizableReadError, RaftError as OpenraftError};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use error::{ProposeError, RaftError};
pub use state_file::Handed;
pub use status::{Leadership, RaftStatus};
pub use view::View;

use blocking::Worker;
use health::Health;
use log_store::LogStore;
use propose::no_leader;
use state_file::StateFile;
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
    view: watch::Receiver<View>,
    /// Ended with the last handle.
    _upkeep: JoinSet<()>,
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
    /// `sink` gets what every batch came to, once for each time it is applied, in log order, on
    /// the state machine's thread; also those applied again because a crash took the state back.
    ///
    /// # Errors
    /// The data cannot be used: damaged, in use, another node's, or from a newer Chronos.
    pub async fn start(
        config: RaftConfig,
        machine: Machine,
        sink: Box<dyn Fn(Handed) + Send + Sync>,
    ) -> Result<Self, RaftError> {
        start::start(config, machine, sink).await
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

    /// Follows who is there to fire webhooks.
    #[must_use]
    pub fn view(&self) -> watch::Receiver<View> {
        self.shared.view.clone()
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
    #[cfg(test)]
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

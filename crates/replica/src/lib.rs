//! The replicated log, and the state machine behind it.
//!
//! A batch goes in through [`Raft::propose`] and comes back as outcomes once it is on the disks of
//! a quorum and applied here; what it asks of the world goes to the sink given at the start, on
//! every node, in log order. No type of openraft leaves this module, no clock is read in it, and
//! threads begin only through `chronos_env::Worker`.

mod backfill;

mod codec;
mod contact;
mod error;
mod forward;
mod health;
mod join;
mod leaving;
mod lock;
mod log_file;
mod log_rows;
mod log_store;
mod log_writer;
mod membership;
mod metrics;
mod network;
mod progress;
mod propose;
mod proposer;
mod reads;
mod report;
mod salvage;
mod service;
mod snapshot;
mod snapshot_receive;
mod snapshot_send;
mod start;
mod state_file;
mod state_store;
mod status;
mod tail;
mod types;
mod upkeep;
mod view;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use chronos_env::Env;
use chronos_peer::{Caller, Service, Transport};
use chronos_state::Machine;
use chronos_types::NodeName;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use error::{ChangeError, ProposeError, RaftError};
pub use forward::OnPropose;
pub use metrics::Metrics;
pub use propose::{Accepted, Pending};
pub use proposer::Proposer;
pub use reads::Store;
pub use report::{Activity, NodeReport};
pub use salvage::{Replayed, Salvaged, salvage};
pub use state_file::{Handed, NOTES};
pub use status::{Leadership, MemberStatus, RaftStatus, Role};
pub use upkeep::LogLimits;
pub use view::View;

use chronos_env::Worker;
use contact::{Contact, Signs};
use health::Health;
use join::Place;
use leaving::Leaving;
use log_store::LogStore;
use service::Desk;
use snapshot_receive::Inbox;
use state_file::StateFile;
use types::Member;
use upkeep::Openraft;

/// A leader that stops has so long to have another one elected.
const HAND_OVER: Duration = Duration::from_secs(2);

/// What raft must be told.
#[derive(Clone, Debug)]
pub struct RaftConfig {
    /// The name of this node, `cluster.node_id`. It is kept with the log; a log is not opened under
    /// another name.
    pub node_id: NodeName,
    /// Where `log.db` lies, beside the state.
    pub data_dir: PathBuf,
    /// How often a leader says that it is there.
    pub heartbeat_interval_ms: u64,
    /// How long a follower waits for that before it stands for election: three fifths of this at
    /// least, six fifths at most.
    pub election_timeout_ms: u64,
    /// Where other nodes reach this one, `host:port`.
    pub advertise: String,
    /// Where the API of this node is, for others to show.
    pub http: String,
    /// The Chronos that runs here, for others to show.
    pub version: String,
    /// The release of its time zone rules, for others to show.
    pub tz_release: String,
    /// Where members of the cluster to join may be, this node among them or not. One with data asks
    /// there only after its place, and tells its address.
    pub join: Vec<String>,
    /// Found a cluster, where none of those to join knows one.
    pub bootstrap: bool,
    /// So many members have a vote at most; the others are learners.
    pub max_voters: usize,
    /// A member that is not heard of for so long is silent, and one that does not hear is fenced.
    pub reassign_after: Duration,
    /// How long the log may be.
    pub log: LogLimits,
}

/// A handle on this node's raft. Clones are cheap. [`Raft::shutdown`] ends it; dropping does not.
#[derive(Clone)]
pub struct Raft {
    shared: Arc<Shared>,
}

/// Where this node tells how it is.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// What it does with its runs; whoever fires them writes it.
    pub activity: Arc<Activity>,
    /// What is counted.
    pub metrics: Metrics,
}

struct Shared {
    raft: Openraft,
    log: LogStore,
    state: Worker<StateFile>,
    health: Arc<Health>,
    newest_at: Arc<AtomicI64>,
    leadership: watch::Receiver<Leadership>,
    view: watch::Receiver<View>,
    /// Whether no leader, or as a leader no majority, was heard of lately.
    cut_off: watch::Receiver<bool>,
    /// When a leader, or as a leader a majority, was heard of.
    contact: Arc<Contact>,
    /// When it was proven that a leader hears of this node.
    lease: Arc<Contact>,
    /// What this node does with its runs.
    activity: Arc<Activity>,
    signs: Signs,
    leaving: Arc<Leaving>,
    /// Whether this node is to be removed.
    asked_to_leave: watch::Sender<bool>,
    id: u64,
    member: Member,
    config: RaftConfig,
    transport: Arc<dyn Transport>,
    caller: Caller,
    inbox: Inbox,
    on_propose: OnceLock<OnPropose>,
    /// Held while the membership changes.
    changes: tokio::sync::Mutex<()>,
    /// Where members are that asked this node to join.
    invited_by: Mutex<BTreeSet<String>>,
    place: watch::Sender<Place>,
    /// The id of the cluster that this node founds where there is none, if that is its part.
    founds: Option<String>,
    /// Ended with the last handle.
    upkeep: Mutex<JoinSet<()>>,
}

impl std::fmt::Debug for Raft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Raft").field(&self.status()).finish()
    }
}

impl Raft {
    /// Opens the log, and founds a cluster where this node is to and has nobody to ask. Where it is all of its cluster,
    /// waits until it has applied what it had before and leads; while the disk is full that takes
    /// until there is space. Otherwise its place in the cluster is seen to from then on; see
    /// [`Raft::joined`], and serve [`Raft::service`] meanwhile.
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
        transport: Arc<dyn Transport>,
        caller: Caller,
        told: Told,
        env: &Env,
    ) -> Result<Self, RaftError> {
        start::start(config, machine, sink, transport, caller, told, env).await
    }

    /// Answers other nodes. Holds no handle.
    #[must_use]
    pub fn service(&self) -> Arc<dyn Service> {
        Arc::new(Desk(Arc::downgrade(&self.shared)))
    }

    /// Waits until this node is a member of a cluster that has a leader, and has applied what was
    /// acknowledged before; or until it is known to have been removed.
    ///
    /// # Errors
    /// The storage failed, or the node is stopping.
    #[cfg(test)]
    pub async fn joined(&self) -> Result<(), RaftError> {
        let stopped = || RaftError::Storage("raft ended while it was starting".to_owned());
        let mut fault = self.shared.health.fault();
        let mut place = self.shared.place.subscribe();
        let joined = async {
            let there = place.wait_for(|place| !matches!(place, Place::Outside(_))).await;
            if *there.map_err(|_| stopped())? == Place::Member {
                self.shared.raft.wait_for_recovery(None).await.map_err(|_| stopped())?;
            }
            Ok(())
        };
        // A member that was away may have been removed meanwhile, and then never hears of a leader.
        let mut later = self.shared.place.subscribe();
        tokio::select! {
            biased;
            Ok(fault) = fault.wait_for(Option::is_some) => {
                Err(RaftError::Storage(fault.clone().unwrap_or_default()))
            }
            joined = joined => joined,
            Ok(_) = later.wait_for(|place| *place == Place::Removed) => Ok(()),
        }
    }

    /// Whether a write sent now would have somewhere to go, else why not.
    ///
    /// # Errors
    /// The reason, for people.
    pub fn is_ready(&self) -> Result<(), String> {
        let health = &self.shared.health;
        let ailment = health.fault().borrow().clone().or_else(|| health.disk_full().borrow().clone());
        let ailment = ailment.or_else(|| self.shared.place.borrow().obstacle());
        match ailment {
            Some(reason) => Err(reason),
            None if *self.shared.cut_off.borrow() && self.is_leader() => {
                Err("this node leads, and cannot reach a majority of the nodes".to_owned())
            }
            None if *self.shared.cut_off.borrow() => Err("no leader can be reached".to_owned()),
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

    /// The name of this node.
    fn name(&self) -> NodeName {
        self.shared.member.name.clone()
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

    /// Has another node lead where this one does, stops taking part, lets what is being written finish, and closes the files.
    pub async fn shutdown(&self) {
        if self.is_leader() && self.shared.raft.voter_ids().count() > 1 {
            // Without an answer the others elect one when they miss this one.
            let _ = tokio::time::timeout(HAND_OVER, self.hand_over(None)).await;
        }
        self.shared.health.stop();
        // It fails only where openraft's task panicked, which has been reported.
        let _ = self.shared.raft.shutdown().await;
        self.shared.log.stop().await;
        self.shared.state.stop().await;
    }
}

//! The files of a node: `log.db` and `state.db`, opened as those of one node and of one time.

pub(crate) mod agreement;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use chronos_env::{Env, Fault, Scratch, Worker};
use chronos_state::{Machine, Reader};

use crate::backfill;
use crate::comparison::differences::Differences;
use crate::comparison::digests::Digests;
use crate::config::ReplicaConfig;
use crate::directory::lock_directory;
use crate::error::ReplicaError;
use crate::health::{DataFile, Health, Space};
use crate::keys::EncryptionKeys;
use crate::log::change::{Found, Identity};
use crate::log::store::LogStore;
use crate::log::time::LogTime;
use crate::metrics::Metrics;
use crate::state::check::StateCheck;
use crate::state::fault::StateFault;
use crate::state::file::{Sink, StateFile};
use crate::state::snapshot::outgoing::OutgoingCopies;
use crate::state::snapshot::source::SnapshotDirectory;
use crate::state::store::StateStore;
use crate::state::version::ClusterVersion;

/// Files that are written to see whether there is space have names that begin with this.
const TRIAL_PREFIX: &str = "space-";

/// The open files of a node, each on a thread of its own.
pub(crate) struct Storage {
    /// This node's number within raft.
    pub id: u64,
    pub log: LogStore,
    pub state: Worker<StateFile>,
    pub health: Arc<Health>,
    /// The time of the log.
    pub time: Arc<LogTime>,
    /// The version of the cluster, as of the last entry in the state.
    pub version: ClusterVersion,
    /// What this node has had in the rows that were compared last.
    pub digests: Arc<Digests>,
    /// What came of comparing them.
    pub differences: Arc<Differences>,
    /// Which encryption keys this node has, and which are needed.
    pub keys: Arc<EncryptionKeys>,
    /// Reads what is compared next before it is.
    pub ahead: Worker<Reader>,
    /// Where copies of the state lie.
    pub copies: Arc<SnapshotDirectory>,
    /// The check of the state file, if it was not made when the file was opened.
    pub check: Option<StateCheck>,
}

impl Storage {
    /// Takes the data directory, and opens the log and the state that is to follow it. `cluster` is set to
    /// what the log says.
    pub(crate) fn open(
        config: &ReplicaConfig,
        machine: Machine,
        sink: Sink,
        cluster: &OnceLock<String>,
        metrics: &Metrics,
        fault: &Fault,
        env: &Env,
    ) -> Result<Self, ReplicaError> {
        let data_lock = lock_directory(&config.data_dir)?;
        let trials = Scratch::open(&config.data_dir, TRIAL_PREFIX)?;
        let health = Arc::new(Health::new(fault.clone()).with_trials(trials));
        let time = Arc::new(LogTime::new());
        let version = ClusterVersion::new(metrics.cluster_version.clone());
        let check = StateCheck::of(&machine, health.clone(), env)?;
        let reporter = health.clone();
        let died = move || reporter.report("the thread that reads the state ahead panicked".to_owned());
        let reader = machine.reader().map_err(StateFault::State)?;
        let ahead = Worker::spawn(env, "state-ahead", reader, died)?;
        let file = open_state(machine, sink, health.clone(), time.clone(), version.clone(), env)?;
        if let Some(applied) = file.position().applied {
            health.progress().applied(applied.index);
        }
        let (digests, differences) = file.comparison();
        let drawn = u64::from_le_bytes(env.random_bytes());
        let mut identity = Identity { name: config.node_id.clone(), id: drawn, cluster: None };
        let log = LogStore::open(
            env,
            &config.data_dir.join("log.db"),
            data_lock,
            health.clone(),
            time.clone(),
            metrics.writes.clone(),
            |found| {
                agreement::check(&config.data_dir, found, file.position().applied, file.snapshot())?;
                claim(&config.data_dir, found, &mut identity)
            },
        )?;
        if let Some(id) = identity.cluster {
            // Nobody has set it before: this node has just read it.
            let _ = cluster.set(id);
        }
        let reporter = health.clone();
        let died = move || reporter.report("the thread of the state machine panicked".to_owned());
        let gate = Space::gate(&health, DataFile::State);
        let state = Worker::spawn_behind(gate, env, "state-machine", file, died)?;
        let copies = Arc::new(SnapshotDirectory::open(&config.data_dir, env.clone())?);
        Ok(Self {
            id: identity.id,
            log,
            state,
            health,
            time,
            version,
            digests,
            differences,
            keys: Arc::new(EncryptionKeys::new(config.encryption_keys.clone())),
            ahead,
            copies,
            check,
        })
    }

    /// The state for openraft to apply to.
    pub(crate) fn state_store(&self, outgoing: Arc<OutgoingCopies>) -> StateStore {
        let (copies, health, writes) = (self.copies.clone(), self.health.clone(), self.log.writes().clone());
        StateStore::new(self.state.clone(), self.log.in_step(), copies, outgoing, health, writes)
    }

    /// Ends the threads, and closes the files.
    pub(crate) async fn stop(&self) {
        self.log.stop().await;
        self.ahead.stop().await;
        self.state.stop().await;
    }
}

/// The state on its way to its thread.
fn open_state(
    mut machine: Machine,
    sink: Sink,
    health: Arc<Health>,
    time: Arc<LogTime>,
    version: ClusterVersion,
    env: &Env,
) -> Result<StateFile, ReplicaError> {
    let (done, ask) = backfill::start(env, "state-backfill", machine.path()).map_err(StateFault::State)?;
    machine.backfill(done, ask).map_err(StateFault::State)?;
    Ok(StateFile::new(machine, sink, health, time, version)?)
}

/// Whose log it is: what it says itself, and otherwise, from then on, `identity`.
fn claim(data_dir: &Path, found: &Found, identity: &mut Identity) -> Result<Option<Identity>, ReplicaError> {
    match &found.identity {
        Some(known) if known.name == identity.name => {
            identity.clone_from(known);
            Ok(None)
        }
        Some(other) => Err(ReplicaError::OtherNode {
            path: data_dir.to_owned(),
            configured: identity.name.clone(),
            found: other.name.clone(),
        }),
        None => Ok(Some(identity.clone())),
    }
}

//! From a data directory to a node that leads, or follows.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use chronos_state::Machine;
use openraft::{Config, SnapshotPolicy};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::backfill;
use super::blocking::Worker;
use super::health::Health;
use super::log_file::{Found, Identity};
use super::log_store::LogStore;
use super::network::Network;
use super::snapshot::SnapshotDirectory;
use super::state_file::{Sink, StateFault, StateFile};
use super::state_store::StateStore;
use super::tail::next;
use super::types::Member;
use super::upkeep::{self, KEEP_ENTRIES, Openraft, SNAPSHOT_ENTRIES};
use super::view::View;
use super::{Leadership, Raft, RaftConfig, RaftError, Shared};

/// See [`Raft::start`].
pub(super) async fn start(config: RaftConfig, mut machine: Machine, sink: Sink) -> Result<Raft, RaftError> {
    let raft_config = raft_config(&config)?;
    let data_lock = lock_directory(&config.data_dir)?;
    let health = Arc::new(Health::new());
    let newest_at = Arc::new(AtomicI64::new(i64::MIN));

    let mut identity = None;
    let log_path = config.data_dir.join("log.db");
    let log = LogStore::open(&log_path, data_lock, health.clone(), newest_at.clone(), |found| {
        let (known, new) = claim(&config, found)?;
        identity = Some(known);
        Ok::<_, RaftError>(new)
    })?;
    let id = identity.map_or_else(|| raft_id(&config.node_id), |known| known.id);

    let (done, ask) = backfill::start("state-backfill", machine.path()).map_err(StateFault::State)?;
    machine.backfill(done, ask).map_err(StateFault::State)?;
    let file = StateFile::new(machine, sink, health.clone(), newest_at.clone())?;
    let (state_end, log_begin) = (file.position().applied, log.edges().0);
    if let Some(begin) = log_begin
        && next(state_end.as_ref()) <= begin.index
    {
        let state = state_end.map(|end| end.index);
        return Err(RaftError::StateBehindLog { state, log: begin.index });
    }
    let reporter = health.clone();
    let died = move || reporter.report("the thread of the state machine panicked".to_owned());
    let state = Worker::spawn("state-machine", file, died)?;
    let directory = SnapshotDirectory::open(&config.data_dir)?;
    let store = StateStore::new(state.clone(), log.progress(), directory, health.clone());

    let raft = Openraft::new(id, raft_config, Network, log.clone(), store).await;
    let raft = raft.map_err(|fatal| storage(&health, &fatal))?;
    let (sender, leadership) = watch::channel(Leadership::default());
    let mut tasks = JoinSet::new();
    tasks.spawn(upkeep::follow_leadership(raft.clone(), sender, health.clone()));
    tasks.spawn(upkeep::snapshot_by_bytes(raft.clone(), log.clone()));
    tasks.spawn(upkeep::purge_by_bytes(raft.clone(), log.clone()));
    let view = View::alone(&config.node_id);
    let shared = Shared { raft, log, state, health, newest_at, leadership, view, _upkeep: tasks };
    let raft = Raft { shared: Arc::new(shared) };

    let mut fault = raft.shared.health.fault();
    tokio::select! {
        biased;
        Ok(fault) = fault.wait_for(Option::is_some) => {
            return Err(RaftError::Storage(fault.clone().unwrap_or_default()));
        }
        joined = join(&raft, id, config.node_id) => joined?,
    }
    Ok(raft)
}

/// Founds or rejoins the cluster, and waits until the state is what it was.
async fn join(raft: &Raft, id: u64, name: String) -> Result<(), RaftError> {
    let (openraft, health) = (&raft.shared.raft, &raft.shared.health);
    if !openraft.is_initialized().await.map_err(|fatal| storage(health, &fatal))? {
        let members = std::collections::BTreeMap::from([(id, Member { name })]);
        openraft.initialize(members).await.map_err(|error| storage(health, &error))?;
    }
    let alone = openraft.voter_ids().eq([id]);
    if alone {
        // Nobody else can lead: there is nothing to wait for.
        openraft.trigger().elect(false).await.map_err(|fatal| storage(health, &fatal))?;
    }
    openraft.wait_for_recovery(None).await.map_err(|error| storage(health, &error))?;
    if alone {
        let mut leadership = raft.leadership();
        let leads = leadership.wait_for(|now| now.is_leader).await;
        leads.map_err(|_| RaftError::Storage("raft ended while it was starting".to_owned()))?;
    }
    Ok(())
}

fn raft_config(config: &RaftConfig) -> Result<Arc<Config>, RaftError> {
    let raft_config = Config {
        cluster_name: "chronos".to_owned(),
        heartbeat_interval: config.heartbeat_interval_ms,
        election_timeout_min: config.election_timeout_ms,
        election_timeout_max: config.election_timeout_ms * 2,
        enable_pre_vote: Some(true),
        // A leader that was away must ask again: its state may be older than what it had shown.
        enable_leader_restore: Some(false),
        // Many entries in one message: batches wait for each other's journey otherwise.
        max_payload_entries: 4_096,
        snapshot_policy: SnapshotPolicy::LogsSinceLast(SNAPSHOT_ENTRIES),
        max_in_snapshot_log_to_keep: KEEP_ENTRIES,
        // Beyond what the log keeps anyway, a follower gets a snapshot.
        replication_lag_threshold: SNAPSHOT_ENTRIES + KEEP_ENTRIES,
        // A state of hundreds of megabytes is not copied, sent and installed in openraft's 200 ms.
        install_snapshot_timeout: 600_000,
        ..Config::default()
    };
    Ok(Arc::new(raft_config.validate().map_err(|error| RaftError::Config(error.to_string()))?))
}

fn lock_directory(path: &Path) -> Result<File, RaftError> {
    let failed = |error| RaftError::Directory { path: path.to_owned(), error };
    std::fs::create_dir_all(path).map_err(failed)?;
    let file = File::create(path.join("lock")).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(RaftError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Whose log it is, and that again where the log does not say so yet.
fn claim(config: &RaftConfig, found: &Found) -> Result<(Identity, Option<Identity>), RaftError> {
    match &found.identity {
        Some(known) if known.name == config.node_id => Ok((known.clone(), None)),
        Some(other) => Err(RaftError::OtherNode {
            path: config.data_dir.clone(),
            configured: config.node_id.clone(),
            found: other.name.clone(),
        }),
        None => {
            let identity = Identity { name: config.node_id.clone(), id: raft_id(&config.node_id) };
            Ok((identity.clone(), Some(identity)))
        }
    }
}

/// A node's number within raft, from its name: FNV-1a, 64 bits. Kept with the log from then on.
fn raft_id(name: &str) -> u64 {
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn storage(health: &Health, error: &dyn std::fmt::Display) -> RaftError {
    RaftError::Storage(health.word(error))
}

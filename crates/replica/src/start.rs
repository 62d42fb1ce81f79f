//! From a data directory to a node that leads, or follows.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use chronos_env::{Env, Worker};
use chronos_peer::{Caller, Transport};
use chronos_state::Machine;
use openraft::{Config, SnapshotPolicy};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::backfill;
use super::contact::{Contact, Hearing, Signs};
use super::health::Space;
use super::health::{Health, Store};
use super::join::{self, Place};
use super::leaving::Leaving;
use super::lock::lock;
use super::log_file::{Found, Identity};
use super::log_store::LogStore;
use super::network::{Addresses, Network};
use super::snapshot::SnapshotDirectory;
use super::snapshot_receive::Inbox;
use super::snapshot_send::Outbox;
use super::state_file::{Sink, StateFault, StateFile};
use super::state_store::StateStore;
use super::tail::next;
use super::types::Member;
use super::upkeep::{self, LogLimits, Openraft};
use super::view::{Lookout, View};
use super::{Leadership, Raft, RaftConfig, RaftError, Shared, Told};

/// Between looks at who should have a vote.
const TEND: Duration = Duration::from_millis(250);
/// An election takes so many times the shortest time-out at most, in all but rare cases; who is not
/// heard of for longer is not counted on.
const STALE_ELECTIONS: u64 = 4;

/// See [`Raft::start`].
pub(super) async fn start(
    config: RaftConfig,
    mut machine: Machine,
    sink: Sink,
    transport: Arc<dyn Transport>,
    caller: Caller,
    told: Told,
    env: &Env,
) -> Result<Raft, RaftError> {
    let raft_config = raft_config(&config)?;
    let data_lock = lock_directory(&config.data_dir)?;
    let health = Arc::new(Health::new());
    let newest_at = Arc::new(AtomicI64::new(i64::MIN));

    let drawn = u64::from_le_bytes(env.random_bytes());
    let mut identity = Identity { name: config.node_id.clone(), id: drawn, cluster: None };
    let log_path = config.data_dir.join("log.db");
    let log = LogStore::open(
        env,
        &log_path,
        data_lock,
        health.clone(),
        newest_at.clone(),
        told.metrics.log_commits.clone(),
        |found| claim(&config, found, &mut identity),
    )?;
    let id = identity.id;
    if let Some(cluster) = identity.cluster {
        // Nobody has set it before: this node has just read it.
        let _ = caller.cluster.set(cluster);
    }

    let (done, ask) = backfill::start(env, "state-backfill", machine.path()).map_err(StateFault::State)?;
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
    let gate = Space::gate(&health, Store::State);
    let state = Worker::spawn_behind(gate, env, "state-machine", file, died)?;
    let directory = Arc::new(SnapshotDirectory::open(&config.data_dir, env.clone())?);
    let store = StateStore::new(state.clone(), log.progress(), directory.clone(), health.clone());

    let (addresses, outbox) = (Addresses::default(), Arc::new(Outbox::new(env.clone())));
    let hearing = Arc::new(Hearing::default());
    let network = Network {
        transport: transport.clone(),
        addresses: addresses.clone(),
        outbox: outbox.clone(),
        hearing: hearing.clone(),
    };
    let raft = Openraft::new(id, raft_config, network, log.clone(), store).await;
    let raft = raft.map_err(|fatal| storage(&health, &fatal))?;
    let (sender, leadership) = watch::channel(Leadership::default());
    hearing.follow(raft.clone());
    let (contact, lease) = (Arc::new(Contact::default()), Arc::new(Contact::default()));
    let leaving = Arc::new(Leaving::default());
    let (view_sender, view) = watch::channel(View { fenced: true, ..View::default() });
    let (cut_off_sender, cut_off) = watch::channel(true);
    let lookout = Lookout {
        raft: raft.clone(),
        id,
        name: config.node_id.clone(),
        contact: contact.clone(),
        lease: lease.clone(),
        hearing,
        leaving: leaving.clone(),
        reassign_after: config.reassign_after,
        stale_after: Duration::from_millis(config.election_timeout_ms * STALE_ELECTIONS),
        view: view_sender,
        cut_off: cut_off_sender,
        elected: None,
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(upkeep::follow_leadership(raft.clone(), sender, health.clone()));
    tasks.spawn(upkeep::follow_addresses(raft.clone(), addresses));
    tasks.spawn(upkeep::snapshot_by_bytes(raft.clone(), log.clone()));
    tasks.spawn(upkeep::purge_by_bytes(raft.clone(), log.clone()));
    tasks.spawn(upkeep::tidy_copies(outbox));
    let member = Member {
        name: config.node_id.clone(),
        address: config.advertise.clone(),
        http: config.http.clone(),
        version: config.version.clone(),
        tz_release: config.tz_release.clone(),
    };
    let founds = config.bootstrap.then(|| cluster_id(env));
    let shared = Shared {
        raft,
        log,
        state,
        health,
        newest_at,
        leadership,
        view,
        cut_off,
        contact,
        lease,
        activity: told.activity,
        signs: Signs::new(u64::from_le_bytes(env.random_bytes())),
        leaving,
        asked_to_leave: watch::Sender::new(false),
        id,
        member,
        config,
        transport,
        caller,
        inbox: Inbox::new(directory, env.clone()),
        on_propose: OnceLock::new(),
        changes: tokio::sync::Mutex::default(),
        invited_by: Mutex::default(),
        place: watch::Sender::new(Place::Outside("it is starting".to_owned())),
        founds,
        upkeep: Mutex::new(tasks),
    };
    let raft = Raft { shared: Arc::new(shared) };
    let mut fault = raft.shared.health.fault();
    let was_member = tokio::select! {
        biased;
        Ok(fault) = fault.wait_for(Option::is_some) => {
            return Err(RaftError::Storage(fault.clone().unwrap_or_default()));
        }
        found = found_or_rejoin(&raft, lookout, env) => found?,
    };
    let weak = Arc::downgrade(&raft.shared);
    let mut tasks = lock(&raft.shared.upkeep);
    tasks.spawn(join::keep_place(weak.clone(), was_member));
    tasks.spawn(tend(weak));
    drop(tasks);
    Ok(raft)
}

/// Founds a cluster where there is nobody to ask whether there is one; where this node is all of it, waits until it leads and the
/// state is what it was. Returns whether this node has a place already.
async fn found_or_rejoin(raft: &Raft, mut lookout: Lookout, env: &Env) -> Result<bool, RaftError> {
    let Shared { raft: openraft, health, id, caller, upkeep, .. } = &*raft.shared;
    let initialized = openraft.is_initialized().await.map_err(|fatal| storage(health, &fatal))?;
    let mut alone = initialized && openraft.voter_ids().eq([*id]);
    // A node that was taken into a cluster never founds one, even if nothing of it has come yet.
    if !initialized && caller.cluster.get().is_none() && raft.founds_alone() {
        raft.found().await?;
        alone = true;
    }
    if alone && caller.cluster.get().is_none() {
        raft.adopt(cluster_id(env)).await?;
    }
    if alone {
        // Nobody else can lead: there is nothing to wait for.
        raft.shared.place.send_replace(Place::Member);
        openraft.trigger().elect(false).await.map_err(|fatal| storage(health, &fatal))?;
    }
    if !alone {
        lock(upkeep).spawn(lookout.run());
        return Ok(initialized);
    }
    openraft.wait_for_recovery(None).await.map_err(|error| storage(health, &error))?;
    let mut leadership = raft.leadership();
    let leads = leadership.wait_for(|now| now.is_leader).await;
    leads.map_err(|_| RaftError::Storage("raft ended while it was starting".to_owned()))?;
    lookout.look();
    lock(upkeep).spawn(lookout.run());
    Ok(true)
}

/// An id for a cluster that is to be founded.
fn cluster_id(env: &Env) -> String {
    format!("{:032x}", u128::from_le_bytes(env.random_bytes()))
}

/// Keeps as many voters as there should be, until the last handle is dropped.
async fn tend(shared: Weak<Shared>) {
    loop {
        tokio::time::sleep(TEND).await;
        let Some(shared) = shared.upgrade() else { return };
        Raft { shared }.tend().await;
    }
}

fn raft_config(config: &RaftConfig) -> Result<Arc<Config>, RaftError> {
    let LogLimits { snapshot_entries, keep_entries } = config.log;
    let raft_config = Config {
        cluster_name: "chronos".to_owned(),
        heartbeat_interval: config.heartbeat_interval_ms,
        // Around the one that is configured: apart, so that two seldom stand at once.
        election_timeout_min: config.election_timeout_ms * 3 / 5,
        election_timeout_max: config.election_timeout_ms * 6 / 5,
        enable_pre_vote: Some(true),
        // A leader that was away must ask again: its state may be older than what it had shown.
        enable_leader_restore: Some(false),
        // Many entries in one message: batches wait for each other's journey otherwise.
        max_payload_entries: 4_096,
        snapshot_policy: SnapshotPolicy::LogsSinceLast(snapshot_entries),
        max_in_snapshot_log_to_keep: keep_entries,
        // Beyond what the log keeps anyway, a follower gets a snapshot.
        replication_lag_threshold: snapshot_entries + keep_entries,
        // A state of hundreds of megabytes is not copied, sent and installed in openraft's 200 ms.
        install_snapshot_timeout: 600_000,
        ..Config::default()
    };
    Ok(Arc::new(raft_config.validate().map_err(|error| RaftError::Config(error.to_string()))?))
}

/// Takes a data directory for this process, for as long as the file is open.
pub(super) fn lock_directory(path: &Path) -> Result<File, RaftError> {
    let failed = |error| RaftError::Directory { path: path.to_owned(), error };
    std::fs::create_dir_all(path).map_err(failed)?;
    let file = File::create(path.join("lock")).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(RaftError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Whose log it is: what it says, and otherwise, from then on, `identity`.
fn claim(config: &RaftConfig, found: &Found, identity: &mut Identity) -> Result<Option<Identity>, RaftError> {
    match &found.identity {
        Some(known) if known.name == config.node_id => {
            identity.clone_from(known);
            Ok(None)
        }
        Some(other) => Err(RaftError::OtherNode {
            path: config.data_dir.clone(),
            configured: config.node_id.clone(),
            found: other.name.clone(),
        }),
        None => Ok(Some(identity.clone())),
    }
}

fn storage(health: &Health, error: &dyn std::fmt::Display) -> RaftError {
    RaftError::Storage(health.word(error))
}

//! From a data directory to a node that leads, or follows.

use std::sync::Arc;
use std::time::Duration;

use chronos_env::{Env, Loops};
use chronos_peer::{Caller, Transport};
use chronos_state::Machine;
use openraft::{Config, SnapshotPolicy};

use crate::comparison::handle::Comparison;
use crate::config::{LogLimits, ReplicaConfig};
use crate::error::ReplicaError;
use crate::lead::Lead;
use crate::leader::LeaderClient;
use crate::log::handle::Log;
use crate::log::holds::Holds;
use crate::log::upkeep;
use crate::membership::handle::Membership;
use crate::membership::state::MemberState;
use crate::metrics::Metrics;
use crate::network::addresses::Addresses;
use crate::network::peer::Network;
use crate::presence::activity::Activity;
use crate::presence::followers::Followers;
use crate::presence::handle::Presence;
use crate::presence::itself::Itself;
use crate::presence::judge::Times;
use crate::presence::lease::Lease;
use crate::presence::observer::Observer;
use crate::presence::survey::Survey;
use crate::raft::Raft;
use crate::service::PeerService;
use crate::state::file::Sink;
use crate::state::snapshot::incoming::IncomingCopy;
use crate::state::snapshot::outgoing::OutgoingCopies;
use crate::storage::Storage;
use crate::types::Member;

/// An election takes at most this many times the shortest time-out, in all but rare cases. A node that is not
/// heard from for longer is not counted on.
const STALE_ELECTIONS: u64 = 4;

/// A node that is behind by more than this gets no new runs. They are planned two seconds ahead: what it is given until
/// then it still has in time.
const KEEPS_UP: Duration = Duration::from_secs(1);

/// What a replica needs beside its settings.
pub struct Dependencies {
    /// The state, open.
    pub machine: Machine,
    /// Is told of every change of the state.
    pub sink: Sink,
    /// The way to other nodes.
    pub transport: Arc<dyn Transport>,
    /// Who this node is to them. The id of the cluster is set here, once it is known.
    pub caller: Caller,
    /// What this node does with its runs.
    pub activity: Arc<Activity>,
    /// What is counted.
    pub metrics: Metrics,
    /// The loops of this node, and what it cannot go on with.
    pub loops: Loops,
    /// Threads, timers and randomness.
    pub env: Env,
}

impl std::fmt::Debug for Dependencies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dependencies").field("caller", &self.caller).finish_non_exhaustive()
    }
}

/// A replica, part by part.
pub(crate) struct Parts {
    pub log: Arc<Log>,
    pub membership: Arc<Membership>,
    pub presence: Arc<Presence>,
    pub leader: LeaderClient,
    pub comparison: Arc<Comparison>,
    pub service: Arc<PeerService>,
    pub metrics: Metrics,
}

/// See [`crate::Replica::start`].
pub(crate) async fn start(config: &ReplicaConfig, dependencies: Dependencies) -> Result<Parts, ReplicaError> {
    let Dependencies { machine, sink, transport, caller, activity, metrics, loops, env } = dependencies;
    let mut raft_config = raft_config(config)?;
    let cluster = caller.cluster;
    let mut storage = Storage::open(config, machine, sink, &cluster, &metrics, loops.fault(), &env)?;
    let (id, copies, health) = (storage.id, storage.copies.clone(), storage.health.clone());

    let addresses = Addresses::default();
    let followers = Arc::new(Followers::new(env.clone(), config.reassign_after));
    let lead = Arc::<Lead>::default();
    let holds = Arc::new(Holds::new(config.log.hold_for));
    let outgoing = Arc::new(OutgoingCopies::new(holds.clone(), env.clone()));
    let network = Network {
        transport: transport.clone(),
        addresses: addresses.clone(),
        outgoing: outgoing.clone(),
        followers: followers.clone(),
        lead: lead.clone(),
        health: health.clone(),
        metrics: metrics.clone(),
        holds: holds.clone(),
    };
    let state_store = storage.state_store(outgoing.clone());
    // A node whose state is not that of most nodes does not lead.
    raft_config.enable_elect = !storage.differences.differs();
    let raft = Raft::new(id, Arc::new(raft_config), network, storage.log.clone(), state_store).await;
    let raft = raft.map_err(|fatal| ReplicaError::Storage(health.word(&fatal)))?;
    followers.follow(raft.clone());
    let found = (storage.differences.clone(), storage.keys.clone());
    let itself = Itself::new(raft.clone(), activity, health.clone(), found, env.clone());
    let survey = Survey::new(followers, itself, times(config));
    let lease = Lease::new(env.clone(), config.reassign_after);
    let (observer, observed) =
        Observer::new(raft.clone(), id, config.node_id.clone(), survey, lease, metrics.clone());

    let state_file = config.data_dir.join("state.db");
    let mut running = vec![
        loops.start("addresses", addresses.follow(raft.clone())),
        loops.start("copies", outgoing.tidy()),
        loops.start("purge", upkeep::purge(raft.clone(), storage.log.clone(), holds, config.log, state_file)),
    ];
    if let Some(check) = storage.check.take() {
        running.push(loops.start("state check", check.run()));
    }
    let cut_off = observed.cut_off.clone();
    metrics.standing.follow(raft.metrics(), cut_off.clone());
    let mut log = Log::new(config.node_id.clone(), cluster, storage, raft, lead, cut_off, loops);
    log.keep(running);
    let log = Arc::new(log);
    let leader = LeaderClient { log: log.clone(), transport };
    let founds = config.bootstrap.then(|| cluster_id(&env));
    let presence = Arc::new(Presence::new(leader.clone(), observed));
    let membership = Arc::new(Membership::new(leader.clone(), presence.clone(), config, founds));
    let comparison = Arc::new(Comparison::new(leader.clone(), config.compare, metrics.clone()));
    let incoming = IncomingCopy::new(copies, env.clone());
    let received = metrics.copies.received.clone();
    let service = PeerService::new(log.clone(), membership.clone(), presence.clone(), incoming, received);
    let service = Arc::new(service);
    let parts = Parts { log, membership, presence, leader, comparison, service, metrics };

    let was_member = tokio::select! {
        biased;
        fault = health.fault().reported() => return Err(ReplicaError::Storage(fault)),
        found = found_or_rejoin(&parts, config, observer, &env) => found?,
    };
    parts.membership.keep(was_member);
    parts.comparison.keep();
    Ok(parts)
}

/// Founds a cluster where there is nobody to ask whether there is one. Where this node is all of its cluster,
/// waits until it leads and the state is what it was. Returns whether this node is a member already.
async fn found_or_rejoin(
    parts: &Parts,
    config: &ReplicaConfig,
    observer: Observer,
    env: &Env,
) -> Result<bool, ReplicaError> {
    let Parts { log, membership, presence, .. } = parts;
    let (raft, joiner) = (&log.raft, &membership.joiner);
    let initialized = raft.is_initialized().await.map_err(|fatal| log.failed(&fatal))?;
    if config.advertise.is_empty() {
        stands_alone(log, config, initialized)?;
    }
    let mut alone = initialized && raft.voter_ids().eq([log.id()]);
    // A node that was taken into a cluster never founds one, even if nothing of it has come yet.
    if !initialized && log.cluster.get().is_none() && joiner.founds_alone() {
        joiner.found().await?;
        alone = true;
    }
    if alone && log.cluster.get().is_none() {
        log.adopt(cluster_id(env)).await?;
    }
    if !alone {
        presence.keep_up_to_date(observer);
        return Ok(initialized);
    }
    // Nobody else can lead: there is nothing to wait for.
    joiner.state.send_replace(MemberState::Member);
    raft.trigger().elect(false).await.map_err(|fatal| log.failed(&fatal))?;
    raft.wait_for_recovery(None).await.map_err(|error| log.failed(&error))?;
    let mut leadership = log.leadership();
    let leads = leadership.wait_for(|now| now.is_leader).await;
    leads.map_err(|_| ReplicaError::Storage("raft ended while it was starting".to_owned()))?;
    observer.look();
    presence.keep_up_to_date(observer);
    Ok(true)
}

/// Refuses to have a node that no other can reach take part in a cluster of several.
fn stands_alone(log: &Log, config: &ReplicaConfig, initialized: bool) -> Result<(), ReplicaError> {
    let now = log.figures();
    let others = now.membership_config.nodes().filter(|(id, _)| **id != log.id());
    let mut others: Vec<_> = others.map(|(_, member): (_, &Member)| member.name.as_str()).collect();
    if !initialized && log.cluster.get().is_some() {
        // It was taken in, and has heard of nobody yet.
        others.push("others");
    }
    if others.is_empty() {
        return Ok(());
    }
    Err(ReplicaError::NotAlone { path: config.data_dir.clone(), others: others.join(", ") })
}

/// How long silence, and being behind, may last.
fn times(config: &ReplicaConfig) -> Times {
    Times {
        reassign_after: config.reassign_after,
        stale_after: Duration::from_millis(config.election_timeout_ms * STALE_ELECTIONS),
        // A follower hears with one heartbeat what is committed, and says with the next that it has applied it.
        keeps_up: KEEPS_UP + Duration::from_millis(config.heartbeat_interval_ms * 3),
    }
}

/// An id for a cluster that is to be founded.
fn cluster_id(env: &Env) -> String {
    format!("{:032x}", u128::from_le_bytes(env.random_bytes()))
}

fn raft_config(config: &ReplicaConfig) -> Result<Config, ReplicaError> {
    let LogLimits { snapshot_entries, keep_entries, .. } = config.log;
    let raft_config = Config {
        cluster_name: "chronos".to_owned(),
        heartbeat_interval: config.heartbeat_interval_ms,
        // Around the one that is configured: apart, so that two nodes seldom stand at once.
        election_timeout_min: config.election_timeout_ms * 3 / 5,
        election_timeout_max: config.election_timeout_ms * 6 / 5,
        enable_pre_vote: Some(true),
        // A leader that was away must ask again: its state may be older than what it had shown.
        enable_leader_restore: Some(false),
        // Many entries in one message: batches wait for each other's journey otherwise.
        max_payload_entries: 4_096,
        snapshot_policy: SnapshotPolicy::LogsSinceLast(snapshot_entries),
        // The log is cut by `log::upkeep`, which knows who still needs it.
        max_in_snapshot_log_to_keep: u64::MAX,
        // Beyond what the log keeps anyway, a follower gets a snapshot.
        replication_lag_threshold: snapshot_entries + keep_entries,
        // A node whose disk was put back to how it was gets again what it lacks. What most nodes have is not counted anew.
        allow_log_reversion: Some(true),
        // It has no limit of time of its own for a copy of the state: that arrives while its bytes move.
        ..Config::default()
    };
    raft_config.validate().map_err(|error| ReplicaError::Config(error.to_string()))
}

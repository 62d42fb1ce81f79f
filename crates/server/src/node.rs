//! Starts the parts of a node in the one order that works, and stops them in the other.

mod door;
mod parting;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chronos_dispatch::{self as dispatch, Dispatcher};
use chronos_engine::{self as engine, Cluster, ClusterConfig, reassign, retention, scheduler};
use chronos_env::{Env, Listener};
use chronos_http::{self as http, App};
use chronos_replica::{
    Activity, ChangeError, Dependencies, Proposer, Replayed, Replica, ReplicaConfig, Salvaged, StateChange,
    Store,
};
use chronos_state::backup::{self, Counts};
use chronos_state::{Effect, Machine};
use chronos_types::{NodeName, format_rfc3339};
use chronos_webhook::{Client, ClientConfig, Egress, Tester};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::{self, Config};
use crate::telemetry;
use parting::Parting;

/// Connections for reading the state. Reads are short; more would only compete for the two to
/// four cores that they run on.
const READERS: usize = 4;
/// Between looks at what is past its keeping.
const RETENTION_EVERY: Duration = Duration::from_secs(10);

/// Why a node does not start: one sentence for the operator, who can do something about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub String);

/// A node has stopped, and is or may be a member of its cluster still.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the node {name} is or may be a member of its cluster still: {error}")]
pub struct LeaveError {
    name: NodeName,
    error: ChangeError,
}

/// A running node.
pub struct Node {
    address: SocketAddr,
    replica: Replica,
    parting: Parting,
    stop_planning: CancellationToken,
    stop_serving: CancellationToken,
    stop_peers: CancellationToken,
    planning: Vec<JoinHandle<()>>,
    serving: JoinHandle<()>,
    peers: JoinHandle<()>,
}

impl Node {
    /// Starts a node. It serves when this returns.
    ///
    /// # Errors
    /// What it needs is not there, is in use, or was written by a newer Chronos.
    pub async fn start(config: Config, env: Env) -> Result<Self, StartError> {
        // Everything that the operator may have got wrong comes first, before anything is opened.
        let client = client(&config, &env)?;
        let tls = config
            .server
            .http
            .tls
            .as_ref()
            .map(|tls| http::tls(&tls.cert_file, &tls.key_file))
            .transpose()
            .map_err(StartError)?;
        let listener = listen(config.server.http.address, &env).await?;
        let address = listener.local_address().map_err(|error| StartError(error.to_string()))?;
        let door = door::open(&config.cluster, &env).await?;
        raise_file_limit();

        let directory = &config.cluster.data_dir;
        std::fs::create_dir_all(directory)
            .map_err(|error| StartError(format!("cluster.data_dir: {}: {error}", directory.display())))?;
        let path = directory.join("state.db");
        let opened = env.blocking(move || {
            let machine = Machine::open(&path)?;
            let readers = machine.readers(READERS)?;
            Ok::<_, chronos_state::StateError>((machine, readers))
        });
        let in_directory = |error: &dyn std::fmt::Display| {
            StartError(format!("cluster.data_dir: {}: {error}", directory.display()))
        };
        let (machine, readers) = opened.await.map_err(|error| in_directory(&error))?;
        let store = Store::new(Arc::new(readers), env.clone());

        let mut registry = telemetry::registry();
        let activity = Arc::<Activity>::default();
        let (dispatcher, inbox) = Dispatcher::channel(activity.clone());
        let (changed, changes) = mpsc::channel(1);
        let effects = dispatcher.clone();
        let sink = Box::new(move |change: StateChange| {
            let StateChange::Applied(mut applied) = change else {
                let _ = changed.try_send(());
                return effects.rescan();
            };
            let before = applied.effects.len();
            applied.effects.retain(|effect| !matches!(effect, Effect::DueChanged));
            if applied.effects.len() < before {
                // A full channel says the same already.
                let _ = changed.try_send(());
            }
            if !applied.effects.is_empty() {
                effects.effects(applied.effects);
            }
        });
        let replica_config = ReplicaConfig {
            node_id: config.cluster.node_id.clone(),
            data_dir: directory.clone(),
            heartbeat_interval_ms: config.cluster.raft.heartbeat_interval.as_millis(),
            election_timeout_ms: config.cluster.raft.election_timeout.as_millis(),
            advertise: door.advertise.clone(),
            http: address.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            tz_release: chronos_schedule::tz_release(),
            join: config.cluster.raft.join.clone(),
            bootstrap: config.cluster.bootstrap.unwrap_or(config.cluster.raft.join.is_empty()),
            max_voters: config.cluster.max_voters,
            reassign_after: config.cluster.reassign_after.as_std(),
            log: config.cluster.raft.log,
        };
        let dependencies = Dependencies {
            machine,
            sink,
            transport: door.transport.clone(),
            caller: door.caller.clone(),
            activity: activity.clone(),
            metrics: chronos_replica::Metrics::new(&mut registry),
            env: env.clone(),
        };
        let replica = Replica::start(replica_config, dependencies).await;
        let replica = replica.map_err(|error| StartError(error.to_string()))?;
        let stop_peers = CancellationToken::new();
        let peers = tokio::spawn(door.serve(replica.service(), stop_peers.clone())?);
        let proposer = Proposer::start(replica.clone(), env.clone());
        let metrics = engine::Metrics::new(&mut registry);

        Dispatcher::start(
            dispatch::Config {
                node: config.cluster.node_id.clone(),
                max_concurrent: config.dispatcher.max_concurrent,
                store: store.clone(),
                proposer: proposer.clone(),
                client: client.clone(),
                view: replica.presence().view(),
                env: env.clone(),
                metrics: dispatch::Metrics::new(&mut registry),
            },
            inbox,
        )
        .map_err(StartError)?;
        let stop_planning = CancellationToken::new();
        let scheduler = scheduler::Config {
            node: config.cluster.node_id.clone(),
            misfire_threshold: config.scheduler.misfire_threshold,
            catch_up_window: config.scheduler.catch_up_window,
            view: replica.presence().view(),
            store: store.clone(),
            proposer: proposer.clone(),
            env: env.clone(),
            metrics: metrics.clone(),
        };
        let retention = retention::Config {
            max_per_job: config.history.max_per_job,
            max_age: config.history.max_age,
            every: RETENTION_EVERY,
            data_dir: directory.clone(),
            store: store.clone(),
            proposer: proposer.clone(),
            env: env.clone(),
            metrics: metrics.clone(),
        };
        let reassign = reassign::Config {
            view: replica.presence().view(),
            store: store.clone(),
            proposer: proposer.clone(),
            env: env.clone(),
            metrics: metrics.clone(),
        };
        let parting = Parting {
            name: config.cluster.node_id.clone(),
            replica: replica.clone(),
            dispatcher: dispatcher.clone(),
            proposer: proposer.clone(),
            store: store.clone(),
            stopping: CancellationToken::new(),
        };
        let planning = vec![
            scheduler::start(scheduler, changes, stop_planning.clone())
                .map_err(|error| StartError(format!("no timer: {error}")))?,
            retention::start(retention, stop_planning.clone()),
            reassign::start(reassign, stop_planning.clone()),
            parting.when_asked(stop_planning.clone()),
        ];

        let cluster = Cluster::new(ClusterConfig {
            replica: replica.clone(),
            data_dir: directory.clone(),
            node: config.cluster.node_id.clone(),
            env: env.clone(),
        });
        let app = App {
            proposer: proposer.clone(),
            store: store.clone(),
            cluster: cluster.map_err(|error| in_directory(&error))?,
            activity,
            tester: Tester::new(client, env.clone()),
            env: env.clone(),
            metrics: http::Metrics::new(&mut registry),
            exposition: telemetry::exposition(registry),
            node_id: config.cluster.node_id.clone(),
            metrics_path: config.metrics.path.clone(),
            stopping: parting.stopping.clone(),
        };
        let stop_serving = CancellationToken::new();
        let serving = tokio::spawn(http::serve(listener, tls, http::router(app), stop_serving.clone()));
        tracing::info!(%address, node = config.cluster.node_id.as_str(), "serving");
        Ok(Self {
            address,
            replica,
            parting,
            stop_planning,
            stop_serving,
            stop_peers,
            planning,
            serving,
            peers,
        })
    }

    /// Makes the data directory of this node that of a new cluster, from a backup or from the data
    /// directory of a node that is stopped. Answers with what was done, for people.
    ///
    /// # Errors
    /// What it is to be made from is damaged, in use or from a newer Chronos, or there is data in the
    /// directory. Nothing is changed then.
    pub fn restore(config: &Config, from: &Path) -> Result<String, StartError> {
        let config::Cluster { node_id, data_dir, .. } = &config.cluster;
        let failed = |error: &dyn std::fmt::Display| StartError(error.to_string());
        let done = |Counts { jobs, executions }, at| {
            let (at, data_dir) = (format_rfc3339(at), data_dir.display());
            format!(
                "{jobs} jobs and {executions} executions, as of {at}, are in {data_dir}; start the node {node_id}, \
                 and it is a new cluster"
            )
        };
        if !from.is_dir() {
            let info = backup::restore(from, data_dir, node_id).map_err(|error| failed(&error))?;
            return Ok(done(Counts { jobs: info.jobs, executions: info.executions }, info.at));
        }
        let Salvaged { counts, replayed } =
            chronos_replica::salvage(from, data_dir, node_id).map_err(|error| failed(&error))?;
        let Replayed { node, entries, end, at } = replayed;
        let done = done(counts, at);
        Ok(format!("{done}\n{entries} entries of the log of {node} were replayed; it ends with {end}"))
    }

    /// Where the API listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Resolves with the reason when the node cannot go on: its storage failed in a way that
    /// waiting does not cure. The process should end, loudly.
    pub async fn fault(&self) -> String {
        self.replica.fault().await
    }

    /// Stops in order: no more plans, no more attempts; what is not begun goes to other nodes; what is
    /// under way ends, is reported, and only then the log is closed. Clients are answered all the while.
    pub async fn stop(self) {
        // What can fail is to leave.
        let _ = self.end(false).await;
    }

    /// Stops in order, and is no member of its cluster any more: for a node that will not come back.
    ///
    /// # Errors
    /// It has stopped, and is or may be a member still.
    pub async fn leave(self) -> Result<(), LeaveError> {
        let name = self.parting.name.clone();
        self.end(true).await.map_err(|error| LeaveError { name, error })
    }

    async fn end(mut self, leave: bool) -> Result<(), ChangeError> {
        tracing::info!("stopping: no new attempts; waiting for those under way");
        self.parting.hand_on().await;
        self.stop_planning.cancel();
        for task in std::mem::take(&mut self.planning) {
            // It was cancelled, or had failed on its own and said so.
            let _ = task.await;
        }
        self.parting.end_firing().await;
        self.stop_serving.cancel();
        let _ = (&mut self.serving).await;
        // What came since: a retry, a run planned for this node, what was asked for by hand.
        self.parting.hand_over(&HashSet::new()).await;
        let left = if leave { self.replica.membership().leave().await } else { Ok(()) };
        match &left {
            Ok(()) if leave => tracing::info!("left the cluster"),
            Ok(()) => {}
            Err(error) => tracing::error!(%error, "this node is or may be a member of the cluster still"),
        }
        self.replica.shutdown().await;
        self.stop_peers.cancel();
        let _ = (&mut self.peers).await;
        tracing::info!("stopped");
        left
    }
}

fn client(config: &Config, env: &Env) -> Result<Client, StartError> {
    let http = &config.dispatcher.http;
    let client = ClientConfig {
        timeout: http.timeout.as_std(),
        max_response_body: http.max_response_body,
        ca_file: http.tls.ca_file.clone(),
        egress: Egress { deny: http.egress.deny.clone(), allow: http.egress.allow.clone() },
    };
    Client::new(&client, env.clone()).map_err(|why| StartError(format!("dispatcher.http.tls.ca_file: {why}")))
}

async fn listen(address: SocketAddr, env: &Env) -> Result<Box<dyn Listener>, StartError> {
    env.listen(&address.to_string())
        .await
        .map_err(|error| StartError(format!("server.http.address: cannot listen on {address}: {error}")))
}

/// Each connection is an open file, and the usual limit of 1,024 is for programs that use
/// `select(2)`. We may raise it to the hard limit without asking.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
    {
        tracing::warn!(%error, ?limit, "the limit on open files stays as it is");
    }
}

//! Starts the parts of a node in the one order that works, and stops them in the other.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chronos_state::{Effect, Machine};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::dispatch::{self, Client, ClientConfig, Dispatcher, Tester};
use crate::env::{BoxFuture, Env};
use crate::http::{self, App};
use crate::peer::{Answer, Body, Caller, Lane, PeerError, Transport};
use crate::proposer::Proposer;
use crate::raft::{Handed, Raft, RaftConfig};
use crate::store::Store;
use crate::telemetry::Metrics;
use crate::{retention, scheduler};

/// Connections for reading the state. Reads are short; more would only compete for the two to
/// four cores that they run on.
const READERS: usize = 4;
/// How long attempts under way may take to end when the node stops.
const GRACE: Duration = Duration::from_secs(30);
/// Between looks at what is past its keeping.
const RETENTION_EVERY: Duration = Duration::from_secs(10);

/// Why a node does not start: one sentence for the operator, who can do something about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub String);

/// A running node.
pub struct Node {
    address: SocketAddr,
    raft: Raft,
    dispatcher: dispatch::Handle,
    proposer: Proposer,
    store: Store,
    stop_planning: CancellationToken,
    stop_serving: CancellationToken,
    planning: Vec<JoinHandle<()>>,
    serving: JoinHandle<()>,
    env: Env,
}

impl Node {
    /// Starts a node. It serves when this returns.
    ///
    /// # Errors
    /// What it needs is not there, is in use, or was written by a newer Chronos.
    pub async fn start(config: Config, env: Env) -> Result<Self, StartError> {
        // Everything that the operator may have got wrong comes first, before anything is opened.
        let client = client(&config, &env)?;
        let tls = config.server.http.tls.as_ref().map(http::tls).transpose().map_err(StartError)?;
        let listener = listen(config.server.http.address).await?;
        let address = listener.local_addr().map_err(|error| StartError(error.to_string()))?;
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

        let (dispatcher, inbox) = Dispatcher::channel();
        let (changed, changes) = mpsc::channel(1);
        let effects = dispatcher.clone();
        let sink = Box::new(move |handed: Handed| {
            let Handed::Applied(mut applied) = handed else {
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
        let raft_config = RaftConfig {
            node_id: config.cluster.node_id.clone(),
            data_dir: directory.clone(),
            heartbeat_interval_ms: config.cluster.raft.heartbeat_interval.as_millis(),
            election_timeout_ms: config.cluster.raft.election_timeout.as_millis(),
            advertise: String::new(),
            http: address.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            tz_release: String::new(),
            join: Vec::new(),
            bootstrap: true,
            max_voters: 5,
            reassign_after: Duration::from_secs(5),
        };
        let caller = Caller { node: config.cluster.node_id.clone(), cluster: Arc::default() };
        let raft = Raft::start(raft_config, machine, sink, Arc::new(Alone), caller, &env)
            .await
            .map_err(|error| StartError(error.to_string()))?;
        let proposer = Proposer::start(raft.clone(), env.clone());
        let metrics = Metrics::new();

        Dispatcher::start(
            dispatch::Config {
                node: config.cluster.node_id.clone(),
                max_concurrent: config.dispatcher.max_concurrent,
                store: store.clone(),
                proposer: proposer.clone(),
                client: client.clone(),
                env: env.clone(),
                metrics: metrics.clone(),
            },
            inbox,
        )
        .await
        .map_err(StartError)?;
        let stop_planning = CancellationToken::new();
        let scheduler = scheduler::Config {
            node: config.cluster.node_id.clone(),
            misfire_threshold: config.scheduler.misfire_threshold,
            catch_up_window: config.scheduler.catch_up_window,
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
        let planning = vec![
            scheduler::start(scheduler, changes, stop_planning.clone())
                .map_err(|error| StartError(format!("no timer: {error}")))?,
            retention::start(retention, stop_planning.clone()),
        ];

        let app = App {
            proposer: proposer.clone(),
            store: store.clone(),
            tester: Tester::new(client, env.clone()),
            env: env.clone(),
            metrics,
            node_id: config.cluster.node_id.clone(),
            metrics_path: config.metrics.path.clone(),
        };
        let stop_serving = CancellationToken::new();
        let serving = tokio::spawn(http::serve(listener, tls, http::router(app), stop_serving.clone()));
        tracing::info!(%address, node = config.cluster.node_id, "serving");
        Ok(Self {
            address,
            raft,
            dispatcher,
            proposer,
            store,
            stop_planning,
            stop_serving,
            planning,
            serving,
            env,
        })
    }

    /// Where the API listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Resolves with the reason when the node cannot go on: its storage failed in a way that
    /// waiting does not cure. The process should end, loudly.
    pub async fn fault(&self) -> String {
        self.raft.fault().await
    }

    /// Stops in order: no more plans, no more attempts; those under way end, are reported, and
    /// only then the log is closed. Clients are answered all the while.
    pub async fn stop(self) {
        tracing::info!("stopping: no new attempts; waiting for those under way");
        self.stop_planning.cancel();
        for task in self.planning {
            // It was cancelled, or had failed on its own and said so.
            let _ = task.await;
        }
        self.dispatcher.stop(GRACE).await;
        self.stop_serving.cancel();
        let _ = self.serving.await;
        self.raft.shutdown().await;
        tracing::info!("stopped");
    }

    pub(crate) fn proposer(&self) -> &Proposer {
        &self.proposer
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn env(&self) -> &Env {
        &self.env
    }
}

/// The way to other nodes, of a node that is its whole cluster.
#[derive(Debug)]
struct Alone;

impl Transport for Alone {
    fn call<'a>(
        &'a self,
        to: &'a str,
        _: Lane,
        _: &'static str,
        _: Bytes,
        _: Duration,
    ) -> BoxFuture<'a, Answer> {
        Box::pin(async move { Err(PeerError::Unreachable(format!("there is no way to {to}"))) })
    }

    fn upload<'a>(&'a self, to: &'a str, _: &'static str, _: Bytes, _: Body) -> BoxFuture<'a, Answer> {
        Box::pin(async move { Err(PeerError::Unreachable(format!("there is no way to {to}"))) })
    }
}

fn client(config: &Config, env: &Env) -> Result<Client, StartError> {
    let http = &config.dispatcher.http;
    let client = ClientConfig {
        timeout: http.timeout.as_std(),
        max_response_body: http.max_response_body,
        ca_file: http.tls.ca_file.clone(),
        egress: dispatch::Egress { deny: http.egress.deny.clone(), allow: http.egress.allow.clone() },
    };
    Client::new(&client, env.clone()).map_err(|why| StartError(format!("dispatcher.http.tls.ca_file: {why}")))
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
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

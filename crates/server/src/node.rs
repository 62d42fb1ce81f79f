//! Starts the parts of a node in the one order that works, and stops them in the other.

mod data_dir;
mod descriptors;
mod drain;
mod effects;
mod error;
mod local_key;
mod parts;
mod peers;
#[cfg(feature = "next")]
mod probe;
mod restore;

use std::net::SocketAddr;
use std::sync::Arc;

use chronos_dispatch::{self as dispatch, Dispatcher};
use chronos_engine::{
    self as engine, AuditLog, Cluster, ClusterClock, ClusterWatch, Engine, EventFeeder, EventHub, Events,
    KeyKeeper, KeyRing, KeyTeller, OperationRunner, Pauses, Planner, Quota, Readiness, Reassignment,
    Remainders, Retention, Schedules, SealingMemory, SealingRunner, SearchFeeder, Services, TimetableHandle,
    TimetableKeeper,
};
use chronos_env::{Env, Loop, Loops};
use chronos_http::{self as http, App};
use chronos_replica::{Activity, ChangeError, Dependencies, Proposer, Replica};
use chronos_search::Search;
use chronos_webhook::Tester;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, MetricsAuth};
use crate::telemetry;
use descriptors::Descriptors;
use drain::Drain;
use effects::EffectRouter;
use local_key::LocalKey;
use parts::Endpoints;

pub use error::{LeaveError, StartError};
pub use local_key::local_token;
pub use restore::restore;

/// What it means that a node has no encryption key.
const IN_THE_CLEAR: &str = "security.encryption_keys is not set: the credentials of jobs, and secrets, are in the clear in the \
                            log, the state, copies for other nodes and backups; whoever can read the disk or a backup \
                            of this node has them";

/// A running node.
pub struct Node {
    address: SocketAddr,
    replica: Replica,
    drain: Drain,
    /// All of its loops, those of its parts included.
    loops: Loops,
    /// Those that plan and keep: they stop first.
    running: Vec<Loop>,
    stop_serving: CancellationToken,
    stop_peers: CancellationToken,
    serving: Loop,
    /// None where it listens for no other nodes.
    peers: Option<Loop>,
}

impl Node {
    /// Starts a node. It serves when this returns.
    ///
    /// # Errors
    /// What it needs is not there, is in use, or was written by a newer Chronos.
    pub async fn start(config: Config, env: Env) -> Result<Self, StartError> {
        let mut registry = telemetry::registry();
        let descriptors = Descriptors::take(config.dispatcher.max_concurrent, &mut registry);
        let called = chronos_webhook::Metrics::new(&mut registry);
        // Everything that the operator may have got wrong comes first, before anything is opened.
        let endpoints = Endpoints::open(&config, descriptors.idle, called, &env).await?;
        let Endpoints { client, listener, address, tls, peers } = endpoints;
        let keyring = parts::keyring(&config.security.encryption_keys)?;
        if keyring.first().is_none() {
            tracing::warn!("{IN_THE_CLEAR}");
        }
        let directory = &config.cluster.data_dir;
        env.register(&mut registry);
        let counted = chronos_replica::Metrics::new(&mut registry);
        let (machine, store) = parts::open_state(directory, counted.clone(), &env).await?;

        let configured = parts::keys(config.auth.as_ref());
        let local = configured.is_some().then(|| LocalKey::new(&env));
        let (asks, configured) = (configured.is_some(), configured.unwrap_or_default());
        let own = configured.into_iter().chain(local.as_ref().map(LocalKey::own)).collect();
        let ring = KeyRing::new(env.clone(), asks, config.security.scope_tag.clone(), own);
        ring.load(&store).await.map_err(|error| data_dir::in_directory(directory, &error))?;
        if asks && tls.is_none() && !address.ip().is_loopback() {
            tracing::warn!(%address, "keys are sent to this address in the clear, unless a proxy in front of it speaks TLS");
        }

        let loops = Loops::new(&env);
        let activity = Arc::<Activity>::default();
        let (dispatcher, inbox) = Dispatcher::channel(activity.clone());
        let (planning, planner) = Planner::channel();
        let timetable = TimetableHandle::new(env.now());
        let search = Search::start(&env, directory);
        let search = search.map_err(|error| StartError(format!("the threads of the search: {error}")))?;
        let events = EventHub::new(&mut registry);
        let (router, remains) = EffectRouter::new(
            dispatcher.clone(),
            planning,
            timetable.clone(),
            search.clone(),
            events.clone(),
            ring.clone(),
        );
        let dependencies = Dependencies {
            machine,
            sink: Box::new(move |change| router.route(change)),
            transport: peers.transport.clone(),
            caller: peers.caller.clone(),
            activity: activity.clone(),
            metrics: counted,
            loops: loops.clone(),
            env: env.clone(),
        };
        let replica = parts::replica(&config.cluster, &keyring, peers.advertise.clone(), address.to_string());
        let replica = Replica::start(replica, dependencies).await;
        let replica = replica.map_err(|error| StartError(error.to_string()))?;
        // Only now the directory is this node's alone.
        if let Some(local) = local {
            let written = local.write(directory, &env).await;
            written.map_err(|error| data_dir::in_directory(directory, &error))?;
        }
        let members = replica.clone();
        client.protect(peers.address, move || {
            members.status().members.into_iter().filter_map(|member| member.address).collect()
        });
        let stop_peers = CancellationToken::new();
        let credentials = peers.credentials.clone();
        let peers = peers.serve(replica.service(), descriptors.peers, stop_peers.clone());
        let peers = peers.map(|peers| loops.start("peers", peers));
        let metrics = engine::Metrics::new(&mut registry);
        let services = Services {
            node: config.cluster.node_id.clone(),
            proposer: Proposer::start(replica.clone()),
            view: replica.presence().view(),
            activity: activity.clone(),
            keyring,
            sealing: SealingMemory::default(),
            quota: Quota::new(config.history.max_bytes, store.clone(), metrics.clone()),
            misfire_threshold: config.scheduler.misfire_threshold,
            scope_tag: config.security.scope_tag.as_deref().map(Into::into),
            metrics,
            env,
            store,
        };
        services.proposer.ask(Arc::new(services.quota.clone()));
        let wording = Arc::new(http::Wording::new(Schedules::new(services.clone())));
        let background = Services { store: services.store.in_background(), ..services.clone() };
        let mut sealing = SealingRunner::new(background.clone(), wording.clone());
        let looked = sealing.look_first().await;
        looked.map_err(|error| data_dir::in_directory(directory, &error))?;

        let dispatch = dispatch::Config {
            node: services.node.clone(),
            max_concurrent: descriptors.slots,
            store: services.store.clone(),
            proposer: services.proposer.clone(),
            client: client.clone(),
            keyring: services.keyring.clone(),
            lease: replica.presence().lease(),
            env: services.env.clone(),
            metrics: dispatch::Metrics::new(&mut registry),
            loops: loops.clone(),
        };
        Dispatcher::start(dispatch, inbox).map_err(StartError)?;
        let stopping = CancellationToken::new();
        let drain = Drain {
            services: services.clone(),
            replica: replica.clone(),
            dispatcher,
            stopping: stopping.clone(),
        };
        let planner = Planner::new(services.clone(), parts::planner(&config), planner)
            .map_err(|error| StartError(format!("no timer: {error}")))?;
        let for_events = Services { store: services.store.for_events(), ..services.clone() };
        let retention = Retention::new(background.clone(), parts::retention(&config));
        let cluster = Cluster::new(services.clone(), replica.clone(), ring.clone(), directory).await;
        let cluster = cluster.map_err(|error| data_dir::in_directory(directory, &error))?;
        let readiness = Readiness::new(services.proposer.clone(), services.view.clone(), activity, stopping);
        let engine = Engine::new(
            &services,
            timetable.clone(),
            Events::new(services.clone(), replica.clone(), events.clone()),
            cluster,
            readiness,
            search.clone(),
            wording,
            ring.clone(),
        );
        let search = SearchFeeder::new(background.clone(), search)
            .map_err(|error| StartError(format!("no thread for the search file: {error}")))?;
        let audit_log = config.audit.log.then(|| AuditLog::new(background.clone()).run());
        let mut running = vec![
            loops.start("planner", planner.run()),
            loops.start("retention", retention.run()),
            loops.start("clock", ClusterClock::new(background.clone()).run()),
            loops.start("pauses", Pauses::new(background.clone()).run()),
            loops.start("remainders", Remainders::new(background.clone(), remains).run()),
            loops.start("timetable", TimetableKeeper::new(background.clone(), timetable).run()),
            loops.start("search", search.run()),
            loops.start("events", EventFeeder::new(for_events, events.clone()).run()),
            loops.start("cluster-events", ClusterWatch::new(services.clone(), replica.clone(), events).run()),
            loops.start(
                "operations",
                OperationRunner::new(background.clone(), engine.operations.clone()).run(),
            ),
            loops.start("sealing", sealing.run()),
            loops.start("reassignment", Reassignment::new(background).run()),
            loops.start("keys", KeyKeeper::new(services.clone(), ring.clone()).run()),
            loops.start("key-uses", KeyTeller::new(services.clone(), ring).run()),
            loops.start("removal", drain.clone().leave_when_asked()),
            #[cfg(feature = "next")]
            loops.start("probe", probe::run(services.clone())),
        ];
        running.extend(audit_log.map(|log| loops.start("audit-log", log)));

        let served = http::Metrics::new(&mut registry);
        let app = App {
            engine,
            tester: Tester::new(client, services.env.clone()),
            metrics: served.clone(),
            guard: parts::guard(&config.security),
            limits: http::Limits::default(),
            exposition: telemetry::exposition(registry),
            metrics_path: config.metrics.path.clone(),
            metrics_are_open: config.metrics.auth == Some(MetricsAuth::None),
        };
        if let Some(tls) = &tls {
            running.push(loops.start("api-certificate", tls.clone().follow(services.env.clone())));
        }
        if let Some(credentials) = credentials {
            running.push(loops.start("peer-certificates", credentials.follow()));
        }
        replica.membership().raise_alone().await;
        let stop_serving = CancellationToken::new();
        let router = http::router(app);
        let serving = http::serve(listener, tls, router, descriptors.api, served, stop_serving.clone());
        let serving = loops.start("api", serving);
        tracing::info!(%address, node = services.node.as_str(), "serving");
        Ok(Self { address, replica, drain, loops, running, stop_serving, stop_peers, serving, peers })
    }

    /// Where the API listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Resolves with the reason when the node cannot go on: its storage failed in a way that
    /// waiting does not cure, or one of its loops ended. The process should end, loudly.
    pub async fn fault(&self) -> String {
        self.loops.fault().reported().await
    }

    /// The names of its loops: the end of any of them is a fault.
    #[must_use]
    pub fn loops(&self) -> Vec<&'static str> {
        self.loops.names()
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
        let name = self.drain.services.node.clone();
        self.end(true).await.map_err(|error| LeaveError { name, error })
    }

    async fn end(mut self, leave: bool) -> Result<(), ChangeError> {
        tracing::info!("stopping: no new attempts; waiting for those under way");
        self.loops.stop();
        self.drain.step_down().await;
        for running in self.running.drain(..) {
            running.stop().await;
        }
        let closed = self.drain.end_firing().await;
        self.stop_serving.cancel();
        self.serving.ended().await;
        // What came since: a retry, a run planned for this node, what was asked for by hand.
        self.replica.presence().stop_is_known().await;
        self.drain.hand_over(&closed, |_| false).await;
        let left = if leave { self.replica.membership().leave().await } else { Ok(()) };
        match &left {
            Ok(()) if leave => tracing::info!("left the cluster"),
            Ok(()) => {}
            Err(error) => tracing::error!(%error, "this node is or may be a member of the cluster still"),
        }
        self.replica.shutdown().await;
        self.stop_peers.cancel();
        if let Some(peers) = &mut self.peers {
            peers.ended().await;
        }
        tracing::info!("stopped");
        left
    }
}

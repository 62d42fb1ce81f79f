//! The parts of a node as its configuration wants them: the one place where keys become the settings of a part.

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use chronos_engine::{OwnKey, PlannerConfig, RetentionConfig};
use chronos_env::{Env, Listener};
use chronos_http as http;
use chronos_replica::{ReplicaConfig, Store};
use chronos_seal::{EncryptionKey, Keyring};
use chronos_state::{Machine, StateError};
use chronos_webhook::{Client, ClientConfig, Egress};

use super::data_dir::{self, in_directory};
use super::error::StartError;
use super::peers::Peers;
use crate::config::{self, ApiKey, Auth, Cluster, Config, DispatcherHttp, Security, Tls};

/// Bytes that are read of a file with a key.
const MAX_KEY_FILE: u64 = 4_096;

/// Where a node listens, and what it calls targets with.
pub(super) struct Endpoints {
    /// Calls webhooks.
    pub client: Client,
    /// Where the API listens.
    pub listener: Box<dyn Listener>,
    /// The address that it has there.
    pub address: SocketAddr,
    /// How the API speaks TLS, where it does.
    pub tls: Option<http::Tls>,
    /// How other nodes and this one reach each other.
    pub peers: Peers,
}

impl Endpoints {
    /// Takes the ports, and reads the certificates: all that the operator may have got wrong.
    pub(super) async fn open(
        config: &Config,
        idle: usize,
        metrics: chronos_webhook::Metrics,
        env: &Env,
    ) -> Result<Self, StartError> {
        let client = client(&config.dispatcher.http, idle, metrics, env)?;
        let tls = config.server.http.tls.as_ref();
        let read = |tls: &Tls| http::Tls::read(tls.cert_file.clone(), tls.key_file.clone());
        let tls = tls.map(read).transpose().map_err(StartError)?;
        let listener = listen(config.server.http.address, env).await?;
        let address = listener.local_address().map_err(|error| StartError(error.to_string()))?;
        let peers = Peers::open(&config.cluster, env).await?;
        Ok(Self { client, listener, address, tls, peers })
    }
}

fn client(
    http: &DispatcherHttp,
    max_idle: usize,
    metrics: chronos_webhook::Metrics,
    env: &Env,
) -> Result<Client, StartError> {
    if let Some(proxy) = http.proxy.as_ref().filter(|proxy| proxy.is_remote()) {
        tracing::warn!(
            %proxy,
            "dispatcher.http.proxy.resolve is remote: the proxy looks names up, so that no rule of \
             dispatcher.http.egress on addresses holds for a target that is named"
        );
    }
    let config::Egress { mode, deny, allow } = http.egress.clone();
    let client = ClientConfig {
        timeout: http.timeout.as_std(),
        max_response_body: http.max_response_body,
        ca_file: http.tls.ca_file.clone(),
        egress: Egress { mode, deny, allow },
        proxy: http.proxy.clone(),
        no_proxy: http.no_proxy.clone(),
        max_idle,
    };
    Client::new(&client, metrics, env.clone())
        .map_err(|why| StartError(format!("dispatcher.http.tls.ca_file: {why}")))
}

/// Which requests the API lets in.
pub(super) fn guard(security: &Security) -> http::Guard {
    http::Guard {
        allowed_hosts: security.allowed_hosts.clone(),
        cors_origins: security.cors_origins.clone(),
        trusted_proxies: security.trusted_proxies.clone(),
        ..http::Guard::default()
    }
}

async fn listen(address: SocketAddr, env: &Env) -> Result<Box<dyn Listener>, StartError> {
    env.listen(&address.to_string())
        .await
        .map_err(|error| cannot_listen("server.http.address", address, &error))
}

/// An address cannot be listened on.
pub(super) fn cannot_listen(key: &str, address: SocketAddr, error: &std::io::Error) -> StartError {
    StartError(format!(
        "{key}: cannot listen on {address}: {error}; expected an address of this machine, and a port that is free"
    ))
}

/// Opens the state, to be written and to be read. The directory is made where there is none.
pub(super) async fn open_state(
    directory: &Path,
    metrics: chronos_replica::Metrics,
    env: &Env,
) -> Result<(Machine, Store), StartError> {
    data_dir::make(directory)?;
    let (path, world) = (directory.join("state.db"), env.clone());
    let opened = env.blocking(move || {
        let machine = Machine::open(&path)?;
        #[cfg(feature = "planted-bugs")]
        let machine = machine.with_lost_nodes_word(world.has(chronos_env::Bug::TakesALostNodesWord));
        let store = Store::open(&machine, metrics, &world)?;
        Ok::<_, StateError>((machine, store))
    });
    opened.await.map_err(|error| in_directory(directory, &error))
}

/// The encryption keys. A message names the file, and nothing of what stands in it.
pub(super) fn keyring(files: &[PathBuf]) -> Result<Keyring, StartError> {
    let mut keys = Vec::with_capacity(files.len());
    for file in files {
        let refuse = |why: String| StartError(format!("security.encryption_keys: {}: {why}", file.display()));
        let text = read_key(file).map_err(|error| refuse(error.to_string()))?;
        let key = EncryptionKey::parse(&text).map_err(|error| refuse(error.to_string()))?;
        if keys.iter().any(|known: &EncryptionKey| known.id() == key.id()) {
            return Err(refuse("it has the key of another file; expected each key once".to_owned()));
        }
        keys.push(key);
    }
    Ok(Keyring::new(keys))
}

/// A key has 44 characters. What is far longer is none, and is not read to its end: it may have none.
fn read_key(file: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(file)?.take(MAX_KEY_FILE).read_to_string(&mut text)?;
    Ok(text)
}

/// What the log is told. Other nodes reach this one at `advertise`, if that is not empty, and show that its API is at
/// `http`.
pub(super) fn replica(
    cluster: &Cluster,
    keyring: &Keyring,
    advertise: String,
    http: String,
) -> ReplicaConfig {
    ReplicaConfig {
        node_id: cluster.node_id.clone(),
        data_dir: cluster.data_dir.clone(),
        heartbeat_interval_ms: cluster.raft.heartbeat_interval.as_millis(),
        election_timeout_ms: cluster.raft.election_timeout.as_millis(),
        advertise,
        http,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        tz_release: chronos_schedule::tz_release(),
        follows: chronos_state::VERSION,
        encryption_keys: keyring.ids().map(|id| id.to_string()).collect(),
        join: cluster.raft.join.clone(),
        bootstrap: cluster.bootstrap.unwrap_or(cluster.raft.join.is_empty()),
        max_voters: cluster.max_voters,
        reassign_after: cluster.reassign_after.as_std(),
        log: cluster.raft.log,
        compare: cluster.raft.compare,
    }
}

/// The keys of the configuration; none where clients are not asked for keys.
pub(super) fn keys(auth: Option<&Auth>) -> Option<Vec<OwnKey>> {
    let Some(Auth::Keys(keys)) = auth else { return None };
    let own = |key: &ApiKey| {
        let ApiKey { name, role, key_sha256: hash, expires_at, per_second, scope } = key.clone();
        OwnKey { id: hash.id(), name, role, hash, expires_at, per_second, scope, is_configured: true }
    };
    Some(keys.iter().map(own).collect())
}

/// What the planner is told.
pub(super) fn planner(config: &Config) -> PlannerConfig {
    PlannerConfig {
        misfire_threshold: config.scheduler.misfire_threshold,
        catch_up_window: config.scheduler.catch_up_window,
    }
}

/// What retention is told.
pub(super) fn retention(config: &Config) -> RetentionConfig {
    RetentionConfig {
        max_per_job: config.history.max_per_job,
        min_per_job: config.history.min_per_job,
        max_age: config.history.max_age,
        audit_max_age: config.audit.max_age,
        data_dir: config.cluster.data_dir.clone(),
    }
}

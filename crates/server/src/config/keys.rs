//! Every key and its default.
//!
//! A key stands in exactly one struct here, under its own name, and something reads it. What is
//! not a key, or not a value, stops the start.

use std::net::SocketAddr;
use std::path::PathBuf;

use chronos_replica::LogLimits;
use chronos_types::{DurationMs, NodeName};
use chronos_webhook::Network;
use serde::Deserialize;

use super::choices::{self, Auth, RaftTls};
use super::values;
use crate::telemetry::LogFormat;

/// The whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// This node, and the cluster it belongs to.
    pub cluster: Cluster,
    /// What clients reach.
    pub server: Server,
    /// When runs count as missed.
    pub scheduler: Scheduler,
    /// How webhooks are called.
    pub dispatcher: Dispatcher,
    /// How long records are kept.
    pub history: History,
    /// Who may call the API: `none` opens it to everybody who can reach it.
    pub auth: Option<Auth>,
    /// Where metrics are read.
    pub metrics: Metrics,
    /// How logs look.
    pub logging: Logging,
}

/// `cluster`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cluster {
    /// The name of this node. It never changes, since the record names the node that fires a run.
    #[serde(deserialize_with = "values::node_id")]
    pub node_id: NodeName,
    /// The directory of everything that this node remembers.
    pub data_dir: PathBuf,
    /// Whether this node founds a cluster. Where nothing is said, it does if it has nobody to join. Of nodes that
    /// join each other, one must. A node that must not, and has nobody to join, waits until it is added.
    pub bootstrap: Option<bool>,
    /// How many members have a vote. The others follow and fire.
    #[serde(deserialize_with = "values::max_voters")]
    pub max_voters: usize,
    /// How long a node may be silent before its executions are given to others, and before it starts no more
    /// itself. At least six fifths of the election timeout, and the same on all nodes.
    #[serde(deserialize_with = "values::duration")]
    pub reassign_after: DurationMs,
    /// The consensus.
    pub raft: Raft,
}

/// `cluster.raft`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Raft {
    /// Where this node listens for others.
    #[serde(deserialize_with = "values::address")]
    pub address: SocketAddr,
    /// Where others reach this node, `host:port`. Where nothing is said, it is `address`.
    #[serde(deserialize_with = "values::host_port")]
    pub advertise: Option<String>,
    /// Members of the cluster to join, `host:port`; any of them will do. A node that has data only tells them its
    /// new address, and hears from them whether it was removed.
    #[serde(deserialize_with = "values::hosts_ports")]
    pub join: Vec<String>,
    /// Who may speak to this node, and how it shows who it is.
    #[serde(deserialize_with = "choices::raft_tls")]
    pub tls: Option<RaftTls>,
    /// How often a leader sends a heartbeat.
    #[serde(deserialize_with = "values::duration")]
    pub heartbeat_interval: DurationMs,
    /// How long a leader may be silent before another one is elected: from three fifths of this to six fifths. At
    /// least five heartbeats.
    #[serde(deserialize_with = "values::duration")]
    pub election_timeout: DurationMs,
    /// How long the log may be. It is no key: only tests set it.
    #[serde(skip)]
    pub log: LogLimits,
}

/// `server`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// The API.
    pub http: Http,
}

/// `server.http`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Where the API listens.
    #[serde(deserialize_with = "values::address")]
    pub address: SocketAddr,
    /// Serves HTTPS where given.
    pub tls: Option<Tls>,
}

/// `server.http.tls`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate chain, PEM.
    pub cert_file: PathBuf,
    /// Its private key, PEM.
    pub key_file: PathBuf,
}

/// `scheduler`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scheduler {
    /// A run less late than this is simply run.
    #[serde(deserialize_with = "values::duration")]
    pub misfire_threshold: DurationMs,
    /// How far back `execute_all` reaches.
    #[serde(deserialize_with = "values::duration")]
    pub catch_up_window: DurationMs,
}

/// `dispatcher`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dispatcher {
    /// Attempts under way at once. One target holds at most as many as are still free, so half.
    #[serde(deserialize_with = "values::max_concurrent")]
    pub max_concurrent: usize,
    /// The HTTP client.
    pub http: DispatcherHttp,
}

/// `dispatcher.http`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DispatcherHttp {
    /// Time for an attempt where neither webhook nor job says.
    #[serde(deserialize_with = "values::duration")]
    pub timeout: DurationMs,
    /// Bytes kept of a response's body.
    #[serde(deserialize_with = "values::response_body")]
    pub max_response_body: usize,
    /// Whom to trust.
    pub tls: DispatcherTls,
    /// Which addresses may be reached.
    pub egress: Egress,
}

/// `dispatcher.http.tls`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DispatcherTls {
    /// Roots trusted beside the machine's own, PEM.
    pub ca_file: Option<PathBuf>,
}

/// `dispatcher.http.egress`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Egress {
    /// Ranges that no webhook may reach.
    #[serde(deserialize_with = "values::networks")]
    pub deny: Vec<Network>,
    /// Exceptions from them.
    #[serde(deserialize_with = "values::networks")]
    pub allow: Vec<Network>,
}

/// `history`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct History {
    /// Executions kept of each job.
    #[serde(deserialize_with = "values::max_per_job")]
    pub max_per_job: u64,
    /// Executions kept of each job whatever their age, as far as `max_per_job` allows.
    #[serde(deserialize_with = "values::min_per_job")]
    pub min_per_job: u64,
    /// How long an execution is kept.
    #[serde(deserialize_with = "values::duration")]
    pub max_age: DurationMs,
    /// The most bytes that records may take: jobs, versions, executions and idempotency keys. Past it the oldest
    /// history goes first.
    #[serde(deserialize_with = "values::max_bytes")]
    pub max_bytes: u64,
}

/// `metrics`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// The path at which metrics are read.
    #[serde(deserialize_with = "values::path")]
    pub path: String,
}

/// `logging`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Logging {
    /// The least level that is written.
    #[serde(deserialize_with = "values::level")]
    pub level: tracing::Level,
    /// How lines look.
    #[serde(deserialize_with = "values::format")]
    pub format: LogFormat,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            node_id: NodeName::unchecked("chronos-1"),
            data_dir: "./chronos-data".into(),
            bootstrap: None,
            max_voters: 5,
            reassign_after: DurationMs::from_secs(5),
            raft: Raft::default(),
        }
    }
}

impl Default for Raft {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 7000)),
            advertise: None,
            join: Vec::new(),
            tls: None,
            heartbeat_interval: DurationMs::from_millis(100),
            election_timeout: DurationMs::from_millis(500),
            log: LogLimits::default(),
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self { address: SocketAddr::from(([127, 0, 0, 1], 8080)), tls: None }
    }
}

impl Default for Scheduler {
    fn default() -> Self {
        Self {
            misfire_threshold: DurationMs::from_secs(60),
            catch_up_window: DurationMs::from_secs(24 * 3600),
        }
    }
}

impl Default for Dispatcher {
    fn default() -> Self {
        Self { max_concurrent: 1024, http: DispatcherHttp::default() }
    }
}

impl Default for DispatcherHttp {
    fn default() -> Self {
        Self {
            timeout: DurationMs::from_secs(30),
            max_response_body: 4 * 1024,
            tls: DispatcherTls::default(),
            egress: Egress::default(),
        }
    }
}

impl Default for Egress {
    fn default() -> Self {
        // Link-local addresses: where clouds keep their instance metadata and its credentials.
        let parse = |text| Network::parse(text).ok();
        Self { deny: ["169.254.0.0/16", "fe80::/10"].into_iter().filter_map(parse).collect(), allow: vec![] }
    }
}

impl Default for History {
    fn default() -> Self {
        Self {
            max_per_job: 1_000,
            min_per_job: 50,
            max_age: DurationMs::from_secs(720 * 3600),
            max_bytes: 10 << 30,
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self { path: "/metrics".into() }
    }
}

impl Default for Logging {
    fn default() -> Self {
        Self { level: tracing::Level::INFO, format: LogFormat::Json }
    }
}

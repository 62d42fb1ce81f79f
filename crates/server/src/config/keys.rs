//! Every key, its default, and what reads its value.
//!
//! A key stands in exactly one struct here, under its own name, and something reads it. What is
//! not a key, or not a value, stops the start.

use std::net::SocketAddr;
use std::path::PathBuf;

use chronos_http::{HostPattern, WebOrigin};
use chronos_replica::{ComparePace, LogLimits};
use chronos_types::{DurationMs, NodeName};
use chronos_webhook::{Mode, Network, Proxy, Rule};

use super::choices::{self, Auth, MetricsAuth, RaftTls, Tls};
use super::load::ConfigError;
use super::tree::Given;
use super::values::{self, some};
use crate::telemetry::LogFormat;

/// The keys inside a key: `key: type = default, reader;`. What follows `beside` is no key.
macro_rules! section {
    (
        $(#[$about:meta])*
        $section:ident { $($(#[$doc:meta])* $key:ident: $type:ty = $default:expr, $read:expr;)* }
        $(beside { $($(#[$beside_doc:meta])* $beside:ident: $beside_type:ty;)* })?
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $section {
            $($(#[$doc])* pub $key: $type,)*
            $($($(#[$beside_doc])* pub $beside: $beside_type,)*)?
        }

        impl Default for $section {
            fn default() -> Self {
                Self { $($key: $default,)* $($($beside: <$beside_type>::default(),)*)? }
            }
        }

        impl $section {
            /// Reads what is given. A key for which nothing is has its default.
            pub(super) fn read(given: Given<'_>) -> Result<Self, ConfigError> {
                let names = [$(stringify!($key)),*];
                let keys = given.keys(&names, &format!("keys: {}", names.join(", ")))?;
                Ok(Self {
                    $($key: match keys.get(stringify!($key)) {
                        Some(given) => $read(given)?,
                        None => $default,
                    },)*
                    $($($beside: <$beside_type>::default(),)*)?
                })
            }
        }
    };
}

section! {
    /// The whole configuration.
    Config {
        /// This node, and the cluster it belongs to.
        cluster: Cluster = Cluster::default(), Cluster::read;
        /// What clients reach.
        server: Server = Server::default(), Server::read;
        /// When runs count as missed.
        scheduler: Scheduler = Scheduler::default(), Scheduler::read;
        /// How webhooks are called.
        dispatcher: Dispatcher = Dispatcher::default(), Dispatcher::read;
        /// How long records are kept.
        history: History = History::default(), History::read;
        /// How long the audit is kept, and where it is told.
        audit: Audit = Audit::default(), Audit::read;
        /// Who may call the API: `none` opens it to everybody who can reach it. Where nothing is said, that is so too, and
        /// the API listens on loopback alone.
        auth: Option<Auth> = None, some(Auth::read);
        /// What protects the API, whoever calls it, and what is kept from others.
        security: Security = Security::default(), Security::read;
        /// Where metrics are read.
        metrics: Metrics = Metrics::default(), Metrics::read;
        /// How logs look.
        logging: Logging = Logging::default(), Logging::read;
    }
}

section! {
    /// `cluster`
    Cluster {
        /// The name of this node. It never changes, since the record names the node that fires a run.
        node_id: NodeName = NodeName::unchecked("chronos-1"), values::node_id;
        /// The directory of everything that this node remembers.
        data_dir: PathBuf = "./chronos-data".into(), values::directory;
        /// Whether this node founds a cluster. Where nothing is said, it does if it has nobody to join. Of nodes
        /// that join each other, one must. A node that must not, and has nobody to join, waits until it is added.
        bootstrap: Option<bool> = None, some(values::flag);
        /// How many members have a vote. The others follow and fire.
        max_voters: usize = 5, values::max_voters;
        /// How long a node may be silent before its executions are given to others, and before it starts no more
        /// itself. At least six fifths of the election timeout, and the same on all nodes.
        reassign_after: DurationMs = DurationMs::from_secs(5), values::duration;
        /// The consensus.
        raft: Raft = Raft::default(), Raft::read;
    }
}

section! {
    /// `cluster.raft`
    Raft {
        /// Where this node listens for others. Where nothing is said, it listens for none, and is a cluster of one.
        address: Option<SocketAddr> = None, some(values::address);
        /// Where others reach this node, `host:port`. Where nothing is said, it is `address`.
        advertise: Option<String> = None, some(values::host_port);
        /// Members of the cluster to join, `host:port`; any of them will do. A node that has data only tells them
        /// its new address, and hears from them whether it was removed.
        join: Vec<String> = Vec::new(), values::hosts_ports;
        /// Who may speak to this node, and how it shows who it is.
        tls: Option<RaftTls> = None, some(RaftTls::read);
        /// How often a leader sends a heartbeat.
        heartbeat_interval: DurationMs = DurationMs::from_millis(100), values::duration;
        /// How long a leader may be silent before another one is elected: from three fifths of this to six
        /// fifths. At least five heartbeats.
        election_timeout: DurationMs = DurationMs::from_millis(500), values::duration;
    }
    beside {
        /// How long the log may be. It is no key: only tests set it.
        log: LogLimits;
        /// How fast the states of the nodes are compared. It is no key: only tests set it.
        compare: ComparePace;
    }
}

section! {
    /// `server`
    Server {
        /// The API.
        http: Http = Http::default(), Http::read;
    }
}

section! {
    /// `server.http`
    Http {
        /// Where the API listens.
        address: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8080)), values::address;
        /// Serves HTTPS where given.
        tls: Option<Tls> = None, some(Tls::read);
    }
}

section! {
    /// `scheduler`
    Scheduler {
        /// A run less late than this is simply run.
        misfire_threshold: DurationMs = DurationMs::from_secs(60), values::duration;
        /// How far back `execute_all` reaches.
        catch_up_window: DurationMs = DurationMs::from_secs(24 * 3600), values::duration;
    }
}

section! {
    /// `dispatcher`
    Dispatcher {
        /// Attempts under way at once. One target holds at most as many as are still free, so half.
        max_concurrent: usize = 1024, values::max_concurrent;
        /// The HTTP client.
        http: DispatcherHttp = DispatcherHttp::default(), DispatcherHttp::read;
    }
}

section! {
    /// `dispatcher.http`
    DispatcherHttp {
        /// Time for an attempt where neither webhook nor job says.
        timeout: DurationMs = DurationMs::from_secs(30), values::duration;
        /// Bytes kept of a response's body.
        max_response_body: usize = 4 * 1024, values::response_body;
        /// Whom to trust.
        tls: DispatcherTls = DispatcherTls::default(), DispatcherTls::read;
        /// The proxy through which targets are reached.
        proxy: Option<Proxy> = None, some(choices::proxy);
        /// What is reached without it: address ranges, hosts and ports.
        no_proxy: Vec<Rule> = Vec::new(), values::rules;
        /// Which hosts and addresses may be reached.
        egress: Egress = Egress::default(), Egress::read;
    }
}

section! {
    /// `dispatcher.http.tls`
    DispatcherTls {
        /// Roots trusted beside the machine's own, PEM.
        ca_file: Option<PathBuf> = None, some(values::file);
    }
}

section! {
    /// `dispatcher.http.egress`
    Egress {
        /// What may be reached where no rule says otherwise.
        mode: Mode = Mode::Open, values::egress_mode;
        /// Address ranges, hosts and ports that no webhook may reach, beside what is always denied.
        deny: Vec<Rule> = Vec::new(), values::rules;
        /// Ranges that are exceptions, and the only hosts and ports that may be reached.
        allow: Vec<Rule> = Vec::new(), values::rules;
    }
}

section! {
    /// `history`
    History {
        /// Executions kept of each job.
        max_per_job: u64 = 1_000, values::max_per_job;
        /// Executions kept of each job whatever their age, as far as `max_per_job` allows.
        min_per_job: u64 = 50, values::min_per_job;
        /// How long an execution is kept.
        max_age: DurationMs = DurationMs::from_secs(720 * 3600), values::duration;
        /// The most bytes that records may take: jobs, versions, executions and idempotency keys. Past it the
        /// oldest history goes first.
        max_bytes: u64 = 10 << 30, values::max_bytes;
    }
}

section! {
    /// `audit`
    Audit {
        /// How long an entry is kept.
        max_age: DurationMs = DurationMs::from_secs(8_760 * 3600), values::duration;
        /// Whether this node tells each entry in its log too.
        log: bool = false, values::flag;
    }
}

section! {
    /// `security`
    Security {
        /// Names of this node in URLs, beside `localhost`.
        allowed_hosts: Vec<HostPattern> = Vec::new(), values::hosts;
        /// Ranges of proxies that say which client a request is of.
        trusted_proxies: Vec<Network> = Vec::new(), values::networks;
        /// Origins whose pages may call the API from a browser.
        cors_origins: Vec<WebOrigin> = Vec::new(), values::origins;
        /// Files with the keys that seal secrets, 32 bytes in base64 each. The first one seals, and all of them open.
        /// Where there is none, secrets are kept in the clear.
        encryption_keys: Vec<PathBuf> = Vec::new(), values::files;
        /// The tag that is the scope of keys: those that are limited see the jobs with one of their values in it. The same on
        /// all nodes.
        scope_tag: Option<String> = None, some(values::tag);
    }
}

section! {
    /// `metrics`
    Metrics {
        /// The path at which metrics are read.
        path: String = "/metrics".into(), values::path;
        /// Who may read them: a viewer, where `auth` asks for keys, or with `none` anybody.
        auth: Option<MetricsAuth> = None, some(MetricsAuth::read);
    }
}

section! {
    /// `logging`
    Logging {
        /// The least level that is written.
        level: tracing::Level = tracing::Level::INFO, values::level;
        /// How lines look.
        format: LogFormat = LogFormat::Json, values::format;
    }
}

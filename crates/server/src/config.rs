//! `chronos.yaml` and the environment: every key (`keys`), what it takes (`values`, `choices`, `check`), and how
//! both are read (`load`) into one tree of what was given (`file`, `yaml`, `variables`, `tree`).

mod check;
mod choices;
mod file;
mod keys;
mod load;
#[cfg(test)]
mod tests;
mod tree;
mod values;
mod variables;
mod yaml;

pub use choices::{ApiKey, Auth, MetricsAuth, RaftTls, RaftTlsFiles, Tls};
pub use keys::{
    Audit, Cluster, Config, Dispatcher, DispatcherHttp, DispatcherTls, Egress, History, Http, Logging,
    Metrics, Raft, Scheduler, Security, Server,
};
pub use load::{ConfigError, Loaded, load};

pub use chronos_http::{HostPattern, WebOrigin};
pub use chronos_peer::PeerNames;
pub use chronos_replica::{ComparePace, LogLimits};

//! `chronos.yaml` and the environment: every key (`keys`), what it takes (`values`, `choices`), and how both are
//! read and checked (`load`).

mod choices;
mod keys;
mod load;
mod values;

pub use choices::{Auth, RaftTls, RaftTlsFiles};
pub use keys::{
    Cluster, Config, Dispatcher, DispatcherHttp, DispatcherTls, Egress, History, Http, Logging, Metrics,
    Raft, Scheduler, Server, Tls,
};
pub use load::{ConfigError, load};

pub use chronos_replica::LogLimits;

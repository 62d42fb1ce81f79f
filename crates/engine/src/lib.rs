//! What a node does, apart from firing: it plans runs, gives what lost nodes hold to others, forgets what
//! is past its keeping, and answers what is asked of the jobs and of the cluster.
//!
//! It knows nothing of HTTP, and fires nothing.

mod cluster;
mod metrics;
pub mod reassign;
pub mod retention;
pub mod scheduler;
pub mod spread;

pub use cluster::{BackupFile, Cluster, ClusterConfig, Member};
pub use metrics::Metrics;

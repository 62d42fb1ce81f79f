//! The cluster's promises: nodes are killed, stopped for a while, restarted in turn, upgraded and cut off from each
//! other, and their disks fill up and hang.

mod disk;
mod figures;
mod kills;
mod majority;
mod mixed;
mod network;
mod partition;
mod rolling;
mod run;
mod slow;
mod stopped;
mod volume;

use chronos_testkit::Cluster;

use crate::CHRONOS;

/// So many nodes that keep every record.
fn nodes(count: usize) -> Cluster {
    keeping(CHRONOS.cluster(count))
}

/// Has nodes keep every record. They speak TLS to each other where `CHRONOS_PEER_TLS` is set.
fn keeping(cluster: Cluster) -> Cluster {
    let cluster = cluster.key("history.max_per_job", "1000000");
    if std::env::var_os("CHRONOS_PEER_TLS").is_some() { cluster.over_tls() } else { cluster }
}

//! What a replica must be told before it starts.

use std::path::PathBuf;
use std::time::Duration;

use chronos_types::NodeName;

use crate::comparison::pace::ComparePace;

/// The settings of a replica.
#[derive(Clone, Debug)]
pub struct ReplicaConfig {
    /// The name of this node, `cluster.node_id`. It is kept with the log; a log is not opened under
    /// another name.
    pub node_id: NodeName,
    /// Where `log.db` lies, beside the state.
    pub data_dir: PathBuf,
    /// How often a leader sends a heartbeat.
    pub heartbeat_interval_ms: u64,
    /// How long a follower waits for a heartbeat before it stands for election: three fifths of this at
    /// least, six fifths at most.
    pub election_timeout_ms: u64,
    /// Where other nodes reach this one, `host:port`. Empty for a node that none can reach: it is a cluster of one.
    pub advertise: String,
    /// Where the API of this node is, for others to show.
    pub http: String,
    /// The version of Chronos that runs here, for others to show.
    pub version: String,
    /// The release of its time zone rules, for others to show.
    pub tz_release: String,
    /// The highest version of the cluster that this node can follow: [`chronos_state::VERSION`].
    pub follows: u32,
    /// The ids of its encryption keys.
    pub encryption_keys: Vec<String>,
    /// The addresses of the cluster to join; that of this node may be among them. A node that is a member
    /// already asks there only whether it still is one, and tells its address.
    pub join: Vec<String>,
    /// Found a cluster, if none of those to join knows one.
    pub bootstrap: bool,
    /// At most this many members have a vote; the others are learners.
    pub max_voters: usize,
    /// A member that is not heard from for this long is silent. A member that is not proven to be heard for
    /// this long is fenced.
    pub reassign_after: Duration,
    /// How long the log may be.
    pub log: LogLimits,
    /// How fast the states of the nodes are compared.
    pub compare: ComparePace,
}

/// How much the log holds. Not for operators: the simulation has shorter logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLimits {
    /// A snapshot is due after this many entries, or a fixed number of bytes: entries are batches, of a
    /// few hundred bytes or of megabytes.
    pub snapshot_entries: u64,
    /// At most this many entries stay behind a snapshot, and no more than a fixed number of bytes of them:
    /// a follower that was away for a moment is served from the log.
    pub keep_entries: u64,
    /// For a node that is on its way to the end of the log, with a copy of the state or by its entries, more than that
    /// stays: up to so many bytes, or twice those of the state where that is more.
    pub hold_bytes: u64,
    /// But only while it gets nearer to the end: a node that does not for this long is not waited for.
    pub hold_for: Duration,
}

impl Default for LogLimits {
    fn default() -> Self {
        Self {
            snapshot_entries: 20_000,
            keep_entries: 10_000,
            hold_bytes: 1 << 30,
            hold_for: Duration::from_secs(60),
        }
    }
}

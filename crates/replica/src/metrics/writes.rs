//! What it takes to write: to sync the log, to apply it, and both on a majority. And the votes, which are written too.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::types::Vote;

/// Seconds: from a fast disk to one that hangs.
const DURATIONS: [f64; 14] =
    [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];

/// Durations of writes, and elections.
#[derive(Clone, Debug)]
pub(crate) struct WriteMetrics {
    /// Transactions of the log.
    pub log_commits: Counter,
    fsync: Histogram,
    apply: Histogram,
    commit: Histogram,
    elections: Counter,
    leader_changes: Counter,
}

impl Default for WriteMetrics {
    fn default() -> Self {
        Self {
            log_commits: Counter::default(),
            fsync: Histogram::new(DURATIONS),
            apply: Histogram::new(DURATIONS),
            commit: Histogram::new(DURATIONS),
            elections: Counter::default(),
            leader_changes: Counter::default(),
        }
    }
}

impl WriteMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let Self { log_commits, fsync, apply, commit, elections, leader_changes } = self.clone();
        registry.register(
            "log_commits",
            "Transactions of the log since the start, each synced to the disk and shared by all that waited",
            log_commits,
        );
        let help = "A transaction of the log with its sync, and the wait for space where the disk is full";
        registry.register_with_unit("log_fsync_duration", help, Unit::Seconds, fsync);
        let help = "Entries of the log applied to the state in one transaction";
        registry.register_with_unit("apply_duration", help, Unit::Seconds, apply);
        let help = "From handing a batch of writes to the log, on the node that leads, to its being on a majority and applied";
        registry.register_with_unit("commit_duration", help, Unit::Seconds, commit);
        let help = "Elections in which this node stood";
        registry.register("raft_elections", help, elections);
        let help = "Leaders elected, this node or another, as far as this node has heard";
        registry.register("raft_leader_changes", help, leader_changes);
    }

    /// A transaction of the log is on the disk.
    pub(crate) fn log_committed(&self, took: Duration) {
        self.log_commits.inc();
        self.fsync.observe(took.as_secs_f64());
    }

    /// Entries were applied in one transaction.
    pub(crate) fn applied(&self, took: Duration) {
        self.apply.observe(took.as_secs_f64());
    }

    /// A batch that this node proposed is on a majority and applied here.
    pub(crate) fn committed(&self, took: Duration) {
        self.commit.observe(took.as_secs_f64());
    }

    /// The node of this id has written a vote. Each is another one than before: raft writes none twice.
    pub(crate) fn voted(&self, id: Option<u64>, vote: &Vote) {
        if vote.committed {
            self.leader_changes.inc();
        } else if id == Some(vote.leader_id.node_id) {
            self.elections.inc();
        }
    }
}

//! What the clients and the receiver saw, and the trace of the run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::counts::Counts;
use crate::world::since_start;

/// A request that the receiver got.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) execution: String,
    pub(crate) job: String,
    pub(crate) attempt: u32,
    pub(crate) scheduled: String,
    pub(crate) trigger: String,
    /// The status of the answer.
    pub(crate) status: u16,
}

/// A job that was created and acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Created {
    pub(crate) name: String,
    pub(crate) every_s: i64,
    /// Whether a client asked to delete the job, even if it got no answer.
    pub(crate) deleting: bool,
    /// Whether the deletion was acknowledged.
    pub(crate) deleted: bool,
    /// Changes that clients asked for.
    pub(crate) changes: Vec<Change>,
}

/// A change of a job that a client asked for.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) to: To,
    /// When the client asked, counted from the start of the run.
    pub(crate) asked: Duration,
    /// When the change was answered, and which version the job had then. `None` where the outcome is unknown.
    pub(crate) done: Option<(Duration, u64)>,
}

/// What a change makes of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum To {
    Enabled(bool),
    Described(String),
}

impl Created {
    /// The changes that may have been the last of their kind: the acknowledged one with the highest version,
    /// and those whose outcome is unknown.
    pub(crate) fn last(&self, kind: impl Fn(&To) -> bool) -> Vec<&Change> {
        let version = |change: &Change| change.done.map(|(_, version)| version);
        let of_kind = || self.changes.iter().filter(|change| kind(&change.to));
        let newest = of_kind().filter_map(version).max();
        of_kind().filter(|change| change.done.is_none() || version(change) == newest).collect()
    }
}

/// Everything seen so far.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) trace: String,
    pub(crate) deliveries: Vec<Delivery>,
    /// What was done to the cluster.
    pub(crate) counts: Counts,
    /// The jobs that were created, by id.
    pub(crate) jobs: BTreeMap<String, Created>,
    /// The ids of executions that were triggered by hand and acknowledged.
    pub(crate) triggered: BTreeSet<String>,
    /// Whether a node is being replaced, so that it may not be a member now.
    pub(crate) replacing: bool,
    /// Whether the time of the cluster went ahead with a clock that was off by days, and was set back.
    pub(crate) time_jumped: bool,
    /// What operators saw that must not be.
    pub(crate) wrong: Vec<String>,
    /// Whether the faults are over, so that clients end their work.
    pub(crate) calm: bool,
    /// Whether everything is delivered and recorded, and every node knows it.
    pub(crate) drained: bool,
}

/// A handle on what was seen. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger(Arc<Mutex<Seen>>);

impl Ledger {
    /// Reads what was seen, or adds to it.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Seen) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts one more of this kind.
    pub(crate) fn count(&self, kind: &str) {
        self.with(|seen| seen.counts.add(kind, 1));
    }

    /// Adds a line to the trace, at the current simulated time. Only a simulated host may call this.
    pub(crate) fn note(&self, what: impl Display) {
        self.note_at(since_start(), what);
    }

    /// Adds a line to the trace, at a time.
    pub(crate) fn note_at(&self, at: Duration, what: impl Display) {
        let line = format!("{:>9.3} {what}\n", at.as_secs_f64());
        self.with(|seen| seen.trace.push_str(&line));
    }
}

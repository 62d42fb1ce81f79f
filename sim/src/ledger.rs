//! What the two ends of the server saw, and the trace of the run.

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
    /// What it was answered.
    pub(crate) status: u16,
}

/// A job that was created and acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Created {
    pub(crate) name: String,
    pub(crate) every_s: i64,
    /// A client asked for it to be deleted, whether or not it heard that it was.
    pub(crate) deleting: bool,
    /// A client heard that it was deleted.
    pub(crate) deleted: bool,
    /// Changes that clients asked for.
    pub(crate) changes: Vec<Change>,
}

/// A change of a job that a client asked for.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) to: To,
    /// Since the start of the run.
    pub(crate) asked: Duration,
    /// When it was answered, and which version the job had then; none where nobody knows what came of it.
    pub(crate) done: Option<(Duration, u64)>,
}

/// What a job is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum To {
    Enabled(bool),
    Described(String),
}

impl Created {
    /// The changes that may have been the last of their kind: the one with the highest version that was
    /// acknowledged, and those of which nobody knows what came.
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
    /// By id.
    pub(crate) jobs: BTreeMap<String, Created>,
    /// Executions asked for by hand and acknowledged.
    pub(crate) triggered: BTreeSet<String>,
    /// A node is being replaced, and is no member, or not yet.
    pub(crate) replacing: bool,
    /// The faults are over: clients end what they do.
    pub(crate) calm: bool,
    /// All is delivered and recorded, and every node knows it.
    pub(crate) drained: bool,
}

/// A handle on what was seen. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger(Arc<Mutex<Seen>>);

impl Ledger {
    /// Looks at it, or adds to it.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Seen) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// One more of this kind.
    pub(crate) fn count(&self, kind: &str) {
        self.with(|seen| seen.counts.add(kind, 1));
    }

    /// Adds a line to the trace, from inside of the simulation.
    pub(crate) fn note(&self, what: impl Display) {
        self.note_at(since_start(), what);
    }

    /// Adds a line to the trace.
    pub(crate) fn note_at(&self, at: Duration, what: impl Display) {
        let line = format!("{:>9.3} {what}\n", at.as_secs_f64());
        self.with(|seen| seen.trace.push_str(&line));
    }
}

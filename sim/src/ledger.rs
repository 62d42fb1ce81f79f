//! What the clients and the receiver saw, what was done to the cluster, and the trace of the run.

mod delivery;
mod job;
mod operation;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chronos_types::Millis;

use crate::counts::Counts;
use crate::faults::Fault;
use crate::world::since_start;

pub(crate) use delivery::{Delivery, Reply};
pub(crate) use job::{Asked, Change, Created, PauseRequest, Sets};
pub(crate) use operation::{Bulk, Operation};

/// What a client asked for under an idempotency key, and every answer to it and to its repeats.
#[derive(Clone, Debug)]
pub(crate) struct Keyed {
    pub(crate) what: What,
    /// In the order in which they came. `None` where no answer came.
    pub(crate) answers: Vec<Option<Answered>>,
}

/// What is asked for under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A job.
    Create,
    /// A run of a job, by hand or as a repeat of an earlier one.
    Run { job: String },
    /// Another version of a job.
    Change { job: String },
    /// Jobs that are written together.
    Batch,
    /// A pause of a job, or its end.
    Pause { job: String },
    /// The end of an execution.
    Cancel,
    /// An operation.
    Operation,
}

/// What an answer says of what was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    /// The id of the job or of the execution, or what became of each job of a batch.
    pub(crate) id: String,
    /// The version of the job.
    pub(crate) version: Option<u64>,
}

impl Answered {
    /// Whether it says that it was done.
    pub(crate) fn is_done(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether it says that nothing was done. A 503 may say that nobody knows.
    pub(crate) fn is_refused(&self) -> bool {
        (400..500).contains(&self.status)
    }
}

/// Everything seen so far.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) trace: String,
    pub(crate) deliveries: Vec<Delivery>,
    /// What was done to the cluster.
    pub(crate) counts: Counts,
    /// The same with the times, beginnings and ends.
    pub(crate) faults: Vec<(Duration, Fault)>,
    /// When a node beside the founders was invited, and when it was no member any more.
    pub(crate) guests: Vec<(Duration, Option<Duration>)>,
    /// The jobs that were created, by id.
    pub(crate) jobs: BTreeMap<String, Created>,
    /// The ids of executions that were asked for by hand, or as a replay, and acknowledged, each with its job.
    pub(crate) triggered: BTreeMap<String, String>,
    /// The operations that were acknowledged.
    pub(crate) operations: Vec<Operation>,
    /// The executions whose end a client asked for, and when that was acknowledged.
    pub(crate) cancelled: BTreeMap<String, Option<Duration>>,
    /// The executions that were on record as failed when an operator looked, each with its node and when it was over. Many
    /// of them are forgotten at the end.
    pub(crate) failed: BTreeMap<(String, String), Millis>,
    /// What was asked for under each idempotency key.
    pub(crate) keyed: BTreeMap<String, Keyed>,
    /// When all founders had their votes.
    pub(crate) formed: Option<Duration>,
    /// Whether a node is being replaced, so that it may not be a member now.
    pub(crate) replacing: bool,
    /// Whether the time of the cluster went ahead with a clock that was off by days, and was set back.
    pub(crate) time_jumped: bool,
    /// What nodes said of states that differ.
    pub(crate) differences: Vec<String>,
    /// What operators saw that must not be.
    pub(crate) wrong: Vec<String>,
    /// Whether the faults are over, so that clients end their work.
    pub(crate) calm: bool,
    /// From when on a cluster that recovers from faults has recovered, until clients end their work.
    pub(crate) settled: Option<(Duration, Duration)>,
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

    /// A fault began or ended at this time.
    pub(crate) fn fault_at(&self, at: Duration, fault: Fault) {
        self.with(|seen| seen.faults.push((at, fault)));
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

//! What the core asks for: things to do, and facts to count or to log.

use std::sync::Arc;

use chronos_replica::Tenure;
use chronos_state::{Report, RunRef};
use chronos_types::{ExecutionId, Millis, Status, Webhook};

use super::backlog::Question;
use super::fence::Round;
use super::prepared::{Key, Prepared};

/// Something to be done or told. Actions are carried out in their order.
#[derive(Debug)]
pub(crate) enum Action {
    /// Make an attempt, and tell how it ended.
    Attempt(Attempt),
    /// Cut off the attempt of this execution that is under way. Nothing more is to be heard of it.
    Abort(ExecutionId),
    /// Report this to the state.
    Report(Report),
    /// An attempt ended. Report it, count it and log it.
    AttemptEnded {
        /// What was run.
        job: Arc<Prepared>,
        /// The report, a [`chronos_state::Reported::Ended`].
        report: Report,
    },
    /// An attempt could not be made, because this process had too little of something. Count it and log it.
    Postponed {
        /// The execution, which is tried again.
        execution: ExecutionId,
        /// What there was too little of.
        shortage: String,
    },
    /// An execution ended on this node. Count it.
    ExecutionEnded {
        /// How.
        status: Status,
        /// From the begin of its first attempt, where this node made one.
        took_ms: Option<Millis>,
    },
    /// Read these versions of jobs, in one go.
    Load(Vec<Key>),
    /// Ask the state what is open for this node.
    AskWhatIsOpen(Question),
    /// Wait until everything that is agreed on by now is applied here.
    CatchUp(Round),
    /// Do not wait for it any longer.
    StopCatchingUp,
    /// Attempts were allowed, and are not any more, because the lease is over.
    FenceRaised,
    /// Attempts are allowed from now on.
    FenceLifted,
    /// Unfinished executions were taken up that this dispatcher did not know.
    TakenUp {
        /// How many.
        count: usize,
    },
    /// The version of a job that this execution was to run is not on record.
    VersionGone {
        /// The execution, which is reported as skipped.
        execution: ExecutionId,
        /// The reason that is reported.
        reason: String,
    },
}

/// An attempt to be made.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// The run it belongs to.
    pub(crate) run: RunRef,
    /// Its number, from 1.
    pub(crate) number: u32,
    /// When it was to be made, where it is the first that is made of a run.
    pub(crate) due: Option<Millis>,
    /// What to run.
    pub(crate) job: Arc<Prepared>,
    /// What is read for it.
    pub(crate) key: Key,
    /// What is sent. Where it is not here, it is read first.
    pub(crate) webhook: Option<Arc<Webhook>>,
    /// Nothing is sent once this is over.
    pub(crate) tenure: Tenure,
}

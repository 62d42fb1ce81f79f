//! [`Closed`]: what a dispatcher that begins nothing more says of what it holds.

use std::collections::HashSet;

use chronos_state::{JobSeq, OpenRun};
use chronos_types::ExecutionId;

/// What a dispatcher that begins nothing more says of the executions of its node, for whoever hands them over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Closed {
    /// Others must leave these alone until it has stopped: those with an attempt under way, or with one whose
    /// outcome is not recorded yet, and those that may not begin beside them.
    pub(crate) keep: HashSet<ExecutionId>,
    /// Jobs beside whose runs no other may begin. More of theirs may be on record by now than it was told of.
    pub(crate) busy: HashSet<JobSeq>,
    /// Those that it has from before its start. Where there is no set it has not asked for them yet.
    pub(crate) inherited: Option<HashSet<ExecutionId>>,
}

impl Closed {
    /// Whether others must leave a run alone until the dispatcher has stopped.
    #[must_use]
    pub fn keeps(&self, run: &OpenRun) -> bool {
        self.keep.contains(&run.execution) || self.busy.contains(&run.job_seq)
    }

    /// Whether an execution may have begun on this node without a record of that: before its start, or as an
    /// attempt that a stop cuts off.
    #[must_use]
    pub fn may_have_begun(&self, id: &ExecutionId) -> bool {
        self.keep.contains(id) || self.inherited.as_ref().is_none_or(|inherited| inherited.contains(id))
    }
}

//! The identity of a run, which plans, effects and reports share, and the run as a node gets it to fire.

use chronos_types::{Concurrency, ExecutionId, Millis, NodeName, Status, Trigger};
use serde::{Deserialize, Serialize};

use crate::stored::text;

/// The machine's own number of a job. Jobs are numbered from 1 in order of creation, and no number is
/// given twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobSeq(i64);

impl JobSeq {
    /// The job of this number.
    #[must_use]
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

/// By a right clock no run is planned for an instant further ahead: runs are planned two seconds and a quarter ahead, and
/// right clocks differ by [`CLOCKS_DIFFER_MS`](crate::CLOCKS_DIFFER_MS) at most. This is twice as much, and more: to wait
/// so long costs nothing.
pub const PLANNED_WITHIN_MS: Millis = 10_000;

/// The identity of one run of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRef {
    /// The execution that records it.
    #[serde(with = "text")]
    pub execution: ExecutionId,
    /// Its job.
    pub job: JobSeq,
    /// The version of the job to run.
    pub version: u64,
    /// The instant it is scheduled for.
    pub scheduled_time: Millis,
    /// What asked for it.
    #[serde(with = "text")]
    pub trigger: Trigger,
}

impl RunRef {
    /// Whether nobody whose clock is right plans it by `now`: so a clock that was wrong has planned it. Who waits for
    /// its instant waits for as long as that clock was wrong.
    #[must_use]
    pub fn is_beyond_plans(&self, now: Millis) -> bool {
        self.scheduled_time > now.saturating_add(PLANNED_WITHIN_MS)
    }
}

/// A run that a node is to fire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fire {
    /// The run.
    pub run: RunRef,
    /// When to fire: the scheduled time and its jitter, or the retry's time.
    pub fire_at: Millis,
    /// The attempt that comes next, from 1.
    pub attempt: u32,
    /// The node that is to fire it.
    pub node: NodeName,
    /// Whether an attempt was begun; then the run keeps its turn against newer runs of its job. Of a
    /// withdrawn run: whether a node that held it before may have begun it.
    pub begun: bool,
    /// What counts of overlap, if that may be other than what the version says that it runs: a replay goes by what its
    /// job says now.
    pub policy: Option<Concurrency>,
    /// Whether it stands behind what schedules asked for: an operation asks for it, and no attempt was begun.
    pub behind: bool,
    /// Whether it may send something in place of what its job says
    /// ([`Reader::overrides`](crate::Reader::overrides)).
    pub overridden: bool,
}

impl Fire {
    /// The first attempt of a run, of which none was begun.
    pub(crate) fn first(run: RunRef, fire_at: Millis, node: NodeName) -> Self {
        Self { run, fire_at, attempt: 1, node, begun: false, policy: None, behind: false, overridden: false }
    }

    /// What comes next in an execution that is unfinished on record.
    pub(crate) fn open(run: RunRef, status: Status, attempts: u32, fire_at: Millis, node: NodeName) -> Self {
        let begun = status != Status::Pending;
        if status != Status::Running {
            return Self {
                run,
                fire_at,
                attempt: attempts.saturating_add(1),
                node,
                begun,
                policy: None,
                behind: false,
                overridden: false,
            };
        }
        // An attempt that was under way is made again, under its own number, and at once. On record is when it began, by
        // the clock of its node, and that may have been days ahead.
        let fire_at = fire_at.min(run.scheduled_time);
        Self {
            run,
            fire_at,
            attempt: attempts.max(1),
            node,
            begun,
            policy: None,
            behind: false,
            overridden: false,
        }
    }
}

/// Whether an unfinished execution waits for an instant that means nothing once the time is set back: a retry, or
/// a run that was asked for. A planned run waits for its own instant, whatever time it is.
pub(crate) fn is_due_at_once(status: Status, trigger: Trigger) -> bool {
    match status {
        Status::Retrying => true,
        Status::Pending => matches!(trigger, Trigger::Manual | Trigger::Replay | Trigger::Backfill),
        _ => false,
    }
}

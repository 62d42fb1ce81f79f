//! What a change of a job has left to do with its unfinished runs; see `apply/remainder.rs`.

use chronos_types::{Millis, Trigger};

use crate::run::{JobSeq, RunRef};

/// What a change of a job has left to do with its unfinished runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remainder {
    /// The job.
    pub job: JobSeq,
    /// Changes of one job are done in the order of these.
    pub nr: i64,
    /// The change.
    pub change: Change,
    /// The instant of the change.
    pub at: Millis,
    /// It is done with the executions numbered up to this one.
    pub after: i64,
    /// It is about those numbered up to this one.
    pub upto: i64,
}

/// What a change does to the unfinished runs of its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Those whose instant has not come run this version.
    Renew(u64),
    /// Those whose instant has not come are withdrawn.
    Withdraw,
    /// The same, and those that wait for their jitter to pass are cancelled.
    Disable,
    /// Those whose instant has not come are withdrawn, and all others are cancelled.
    Delete,
    /// The same as where the job is disabled.
    Pause,
}

impl Change {
    /// Its number in a column, and the version.
    pub(crate) fn code(self) -> (i64, u64) {
        match self {
            Self::Renew(version) => (0, version),
            Self::Withdraw => (1, 0),
            Self::Disable => (2, 0),
            Self::Delete => (3, 0),
            Self::Pause => (4, 0),
        }
    }

    /// The change of a number. One that is not known does what they all do.
    pub(crate) fn of(code: i64, version: u64) -> Self {
        match code {
            0 => Self::Renew(version),
            2 => Self::Disable,
            3 => Self::Delete,
            4 => Self::Pause,
            _ => Self::Withdraw,
        }
    }
}

/// What a change does to one unfinished run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing.
    Stays,
    /// It runs this version.
    Renewed(u64),
    /// It is withdrawn.
    Withdrawn,
    /// It is cancelled, for this reason.
    Cancelled(&'static str),
}

impl Fate {
    /// Whether it is over with the run, as it stands.
    #[must_use]
    pub fn is_end(&self) -> bool {
        matches!(self, Self::Withdrawn | Self::Cancelled(_))
    }
}

impl Remainder {
    /// What becomes of a run of the job that was there when the change came. `is_pending` says that no attempt of it
    /// was begun.
    #[must_use]
    pub fn fate(&self, run: &RunRef, fire_at: Millis, is_pending: bool) -> Fate {
        let is_to_come = is_pending && run.trigger == Trigger::Schedule && run.scheduled_time > self.at;
        match self.change {
            Change::Renew(version) if is_to_come => Fate::Renewed(version),
            Change::Withdraw | Change::Disable | Change::Delete | Change::Pause if is_to_come => {
                Fate::Withdrawn
            }
            Change::Delete => Fate::Cancelled("the job was deleted"),
            Change::Disable if is_pending && fire_at > self.at => Fate::Cancelled("the job was disabled"),
            Change::Pause if is_pending && fire_at > self.at => Fate::Cancelled("the job was paused"),
            Change::Renew(_) | Change::Withdraw | Change::Disable | Change::Pause => Fate::Stays,
        }
    }

    /// Whether it is still to be done with the execution of this number.
    pub(crate) fn is_about(&self, seq: i64) -> bool {
        seq > self.after && seq <= self.upto
    }
}

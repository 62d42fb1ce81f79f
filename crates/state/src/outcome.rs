//! What comes of commands: the answer to each, and what a node should do now.

use chronos_types::{ExecutionId, JobId, Millis};
use serde::{Deserialize, Serialize};

use crate::remainder::Remainder;
use crate::run::{Fire, JobSeq};
use crate::stored::text;

/// What became of one batch.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// The batch's instant.
    pub at: Millis,
    /// One outcome for each command, in order.
    pub outcomes: Vec<Outcome>,
    /// What the node should do now, in order.
    pub effects: Vec<Effect>,
    /// The jobs of the executions that are over now, one for each. Whoever holds runs of a job back plans more then.
    pub ended: Vec<JobSeq>,
}

/// The answer to one command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// It is done.
    Done,
    /// The job stands at this version.
    Job {
        /// The job.
        #[serde(with = "text")]
        id: JobId,
        /// Its version now.
        version: u64,
        /// The instant of the change.
        at: Millis,
    },
    /// The execution is on record.
    Execution {
        /// The execution.
        #[serde(with = "text")]
        id: ExecutionId,
        /// Its job.
        #[serde(with = "text")]
        job: JobId,
    },
    /// Nothing was changed.
    Refused {
        /// Why.
        refusal: Refusal,
    },
}

/// Why a command changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Refusal {
    /// Another job has this name.
    NameTaken {
        /// The name.
        name: String,
    },
    /// There is no such job.
    NoSuchJob,
    /// There is no such execution.
    NoSuchExecution,
    /// The job is at another version.
    VersionMismatch {
        /// Its version now.
        current: u64,
    },
    /// The job forbids overlap and has an unfinished execution.
    Overlap {
        /// The unfinished execution.
        #[serde(with = "text")]
        unfinished: ExecutionId,
    },
    /// The execution is over.
    Finished {
        /// Its status.
        status: String,
    },
    /// The idempotency key was used with another request.
    KeyReused,
    /// What is on record and is needed for it cannot be read.
    Unreadable,
    /// The state has reached its bound, and the command would make it grow. The leader says so before it proposes
    /// the command; the machine never does.
    OverBound {
        /// Bytes in use.
        in_use: u64,
        /// The bound.
        bound: u64,
    },
    /// The time is not to be set back: the leader's clock is not behind it.
    ClockNotBehind {
        /// How far the clock may be behind the time without being set back, at least, in milliseconds.
        least_ms: i64,
    },
    /// The command needs a version that the cluster does not follow, or it raises to one that is not above
    /// the present one.
    VersionNotFollowed {
        /// The highest version that the command could have had there.
        follows: u32,
    },
}

/// What a node should do now that a batch is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Fire an execution at its instant.
    Fire(Fire),
    /// A planned execution was taken off the record before its instant. Its node must not fire it any
    /// more. It reports [`Reported::NotBegun`](crate::Reported::NotBegun) or, if it had begun, what came of it.
    Withdraw(Fire),
    /// An execution was cancelled: stop it.
    Cancel(ExecutionId),
    /// An execution is over, or waits for the retry that its node reported. Its node lets go of what it holds of
    /// it, but for an attempt under way. Where it is to go on, a `Fire` follows.
    Settled(ExecutionId),
    /// A change of a job has more runs to end or to withdraw than one command may. What becomes of each follows in
    /// portions; until then none of those begins that are to end.
    Remains(Remainder),
    /// A job's next due instant was changed by something other than a plan.
    DueChanged,
}

//! What comes of commands: the answer to each, and what a node should do now.

use chronos_types::{
    By, ErrorKind, Execution, ExecutionId, JobId, JobName, Millis, NodeName, OperationId, Status, Waited,
};
use serde::{Deserialize, Serialize};

use crate::command::RowKey;
use crate::remainder::Remainder;
use crate::run::{Fire, JobSeq, RunRef};
use crate::stored::{by, text};

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
    /// The jobs that were created, changed or deleted, one for each time. Whoever keeps something about jobs reads
    /// them again.
    pub changed: Vec<JobSeq>,
    /// Whether keys or sessions were made or ended. Whoever asks clients for them reads them again.
    pub keys: bool,
    /// Whether secrets, or the keys that seal them, may be others now. Whoever has some at hand reads them again.
    pub secrets: bool,
    /// How many events it has put on record.
    pub events: usize,
    /// What this node has in the rows that the batch has compared, where it has any compared.
    pub digest: Option<Box<RangeDigest>>,
}

/// What a node has in some rows of its state, at one place of the log. Equal states give equal digests, whichever node
/// they are on. It is no part of the state: a node that differs from the others goes on applying the same log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeDigest {
    /// The row behind the last one; none where that is the last row of the state.
    pub before: Option<RowKey>,
    /// The first row; none where that is the first row of the state.
    pub first: Option<RowKey>,
    /// How many rows they are.
    pub rows: usize,
    /// A SHA-256 over their tables and values, in hexadecimal.
    pub sha256: String,
}

/// The answer to one command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// It is done.
    Done,
    /// The job stands at this version.
    Job {
        /// The machine's own number of the job.
        seq: JobSeq,
        /// The job.
        #[serde(with = "text")]
        id: JobId,
        /// Its version now.
        version: u64,
        /// The instant of the change; where there was nothing to change, that of the request.
        at: Millis,
        /// When it runs next, as whoever proposed the command computed it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next_due: Option<Millis>,
    },
    /// The execution is on record, as it was asked for, or cancelled.
    Execution(ExecutionAnswer),
    /// Jobs were written together.
    Jobs {
        /// What became of each, in order.
        jobs: Vec<PutOutcome>,
    },
    /// Jobs of a set were deleted.
    Pruned {
        /// Their names.
        names: Vec<String>,
        /// Whether the request had no more jobs to delete.
        last: bool,
    },
    /// The operation is on record, as it was asked for, or ended.
    Operation {
        /// The operation.
        #[serde(with = "text")]
        id: OperationId,
    },
    /// Nothing was changed.
    Refused {
        /// Why.
        refusal: Refusal,
    },
}

/// What became of one of the jobs that were written together. It is kept for each job of a request with an idempotency
/// key, so it is short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PutOutcome {
    /// It was created, and is at version 1.
    Created,
    /// It was changed, or its set was, and it is at this version.
    Changed(u64),
    /// It was as it should be, and is at this version.
    Unchanged(u64),
    /// It was refused.
    Refused,
}

/// What is answered of an execution that was asked for or cancelled. It says all that the answer to the client does, so
/// that the same can be answered when the record is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecutionAnswer {
    /// Its job.
    #[serde(with = "text")]
    pub job: JobId,
    /// The name of the job in the version that runs, as it is on record.
    pub job_name: String,
    /// The run.
    pub run: RunRef,
    /// The node that is to fire it.
    pub node: NodeName,
    /// The execution that it repeats.
    #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub replay_of: Option<ExecutionId>,
    /// Who asked for it, where that is on record.
    #[serde(default, with = "by", skip_serializing_if = "Option::is_none")]
    pub by: Option<Box<By>>,
    /// When it was cancelled, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_at: Option<Millis>,
    /// Who cancelled it, where that is on record.
    #[serde(default, with = "by", skip_serializing_if = "Option::is_none")]
    pub cancelled_by: Option<Box<By>>,
}

/// What is recorded of an execution that a client has cancelled.
pub(crate) const CANCELLED: &str = "cancelled by request";
/// What is recorded of an execution that is skipped because a client asked for that.
pub(crate) const SKIPPED: &str = "skipped by request";

impl From<ExecutionAnswer> for Execution {
    /// The execution as it was then, as far as the answer says: of one that was cancelled, its attempts are not told.
    fn from(answer: ExecutionAnswer) -> Self {
        let ExecutionAnswer { job, job_name, run, node, replay_of, by, cancelled_at, cancelled_by } = answer;
        let RunRef { execution, job: _, version, scheduled_time, trigger } = run;
        let is_cancelled = cancelled_at.is_some();
        Self {
            id: execution,
            job_id: job,
            job_name: JobName::unchecked(&job_name),
            job_version: version,
            trigger,
            scheduled_time,
            started_at: None,
            completed_at: cancelled_at,
            status: if is_cancelled { Status::Cancelled } else { Status::Pending },
            attempts: 0,
            last_error: is_cancelled.then(|| CANCELLED.to_owned()),
            error_kind: is_cancelled.then_some(ErrorKind::Cancelled),
            response: None,
            attempt_log: Vec::new(),
            node_id: node,
            replay_of,
            // What an operation asks for is answered to nobody.
            operation: None,
            by: By::of_run(trigger, by.map(|by| *by)),
            cancelled_by: cancelled_by.map(|by| *by),
            missed: None,
            lateness_ms: None,
            next_attempt_at: None,
            waited: Waited::default(),
        }
    }
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
    /// A job is not as it was when whoever proposed the command read it. Nothing was done to the others either.
    Stale {
        /// Which one, counted from 0.
        item: usize,
    },
    /// The set remembers no such apply.
    NoSuchApply,
    /// There is no such operation.
    NoSuchOperation,
    /// The operation is over.
    OperationEnded {
        /// Whether it was ended before its end.
        cancelled: bool,
    },
    /// The operation stands at another place than the step was made from. The leader reads again.
    OperationMovedOn,
    /// There is no such secret.
    NoSuchSecret {
        /// Its name.
        name: String,
    },
    /// Jobs name the secret that is to be deleted.
    SecretInUse {
        /// The names of the first of them.
        jobs: Vec<String>,
        /// Whether there are more.
        more: bool,
    },
    /// There are as many secrets, or keys for them, as may be.
    TooManySecrets {
        /// How many.
        most: usize,
    },
    /// Another data key seals than the one by which the credentials in the command are sealed. Whoever proposed it seals
    /// them anew.
    SealedOtherwise,
    /// What is there is being sealed anew, and where it stands is another place than the step was made from. The same for
    /// a key that comes meanwhile.
    SealingMovedOn,
    /// As many operations are under way as may be.
    TooManyOperations {
        /// How many.
        most: usize,
    },
    /// There is no such key, or it is over.
    NoSuchKey,
    /// As many keys are on record as may be, and none of them is over.
    TooManyKeys {
        /// How many.
        most: usize,
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

//! An execution: one run of a job, with every attempt that was made for it.

use crate::choice::choice;
use crate::{By, ExecutionId, JobId, JobName, Millis, NodeName, OperationId, Phases, Waited};

choice! {
    /// What asked for an execution.
    Trigger "a trigger" {
        /// The job's schedule.
        Schedule "schedule",
        /// A call of the API.
        Manual "manual",
        /// The schedule, for an instant when no node was up.
        CatchUp "catch_up",
        /// A call of the API, to repeat an earlier execution.
        Replay "replay",
        /// A call of the API, to run an instant of the past.
        Backfill "backfill",
    }
}

choice! {
    /// Where an execution stands.
    Status "an execution status" {
        /// It is on record, and its first attempt has not begun.
        Pending "pending",
        /// An attempt is under way.
        Running "running",
        /// An attempt failed and the next one is waiting for its time.
        Retrying "retrying",
        /// Delivered.
        Success "success",
        /// Given up.
        Failed "failed",
        /// Ended by a user or by a newer run.
        Cancelled "cancelled",
        /// Not delivered, because another run was unfinished, or because the missed-runs policy passes it over.
        Skipped "skipped",
    }
}

impl Status {
    /// Whether the execution is over.
    #[must_use]
    pub fn is_finished(self) -> bool {
        !matches!(self, Self::Pending | Self::Running | Self::Retrying)
    }
}

choice! {
    /// Why an attempt or an execution did not succeed.
    ErrorKind "an error kind" {
        /// The whole attempt took longer than its timeout.
        Timeout "timeout",
        /// The host's name could not be resolved.
        Dns "dns",
        /// No connection could be made.
        Connect "connect",
        /// The TLS handshake failed.
        Tls "tls",
        /// The connection broke before a whole response was read.
        Reset "reset",
        /// The response's body could not be read.
        Body "body",
        /// The status code is not a success.
        Status "status",
        /// The target's address is denied by the configuration.
        EgressDenied "egress_denied",
        /// Another run of the job was unfinished.
        Overlap "overlap",
        /// Ended by a user or by a newer run.
        Cancelled "cancelled",
        /// A secret that it is made with is not there, cannot be opened, or may not go to the target.
        Secret "secret",
        /// No token could be had for it, or the target does not take the one that was kept.
        Auth "auth",
    }
}

/// An execution with all that is recorded of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Execution {
    /// Identifier; the receiver's idempotency key.
    pub id: ExecutionId,
    /// The job it belongs to.
    pub job_id: JobId,
    /// The job's name in the version that ran.
    pub job_name: JobName,
    /// The version of the job that ran.
    pub job_version: u64,
    /// What asked for it.
    pub trigger: Trigger,
    /// The instant it was scheduled for.
    pub scheduled_time: Millis,
    /// When its first attempt began.
    pub started_at: Option<Millis>,
    /// When it was over.
    pub completed_at: Option<Millis>,
    /// Where it stands.
    pub status: Status,
    /// Attempts begun.
    pub attempts: u32,
    /// The last thing that went wrong.
    pub last_error: Option<String>,
    /// Its kind.
    pub error_kind: Option<ErrorKind>,
    /// The last attempt's response.
    pub response: Option<Response>,
    /// Every attempt that ended.
    pub attempt_log: Vec<Attempt>,
    /// The node that fires it.
    pub node_id: NodeName,
    /// The execution that this one repeats.
    pub replay_of: Option<ExecutionId>,
    /// The operation that asked for it, where one did.
    pub operation: Option<OperationId>,
    /// Who asked for it, where that is known. Of a run that its schedule asked for, that is Chronos itself.
    pub by: Option<By>,
    /// Who cancelled it, by a request or by the deletion of its job, where that is known.
    pub cancelled_by: Option<By>,
    /// Where it is no run, but stands for all instants of a stretch that the missed-runs policy passed over. It is
    /// `skipped` then, and its scheduled time is the last of them.
    pub missed: Option<Missed>,
    /// How long after the instant at which it was to fire its first attempt began, where that instant is known.
    pub lateness_ms: Option<u64>,
    /// When its next attempt is due, while it waits for that.
    pub next_attempt_at: Option<Millis>,
    /// What it waited for, as far as its attempts have ended.
    pub waited: Waited,
}

/// A stretch of a job's instants that were missed, and that its missed-runs policy passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    /// The first of them.
    pub from: Millis,
    /// The last of them.
    pub to: Millis,
    /// How many there were.
    pub count: u64,
    /// Why none of them runs, for people.
    pub reason: String,
}

/// One attempt that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    /// When it began.
    pub started_at: Millis,
    /// How long it took.
    pub duration_ms: u64,
    /// The response's status, where there was one.
    pub status_code: Option<u16>,
    /// What went wrong.
    pub error: Option<String>,
    /// Its kind.
    pub error_kind: Option<ErrorKind>,
    /// How its time was spent, where that is on record.
    pub phases: Option<Phases>,
}

/// What the target answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// 0 where there was no response.
    pub status_code: u16,
    /// The start of the body; what is not UTF-8 is replaced.
    pub body: Option<String>,
    /// Whether the body was longer than what is kept.
    pub truncated: bool,
    /// Why there was no response, or no whole one.
    pub error: Option<String>,
}

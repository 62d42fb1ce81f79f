//! What can be asked of the machine: the entries of the replicated log.
//!
//! Stored as JSON with a format version in front. Fields may be added with a default; a new kind
//! of command or a changed meaning needs a new version, and a node that meets a version or a
//! command it does not know stops: skipping it would part the state from that of its peers.

use chronos_types::{ErrorKind, ExecutionId, JobId, JobSpec, Millis, NodeName, Response};
use serde::{Deserialize, Serialize};

use crate::run::{Fire, JobSeq, RunRef};
use crate::{StateError, stored};

/// The newest format understood. A batch is written in the oldest that has all of its commands, so
/// that nodes of two releases can share a log until a newer command is used.
pub const FORMAT: u32 = 3;

/// One entry of the log: commands that were waiting together, applied in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// The leader's clock when it proposed, never earlier than the batch before.
    pub at: Millis,
    /// The commands.
    pub items: Vec<Proposal>,
}

/// A command, and the key that makes repeating it harmless.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// Present where the client sent an `Idempotency-Key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<Idempotency>,
    /// What to do.
    pub command: Command,
}

impl From<Command> for Proposal {
    fn from(command: Command) -> Self {
        Self { idempotency: None, command }
    }
}

/// A client's own name for a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    /// As sent by the client.
    pub key: String,
    /// A hash of the request; the same key with another request is refused.
    pub fingerprint: String,
}

/// Everything that changes the state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Command {
    /// Create or change a job.
    PutJob(Box<PutJob>),
    /// Delete a job.
    DeleteJob(DeleteJob),
    /// Run a job now, or repeat an execution.
    Trigger(TriggerRun),
    /// End an unfinished execution.
    Cancel(Cancel),
    /// Put coming runs on record.
    Plan(Plan),
    /// Say what became of attempts.
    Report(Report),
    /// Forget old records.
    Trim(Trim),
    /// Give unfinished executions to other nodes.
    Reassign(Reassign),
}

impl Command {
    /// The first format that has this kind of command.
    fn format(&self) -> u32 {
        match self {
            Self::PutJob(_)
            | Self::DeleteJob(_)
            | Self::Trigger(_)
            | Self::Cancel(_)
            | Self::Plan(_)
            | Self::Trim(_) => 1,
            Self::Report(report) => match report.what {
                Reported::Begun { .. }
                | Reported::Ended { .. }
                | Reported::Skipped { .. }
                | Reported::Replaced { .. } => 1,
                Reported::NotBegun | Reported::Unknown => 3,
            },
            Self::Reassign(_) => 2,
        }
    }

    /// A rough count of its bytes in the log.
    #[must_use]
    pub fn weight(&self) -> usize {
        match self {
            Self::PutJob(put) => 1_000 + put.spec.webhook.body.as_ref().map_or(0, |b| b.source().len()),
            Self::Plan(plan) => 200 * plan.steps.len(),
            Self::Report(report) => match &report.what {
                Reported::Ended { response, .. } => 500 + response.body.as_ref().map_or(0, String::len),
                _ => 300,
            },
            Self::DeleteJob(_) | Self::Trigger(_) | Self::Cancel(_) => 300,
            Self::Reassign(reassign) => 150 * reassign.runs.len(),
            Self::Trim(trim) => 10 * (trim.executions.len() + trim.versions.len() + trim.jobs.len()),
        }
    }
}

/// Creates or changes a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PutJob {
    /// The job.
    #[serde(with = "stored::id")]
    pub id: JobId,
    /// The version this change was made from; none creates the job.
    pub from_version: Option<u64>,
    /// The instant of creation, from the clock that also computed `next_due`: an `@every` schedule
    /// counts from it, and the two must agree. A change leaves the job's own as it is.
    pub created_at: Millis,
    /// The whole specification.
    #[serde(with = "stored::spec")]
    pub spec: JobSpec,
    /// The first instant at which it falls due from now on.
    pub next_due: Option<Millis>,
}

/// Deletes a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteJob {
    /// The job.
    #[serde(with = "stored::id")]
    pub id: JobId,
    /// Refused unless the job is at this version.
    pub if_version: Option<u64>,
}

/// Runs a job now (`manual`), or repeats an earlier execution (`replay`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriggerRun {
    /// The job.
    #[serde(with = "stored::id")]
    pub job: JobId,
    /// The new execution.
    #[serde(with = "stored::id")]
    pub execution: ExecutionId,
    /// The execution to repeat, with the job's version of that time.
    #[serde(default, with = "stored::opt_id", skip_serializing_if = "Option::is_none")]
    pub replay_of: Option<ExecutionId>,
    /// The node that is to fire it.
    pub node: NodeName,
}

/// Ends an unfinished execution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    /// The execution.
    #[serde(with = "stored::id")]
    pub execution: ExecutionId,
}

/// Puts coming runs on record, before their instant, and moves their jobs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The steps, those of one job in order of their instants.
    #[serde(rename = "runs")]
    pub steps: Vec<PlanStep>,
}

/// Moves a job from one due instant to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanStep {
    /// The due instant it was planned from; a job that has moved on since is planned anew.
    pub from: Millis,
    /// The job's next due instant after this one.
    pub next_due: Option<Millis>,
    /// What comes of the instant.
    pub what: Planned,
}

/// What a plan makes of a due instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Planned {
    /// It is run.
    Run(PlannedRun),
    /// It is passed over, and whatever else lies before the next due instant, by the job's
    /// missed-runs policy.
    PassedOver {
        /// The job.
        job: JobSeq,
        /// The version it was planned from.
        version: u64,
    },
}

/// A run to put on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedRun {
    /// The run, `schedule` or `catch_up`. Its execution's id is a function of the job and the
    /// scheduled time.
    pub run: RunRef,
    /// When to fire: the scheduled time and its jitter.
    pub fire_at: Millis,
    /// The node that is to fire it.
    pub node: NodeName,
}

impl PlanStep {
    /// The job that moves.
    #[must_use]
    pub fn job(&self) -> JobSeq {
        match &self.what {
            Planned::Run(planned) => planned.run.job,
            Planned::PassedOver { job, .. } => *job,
        }
    }

    /// The version of the job that this was planned from; a job changed since is planned anew.
    #[must_use]
    pub fn version(&self) -> u64 {
        match &self.what {
            Planned::Run(planned) => planned.run.version,
            Planned::PassedOver { version, .. } => *version,
        }
    }

    /// The run, if there is one.
    #[must_use]
    pub fn planned(&self) -> Option<&PlannedRun> {
        match &self.what {
            Planned::Run(planned) => Some(planned),
            Planned::PassedOver { .. } => None,
        }
    }
}

/// What became of one attempt.
///
/// It says all that the record needs, so that a delivery whose record was withdrawn while it was
/// under way still ends on record.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The run, in the version that the node ran.
    pub run: RunRef,
    /// The node that speaks.
    pub node: NodeName,
    /// What happened.
    pub what: Reported,
}

/// What an attempt came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Reported {
    /// It is under way. Sent only for attempts that take long enough to be looked at.
    Begun {
        /// From 1.
        attempt: u32,
        /// When it began.
        started_at: Millis,
    },
    /// It ended.
    Ended {
        /// From 1.
        attempt: u32,
        /// When it began.
        started_at: Millis,
        /// How long it took.
        duration_ms: u64,
        /// What came back.
        #[serde(with = "stored::response")]
        response: Response,
        /// What went wrong and its kind; none is a success.
        #[serde(default, with = "stored::failure", skip_serializing_if = "Option::is_none")]
        failure: Option<(ErrorKind, String)>,
        /// When the next attempt is due; none after a success and where the policy is used up.
        retry_at: Option<Millis>,
    },
    /// The execution was not delivered, because another of its job was unfinished.
    Skipped {
        /// Why, for people.
        reason: String,
    },
    /// A newer run ended this one.
    Replaced {
        /// The attempt that was cut off, and when it had begun.
        attempt: Option<(u32, Millis)>,
    },
    /// It was withdrawn, and this node had not begun it by then.
    NotBegun,
    /// It was withdrawn, and nobody can say any more whether an attempt had begun: its node was started
    /// anew in between, or has left the cluster.
    Unknown,
}

/// Forgets records that are past their keeping.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trim {
    /// The machine's own numbers of finished executions.
    pub executions: Vec<i64>,
    /// Superseded versions of jobs, by the job's number and the version.
    pub versions: Vec<(JobSeq, u64)>,
    /// Deleted jobs that no execution refers to.
    pub jobs: Vec<JobSeq>,
    /// Idempotency keys older than this are forgotten.
    pub keys_before: Millis,
}

/// Gives unfinished executions of a node that is gone or leaves to others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reassign {
    /// The executions.
    pub runs: Vec<Moved>,
}

/// One execution, from one node to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// The execution.
    #[serde(with = "stored::id")]
    pub execution: ExecutionId,
    /// The node that must still hold it.
    pub from: NodeName,
    /// The node that is to fire it from now on.
    pub to: NodeName,
    /// Whether the node that held it may have begun it, and cannot be asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsure: bool,
}

impl Report {
    /// What the node that was to fire an execution says about it.
    #[must_use]
    pub fn of(fire: &Fire, what: Reported) -> Self {
        Self { run: fire.run, node: fire.node.clone(), what }
    }
}

impl Reported {
    /// Whether it says that the target answered as it should.
    pub(crate) fn is_success(&self) -> bool {
        matches!(self, Self::Ended { failure: None, .. })
    }
}

impl Batch {
    /// The bytes kept in the log.
    ///
    /// # Errors
    /// None that a batch made by this crate meets.
    pub fn encode(&self) -> Result<Vec<u8>, StateError> {
        // The format stands first, on its own, so that it can be read before the rest is.
        let format = self.items.iter().map(|item| item.command.format()).max().unwrap_or(1);
        let mut out = format!("{format} ").into_bytes();
        serde_json::to_writer(&mut out, self).map_err(StateError::encode)?;
        Ok(out)
    }

    /// Reads what [`Batch::encode`] wrote.
    ///
    /// # Errors
    /// The format is newer than this binary, or the bytes are damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let space = bytes.iter().position(|b| *b == b' ').unwrap_or(0);
        let format = std::str::from_utf8(&bytes[..space]).ok().and_then(|text| text.parse::<u32>().ok());
        match format {
            Some(1..=FORMAT) => serde_json::from_slice(&bytes[space..]).map_err(StateError::decode),
            Some(newer) if newer > FORMAT => Err(StateError::NewerCommand { found: newer, known: FORMAT }),
            _ => Err(StateError::Corrupt("a log entry does not begin with its format version".into())),
        }
    }
}

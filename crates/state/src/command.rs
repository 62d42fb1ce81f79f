//! Commands: what can be asked of the machine, and the entries of the replicated log.
//!
//! An entry is stored as JSON with a number in front: the version of the cluster since which all that is in
//! it exists. A new kind of command, a new field or a changed meaning needs a new version. A node that finds
//! a version, a command or a field that it does not know stops: if it skipped something, its state would
//! differ from that of its peers.

mod plan;
mod report;

use chronos_types::{ExecutionId, JobId, JobSpec, Millis, NodeName};
use serde::{Deserialize, Serialize};

use crate::error::StateError;
use crate::run::JobSeq;
use crate::stored::{spec, text};

pub use plan::{Plan, PlanStep, PlannedRun};
pub use report::{Report, Reported};

/// The highest version of the cluster that this binary can follow. Commands, messages and the tables of
/// the state may be used from the version on that brought them.
pub const VERSION: u32 = if cfg!(feature = "next") { 2 } else { FIRST };
/// The version that a cluster begins with.
pub(crate) const FIRST: u32 = 1;

/// One entry of the log: commands that waited at the same time. They are applied in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// The time by the leader's clock when it proposed the batch; never earlier than that of the batch before.
    pub at: Millis,
    /// The commands.
    pub items: Vec<Proposal>,
}

/// A command, and the key that makes it harmless to send the command again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
#[serde(deny_unknown_fields)]
pub struct Idempotency {
    /// As sent by the client.
    pub key: String,
    /// A hash of the request. A request with the same key and another hash is refused.
    pub fingerprint: String,
}

/// Everything that changes the state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
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
    /// Raise the version of the cluster: from here on, what it brought may be used.
    RaiseVersion {
        /// The version from here on.
        to: u32,
    },
    /// Count this command, in tests of what comes with a new version.
    #[cfg(feature = "next")]
    Probe,
}

impl Command {
    /// The first version of the cluster in which it may be used. Of a raise that is the version it raises
    /// to: a node that cannot follow it cannot read it either.
    #[must_use]
    pub fn since(&self) -> u32 {
        match self {
            Self::PutJob(_)
            | Self::DeleteJob(_)
            | Self::Trigger(_)
            | Self::Cancel(_)
            | Self::Plan(_)
            | Self::Report(_)
            | Self::Trim(_)
            | Self::Reassign(_) => FIRST,
            Self::RaiseVersion { to } => *to,
            #[cfg(feature = "next")]
            Self::Probe => 2,
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
            Self::RaiseVersion { .. } => 30,
            #[cfg(feature = "next")]
            Self::Probe => 30,
        }
    }
}

/// Creates or changes a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutJob {
    /// The job.
    #[serde(with = "text")]
    pub id: JobId,
    /// The version that this change was made from; `None` creates the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_version: Option<u64>,
    /// The instant of creation. An `@every` schedule counts from it, so it comes from the same reading
    /// of the clock as `next_due`. A change of a job does not alter it.
    pub created_at: Millis,
    /// The whole specification.
    #[serde(with = "spec")]
    pub spec: JobSpec,
    /// The first instant from now on at which the job falls due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_due: Option<Millis>,
}

/// Deletes a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeleteJob {
    /// The job.
    #[serde(with = "text")]
    pub id: JobId,
    /// Refused unless the job is at this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_version: Option<u64>,
}

/// Runs a job now (`manual`), or repeats an earlier execution (`replay`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TriggerRun {
    /// The job.
    #[serde(with = "text")]
    pub job: JobId,
    /// The new execution.
    #[serde(with = "text")]
    pub execution: ExecutionId,
    /// The execution to repeat; the new one runs the same version of the job.
    #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub replay_of: Option<ExecutionId>,
    /// The node that is to fire it.
    pub node: NodeName,
}

/// Ends an unfinished execution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cancel {
    /// The execution.
    #[serde(with = "text")]
    pub execution: ExecutionId,
}

/// Forgets records whose retention has passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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

/// Gives unfinished executions to other nodes, because their node is gone or about to stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reassign {
    /// The executions.
    pub runs: Vec<Moved>,
}

/// Moves one execution from one node to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moved {
    /// The execution.
    #[serde(with = "text")]
    pub execution: ExecutionId,
    /// The node that must still hold it.
    pub from: NodeName,
    /// The node that is to fire it from now on.
    pub to: NodeName,
    /// Whether the node that held it may have begun it and cannot be asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsure: bool,
}

/// Commands with the versions that each of them may count on.
#[derive(Clone, Copy, Debug)]
pub struct LogBatch<'a> {
    /// The commands.
    pub batch: &'a Batch,
    /// The highest version that every member of the cluster followed at this place of the log. It comes from
    /// the members as the log has them, so that it is the same on every node.
    pub follows: u32,
}

impl Batch {
    /// The first version of the cluster that has all of its commands.
    #[must_use]
    pub fn since(&self) -> u32 {
        self.items.iter().map(|item| item.command.since()).fold(FIRST, u32::max)
    }

    /// The bytes that the log keeps.
    ///
    /// # Errors
    /// None, for a batch that is made of this crate's types.
    pub fn encode(&self) -> Result<Vec<u8>, StateError> {
        // The version stands in front, so that it can be read before the rest.
        let mut out = format!("{} ", self.since()).into_bytes();
        serde_json::to_writer(&mut out, self).map_err(StateError::encode)?;
        Ok(out)
    }

    /// Reads what [`Batch::encode`] wrote.
    ///
    /// # Errors
    /// A command is of a newer Chronos than this binary, or the bytes are damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let (version, json) = split(bytes)
            .ok_or_else(|| StateError::Corrupt("a log entry does not begin with its version".into()))?;
        if version > VERSION {
            return Err(StateError::NewerVersion { found: version, known: VERSION });
        }
        let batch: Self = serde_json::from_slice(json).map_err(StateError::decode)?;
        let since = batch.since();
        if since != version {
            let what = format!("a log entry says version {version} and holds commands of version {since}");
            return Err(StateError::Corrupt(what));
        }
        Ok(batch)
    }
}

/// The version in front of an entry, and the rest.
fn split(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let space = bytes.iter().position(|byte| *byte == b' ')?;
    let (number, json) = (&bytes[..space], &bytes[space + 1..]);
    let is_plain = number.iter().all(u8::is_ascii_digit) && number.first() != Some(&b'0');
    let version = std::str::from_utf8(number).ok()?.parse().ok()?;
    is_plain.then_some((version, json))
}

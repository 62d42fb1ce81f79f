//! Commands: what can be asked of the machine, and the entries of the replicated log.
//!
//! An entry is stored as JSON with a format version in front. A field may be added if it has a
//! default. A new kind of command, or a changed meaning, needs a new version. A node that finds a
//! version or a command that it does not know stops: if it skipped the entry, its state would differ
//! from that of its peers.

mod plan;
mod report;

use chronos_types::{ExecutionId, JobId, JobSpec, Millis, NodeName};
use serde::{Deserialize, Serialize};

use crate::error::StateError;
use crate::run::JobSeq;
use crate::stored::{spec, text};

pub use plan::{Plan, PlanStep, Planned, PlannedRun};
pub use report::{Report, Reported};

/// The newest format that this binary understands. A batch is written in the oldest format that has all
/// of its commands, so that nodes of two releases can share a log until a newer command is used.
pub const FORMAT: u32 = 3;

/// One entry of the log: commands that waited at the same time. They are applied in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// The time by the leader's clock when it proposed the batch; never earlier than that of the batch before.
    pub at: Millis,
    /// The commands.
    pub items: Vec<Proposal>,
}

/// A command, and the key that makes it harmless to send the command again.
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
    /// A hash of the request. A request with the same key and another hash is refused.
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
    #[serde(with = "text")]
    pub id: JobId,
    /// The version that this change was made from; `None` creates the job.
    pub from_version: Option<u64>,
    /// The instant of creation. An `@every` schedule counts from it, so it comes from the same reading
    /// of the clock as `next_due`. A change of a job does not alter it.
    pub created_at: Millis,
    /// The whole specification.
    #[serde(with = "spec")]
    pub spec: JobSpec,
    /// The first instant from now on at which the job falls due.
    pub next_due: Option<Millis>,
}

/// Deletes a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteJob {
    /// The job.
    #[serde(with = "text")]
    pub id: JobId,
    /// Refused unless the job is at this version.
    pub if_version: Option<u64>,
}

/// Runs a job now (`manual`), or repeats an earlier execution (`replay`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
pub struct Cancel {
    /// The execution.
    #[serde(with = "text")]
    pub execution: ExecutionId,
}

/// Forgets records whose retention has passed.
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

/// Gives unfinished executions to other nodes, because their node is gone or about to stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reassign {
    /// The executions.
    pub runs: Vec<Moved>,
}

/// Moves one execution from one node to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

impl Batch {
    /// The bytes that the log keeps.
    ///
    /// # Errors
    /// None, for a batch that is made of this crate's types.
    pub fn encode(&self) -> Result<Vec<u8>, StateError> {
        // The format stands in front, so that it can be read before the rest.
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

#[cfg(test)]
mod tests {
    use chronos_types::Trigger;

    use super::*;
    use crate::run::RunRef;

    fn kept(command: &Command, json: &str) {
        assert_eq!(serde_json::to_string(command).expect("JSON"), json);
        assert_eq!(&serde_json::from_str::<Command>(json).expect("a command"), command);
    }

    #[test]
    fn the_log_keeps_its_form() {
        let execution = ExecutionId::floor(1000);
        let run = RunRef {
            execution,
            job: JobSeq::new(7),
            version: 2,
            scheduled_time: 1000,
            trigger: Trigger::Schedule,
        };
        let node = NodeName::unchecked("n1");
        let planned = PlannedRun { run, fire_at: 1250, node: node.clone() };
        let plan = |step| Command::Plan(Plan { steps: vec![step] });
        kept(
            &plan(PlanStep { from: 1000, next_due: Some(2000), what: Planned::Run(planned) }),
            &format!(
                r#"{{"kind":"plan","runs":[{{"job":7,"version":2,"from":1000,"slot":1000,"fire_at":1250,"execution":"{execution}","trigger":"schedule","next_due":2000,"node":"n1"}}]}}"#
            ),
        );
        let passed = Planned::PassedOver { job: JobSeq::new(7), version: 2 };
        let passed = plan(PlanStep { from: 1000, next_due: None, what: passed });
        kept(
            &passed,
            r#"{"kind":"plan","runs":[{"job":7,"version":2,"from":1000,"slot":null,"fire_at":1000,"trigger":"catch_up","next_due":null,"node":""}]}"#,
        );
        let named = r#"{"kind":"plan","runs":[{"job":7,"version":2,"from":1000,"slot":null,"fire_at":1000,"trigger":"catch_up","next_due":null,"node":"n1"}]}"#;
        assert_eq!(serde_json::from_str::<Command>(named).expect("a command"), passed);
        kept(
            &Command::Report(Report { run, node, what: Reported::NotBegun }),
            &format!(
                r#"{{"kind":"report","execution":"{execution}","job":7,"version":2,"slot":1000,"trigger":"schedule","node":"n1","what":{{"event":"not_begun"}}}}"#
            ),
        );
    }
}

//! Plans: which due instants of which jobs are run, and when each job falls due next.

use chronos_types::{ExecutionId, Millis, NodeName, Trigger};
use serde::{Deserialize, Serialize};

use crate::run::{Fire, JobSeq, RunRef};
use crate::stored::text;

/// Puts coming runs on record before their instant, and moves each of their jobs to its next due instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The steps, those of one job in order of their instants.
    pub steps: Vec<PlanStep>,
}

/// Moves a job from one due instant to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanStep {
    /// The job that moves.
    pub job: JobSeq,
    /// The version of the job that this was planned from. If the job has changed since, the step does
    /// nothing, and the job is planned anew.
    pub version: u64,
    /// The due instant that this step was planned from. If the job has moved on since, the step does
    /// nothing, and the job is planned anew.
    pub from: Millis,
    /// The job's next due instant after this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_due: Option<Millis>,
    /// The instants from there on that the job's missed-runs policy passes over, where there are any. They lie before
    /// that of the run and before the next due instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<PassedOver>,
    /// The run to put on record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<PlannedRun>,
}

/// A stretch of missed instants to put on record as one entry, of the job and the version that its step names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PassedOver {
    /// The entry. Its id is a function of the job and the last of the instants, and no run has it.
    #[serde(with = "text")]
    pub entry: ExecutionId,
    /// The first of them.
    pub from: Millis,
    /// The last of them.
    pub to: Millis,
    /// How many there are.
    pub count: u64,
    /// Why none of them runs, for people.
    pub reason: String,
    /// The node that would have been to fire them.
    pub node: NodeName,
}

/// A run to put on record, of the job and the version that its step names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedRun {
    /// The execution that records it. Its id is a function of the job and the scheduled time.
    #[serde(with = "text")]
    pub execution: ExecutionId,
    /// The instant it is scheduled for.
    pub scheduled_time: Millis,
    /// `schedule` or `catch_up`.
    #[serde(with = "text")]
    pub trigger: Trigger,
    /// When to fire: the scheduled time and its jitter.
    pub fire_at: Millis,
    /// The node that is to fire it.
    pub node: NodeName,
    /// Whether the node that holds an unfinished run of the job fires it instead, if one does when this is applied.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub beside: bool,
}

impl PlanStep {
    /// What the node that the step names is to fire, if there is a run.
    #[must_use]
    pub fn fire(&self) -> Option<Fire> {
        let PlannedRun { execution, scheduled_time, trigger, fire_at, node, beside: _ } =
            self.run.as_ref()?;
        let run = RunRef {
            execution: *execution,
            job: self.job,
            version: self.version,
            scheduled_time: *scheduled_time,
            trigger: *trigger,
        };
        Some(Fire::first(run, *fire_at, node.clone()))
    }

    /// A rough count of its bytes in the log.
    #[must_use]
    pub fn weight(&self) -> usize {
        200 + self.missed.as_ref().map_or(0, |missed| 200 + missed.reason.len())
    }

    /// How many rows of the state it changes: the job's due instant, the execution, and the entry of what is passed
    /// over.
    #[must_use]
    pub fn rows(&self) -> usize {
        1 + self.puts_on_record()
    }

    /// How many records it makes.
    pub(crate) fn puts_on_record(&self) -> usize {
        usize::from(self.run.is_some()) + usize::from(self.missed.is_some())
    }
}

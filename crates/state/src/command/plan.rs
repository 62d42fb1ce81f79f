//! Plans: which due instants of which jobs are run, and when each job falls due next.

use chronos_types::{ExecutionId, Millis, NodeName, Trigger};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::run::{JobSeq, RunRef};
use crate::stored::text;

/// Puts coming runs on record before their instant, and moves each of their jobs to its next due instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The steps, those of one job in order of their instants.
    #[serde(rename = "runs")]
    pub steps: Vec<PlanStep>,
}

/// Moves a job from one due instant to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanStep {
    /// The due instant that this step was planned from. If the job has moved on since, the step does
    /// nothing, and the job is planned anew.
    pub from: Millis,
    /// The job's next due instant after this one.
    pub next_due: Option<Millis>,
    /// What is done about that instant.
    pub what: Planned,
}

/// What a plan makes of a due instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Planned {
    /// It is run.
    Run(PlannedRun),
    /// The job's missed-runs policy passes it over, together with all else that lies before the next
    /// due instant.
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
    /// The run. Its trigger is `schedule` or `catch_up`. The id of its execution is a function of the
    /// job and the scheduled time.
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

    /// The version of the job that this was planned from. If the job has changed since, the step does
    /// nothing, and the job is planned anew.
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

/// The stored form of a [`PlanStep`]. If it passes instants over, `slot` is null, there is no
/// `execution`, and nobody reads `fire_at`, `trigger` and `node`.
#[derive(Serialize, Deserialize)]
struct StoredStep {
    job: JobSeq,
    version: u64,
    from: Millis,
    slot: Option<Millis>,
    fire_at: Millis,
    #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
    execution: Option<ExecutionId>,
    #[serde(with = "text")]
    trigger: Trigger,
    next_due: Option<Millis>,
    node: NodeName,
}

impl From<&PlanStep> for StoredStep {
    fn from(step: &PlanStep) -> Self {
        let PlanStep { from, next_due, what } = step;
        let (from, next_due) = (*from, *next_due);
        match what {
            Planned::Run(PlannedRun { run, fire_at, node }) => {
                let RunRef { execution, job, version, scheduled_time, trigger } = *run;
                Self {
                    job,
                    version,
                    from,
                    slot: Some(scheduled_time),
                    fire_at: *fire_at,
                    execution: Some(execution),
                    trigger,
                    next_due,
                    node: node.clone(),
                }
            }
            Planned::PassedOver { job, version } => Self {
                job: *job,
                version: *version,
                from,
                slot: None,
                fire_at: from,
                execution: None,
                trigger: Trigger::CatchUp,
                next_due,
                node: NodeName::default(),
            },
        }
    }
}

impl From<StoredStep> for PlanStep {
    fn from(stored: StoredStep) -> Self {
        let StoredStep { job, version, from, slot, fire_at, execution, trigger, next_due, node } = stored;
        let what = match (slot, execution) {
            (Some(scheduled_time), Some(execution)) => Planned::Run(PlannedRun {
                run: RunRef { execution, job, version, scheduled_time, trigger },
                fire_at,
                node,
            }),
            _ => Planned::PassedOver { job, version },
        };
        Self { from, next_due, what }
    }
}

impl Serialize for PlanStep {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        StoredStep::from(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PlanStep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        StoredStep::deserialize(deserializer).map(Self::from)
    }
}

//! How planned runs and reports are kept in the log. One object holds the identity of the run and
//! what is said about it, as it always has; in memory the identity is a [`RunRef`].

use chronos_types::{ExecutionId, Millis, NodeName, Trigger};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{id, name, opt_id};
use crate::command::{PlanStep, Planned, PlannedRun, Report, Reported};
use crate::run::{JobSeq, RunRef};

/// A [`PlanStep`]. Where instants are passed over, `slot` is null, there is no `execution`, and
/// `fire_at`, `trigger` and `node` say nothing.
#[derive(Serialize, Deserialize)]
struct StoredStep {
    job: JobSeq,
    version: u64,
    from: Millis,
    slot: Option<Millis>,
    fire_at: Millis,
    #[serde(default, with = "opt_id", skip_serializing_if = "Option::is_none")]
    execution: Option<ExecutionId>,
    #[serde(with = "name")]
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

/// A [`Report`] as it is written.
#[derive(Serialize)]
struct WrittenReport<'a> {
    #[serde(with = "id")]
    execution: ExecutionId,
    job: JobSeq,
    version: u64,
    slot: Millis,
    #[serde(with = "name")]
    trigger: Trigger,
    node: &'a NodeName,
    what: &'a Reported,
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { run, node, what } = self;
        let RunRef { execution, job, version, scheduled_time, trigger } = *run;
        WrittenReport { execution, job, version, slot: scheduled_time, trigger, node, what }
            .serialize(serializer)
    }
}

/// A [`Report`] as it is read.
#[derive(Deserialize)]
struct ReadReport {
    #[serde(with = "id")]
    execution: ExecutionId,
    job: JobSeq,
    version: u64,
    slot: Millis,
    #[serde(with = "name")]
    trigger: Trigger,
    node: NodeName,
    what: Reported,
}

impl<'de> Deserialize<'de> for Report {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ReadReport { execution, job, version, slot, trigger, node, what } =
            ReadReport::deserialize(deserializer)?;
        Ok(Self { run: RunRef { execution, job, version, scheduled_time: slot, trigger }, node, what })
    }
}

#[cfg(test)]
mod tests {
    use crate::{Command, Plan};

    use super::*;

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

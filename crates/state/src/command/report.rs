//! Reports: what a node says about a run that it was to fire.

use chronos_types::{ErrorKind, ExecutionId, Millis, NodeName, Response, Trigger};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::run::{Fire, JobSeq, RunRef};
use crate::stored::execution::{failure, response};
use crate::stored::text;

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
        #[serde(with = "response")]
        response: Response,
        /// What went wrong and its kind; none is a success.
        #[serde(default, with = "failure", skip_serializing_if = "Option::is_none")]
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

/// A [`Report`] as it is written.
#[derive(Serialize)]
struct WrittenReport<'a> {
    #[serde(with = "text")]
    execution: ExecutionId,
    job: JobSeq,
    version: u64,
    slot: Millis,
    #[serde(with = "text")]
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
    #[serde(with = "text")]
    execution: ExecutionId,
    job: JobSeq,
    version: u64,
    slot: Millis,
    #[serde(with = "text")]
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

//! Operations: what is to be done with all jobs, or all executions, that a filter matches.
//!
//! What is asked for is frozen when an operation is made. From then on the leader reads portions of what the filter
//! matches, and proposes a step for each. A step names the place that it was made from: one that arrives twice, or that
//! an earlier leader proposed, does nothing.

use std::collections::BTreeMap;
use std::fmt;

use chronos_seal::Sealed;
use chronos_types::{ExecutionId, JobId, Millis, OperationId, Scope};
use serde::{Deserialize, Serialize};

use super::Command;
use crate::outcome::Refusal;
use crate::run::JobSeq;
use crate::stored::scope::StoredScope;
use crate::stored::text;

/// The version of the cluster that brings operations.
pub const OPERATIONS_SINCE: u32 = 2;
/// So many operations are under way at a time.
pub const MAX_OPERATIONS: usize = 16;
/// So many are kept, those under way among them: of those that are over, the newest.
pub const KEPT_OPERATIONS: usize = 200;
/// So many items that were refused are kept of an operation with their reasons; the rest is counted.
pub const KEPT_ERRORS: u64 = 100;
/// So many operations are forgotten at once, when one is made.
pub(crate) const FORGOTTEN_AT_ONCE: usize = 4;

/// A word about an operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum OperationWord {
    /// Make one.
    Begin(Box<BeginOperation>),
    /// Do the next portion of one.
    Step(Box<OperationStep>),
    /// End one where it stands.
    Cancel {
        /// The operation.
        #[serde(with = "text")]
        id: OperationId,
    },
}

/// Makes an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeginOperation {
    /// The operation.
    #[serde(with = "text")]
    pub id: OperationId,
    /// What it is to do.
    pub spec: OperationSpec,
}

/// What an operation is to do. It never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationSpec {
    /// What is to be done with each.
    pub action: BulkAction,
    /// With what.
    pub targets: Targets,
    /// At most so many a second. Runs have a rate always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_second: Option<u32>,
    /// How many there were when it was made.
    pub count: u64,
    /// Whether that is all of them. Otherwise nobody counted further.
    pub exact: bool,
    /// What it may touch: what whoever made it may see. All where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<StoredScope>,
}

/// What is to be done with each target of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum BulkAction {
    /// Run the job now.
    Trigger,
    /// Delete the job.
    Delete,
    /// Change fields of the job.
    Patch(PatchText),
    /// The same, where credentials stand in the change.
    SealedPatch(SealedPatch),
    /// Pause the job.
    Pause {
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// The instant at which the pause ends by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Millis>,
    },
    /// End the pause of the job.
    Resume,
    /// Run the execution again.
    Replay {
        /// All of them within so many milliseconds, evenly; 0 for as fast as the rate allows.
        spread_ms: u64,
    },
    /// End the execution.
    Cancel,
    /// Run the instant of the past.
    Backfill,
}

/// A JSON merge patch, as its client wrote it. `Debug` shows nothing of it, for it may have secrets.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PatchText(pub String);

impl fmt::Debug for PatchText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PatchText").finish_non_exhaustive()
    }
}

/// A change in which credentials stand, sealed as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedPatch {
    /// The change as it is shown: without the credentials.
    pub shown: String,
    /// The change.
    pub sealed: Sealed,
}

impl SealedPatch {
    /// Bytes of its texts.
    pub(super) fn weight(&self) -> usize {
        self.shown.len() + self.sealed.weight()
    }
}

/// A filter as its client wrote it: the parameters of a list, and their values.
pub type Filter = BTreeMap<String, String>;

/// What an operation does something with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Targets {
    /// All jobs that a filter matches when their turn comes, and that were there when the operation was made.
    Jobs(Filter),
    /// These jobs, by id or name.
    NamedJobs(Vec<String>),
    /// The same of executions.
    Executions(Filter),
    /// These executions, by id.
    NamedExecutions(Vec<String>),
    /// The instants of a job from one on up to another, both included.
    Instants {
        /// The job.
        #[serde(with = "text")]
        job: JobId,
        /// The first instant that may be one of them.
        from: Millis,
        /// The last one.
        to: Millis,
    },
}

/// How far an operation has come: the place of the last target that it is done with, in the order in which it goes
/// through them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Cursor {
    /// It has done nothing yet.
    #[default]
    Start,
    /// A job.
    Job(JobSeq),
    /// An execution.
    Execution(#[serde(with = "text")] ExecutionId),
    /// So many of those that are named.
    Named(u32),
    /// An instant.
    Instant(Millis),
}

/// The next portion of an operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationStep {
    /// The operation.
    #[serde(with = "text")]
    pub id: OperationId,
    /// The place that this was made from. If the operation has moved on since, nothing is done.
    pub from: Cursor,
    /// The targets, in their order.
    pub items: Vec<OperationItem>,
    /// The place that it has come to with this.
    pub to: Cursor,
    /// Whether it is over with this.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_last: bool,
}

/// What is to be done with one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationItem {
    /// The target, for people: a job's name, an execution's id, an instant.
    pub target: String,
    /// Its place.
    pub place: Cursor,
    /// What is to be done.
    pub todo: Todo,
}

/// What is to be done with one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Todo {
    /// What a client could ask for just as well: a change of a job or a run.
    Do(Box<Command>),
    /// Nothing, for this reason.
    Not(ItemError),
}

/// Why nothing was done with a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ItemError {
    /// The state does not allow it.
    Refused(Refusal),
    /// What was to come of it is not valid, or what is on record is not; for people.
    Invalid(String),
}

/// Of an operation, in a run that it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationRun {
    /// The operation.
    #[serde(with = "text")]
    pub id: OperationId,
    /// The instant of the past that is run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backfill: Option<Millis>,
}

impl OperationWord {
    /// The first version of the cluster that has all of it.
    pub(super) fn since(&self) -> u32 {
        match self {
            Self::Begin(_) | Self::Cancel { .. } => OPERATIONS_SINCE,
            Self::Step(step) => step.commands().map(Command::since).fold(OPERATIONS_SINCE, u32::max),
        }
    }

    /// Whether credentials may stand in it.
    pub(super) fn may_have_credentials(&self) -> bool {
        match self {
            Self::Begin(begin) => {
                matches!(begin.spec.action, BulkAction::Patch(_) | BulkAction::SealedPatch(_))
            }
            Self::Step(step) => step.commands().any(Command::may_have_credentials),
            Self::Cancel { .. } => false,
        }
    }

    /// How many rows it changes, but for a few that go with each.
    pub(super) fn rows(&self) -> usize {
        match self {
            // With it, old ones go.
            Self::Begin(_) => 2 + FORGOTTEN_AT_ONCE * (2 + usize::try_from(KEPT_ERRORS).unwrap_or_default()),
            Self::Step(step) => 1 + step.items.iter().map(OperationItem::rows).sum::<usize>(),
            Self::Cancel { .. } => 1,
        }
    }

    /// A rough count of its bytes in the log.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Begin(begin) => 200 + begin.spec.weight(),
            Self::Step(step) => 200 + step.items.iter().map(OperationItem::weight).sum::<usize>(),
            Self::Cancel { .. } => 100,
        }
    }
}

impl OperationStep {
    /// What is to be done.
    fn commands(&self) -> impl Iterator<Item = &Command> {
        self.items.iter().filter_map(|item| match &item.todo {
            Todo::Do(command) => Some(&**command),
            Todo::Not(_) => None,
        })
    }
}

impl OperationItem {
    /// How many rows it changes: what it is about, or why not.
    fn rows(&self) -> usize {
        match &self.todo {
            Todo::Do(command) => command.rows(),
            Todo::Not(_) => 1,
        }
    }

    /// A rough count of its bytes in the log.
    #[must_use]
    pub fn weight(&self) -> usize {
        let todo = match &self.todo {
            Todo::Do(command) => command.weight(),
            Todo::Not(ItemError::Invalid(why)) => 50 + why.len(),
            Todo::Not(ItemError::Refused(_)) => 150,
        };
        150 + self.target.len() + todo
    }
}

impl OperationSpec {
    /// What it may touch.
    #[must_use]
    pub fn within(&self) -> Scope {
        StoredScope::read(self.scope.as_ref())
    }

    fn weight(&self) -> usize {
        let action = match &self.action {
            BulkAction::Patch(PatchText(text)) => text.len(),
            BulkAction::SealedPatch(patch) => patch.weight(),
            BulkAction::Pause { reason, .. } => reason.as_ref().map_or(0, String::len),
            _ => 0,
        };
        let targets = match &self.targets {
            Targets::Jobs(filter) | Targets::Executions(filter) => {
                filter.iter().map(|(name, value)| 10 + name.len() + value.len()).sum()
            }
            Targets::NamedJobs(names) | Targets::NamedExecutions(names) => {
                names.iter().map(|name| 5 + name.len()).sum()
            }
            Targets::Instants { .. } => 100,
        };
        action + targets + self.scope.as_ref().map_or(0, StoredScope::weight)
    }
}

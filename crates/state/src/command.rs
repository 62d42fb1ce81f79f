//! Commands: what can be asked of the machine. Entries of the log are batches of them (`batch`).

mod audit;
mod batch;
mod class;
mod clock;
mod compare;
mod keys;
mod operation;
mod pause;
mod plan;
mod report;
mod secret;
mod sets;

use chronos_types::{ExecutionId, JobId, Millis, NodeName, Trigger};
use serde::{Deserialize, Serialize};

use crate::error::StateError;
use crate::run::JobSeq;
use crate::stored::client_credentials::OAUTH_SINCE;
use crate::stored::overrides::StoredOverrides;
use crate::stored::spec::{self, StoredSpec};
use crate::stored::text;
use crate::stored::webhook::{CLIENT_CERTIFICATES_SINCE, SIGNING_SINCE, StoredAuth};

pub(crate) use audit::AUDIT_AT_ONCE;
pub use audit::{AUDIT_SINCE, AuditWord};
pub use batch::{Batch, Idempotency, LogBatch, Proposal};
pub use class::Class;
pub use clock::{Anew, ClockWord, DueAnew};
pub use compare::{Compare, KeyValue, RowKey};
pub use keys::{
    BeginSession, ConfiguredKey, CreateKey, KEYS_SINCE, KeyUse, KeyWord, MAX_KEYS, MAX_SESSIONS,
    MAX_SESSIONS_OF_KEY, NodeKeys,
};
pub(crate) use keys::{MAX_NODES, MAX_USES, SESSIONS_AT_ONCE};
pub(crate) use operation::FORGOTTEN_AT_ONCE;
pub use operation::{
    BeginOperation, BulkAction, Cursor, Filter, ItemError, KEPT_ERRORS, KEPT_OPERATIONS, MAX_OPERATIONS,
    OPERATIONS_SINCE, OperationItem, OperationRun, OperationSpec, OperationStep, OperationWord, PatchText,
    SealedPatch, Targets, Todo,
};
pub use pause::{EndPauses, PauseEnd, PauseJob, ResumeJob, SkipRuns};
pub use plan::{PassedOver, Plan, PlanStep, PlannedRun};
pub use report::{Report, Reported};
pub(crate) use secret::MAX_DATA_KEYS;
pub use secret::{
    MAX_SECRETS, PutSecret, Reseal, ResealStep, Resealed, SECRETS_SINCE, SealCursor, SecretWord,
};
pub use sets::{PruneSet, PutItem, PutJobs, SetOwner};

/// The highest version of the cluster that this binary can follow. Commands, messages and the tables of
/// the state may be used from the version on that brought them.
pub const VERSION: u32 = if cfg!(feature = "next") { 3 } else { AUTHORS_SINCE };
/// The version that a cluster begins with.
pub(crate) const FIRST: u32 = 1;
/// The version from which on it is put on record who asks for something ([`Proposal::by`]).
pub const AUTHORS_SINCE: u32 = 2;
/// The version from which on jobs can be written together, and sets own jobs.
pub const SETS_SINCE: u32 = 2;
/// The version from which on events are put on record.
pub const EVENTS_SINCE: u32 = 2;
/// The version from which on jobs are paused, and runs skipped.
pub const PAUSES_SINCE: u32 = 2;
/// The version from which on answers about what was done are kept: statistics of jobs and of all, and where failures are.
pub const STATS_SINCE: u32 = 2;
/// The version from which on a run may have a request of its own ([`TriggerRun::overrides`]), and it is put on record how
/// the time of a run was spent.
pub const RUNS_SINCE: u32 = 2;

/// Clocks that differ by more than this are not right both. Runs are planned so long ahead.
pub const CLOCKS_DIFFER_MS: Millis = 2_000;
/// No command changes more rows than this, so that none keeps others waiting for more than some milliseconds: beside
/// a few of its own, those that it lists, or those that the change of a job leads to. All changes of jobs in one batch
/// have this many together. It is part of what commands mean: another number needs a new version of the cluster.
pub const MAX_ROWS: usize = 1_000;
/// The executions of one [`Reassign`] take along no more than this many others. It is counted among its rows.
pub(crate) const MAX_ALONG: usize = MAX_ROWS / 2;
/// So many unfinished runs of its job a [`SkipRuns`] looks at, the oldest. It is part of what the command means.
pub(crate) const SKIPPED_AT_ONCE: usize = 100;

/// Everything that changes the state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Create or change a job.
    PutJob(Box<PutJob>),
    /// Create and change jobs together.
    PutJobs(PutJobs),
    /// Delete a job.
    DeleteJob(DeleteJob),
    /// Delete jobs of a set.
    PruneSet(PruneSet),
    /// Run a job now, or repeat an execution.
    Trigger(TriggerRun),
    /// End an unfinished execution.
    Cancel(Cancel),
    /// Say at which version a job stands, and change nothing.
    Confirm(Confirm),
    /// Put coming runs on record.
    Plan(Plan),
    /// Say what became of attempts.
    Report(Report),
    /// Forget old records.
    Trim(Trim),
    /// Give unfinished executions to other nodes.
    Reassign(Reassign),
    /// Do the next portion of what changes of jobs have left to do with their runs.
    Portion,
    /// Say something of the time.
    Clock(ClockWord),
    /// Compare a part of the states of all nodes.
    Compare(Compare),
    /// Pause a job.
    Pause(PauseJob),
    /// End the pause of a job.
    Resume(ResumeJob),
    /// End pauses that end by themselves.
    EndPauses(EndPauses),
    /// Skip coming runs of a job.
    Skip(SkipRuns),
    /// Say something of an operation.
    Operation(OperationWord),
    /// Say something of keys.
    Keys(KeyWord),
    /// Say something of the audit.
    Audit(AuditWord),
    /// Say something of secrets.
    Secret(SecretWord),
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
    /// The first version of the cluster in which it may be used: before that, the proposer of `chronos-replica`
    /// refuses it, so whoever proposes it need not ask. Of a raise that is the version it raises
    /// to: a node that cannot follow it cannot read it either.
    #[must_use]
    pub fn since(&self) -> u32 {
        match self {
            Self::PutJob(put) => put.since(),
            Self::Pause(_) | Self::Resume(_) | Self::EndPauses(_) | Self::Skip(_) => PAUSES_SINCE,
            Self::Trigger(run) => run.since(),
            Self::Report(report) if report.run.trigger == Trigger::Backfill => OPERATIONS_SINCE,
            Self::Report(report) => report.since(),
            Self::Operation(word) => word.since(),
            Self::Secret(_) => SECRETS_SINCE,
            Self::DeleteJob(_)
            | Self::Cancel(_)
            | Self::Confirm(_)
            | Self::Plan(_)
            | Self::Trim(_)
            | Self::Reassign(_)
            | Self::Portion
            | Self::Clock(_)
            | Self::Compare(_) => FIRST,
            Self::PutJobs(_) | Self::PruneSet(_) => SETS_SINCE,
            Self::Keys(_) => KEYS_SINCE,
            Self::Audit(_) => AUDIT_SINCE,
            Self::RaiseVersion { to } => *to,
            #[cfg(feature = "next")]
            Self::Probe => 3,
        }
    }

    /// Whether credentials may stand in it: then it is refused where they are not sealed as they are to be
    /// ([`Proposal::sealed_by`]).
    #[must_use]
    pub fn may_have_credentials(&self) -> bool {
        match self {
            Self::PutJob(_) | Self::PutJobs(_) => true,
            Self::Trigger(run) => run.overrides.is_some(),
            Self::Operation(word) => word.may_have_credentials(),
            Self::Secret(word) => matches!(word, SecretWord::Put(_) | SecretWord::Fingerprints(_)),
            _ => false,
        }
    }

    /// How many rows it may change, but for a few that go with each. One of more than [`MAX_ROWS`] must not be proposed.
    #[must_use]
    pub fn rows(&self) -> usize {
        match self {
            Self::PutJob(_)
            | Self::DeleteJob(_)
            | Self::Trigger(_)
            | Self::Cancel(_)
            | Self::Confirm(_)
            | Self::Report(_)
            | Self::Pause(_)
            | Self::Resume(_)
            | Self::RaiseVersion { .. } => 1,
            Self::Secret(word) => word.rows(),
            Self::PutJobs(puts) => puts.rows(),
            Self::PruneSet(prune) => prune.jobs.len().max(1),
            Self::EndPauses(ends) => 2 * ends.pauses.len(),
            Self::Skip(_) => SKIPPED_AT_ONCE,
            Self::Clock(word) => word.rows(),
            Self::Operation(word) => word.rows(),
            Self::Keys(word) => word.rows(),
            Self::Audit(word) => word.rows(),
            Self::Plan(plan) => plan.steps.iter().map(PlanStep::rows).sum(),
            Self::Reassign(reassign) => reassign.runs.len() + MAX_ALONG,
            // How many keys are that old is not known.
            Self::Trim(trim) if trim.keys_before > 0 => trim.rows().max(MAX_ROWS),
            Self::Trim(trim) => trim.rows(),
            // The latter changes none, and takes as long to read so many.
            Self::Portion | Self::Compare(_) => MAX_ROWS,
            #[cfg(feature = "next")]
            Self::Probe => 1,
        }
    }

    /// A rough count of its bytes in the log.
    #[must_use]
    pub fn weight(&self) -> usize {
        match self {
            Self::PutJob(put) => put.weight(),
            Self::PutJobs(puts) => puts.weight(),
            Self::PruneSet(prune) => prune.weight(),
            Self::Plan(plan) => plan.steps.iter().map(PlanStep::weight).sum(),
            Self::Report(report) => report.weight(),
            Self::Pause(pause) => pause.weight(),
            Self::Resume(_) | Self::Skip(_) => 150,
            Self::EndPauses(ends) => 80 * ends.pauses.len(),
            Self::Trigger(run) => run.weight(),
            Self::DeleteJob(_) | Self::Cancel(_) | Self::Confirm(_) => 300,
            Self::Reassign(reassign) => 150 * reassign.runs.len(),
            Self::Trim(trim) => 10 * (trim.executions.len() + trim.versions.len() + trim.jobs.len()),
            Self::Clock(ClockWord::Anew(anew)) => 60 * anew.due.len() + 10 * anew.runs.len(),
            Self::Compare(compare) => compare.weight(),
            Self::Operation(word) => word.weight(),
            Self::Keys(word) => word.weight(),
            Self::Audit(word) => word.weight(),
            Self::Secret(word) => word.weight(),
            Self::RaiseVersion { .. } | Self::Portion | Self::Clock(_) => 30,
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
    pub spec: StoredSpec<'static>,
    /// The first instant from now on at which the job falls due. While it is paused it falls due at none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_due: Option<Millis>,
    /// Whether it ends a pause of the job: for whoever writes `enabled` decides whether the job runs. Said from
    /// [`PAUSES_SINCE`] on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resumes: bool,
}

impl PutJob {
    /// The first version of the cluster that has all of it.
    fn since(&self) -> u32 {
        let resumes = if self.resumes { PAUSES_SINCE } else { FIRST };
        let signing = if self.spec.webhook.signing.is_some() { SIGNING_SINCE } else { FIRST };
        let shows = self.spec.webhook.client_certificate.is_some();
        let certificate = if shows { CLIENT_CERTIFICATES_SINCE } else { FIRST };
        let is_fetched = matches!(self.spec.webhook.auth, Some(StoredAuth::ClientCredentials(_)));
        let token = if is_fetched { OAUTH_SINCE } else { FIRST };
        let sealed = if self.spec.webhook.sealed.is_some() { SECRETS_SINCE } else { FIRST };
        resumes.max(signing).max(certificate).max(token).max(sealed)
    }

    /// A rough count of its bytes in the log.
    fn weight(&self) -> usize {
        let StoredSpec { name, description, schedule, timezone, webhook, tags, .. } = &self.spec;
        let texts = name.len() + description.len() + schedule.len() + timezone.len();
        let tags: usize = tags.iter().map(|(key, value)| key.len() + value.len()).sum();
        900 + texts + tags + webhook.weight()
    }

    /// The bytes that the specification takes in the state if the job is enabled: to disable a job makes it no
    /// larger.
    ///
    /// # Errors
    /// None, for a specification that was checked.
    pub fn spec_bytes(&self) -> Result<u64, StateError> {
        let enabled = StoredSpec { enabled: true, ..self.spec.clone() };
        Ok(spec::to_json(&enabled)?.len() as u64)
    }
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

/// Says at which version a job stands. A request that found nothing to change proposes it with its idempotency key:
/// so what was answered is kept, and a repeat hears the same whatever has changed since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    /// The job.
    #[serde(with = "text")]
    pub job: JobId,
    /// Refused unless the job is at this version.
    pub version: u64,
    /// When it runs next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_due: Option<Millis>,
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
    /// The execution to repeat; the new one runs the same version of the job, under the same scheduled time.
    #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub replay_of: Option<ExecutionId>,
    /// The node that is to fire it, unless another one holds an unfinished run of the job when this is applied, and
    /// the job does not allow overlap.
    pub node: NodeName,
    /// The operation that asks for it, where one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationRun>,
    /// What it sends in place of what the job says. Where none is given, a replay has what the execution had that it
    /// repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overrides: Option<Box<StoredOverrides>>,
}

impl TriggerRun {
    /// The first version of the cluster that has all of it.
    fn since(&self) -> u32 {
        let overrides = if self.overrides.is_some() { RUNS_SINCE } else { FIRST };
        let operation = if self.operation.is_some() { OPERATIONS_SINCE } else { FIRST };
        overrides.max(operation)
    }

    /// A rough count of its bytes in the log.
    fn weight(&self) -> usize {
        300 + self.overrides.as_ref().map_or(0, |overrides| overrides.weight())
    }
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
    /// Idempotency keys older than this are forgotten, the oldest first, as far as there is room.
    pub keys_before: Millis,
}

impl Trim {
    /// How many rows it names. Those of a deleted job are at least two.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.executions.len() + self.versions.len() + 2 * self.jobs.len()
    }
}

/// Gives unfinished executions to other nodes, because their node is gone or about to stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reassign {
    /// The executions, at most [`Self::AT_ONCE`]. Where those of a job may not overlap, later ones of the same node go
    /// along.
    pub runs: Vec<Moved>,
}

impl Reassign {
    /// So many executions are named in one command.
    pub const AT_ONCE: usize = MAX_ROWS - MAX_ALONG;
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

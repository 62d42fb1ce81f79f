//! The replicated state machine. Commands go in; it remembers what they say in its state file, and
//! effects come out: what the node should do now.
//!
//! It is deterministic and synchronous: it never reads a clock, never draws a random number, never
//! evaluates a schedule and never touches the network. Every instant, id and next due time comes in
//! a command. The node that proposes the command chooses them, so equal logs give equal states on
//! every node.

mod apply;
pub mod backup;
mod check;
mod command;
mod copy;
mod digest;
mod error;
mod machine;
mod outcome;
pub mod private;
mod range;
mod reader;
mod remainder;
mod run;
mod schema;
pub mod space;
mod stored;
pub mod wal;

pub use check::{Check, check};
pub use command::{
    AUDIT_SINCE, AUTHORS_SINCE, Anew, AuditWord, Batch, BeginOperation, BeginSession, BulkAction,
    CLOCKS_DIFFER_MS, Cancel, Class, ClockWord, Command, Compare, ConfiguredKey, Confirm, CreateKey, Cursor,
    DeleteJob, DueAnew, EVENTS_SINCE, EndPauses, Filter, Idempotency, ItemError, KEPT_ERRORS,
    KEPT_OPERATIONS, KEYS_SINCE, KeyUse, KeyValue, KeyWord, LogBatch, MAX_KEYS, MAX_OPERATIONS, MAX_ROWS,
    MAX_SECRETS, MAX_SESSIONS, MAX_SESSIONS_OF_KEY, Moved, NodeKeys, OPERATIONS_SINCE, OperationItem,
    OperationRun, OperationSpec, OperationStep, OperationWord, PAUSES_SINCE, PassedOver, PatchText, PauseEnd,
    PauseJob, Plan, PlanStep, PlannedRun, Proposal, PruneSet, PutItem, PutJob, PutJobs, PutSecret,
    RUNS_SINCE, Reassign, Report, Reported, Reseal, ResealStep, Resealed, ResumeJob, RowKey, SECRETS_SINCE,
    SETS_SINCE, STATS_SINCE, SealCursor, SealedPatch, SecretWord, SetOwner, SkipRuns, Targets, Todo,
    TriggerRun, Trim, VERSION,
};
pub use copy::{CopyBounds, copy, note};
pub use error::{SqliteError, StateError, lacks_space};
pub use machine::Machine;
pub use outcome::{Applied, Effect, ExecutionAnswer, Outcome, PutOutcome, RangeDigest, Refusal};
pub use reader::{
    AccessRecord, Age, AuditFilter, AuditPlace, AuditRow, BadJob, ClusterTime, DeniedKey, Due, DueJob,
    DuePlace, EnabledName, EndingPause, EventJob, EventPage, EventPlace, ExecutionFilter, ExecutionList,
    ExecutionRow, Facet, FacetCounts, Failing, FailingAlike, FiguresFrom, JobDue, JobFigures, JobFilter,
    JobKey, JobList, JobMark, JobOrder, JobOutcome, JobPlace, JobRow, JobStats, JobTexts, JobsAmong, Jump,
    Keep, KeyRow, OpenRun, OperationRow, OthersFailing, PageLimits, PassedBy, PendingRun, Reader,
    RecordedEvent, RefusedItem, ScopeFigures, SealedRecord, SealedRecords, SecretRow, SecretUses, SessionRow,
    SetBack, SetSurplus, Surplus, TextCondition, Total, VersionRow, WaitingRuns,
};
pub use remainder::{Change, Fate, Remainder};
pub use run::{Fire, JobSeq, PLANNED_WITHIN_MS, RunRef};
pub use stored::bad::{BadSpec, ReadSpec};
pub use stored::client_credentials::{OAUTH_SINCE, StoredClientCredentials};
pub use stored::credentials::StoredSealed;
pub use stored::difference::{ChangedField, Difference};
pub use stored::event::{Event, ExecutionEvent, JobEvent, OperationEvent};
pub use stored::figures::{Figures, Lengths};
pub use stored::hosts::HostFailures;
pub use stored::overrides::StoredOverrides;
pub use stored::scope::StoredScope;
pub use stored::sealing::Sealing;
pub use stored::spec::{StoredRetry, StoredSpec};
pub use stored::webhook::{
    CLIENT_CERTIFICATES_SINCE, SIGNING_SINCE, StoredAuth, StoredClientCertificate, StoredPrevious,
    StoredSigning, StoredWebhook,
};

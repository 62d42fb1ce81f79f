//! The wire types of the REST API, version 1, and the conversions to and from the domain's types.
//!
//! A wire type is what a client sees; it never reaches the state or the disk. Input is read field by
//! field from a JSON value, so that one answer names every bad field, wrong types and unknown names
//! included. Secrets go in and never come out. Nothing here does I/O, reads a clock or knows what a
//! schedule means: the caller passes in a function that checks schedules.

mod action;
mod actor;
mod audit;
mod batch;
mod cluster;
mod event;
mod execution;
mod explanation;
mod facets;
mod fields;
mod health;
mod job;
mod job_input;
mod json;
mod key;
mod operation;
mod page;
mod patch;
mod pause;
mod problem;
mod prune;
mod retry;
mod run;
mod schedule;
mod secret;
mod stats;
mod text_map;
mod timing;
mod upcoming;
mod webhook;
mod webhook_input;
mod webhook_test;

pub use action::{
    ActionPreview, ActionTargets, Backfill, BackfillRequest, BulkRequest, ExecutionAction,
    ExecutionActionRequest, JobAction, JobActionRequest, Manner, Total,
};
pub use actor::Actor;
pub use audit::{AuditEntry, AuditPage};
pub use batch::{
    BadBatch, Batch, BatchCounts, BatchItem, BatchRequest, BatchResponse, FieldChange, MAX_BATCH_JOBS, OfSet,
    WrittenJob,
};
pub use cluster::{
    AddNodeRequest, ClockRequest, ClusterEncryption, ClusterNode, ClusterStatus, ClusterStorage, ClusterTime,
    RotateKeyRequest, SealingProgress, TimeWord, TransferRequest, TransferResponse,
};
pub use event::{
    ClusterEvent, EventDigest, EventReset, ExecutionEvent, JobEvent, OperationEvent, StreamEvent,
};
pub use execution::{Attempt, Cancellation, Execution, Missed, WebhookRequest, WebhookResponse};
pub use explanation::{ChangeSinceSuccess, Explanation, OthersFailing};
pub use facets::{Facet, Facets};
pub use health::{Health, Readiness};
pub use job::{Job, JobInput, JobVersion, LastRun};
pub use job_input::CheckSchedule;
pub use json::{JsonError, parse_json};
pub use key::{CreatedKey, Key, KeyList, KeyRequest, KeyWanted, Session, SessionRequest};
pub use operation::{Operation, OperationError, OperationPage, asked};
pub use page::{ExecutionPage, JobPage, JobVersionPage, TimeWindow};
pub use patch::merge_patch;
pub use pause::{Pause, PauseRequest, SkipRequest, SkipWanted, Skips, WrittenTime};
pub use problem::{BadField, Problem};
pub use prune::{Prune, PruneRequest, PruneResponse};
pub use retry::RetryPolicy;
pub use run::RunInput;
pub use schedule::{ClockChange, Preview, PreviewRequest, PreviewResponse, ScheduleWarning};
pub use secret::{Secret, SecretFacts, SecretInput, SecretPage, SecretUse, WrittenSecret};
pub use stats::{
    EndedExecutions, FailingGroups, FailingJobs, Figures, FiguresStep, HostFailures, JobDuration, JobFailing,
    JobOutcome, JobStats, Lengths, Statistics,
};
pub use text_map::TextMap;
pub use timing::{Phases, Waited};
pub use upcoming::{Density, UpcomingRun, UpcomingRuns};
pub use webhook::{Auth, ClientCertificate, PreviousSecret, Signing, Webhook};
pub use webhook_test::{TestInput, TestRequest, TestResponse};

//! What a node does, apart from firing.
//!
//! The use cases of the API, reads included, are [`Jobs`], [`Executions`], [`Operations`], [`Events`], [`Secrets`],
//! [`Schedules`], [`Upcoming`], [`Statistics`], [`Keys`], [`Audit`], [`Cluster`] with [`Encryption`], and [`Readiness`],
//! which [`Engine`] holds together. The loops are [`Planner`], [`Reassignment`], [`Remainders`], [`Retention`], [`Pauses`],
//! [`ClusterClock`], [`OperationRunner`], [`SealingRunner`], [`EventFeeder`], [`ClusterWatch`], [`SearchFeeder`],
//! [`KeyKeeper`], [`KeyTeller`], [`AuditLog`] and [`TimetableKeeper`].
//! All of them work with the same [`Services`].
//!
//! The crate knows nothing of HTTP, and it never fires a run.

mod access;
mod audit;
mod batch;
mod beside;
mod change;
mod clock;
mod cluster;
mod engine;
mod error;
mod events;
mod executions;
mod explanation;
mod facets;
mod hand_over;
mod job_list;
mod jobs;
mod lookup;
mod metrics;
mod once;
mod operations;
mod pauses;
mod planner;
mod preview;
mod quota;
mod read;
mod readiness;
mod reassignment;
mod remainders;
mod requested;
mod retention;
mod schedules;
mod sealing;
mod search;
mod secrets;
mod services;
mod sets;
pub mod spread;
mod statistics;
mod tick;
mod times;
mod timetable;
mod upcoming;

pub use access::{
    Begun, Judged, KeyKeeper, KeyRing, KeySource, KeyTeller, Keys, ListedKey, MAX_TOKEN_BYTES, MadeKey,
    NewKey, OwnKey, Principal, SESSION_LASTS_MS,
};
pub use audit::{Audit, AuditLog};
pub use batch::{Batch, BatchItems, Item, ItemOutcome, MAX_ATOMIC, OfSet};
pub use beside::{AskedEnd, SkipAsked};
pub use change::Demand;
pub use clock::ClusterClock;
pub use cluster::{Backup, Cluster, ClusterStatus, Member, StorageStatus, TimeStatus, TimeWord};
pub use engine::Engine;
pub use error::{ChangeError, LoopError, MembershipError, NotFound, ReadError, Unavailable, WriteError};
pub use events::{
    Closed, ClusterEvent, ClusterWatch, DIGEST_EVERY, Digest, EventFeeder, EventFilter, EventHub, EventId,
    Events, Heard, Listen, Listening, News, Portion, ResetReason, Told,
};
pub use executions::{ExecutionSearch, Executions};
pub use explanation::{Change, Explanation};
pub use facets::{FacetOf, Facets};
pub use hand_over::hand_over;
pub use job_list::JobSearch;
pub use jobs::Jobs;
pub use metrics::Metrics;
pub use operations::{MOST_COUNTED, Matched, OperationRunner, Operations, USUAL_PER_SECOND, Wanted, Wording};
pub use pauses::Pauses;
pub use planner::{Planner, PlannerConfig, PlannerHandle, PlannerInbox};
pub use preview::{Preview, PreviewNote, PreviewWarning, UsualDuration};
pub use quota::Quota;
pub use read::{Consistency, PageEnd, PageRequest, PageWriter, Window};
pub use readiness::{NotReady, Readiness};
pub use reassignment::Reassignment;
pub use remainders::Remainders;
pub use requested::Cancelled;
pub use retention::{Retention, RetentionConfig};
pub use schedules::Schedules;
pub use sealing::{Encryption, EncryptionStatus, RotateError, SealingMemory, SealingRunner};
pub use search::SearchFeeder;
pub use secrets::{Secrets, UsedSecret, WrittenSecret};
pub use services::Services;
pub use sets::{Prune, PruneError};
pub use statistics::{Done, FiguresRange, Statistics};
pub use timetable::{TimetableHandle, TimetableKeeper};
pub use upcoming::{Asked, Density, DensityRange, RunsRange, Upcoming, UpcomingRun, UpcomingRuns};

pub use chronos_replica::{MemberStatus, NodeReport, Role};
pub use chronos_search::host;

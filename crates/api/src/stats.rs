//! What was done: statistics of a job, figures of all jobs, and the jobs that fail now.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::execution::Missed;

/// What the runs of a job came to. They are counted from cluster version 2 on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobStats {
    /// How many of its runs failed in a row, of those that its schedule asked for. Skipped and cancelled ones neither break
    /// nor extend it, and runs by hand and replays do not count.
    #[schema(example = 0)]
    pub failures_in_row: u64,
    /// Present where runs failed in a row: how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing: Option<JobFailing>,
    /// When a run last succeeded, whatever asked for it (RFC 3339).
    #[schema(format = DateTime)]
    pub last_success_at: Option<String>,
    /// When a run last failed, whatever asked for it (RFC 3339).
    #[schema(format = DateTime)]
    pub last_failure_at: Option<String>,
    /// How long the last attempts of its successful runs took: the last thousand or so. Null before the first.
    pub duration_ms: Option<JobDuration>,
    /// Its newest 30 outcomes, the newest first; also runs that are under way, and entries of instants that were passed over.
    pub outcomes: Vec<JobOutcome>,
}

/// How a job fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobFailing {
    /// When the first of the runs in a row was over (RFC 3339).
    #[schema(format = DateTime)]
    pub since: Option<String>,
    /// The kind of the last error, as in an execution.
    #[schema(example = "status")]
    pub error_kind: Option<String>,
    /// The status of the last response, where there was one.
    #[schema(example = 503)]
    pub status_code: Option<u16>,
    /// The host that it called, as `GET /jobs?host=` takes it; null where that is not known.
    #[schema(example = "api.example.com")]
    pub host: Option<String>,
}

/// How long calls took, in milliseconds. A percentile is off by a sixteenth at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobDuration {
    /// What half of them did not exceed.
    #[schema(example = 120)]
    pub p50: u64,
    /// What 95 in a hundred did not exceed.
    #[schema(example = 310)]
    pub p95: u64,
}

/// How a run of a job came out, or where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobOutcome {
    /// The execution.
    #[schema(example = "0192f0c4-7d1e-7c53-9d0a-5b1c1f0c2a9b")]
    pub id: String,
    /// The instant it was scheduled for (RFC 3339).
    #[schema(format = DateTime)]
    pub scheduled_time: String,
    /// As in an execution; never `pending`.
    #[schema(example = "success")]
    pub status: String,
    /// What asked for it, as in an execution.
    #[schema(example = "schedule")]
    pub trigger: String,
    /// How long it took in all; null before its end, and where nothing was called.
    #[schema(example = 118)]
    pub duration_ms: Option<u64>,
    /// Attempts begun.
    #[schema(example = 1)]
    pub attempts: u32,
    /// The version of the job that ran.
    #[schema(example = 3)]
    pub version: u64,
    /// Present where it was not delivered, and it is known why: in a few words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "status 503")]
    pub reason: Option<String>,
    /// Present where it is no run, but stands for instants that were passed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<Missed>,
}

/// What was done in a range of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Statistics {
    /// When the first step begins: `from`, moved back to a whole step (RFC 3339).
    #[schema(format = DateTime)]
    pub from: String,
    /// When the last step ends: `to`, moved on to a whole step (RFC 3339).
    #[schema(format = DateTime)]
    pub to: String,
    /// How long each step is. It is longer than was asked for where no figures of such short steps are kept any more.
    #[schema(example = "1h")]
    pub step: String,
    /// From when on there are figures of all jobs (RFC 3339). Null before cluster version 2, and of one job.
    #[schema(format = DateTime)]
    pub since: Option<String>,
    /// Whether all that was done in the range is counted; of one job, all that is still on record.
    pub complete: bool,
    /// All of the range.
    pub total: Figures,
    /// The steps in which anything was done, in their order. There is nothing to tell of the others.
    pub series: Vec<FiguresStep>,
    /// Where executions failed, the most frequent first, at most 100; empty where one job is asked for.
    pub failed_hosts: Vec<HostFailures>,
}

/// Figures of a stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Figures {
    /// How many executions ended, by status.
    pub executions: EndedExecutions,
    /// How many executions ended, by what asked for them. What is not there is zero.
    #[schema(example = json!({"schedule": 1180, "manual": 2}))]
    pub triggers: BTreeMap<String, u64>,
    /// How many attempts ended: by the kind of their error, and `success`. What is not there is zero.
    #[schema(example = json!({"success": 1174, "timeout": 3, "status": 12}))]
    pub attempts: BTreeMap<String, u64>,
    /// How many instants were passed over.
    #[schema(example = 0)]
    pub missed: u64,
    /// How late runs of the schedule began, from the instant that they were to fire at. Null where none began.
    pub lateness_ms: Option<Lengths>,
    /// How long the attempts took that succeeded. Null where there was none.
    pub duration_ms: Option<Lengths>,
}

/// Executions that ended, by status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndedExecutions {
    /// Delivered.
    #[schema(example = 1174)]
    pub success: u64,
    /// Given up.
    #[schema(example = 4)]
    pub failed: u64,
    /// Ended by a user or by a newer run.
    #[schema(example = 0)]
    pub cancelled: u64,
    /// Not delivered, because another run was unfinished. Instants that were passed over are not among these.
    #[schema(example = 2)]
    pub skipped: u64,
}

/// Lengths of time in milliseconds. A percentile is off by a sixteenth at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Lengths {
    /// What half of them did not exceed.
    #[schema(example = 2)]
    pub p50: u64,
    /// What 95 in a hundred did not exceed.
    #[schema(example = 5)]
    pub p95: u64,
    /// What 99 in a hundred did not exceed.
    #[schema(example = 9)]
    pub p99: u64,
    /// The greatest.
    #[schema(example = 31)]
    pub max: u64,
}

/// Figures of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FiguresStep {
    /// When it begins (RFC 3339).
    #[schema(format = DateTime)]
    pub at: String,
    /// What was done in it.
    #[serde(flatten)]
    pub figures: Figures,
}

/// How many executions failed alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostFailures {
    /// The host that they called, as `GET /jobs?host=` takes it. Null stands for all that are not told apart: in each
    /// stretch that figures are kept of, the first 200 hosts and kinds are.
    #[schema(example = "api.example.com")]
    pub host: Option<String>,
    /// The kind of their last error.
    #[schema(example = "timeout")]
    pub error_kind: Option<String>,
    /// How many.
    #[schema(example = 17)]
    pub count: u64,
}

/// The jobs that fail now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailingGroups {
    /// Those together that fail alike, the most jobs first.
    pub failures: Vec<FailingJobs>,
    /// How many groups there are, also beyond `limit`.
    #[schema(example = 1)]
    pub groups: u64,
    /// How many jobs fail.
    #[schema(example = 12)]
    pub jobs: u64,
    /// Whether these are all: of more than 20,000 jobs, those are looked at that failed most often in a row.
    pub complete: bool,
}

/// Jobs that fail alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailingJobs {
    /// The host that they called, as `GET /jobs?host=` takes it; null where that is not known.
    #[schema(example = "api.example.com")]
    pub host: Option<String>,
    /// The kind of their last error, as in an execution.
    #[schema(example = "status")]
    pub error_kind: Option<String>,
    /// The status of their last response, where there was one.
    #[schema(example = 503)]
    pub status_code: Option<u16>,
    /// When the first of them began to fail (RFC 3339).
    #[schema(format = DateTime)]
    pub first: String,
    /// When the last of them failed last (RFC 3339).
    #[schema(format = DateTime)]
    pub last: String,
    /// How many jobs there are.
    #[schema(example = 12)]
    pub jobs: u64,
    /// How many runs failed in a row, of all of them.
    #[schema(example = 31)]
    pub failures: u64,
    /// The names of a few of them.
    #[schema(example = json!(["nightly-report", "sync-orders"]))]
    pub names: Vec<String>,
}

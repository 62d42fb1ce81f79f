//! What is to run.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How many runs there are to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ScheduleDensity)]
pub struct Density {
    /// When it was counted, to the second. Runs before this instant are not counted.
    #[schema(example = "2026-11-23T10:00:00.000Z")]
    pub as_of: String,
    /// Whether the runs of all jobs are counted. For some time after a start, after a change of many jobs and after a
    /// change of the clock, some may be missing.
    pub complete: bool,
    /// When the first step begins, to the second.
    #[schema(example = "2026-11-23T10:00:00.000Z")]
    pub from: String,
    /// When the last step ends, to the second.
    #[schema(example = "2026-11-23T14:00:00.000Z")]
    pub to: String,
    /// How long each step is; the last one may be shorter.
    #[schema(example = "1h")]
    pub step: String,
    /// How many runs there are in each step. Step `n` begins at `from` + `n` * `step`, and that instant is part of it.
    #[schema(example = json!([60, 61, 60, 60]))]
    pub counts: Vec<u64>,
}

/// The runs that come next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpcomingRuns {
    /// When it was looked. Runs before this instant are not listed.
    #[schema(example = "2026-11-23T10:00:00.000Z")]
    pub as_of: String,
    /// Whether the runs of all jobs are among them, as for the density; always true where one job is asked for.
    pub complete: bool,
    /// The earliest first.
    pub runs: Vec<UpcomingRun>,
}

/// A run to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpcomingRun {
    /// Its job.
    #[schema(example = "019ab2c4-5d6e-7f80-9a0b-1c2d3e4f5a6b")]
    pub job_id: String,
    /// The name of its job.
    #[schema(example = "nightly-report")]
    pub job_name: String,
    /// The instant of the schedule. Where the job has a jitter, the run begins up to that much later.
    #[schema(example = "2026-11-23T10:05:00.000Z")]
    pub scheduled_time: String,
    /// Whether it is to be recorded as skipped, because somebody asked for that.
    #[serde(default)]
    pub skipped: bool,
}

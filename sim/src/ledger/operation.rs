//! Operations that were acknowledged.

use chronos_types::Millis;

/// An operation that was acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) what: Bulk,
}

/// What an operation was to do.
#[derive(Clone, Debug)]
pub(crate) enum Bulk {
    /// Run these jobs.
    Trigger { jobs: Vec<String> },
    /// Repeat these executions, each with its job.
    Replay { executions: Vec<(String, String)> },
    /// End executions.
    Cancel,
    /// Run the instants of a job within a past time.
    Backfill { job: String, from: Millis, to: Millis },
}

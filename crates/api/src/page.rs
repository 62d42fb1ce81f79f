//! Parts of lists. While there is more, `next_cursor` is set.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Execution, Job, JobVersion};

/// Jobs, in order of creation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobPage {
    /// The jobs.
    pub jobs: Vec<Job>,
    /// Give it as `cursor` for the next part; null at the end.
    pub next_cursor: Option<String>,
}

/// Executions, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExecutionPage {
    /// The executions.
    pub executions: Vec<Execution>,
    /// Give it as `cursor` for the next part; null at the end.
    pub next_cursor: Option<String>,
}

/// A job's versions, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobVersionPage {
    /// The versions; the first is the one in force.
    pub versions: Vec<JobVersion>,
    /// Give it as `cursor` for the next part; null at the end.
    pub next_cursor: Option<String>,
}

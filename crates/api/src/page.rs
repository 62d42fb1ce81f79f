//! Parts of lists. While there is more, `next_cursor` is set.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Execution, Job, JobVersion, Total};

/// Jobs, in order of creation or as was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobPage {
    /// The jobs.
    pub jobs: Vec<Job>,
    /// Give it as `cursor` for the next part; null at the end.
    pub next_cursor: Option<String>,
    /// How long the list is; present where `count=true` asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<Total>,
}

/// Executions, newest first or as was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExecutionPage {
    /// The executions.
    pub executions: Vec<Execution>,
    /// Give it as `cursor` for the next part; null at the end.
    pub next_cursor: Option<String>,
    /// How long the list is; present where `count=true` asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<Total>,
    /// The time that the list is of; present where it is of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<TimeWindow>,
}

/// A job's versions, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobVersionPage {
    /// The versions; the first is the one in force.
    pub versions: Vec<JobVersion>,
    /// Give it as `cursor` for the next part; null at the end.
    pub next_cursor: Option<String>,
}

/// The time that a list is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TimeWindow {
    /// From this instant on (RFC 3339); null where it has no begin.
    #[schema(format = DateTime)]
    pub from: Option<String>,
    /// Before this one; null where it has no end.
    #[schema(format = DateTime)]
    pub to: Option<String>,
}

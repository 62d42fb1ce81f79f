//! Operations as clients read them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::actor::Actor;
use crate::{Cancellation, Total};

/// Something that is done with many jobs or executions, in the background.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Operation {
    /// Identifier.
    #[schema(example = "019ab2c4-5d6e-7f80-9a0b-1c2d3e4f5a6b")]
    pub id: String,
    /// `pause`, `resume`, `trigger`, `delete` or `patch` (of jobs), `replay` or `cancel` (of executions), or `backfill`.
    #[schema(example = "replay")]
    pub action: String,
    /// `running`, `done` or `cancelled`.
    #[schema(example = "running")]
    pub state: String,
    /// What it is limited to, as the key that asked for it is: values of the tag that is the scope. It is left out where that
    /// is no limit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scope: Vec<String>,
    /// The filter, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<BTreeMap<String, String>>,
    /// The jobs that it names. A list of operations leaves them out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
    /// The executions that it names. A list of operations leaves them out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<String>>,
    /// Of a `patch`: the fields that it changes. Values of headers and of `auth` are not shown. A list of operations
    /// leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub patch: Option<Value>,
    /// Of a `pause`: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Of a `pause`: when the jobs go on by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub until: Option<String>,
    /// Of a `replay`: over how long it is spread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "10m")]
    pub spread: Option<String>,
    /// Of a `backfill`: the job's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    /// Of a `backfill`: the first instant that may be run (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Of a `backfill`: the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// At most so many a second; null for as fast as it goes.
    pub per_second: Option<u32>,
    /// How many there were to do something with when it was made. Meanwhile there may be fewer or more.
    pub total: Total,
    /// With so many it was done.
    pub done: u64,
    /// With so many it could not be done.
    pub refused: u64,
    /// The first 100 of those, each with its reason. A list of operations leaves them out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<OperationError>>,
    /// When it was made (RFC 3339).
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it was over.
    #[schema(format = DateTime)]
    pub completed_at: Option<String>,
    /// Who asked for it. What it does is on record as theirs.
    pub by: Option<Actor>,
    /// What they said of it (`Chronos-Note`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Present where it was cancelled and it is known by whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled: Option<Cancellation>,
    /// Present where this release cannot read what is on record of it: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invalid: Option<String>,
}

/// Something that an operation could not be done with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OperationError {
    /// The job's name, the execution's id, or the instant.
    #[schema(example = "nightly-report")]
    pub target: String,
    /// Why, in a word: that of the problem that a single request would have got.
    #[schema(example = "overlap")]
    pub code: String,
    /// The same for people.
    #[schema(
        example = "the job forbids overlap, and its execution 0192f0c4-7d1e-7c53-9d0a-5b1c1f0c2a9b is unfinished"
    )]
    pub message: String,
}

/// Operations, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OperationPage {
    /// The operations.
    pub operations: Vec<Operation>,
    /// Give it as `cursor` for the next part; null at the end.
    pub next_cursor: Option<String>,
}

/// Who asked for something, and what they said of it.
#[must_use]
pub fn asked(by: Option<&chronos_types::By>) -> (Option<Actor>, Option<String>) {
    crate::actor::shown(by)
}

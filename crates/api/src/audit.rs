//! The audit as clients read it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::FieldChange;
use crate::actor::Actor;

/// A change that somebody asked for, and that was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Its number. That of a later entry is higher.
    #[schema(example = 4711)]
    pub seq: u64,
    /// When it was made.
    #[schema(format = DateTime)]
    pub at: String,
    /// What was done.
    #[schema(example = "job.update")]
    pub what: String,
    /// Who did it; null where that cannot be read.
    pub by: Option<Actor>,
    /// What they said of it (`Chronos-Note`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The id of what it was done with, or the name of the set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What that was called then, where it has a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_name: Option<String>,
    /// Fields that are others than before, as they are stored. What may be a secret is redacted, and long texts are cut.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<FieldChange>,
    /// How many more fields are others than before.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_changes: u64,
    /// Of many at once: how many of each kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<String, u64>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Entries of the audit, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// Give it as `cursor` for the next part; null at the end.
    pub next_cursor: Option<String>,
}

//! Deleting the jobs of a set that an apply did not name.

use chronos_types::{ApplyId, Invalid};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::MAX_BATCH_JOBS;
use crate::fields::{Fields, names_of};

/// What to delete of a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PruneRequest {
    /// The apply. What it named stays, and what any named that began after it.
    #[schema(example = "2026-11-27T04:00:00Z", min_length = 1, max_length = 255)]
    pub apply_id: String,
    /// The most jobs that may be deleted. Where there are more, none is.
    #[schema(minimum = 0, maximum = 10_000, example = 20)]
    pub max: u32,
    /// How many you expect to be deleted. Where it is another number, none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 10_000, example = 2)]
    pub if_count: Option<u32>,
    /// Whether only to tell which would be deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = true)]
    pub dry_run: Option<bool>,
}

/// What was deleted of a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PruneResponse {
    /// The names of the jobs that were deleted, or would be, in order of creation.
    pub deleted: Vec<String>,
    /// Whether nothing was done, since the request was a dry run.
    pub dry_run: bool,
}

/// A request that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prune {
    /// The apply.
    pub apply: ApplyId,
    /// The most jobs that may be deleted.
    pub max: usize,
    /// How many are expected to be.
    pub if_count: Option<usize>,
    /// Whether only to tell which would be.
    pub dry_run: bool,
}

const FIELDS: &[&str] = names_of!(PruneRequest { apply_id, max, if_count, dry_run });

impl PruneRequest {
    /// Reads a request.
    ///
    /// # Errors
    /// Every bad field.
    pub fn parse(value: &Value) -> Result<Prune, Invalid> {
        let mut found = Invalid::default();
        let invalid = &mut found;
        let Some(fields) = Fields::open(value, "", invalid) else { return Err(found) };
        fields.only(FIELDS, &[], invalid);
        fields.require("apply_id", "the apply whose batches named what stays", invalid);
        let apply = fields.parsed("apply_id", ApplyId::parse, invalid);
        fields.require("max", "the most jobs that may be deleted, a whole number from 0 to 10000", invalid);
        let most = MAX_BATCH_JOBS as u64;
        let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let max = fields.whole("max", 0, most, invalid).map(number);
        let if_count = fields.whole("if_count", 0, most, invalid).map(number);
        let dry_run = fields.boolean("dry_run", invalid).unwrap_or_default();
        match (apply, max) {
            (Some(apply), Some(max)) if found.is_empty() => Ok(Prune { apply, max, if_count, dry_run }),
            _ => Err(found),
        }
    }
}

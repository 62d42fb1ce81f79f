//! Jobs that are written together.

use std::ops::Range;

use chronos_types::{ApplyId, Invalid, SetName, clip};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::fields::{Fields, names_of, quoted};
use crate::json::{JsonError, WithList, parse_with_list};
use crate::{BadField, JobInput};

/// So many jobs go into one batch.
pub const MAX_BATCH_JOBS: usize = 10_000;

/// Jobs to create or to change, each found by its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BatchRequest {
    /// The jobs as they are to be, as in PUT; at most 10,000, each name once.
    #[schema(max_items = 10_000)]
    pub jobs: Vec<JobInput>,
    /// The set that is to own them. Like the name of a job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "billing", min_length = 1, max_length = 255)]
    pub set: Option<String>,
    /// Your own name for one apply of the set, the same in all batches of it. Like the name of a job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-11-27T04:00:00Z", min_length = 1, max_length = 255)]
    pub apply_id: Option<String>,
    /// Whether the set takes over jobs of another set, or of none; else these are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = false)]
    pub adopt: Option<bool>,
    /// Whether all are to be done or none, in one step: at most 1,000 jobs, 1 MiB in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = false)]
    pub atomic: Option<bool>,
    /// Whether only to tell what would be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = true)]
    pub dry_run: Option<bool>,
}

/// What became of jobs that were written together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BatchResponse {
    /// One for each job of the request, in order.
    pub jobs: Vec<BatchItem>,
    /// How many there are of each outcome.
    pub counts: BatchCounts,
    /// Whether nothing was done, since the request was a dry run.
    pub dry_run: bool,
}

/// What became of one job, or would become of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BatchItem {
    /// Its name; null where the request has none that can be read.
    #[schema(example = "nightly-report")]
    pub name: Option<String>,
    /// `created`, `changed`, `unchanged`, `deleted` or `refused`.
    #[schema(example = "changed")]
    pub outcome: String,
    /// The version that it is at; not there where it was refused or deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 3)]
    pub version: Option<u64>,
    /// The fields of a changed job that are others than before, the first twenty of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<FieldChange>,
    /// How many more fields are others than before.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_changes: usize,
    /// Why it was refused: its bad fields, the first ten of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<BadField>,
    /// How many more fields are bad.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_errors: usize,
}

/// A field of a job that is another than before. Secrets are redacted, and long texts are cut.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FieldChange {
    /// Its path.
    #[schema(example = "webhook.url")]
    pub field: String,
    /// What it was; null where it was not there.
    pub from: Value,
    /// What it is; null where it is not there any more.
    pub to: Value,
}

/// How many jobs there are of each outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchCounts {
    /// Jobs that were not there before.
    pub created: usize,
    /// Jobs that are others than before.
    pub changed: usize,
    /// Jobs that were as they should be.
    pub unchanged: usize,
    /// Jobs that are gone.
    pub deleted: usize,
    /// Jobs with which nothing was done.
    pub refused: usize,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// A batch whose frame was checked; its jobs are not read yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The jobs, where they stand in the request.
    pub jobs: Vec<WrittenJob>,
    /// The set that is to own them.
    pub set: Option<OfSet>,
    /// Whether all are to be done or none.
    pub atomic: bool,
    /// Whether only to tell what would be done.
    pub dry_run: bool,
}

/// The set of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfSet {
    /// Its name.
    pub name: SetName,
    /// The apply that the batch is a part of.
    pub apply: Option<ApplyId>,
    /// Whether jobs of another set, or of none, are taken over.
    pub adopt: bool,
}

/// A job as it stands in the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenJob {
    /// Its bytes there: JSON that [`parse_json`](crate::parse_json) reads, or refuses.
    pub place: Range<usize>,
    /// Its name, as far as that can be read.
    pub name: Option<String>,
}

/// Why a batch as a whole is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadBatch {
    /// It is not JSON.
    Json(JsonError),
    /// Fields beside the jobs are bad.
    Invalid(Invalid),
}

impl From<JsonError> for BadBatch {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

impl From<Invalid> for BadBatch {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

const FIELDS: &[&str] = names_of!(BatchRequest { jobs, set, apply_id, adopt, atomic, dry_run });

impl BatchRequest {
    /// Reads all but the jobs.
    ///
    /// # Errors
    /// It is not JSON, or every bad field beside the jobs.
    pub fn parse(body: &[u8]) -> Result<Batch, BadBatch> {
        let WithList { rest, list, has_more } = parse_with_list(body, "jobs", MAX_BATCH_JOBS)?;
        let mut found = Invalid::default();
        let invalid = &mut found;
        let Some(fields) = Fields::open(&rest, "", invalid) else { return Err(found.into()) };
        fields.only(FIELDS, &[], invalid);
        match (fields.get("jobs"), &list) {
            (Some(other), _) => invalid.add("jobs", quoted(other, "an array of jobs")),
            (None, None) => invalid.add("jobs", "is missing; expected an array of jobs"),
            (None, Some(_)) if has_more => invalid.add(
                "jobs",
                format!(
                    "has more than {MAX_BATCH_JOBS} jobs; expected at most {MAX_BATCH_JOBS} in one batch"
                ),
            ),
            (None, Some(_)) => {}
        }
        let name = fields.parsed("set", SetName::parse, invalid);
        let apply = fields.parsed("apply_id", ApplyId::parse, invalid);
        let adopt = fields.boolean("adopt", invalid);
        if fields.get("set").is_none() {
            for of_set in ["apply_id", "adopt"] {
                let without = "is given without a set; expected \"set\" beside it";
                match fields.get(of_set) {
                    Some(Value::String(text)) => invalid.add(of_set, format!("{:?} {without}", clip(text))),
                    Some(Value::Bool(true)) => invalid.add(of_set, format!("true {without}")),
                    _ => {}
                }
            }
        }
        let atomic = fields.boolean("atomic", invalid).unwrap_or_default();
        let dry_run = fields.boolean("dry_run", invalid).unwrap_or_default();
        found.into_result()?;
        let set = name.map(|name| OfSet { name, apply, adopt: adopt.unwrap_or_default() });
        let jobs = list.unwrap_or_default().into_iter().map(|job| WrittenJob::new(body, job)).collect();
        Ok(Batch { jobs, set, atomic, dry_run })
    }
}

impl WrittenJob {
    fn new(body: &[u8], job: &str) -> Self {
        #[derive(Deserialize)]
        struct Named {
            name: Option<String>,
        }
        // One that cannot be read so is refused when the job is.
        let name = serde_json::from_str::<Named>(job).ok().and_then(|named| named.name);
        let begin = job.as_ptr().addr() - body.as_ptr().addr();
        Self { place: begin..begin + job.len(), name }
    }
}

impl BatchItem {
    /// One without more than its name, its outcome and its version.
    #[must_use]
    pub fn new(name: Option<&str>, outcome: &str, version: Option<u64>) -> Self {
        Self { name: name.map(str::to_owned), outcome: outcome.to_owned(), version, ..Self::default() }
    }
}

impl BatchResponse {
    /// One without jobs yet.
    #[must_use]
    pub fn new(dry_run: bool) -> Self {
        Self { dry_run, ..Self::default() }
    }

    /// Adds what became of a job, and counts it.
    pub fn add(&mut self, item: BatchItem) {
        let BatchCounts { created, changed, unchanged, deleted, refused } = &mut self.counts;
        let count = match item.outcome.as_str() {
            "created" => created,
            "changed" => changed,
            "unchanged" => unchanged,
            "deleted" => deleted,
            _ => refused,
        };
        *count += 1;
        self.jobs.push(item);
    }
}

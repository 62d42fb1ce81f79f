//! Why an execution did not succeed, for people.

use chronos_types::{By, Millis, format_rfc3339};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::actor::{self, Actor};

/// Why an execution did not succeed, and what to do. The texts may be other ones in another release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// What happened.
    #[schema(
        example = "After 3 attempts, api.example.com answered 503 Service Unavailable: it is overloaded or being \
                        restarted."
    )]
    pub what: String,
    /// What to do next.
    #[schema(example = "See whether the target is up again; then replay this execution.")]
    pub next: String,
    /// What changed in the job since its last success; null where nothing did, or no earlier success is on record.
    pub changed: Option<ChangeSinceSuccess>,
    /// How many other jobs fail in the same way now: with the same host, kind of error and status. Present where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others: Option<OthersFailing>,
}

/// How many other jobs fail in the same way now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OthersFailing {
    /// How many, of the 20,000 that failed most often in a row.
    #[schema(example = 12)]
    pub count: u64,
    /// Whether these are all; false where 20,000 jobs fail, or more.
    pub exact: bool,
}

/// What changed in a job between its last success and an execution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeSinceSuccess {
    /// The version that ran in the last success.
    #[schema(example = 3)]
    pub from_version: u64,
    /// The version that ran here.
    #[schema(example = 5)]
    pub version: u64,
    /// When that version was made (RFC 3339).
    #[schema(format = DateTime)]
    pub at: String,
    /// Which fields differ between the two.
    #[schema(example = json!(["webhook.url", "timeout"]))]
    pub fields: Vec<String>,
    /// Who made that version; null where that is not known.
    pub by: Option<Actor>,
    /// What they said of it (`Chronos-Note`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl ChangeSinceSuccess {
    /// The change from one version to another one, which somebody made at an instant.
    #[must_use]
    pub fn new(versions: (u64, u64), at: Millis, fields: Vec<String>, by: Option<&By>) -> Self {
        let (from_version, version) = versions;
        let (by, note) = actor::shown(by);
        Self { from_version, version, at: format_rfc3339(at), fields, by, note }
    }
}

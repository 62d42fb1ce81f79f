//! Jobs as clients write them and read them back.

use std::collections::BTreeMap;

use chronos_types::{self as domain, Millis, Status, format_rfc3339};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

use crate::actor::{self, Actor};
use crate::pause::{Pause, Skips};
use crate::{JobStats, RetryPolicy, Webhook};

/// What a user asks for: the body of POST and PUT. Durations are strings such as `"1h30m"`. The
/// read-only fields of a job are accepted and ignored, so that what was read can be written back.
/// Any other field is refused by its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobInput {
    /// Unique; 1 to 255 of letters, digits, `-`, `_`, `.` and `:`, and neither `.` nor `..`.
    #[schema(example = "nightly-backup", min_length = 1, max_length = 255)]
    pub name: String,
    /// Free text, at most 4,096 characters, without control characters other than tabs and line ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4096)]
    pub description: Option<String>,
    /// 5-field cron, 6 fields with leading seconds, `@daily` and its like, `@every <duration>` or
    /// `@at <RFC 3339>`. It is refused where no run is left: by itself, or between `start_at` and `end_at`.
    #[schema(example = "0 2 * * *")]
    pub schedule: String,
    /// IANA time zone; `UTC` if omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "America/New_York")]
    pub timezone: Option<String>,
    /// What is called.
    pub webhook: Webhook,
    /// What happens after a failed attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_policy: Option<RetryPolicy>,
    /// Time for one attempt where the webhook has none of its own; at most 24h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "5m")]
    pub timeout: Option<String>,
    /// What happens when a run falls due while another is unfinished: `forbid`, `allow`,
    /// `replace` or `queue`; `forbid` if omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "forbid")]
    pub concurrency: Option<String>,
    /// What happens to runs of a time when no node was up: `execute_one`, `execute_all` or
    /// `ignore`; `execute_one` if omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "execute_one")]
    pub missed_runs: Option<String>,
    /// Each run starts up to this much later than scheduled; `0s` if omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "30s")]
    pub jitter: Option<String>,
    /// No run before this instant (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub start_at: Option<String>,
    /// No run after this instant (RFC 3339); later than `start_at`, and not past when it is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub end_at: Option<String>,
    /// Labels: at most 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = tags)]
    pub tags: Option<BTreeMap<String, String>>,
    /// Whether it runs at all; true if omitted. Where it is written, a pause of the job ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = true)]
    pub enabled: Option<bool>,
}

/// Without a title, generators call the type after its place in a list of types.
fn tags() -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
        .title(Some("Tags"))
        .description(Some("Labels: at most 64."))
        .additional_properties(Some(ObjectBuilder::new().schema_type(Type::String)))
        .examples([json!({"team": "billing"})])
        .build()
}

/// A job as it stands, with every default filled in and every secret redacted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// Its identifier, which never changes.
    pub id: String,
    /// What the user asked for.
    #[serde(flatten)]
    pub spec: JobInput,
    /// The number of its version, from 1; each change adds one. The `ETag` is this and the last eight characters
    /// of `id`: `"3-1f0c2a9b"`.
    pub version: u64,
    /// RFC 3339.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// RFC 3339.
    #[schema(format = DateTime)]
    pub updated_at: String,
    /// Who made the version; null where that is not known.
    pub by: Option<Actor>,
    /// What they said of it (`Chronos-Note`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The set that owns it, if one does: see `putJobs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "billing")]
    pub set: Option<String>,
    /// The scheduled time of the next run (RFC 3339), which may be on record already; null when disabled, paused or past
    /// the end. A run that waits for its jitter is still to come, and so is one that is to be skipped.
    #[schema(format = DateTime)]
    pub next_run: Option<String>,
    /// The newest run that began; null before the first.
    pub last_run: Option<LastRun>,
    /// Whether it is paused: nothing falls due meanwhile, whatever `enabled` says. It is no part of a version. Null where it
    /// is not. In a body it is ignored, and `enabled` beside it does not end the pause.
    pub paused: Option<Pause>,
    /// Its coming runs that are recorded as skipped; null where there are none. It is no part of a version.
    pub skips: Option<Skips>,
    /// What its runs came to. Absent in the answer to a change, and before cluster version 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stats: Option<JobStats>,
    /// Present where this release refuses the specification on record: why. The other fields then show what can
    /// be read of it. The job does not run until it is written anew, or until a release reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invalid: Option<String>,
}

/// A job's newest run that began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastRun {
    /// Where it stands.
    #[schema(example = "success")]
    pub status: String,
    /// When it began (RFC 3339).
    #[schema(format = DateTime)]
    pub time: String,
}

/// A version of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobVersion {
    /// Its number.
    pub version: u64,
    /// When it was made (RFC 3339).
    #[schema(format = DateTime)]
    pub updated_at: String,
    /// Who made it; null where that is not known: it was made before cluster version 2.
    pub by: Option<Actor>,
    /// What they said of it (`Chronos-Note`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The job in this version, with secrets redacted.
    pub spec: JobInput,
    /// Present where this release refuses what is on record of it: why. `spec` then shows what can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invalid: Option<String>,
}

impl Job {
    /// The job as clients see it.
    #[must_use]
    pub fn new(job: &domain::Job, by: Option<&domain::By>, last_run: Option<(Status, Millis)>) -> Self {
        Self::shown(job, by, JobInput::from(&job.spec), None, last_run)
    }

    /// A job whose specification is shown as `spec`, and is `invalid` for the reason given.
    #[must_use]
    pub fn shown<S>(
        job: &domain::Job<S>,
        by: Option<&domain::By>,
        spec: JobInput,
        invalid: Option<String>,
        last_run: Option<(Status, Millis)>,
    ) -> Self {
        let domain::Job { id, spec: _, version, created_at, updated_at, next_due } = job;
        let (by, note) = actor::shown(by);
        Self {
            id: id.to_string(),
            spec,
            invalid,
            version: *version,
            created_at: format_rfc3339(*created_at),
            updated_at: format_rfc3339(*updated_at),
            by,
            note,
            set: None,
            next_run: next_due.map(format_rfc3339),
            last_run: last_run
                .map(|(status, at)| LastRun { status: status.as_str().to_owned(), time: format_rfc3339(at) }),
            paused: None,
            skips: None,
            stats: None,
        }
    }

    /// The job with what stands beside its specification.
    #[must_use]
    pub fn beside(self, paused: Option<&domain::Pause>, skips: Option<&domain::Skips>) -> Self {
        Self { paused: paused.map(Pause::from), skips: skips.map(Skips::from), ..self }
    }
}

impl JobVersion {
    /// A version as clients see it.
    #[must_use]
    pub fn new(version: u64, updated_at: Millis, by: Option<&domain::By>, spec: &domain::JobSpec) -> Self {
        Self::shown(version, updated_at, by, JobInput::from(spec), None)
    }

    /// A version that is shown as `spec`, and is `invalid` for the reason given.
    #[must_use]
    pub fn shown(
        version: u64,
        updated_at: Millis,
        by: Option<&domain::By>,
        spec: JobInput,
        invalid: Option<String>,
    ) -> Self {
        let (by, note) = actor::shown(by);
        Self { version, updated_at: format_rfc3339(updated_at), by, note, spec, invalid }
    }
}

impl From<&domain::JobSpec> for JobInput {
    /// Fills in every default and redacts every secret.
    fn from(spec: &domain::JobSpec) -> Self {
        let domain::JobSpec {
            name,
            description,
            schedule,
            timezone,
            webhook,
            retry_policy,
            timeout,
            concurrency,
            missed_runs,
            jitter,
            start_at,
            end_at,
            tags,
            enabled,
        } = spec;
        Self {
            name: name.to_string(),
            description: Some(description.clone()),
            schedule: schedule.clone(),
            timezone: Some(timezone.clone()),
            webhook: Webhook::from(webhook),
            retry_policy: Some(RetryPolicy::from(retry_policy)),
            timeout: timeout.map(|timeout| timeout.to_string()),
            concurrency: Some(concurrency.as_str().to_owned()),
            missed_runs: Some(missed_runs.as_str().to_owned()),
            jitter: Some(jitter.to_string()),
            start_at: start_at.map(format_rfc3339),
            end_at: end_at.map(format_rfc3339),
            tags: Some(tags.as_map().clone()),
            enabled: Some(*enabled),
        }
    }
}

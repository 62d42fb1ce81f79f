//! The stored form of a job's specification. `serde(with)` can name this module.
//!
//! Each conversion names every field, so that a new field does not compile until it is decided on.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chronos_types::{
    Concurrency, DurationMs, JobName, JobSpec, JobTimes, Millis, MissedRuns, RetryPolicy, Tags,
};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::omit::is_default;
use super::webhook::StoredWebhook;
use crate::error::StateError;

/// The stored form of a [`JobSpec`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredSpec<'a> {
    name: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "str::is_empty")]
    description: Cow<'a, str>,
    schedule: Cow<'a, str>,
    timezone: Cow<'a, str>,
    webhook: StoredWebhook<'a>,
    retry: StoredRetry,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u64>,
    concurrency: Cow<'a, str>,
    missed_runs: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "is_default")]
    jitter_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start_at: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end_at: Option<Millis>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    enabled: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredRetry {
    max_attempts: u32,
    initial_ms: u64,
    max_ms: u64,
    multiplier: f64,
    jitter: f64,
}

impl<'a> From<&'a JobSpec> for StoredSpec<'a> {
    fn from(spec: &'a JobSpec) -> Self {
        let JobSpec {
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
        let tag = |(key, value): (&'a String, &'a String)| (key.into(), value.into());
        Self {
            name: name.as_str().into(),
            description: description.into(),
            schedule: schedule.into(),
            timezone: timezone.into(),
            webhook: webhook.into(),
            retry: retry_policy.into(),
            timeout_ms: timeout.map(DurationMs::as_millis),
            concurrency: concurrency.as_str().into(),
            missed_runs: missed_runs.as_str().into(),
            jitter_ms: jitter.as_millis(),
            start_at: *start_at,
            end_at: *end_at,
            tags: tags.as_map().iter().map(tag).collect(),
            enabled: *enabled,
        }
    }
}

impl TryFrom<StoredSpec<'_>> for JobSpec {
    type Error = String;

    fn try_from(stored: StoredSpec<'_>) -> Result<Self, String> {
        let StoredSpec {
            name,
            description,
            schedule,
            timezone,
            webhook,
            retry,
            timeout_ms,
            concurrency,
            missed_runs,
            jitter_ms,
            start_at,
            end_at,
            tags,
            enabled,
        } = stored;
        let tags = tags.into_iter().map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
        Ok(Self {
            name: JobName::parse(&name).map_err(|e| e.to_string())?,
            description: description.into_owned(),
            schedule: schedule.into_owned(),
            timezone: timezone.into_owned(),
            webhook: webhook.try_into()?,
            retry_policy: retry.try_into()?,
            timeout: timeout_ms.map(DurationMs::from_millis),
            concurrency: Concurrency::parse(&concurrency)?,
            missed_runs: MissedRuns::parse(&missed_runs)?,
            jitter: DurationMs::from_millis(jitter_ms),
            start_at,
            end_at,
            tags: Tags::parse(tags).map_err(|errors| format!("{errors:?}"))?,
            enabled,
        })
    }
}

impl From<&RetryPolicy> for StoredRetry {
    fn from(policy: &RetryPolicy) -> Self {
        Self {
            max_attempts: policy.max_attempts(),
            initial_ms: policy.initial_interval().as_millis(),
            max_ms: policy.max_interval().as_millis(),
            multiplier: policy.multiplier(),
            jitter: policy.jitter(),
        }
    }
}

impl TryFrom<StoredRetry> for RetryPolicy {
    type Error = String;

    fn try_from(stored: StoredRetry) -> Result<Self, String> {
        let StoredRetry { max_attempts, initial_ms, max_ms, multiplier, jitter } = stored;
        let (initial, max) = (DurationMs::from_millis(initial_ms), DurationMs::from_millis(max_ms));
        Self::new(max_attempts, initial, max, multiplier, jitter).map_err(|errors| format!("{errors:?}"))
    }
}

/// The stored text of a specification.
pub(crate) fn to_json(spec: &JobSpec) -> Result<String, StateError> {
    serde_json::to_string(&StoredSpec::from(spec)).map_err(StateError::encode)
}

/// Reads a specification back.
pub(crate) fn from_json(text: &str) -> Result<JobSpec, StateError> {
    let stored: StoredSpec<'_> = serde_json::from_str(text).map_err(StateError::decode)?;
    JobSpec::try_from(stored).map_err(StateError::Corrupt)
}

/// The stored form of [`JobTimes`]. The rest of the text is not read, because planning reads thousands of
/// these a second.
#[derive(Deserialize)]
struct StoredTimes<'a> {
    #[serde(borrow)]
    schedule: Cow<'a, str>,
    #[serde(borrow)]
    timezone: Cow<'a, str>,
    #[serde(borrow)]
    missed_runs: Cow<'a, str>,
    #[serde(borrow)]
    concurrency: Cow<'a, str>,
    #[serde(default)]
    jitter_ms: u64,
    #[serde(default)]
    start_at: Option<Millis>,
    #[serde(default)]
    end_at: Option<Millis>,
}

/// Reads the part of a specification that planning needs.
pub(crate) fn times_from_json(text: &str) -> Result<JobTimes, StateError> {
    let StoredTimes { schedule, timezone, missed_runs, concurrency, jitter_ms, start_at, end_at } =
        serde_json::from_str(text).map_err(StateError::decode)?;
    Ok(JobTimes {
        schedule: schedule.into_owned(),
        timezone: timezone.into_owned(),
        missed_runs: MissedRuns::parse(&missed_runs).map_err(StateError::Corrupt)?,
        concurrency: Concurrency::parse(&concurrency).map_err(StateError::Corrupt)?,
        jitter: DurationMs::from_millis(jitter_ms),
        start_at,
        end_at,
    })
}

/// Writes a specification.
pub(crate) fn serialize<S: Serializer>(spec: &JobSpec, serializer: S) -> Result<S::Ok, S::Error> {
    StoredSpec::from(spec).serialize(serializer)
}

/// Reads a specification.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<JobSpec, D::Error> {
    JobSpec::try_from(StoredSpec::deserialize(deserializer)?).map_err(D::Error::custom)
}

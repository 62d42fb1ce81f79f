//! The stored form of a job's specification: of rows and of commands.
//!
//! It says what a specification says, and knows no rule of the domain: what it may say is asked where it turns
//! into a [`JobSpec`]. So `apply` never refuses what another release took. Each conversion names every field, so
//! that a new field does not compile until it is decided on.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use chronos_types::{
    Concurrency, DurationMs, JobName, JobSpec, JobTimes, Millis, MissedRuns, RetryPolicy, Tags,
};
use serde::{Deserialize, Serialize};

use super::bad::{BadSpec, ReadSpec, why_no_form};
use super::omit::is_default;
use super::webhook::StoredWebhook;
use crate::error::StateError;

/// The stored form of a [`JobSpec`]. `Debug` shows its name alone, for it has secrets.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of `JobSpec`; durations are in milliseconds")]
pub struct StoredSpec<'a> {
    pub name: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub description: Cow<'a, str>,
    pub schedule: Cow<'a, str>,
    pub timezone: Cow<'a, str>,
    pub webhook: StoredWebhook<'a>,
    pub retry: StoredRetry,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    pub concurrency: Cow<'a, str>,
    pub missed_runs: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub jitter_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_at: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_at: Option<Millis>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    pub enabled: bool,
}

/// The stored form of a [`RetryPolicy`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of `RetryPolicy`; durations are in milliseconds")]
pub struct StoredRetry {
    pub max_attempts: u32,
    pub initial_ms: u64,
    pub max_ms: u64,
    pub multiplier: f64,
    pub jitter: f64,
}

impl fmt::Debug for StoredSpec<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredSpec").field("name", &self.name).finish_non_exhaustive()
    }
}

impl StoredSpec<'static> {
    /// The stored form of a specification.
    #[must_use]
    pub fn of(spec: &JobSpec) -> Self {
        StoredSpec::from(spec).into_owned()
    }
}

impl StoredSpec<'_> {
    /// What it says, by today's rules.
    ///
    /// # Errors
    /// They refuse it.
    pub fn read(&self) -> ReadSpec {
        JobSpec::try_from(self.clone()).map_err(|why| BadSpec::boxed(why, self.clone().into_owned()))
    }

    /// Takes over all that it borrows.
    #[must_use]
    pub fn into_owned(self) -> StoredSpec<'static> {
        let Self {
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
        } = self;
        StoredSpec {
            name: owned(name),
            description: owned(description),
            schedule: owned(schedule),
            timezone: owned(timezone),
            webhook: webhook.into_owned(),
            retry,
            timeout_ms,
            concurrency: owned(concurrency),
            missed_runs: owned(missed_runs),
            jitter_ms,
            start_at,
            end_at,
            tags: tags.into_iter().map(|(key, value)| (owned(key), owned(value))).collect(),
            enabled,
        }
    }
}

/// The end of the year 9999, and the begin of the year 0: what an instant on record can be.
const INSTANTS: std::ops::RangeInclusive<Millis> = -62_167_219_200_000..=253_402_300_799_999;

/// An instant. One that no release has taken would not fit into what is computed from it.
pub(super) fn instant(at: Millis) -> Result<Millis, String> {
    if INSTANTS.contains(&at) { Ok(at) } else { Err(format!("{at} is no instant of the years 0 to 9999")) }
}

/// A duration, in milliseconds. The same holds for it.
pub(super) fn length(ms: u64) -> Result<DurationMs, String> {
    if i64::try_from(ms).is_ok_and(|ms| ms <= *INSTANTS.end()) {
        Ok(DurationMs::from_millis(ms))
    } else {
        Err(format!("{ms} ms is longer than any duration can be"))
    }
}

/// Takes over a text.
pub(super) fn owned(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
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
            timeout: timeout_ms.map(length).transpose()?,
            concurrency: Concurrency::parse(&concurrency)?,
            missed_runs: MissedRuns::parse(&missed_runs)?,
            jitter: length(jitter_ms)?,
            start_at: start_at.map(instant).transpose()?,
            end_at: end_at.map(instant).transpose()?,
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
        let (initial, max) = (length(initial_ms)?, length(max_ms)?);
        Self::new(max_attempts, initial, max, multiplier, jitter).map_err(|errors| format!("{errors:?}"))
    }
}

/// The stored text of a specification.
pub(crate) fn to_json(spec: &StoredSpec<'_>) -> Result<String, StateError> {
    serde_json::to_string(spec).map_err(StateError::encode)
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

/// Reads the part of a specification that planning needs. The error says why today's rules refuse it.
pub(crate) fn times_from_json(text: &str) -> Result<JobTimes, String> {
    let StoredTimes { schedule, timezone, missed_runs, concurrency, jitter_ms, start_at, end_at } =
        serde_json::from_str(text).map_err(|error| why_no_form(&error))?;
    Ok(JobTimes {
        schedule: schedule.into_owned(),
        timezone: timezone.into_owned(),
        missed_runs: MissedRuns::parse(&missed_runs)?,
        concurrency: Concurrency::parse(&concurrency)?,
        jitter: length(jitter_ms)?,
        start_at: start_at.map(instant).transpose()?,
        end_at: end_at.map(instant).transpose()?,
    })
}

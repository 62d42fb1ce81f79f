//! How things are kept on disk: the stored forms of domain types, and the way there and back.
//!
//! Stored forms are apart from both the domain and the wire, so that either can change without
//! touching what is on disk. Fields may be added with a default. What is read back was checked
//! when it came in; a value that no longer parses is damage, and is said to be.

mod run;

use std::borrow::Cow;
use std::collections::BTreeMap;

use chronos_types::{
    Auth, Concurrency, DurationMs, ErrorKind, ExecutionId, Headers, JobId, JobName, JobSpec, Method, Millis,
    MissedRuns, NodeName, Response, RetryPolicy, Status, SuccessCodes, Tags, TargetUrl, Template, Trigger,
    Webhook,
};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::StateError;
use crate::reader::JobTimes;
use crate::run::{Fire, JobSeq, RunRef};

#[derive(Serialize, Deserialize)]
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
    #[serde(default, skip_serializing_if = "is_zero")]
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
struct StoredRetry {
    max_attempts: u32,
    initial_ms: u64,
    max_ms: u64,
    multiplier: f64,
    #[serde(default)]
    jitter: f64,
}

#[derive(Serialize, Deserialize)]
struct StoredWebhook<'a> {
    url: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    method: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth: Option<StoredAuth<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    success_codes: Option<Cow<'a, [u16]>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "is_false")]
    tls_skip_verify: bool,
    #[serde(default, skip_serializing_if = "is_zero")]
    max_redirects: u8,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum StoredAuth<'a> {
    Bearer { token: Cow<'a, str> },
    Basic { username: Cow<'a, str>, password: Cow<'a, str> },
    ApiKey { api_key: Cow<'a, str>, header: Option<Cow<'a, str>> },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

fn is_zero<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
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
            retry: StoredRetry {
                max_attempts: retry_policy.max_attempts(),
                initial_ms: retry_policy.initial_interval().as_millis(),
                max_ms: retry_policy.max_interval().as_millis(),
                multiplier: retry_policy.multiplier(),
                jitter: retry_policy.jitter(),
            },
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

impl<'a> From<&'a Webhook> for StoredWebhook<'a> {
    fn from(webhook: &'a Webhook) -> Self {
        let Webhook {
            url,
            method,
            headers,
            body,
            auth,
            success_codes,
            timeout,
            tls_skip_verify,
            max_redirects,
        } = webhook;
        Self {
            url: url.source().into(),
            method: method.map(|m| m.as_str().into()),
            headers: headers.iter().map(|(name, value)| (name.into(), value.into())).collect(),
            body: body.as_ref().map(|b| b.source().into()),
            auth: auth.as_ref().map(|auth| match auth {
                Auth::Bearer { token } => StoredAuth::Bearer { token: token.into() },
                Auth::Basic { username, password } => {
                    StoredAuth::Basic { username: username.into(), password: password.into() }
                }
                Auth::ApiKey { api_key, header } => {
                    StoredAuth::ApiKey { api_key: api_key.into(), header: header.as_deref().map(Cow::from) }
                }
            }),
            success_codes: success_codes.as_ref().map(|codes| codes.as_slice().into()),
            timeout_ms: timeout.map(DurationMs::as_millis),
            tls_skip_verify: *tls_skip_verify,
            max_redirects: *max_redirects,
        }
    }
}

impl TryFrom<StoredSpec<'_>> for JobSpec {
    type Error = String;

    fn try_from(stored: StoredSpec<'_>) -> Result<Self, String> {
        let tags = stored.tags.into_iter().map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
        let retry = stored.retry;
        Ok(Self {
            name: JobName::parse(&stored.name).map_err(|e| e.to_string())?,
            description: stored.description.into_owned(),
            schedule: stored.schedule.into_owned(),
            timezone: stored.timezone.into_owned(),
            webhook: stored.webhook.try_into()?,
            retry_policy: RetryPolicy::new(
                retry.max_attempts,
                DurationMs::from_millis(retry.initial_ms),
                DurationMs::from_millis(retry.max_ms),
                retry.multiplier,
                retry.jitter,
            )
            .map_err(|errors| format!("{errors:?}"))?,
            timeout: stored.timeout_ms.map(DurationMs::from_millis),
            concurrency: Concurrency::parse(&stored.concurrency)?,
            missed_runs: MissedRuns::parse(&stored.missed_runs)?,
            jitter: DurationMs::from_millis(stored.jitter_ms),
            start_at: stored.start_at,
            end_at: stored.end_at,
            tags: Tags::parse(tags).map_err(|errors| format!("{errors:?}"))?,
            enabled: stored.enabled,
        })
    }
}

impl TryFrom<StoredWebhook<'_>> for Webhook {
    type Error = String;

    fn try_from(stored: StoredWebhook<'_>) -> Result<Self, String> {
        let headers = stored.headers.into_iter().map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
        Ok(Self {
            url: TargetUrl::parse(&stored.url).map_err(|e| e.to_string())?,
            method: stored.method.as_deref().map(Method::parse).transpose()?,
            headers: Headers::parse(headers).map_err(|errors| format!("{errors:?}"))?,
            body: stored.body.as_deref().map(Template::parse).transpose().map_err(|e| e.to_string())?,
            auth: stored.auth.map(|auth| match auth {
                StoredAuth::Bearer { token } => Auth::Bearer { token: token.into_owned() },
                StoredAuth::Basic { username, password } => {
                    Auth::Basic { username: username.into_owned(), password: password.into_owned() }
                }
                StoredAuth::ApiKey { api_key, header } => {
                    Auth::ApiKey { api_key: api_key.into_owned(), header: header.map(Cow::into_owned) }
                }
            }),
            success_codes: stored.success_codes.map(|c| SuccessCodes::parse(c.into_owned())).transpose()?,
            timeout: stored.timeout_ms.map(DurationMs::from_millis),
            tls_skip_verify: stored.tls_skip_verify,
            max_redirects: stored.max_redirects,
        })
    }
}

/// The stored text of a specification.
pub(crate) fn spec_to_json(spec: &JobSpec) -> Result<String, StateError> {
    serde_json::to_string(&StoredSpec::from(spec)).map_err(StateError::encode)
}

/// Reads a specification back.
pub(crate) fn spec_from_json(text: &str) -> Result<JobSpec, StateError> {
    let stored: StoredSpec<'_> = serde_json::from_str(text).map_err(StateError::decode)?;
    JobSpec::try_from(stored).map_err(StateError::Corrupt)
}

/// The part of a specification that says when it runs. What else is stored is passed over unread:
/// planning reads thousands of these a second.
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

/// Reads when a specification runs.
pub(crate) fn times_from_json(text: &str) -> Result<JobTimes, StateError> {
    let stored: StoredTimes<'_> = serde_json::from_str(text).map_err(StateError::decode)?;
    Ok(JobTimes {
        schedule: stored.schedule.into_owned(),
        timezone: stored.timezone.into_owned(),
        missed_runs: MissedRuns::parse(&stored.missed_runs).map_err(StateError::Corrupt)?,
        concurrency: Concurrency::parse(&stored.concurrency).map_err(StateError::Corrupt)?,
        jitter: DurationMs::from_millis(stored.jitter_ms),
        start_at: stored.start_at,
        end_at: stored.end_at,
    })
}

/// Reads a withdrawn run: `id, job, version, slot, fire_at, node, unsure`.
pub(crate) fn withdrawn(row: &rusqlite::Row<'_>) -> rusqlite::Result<Fire> {
    let run = RunRef {
        execution: ExecutionId::from_bytes(row.get(0)?),
        job: job_seq(row, 1)?,
        version: row.get(2)?,
        scheduled_time: row.get(3)?,
        trigger: Trigger::Schedule,
    };
    Ok(Fire { run, fire_at: row.get(4)?, attempt: 1, node: node(row, 5)?, begun: row.get(6)? })
}

/// Reads a job's number from a column.
pub(crate) fn job_seq(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<JobSeq> {
    row.get(column).map(JobSeq::new)
}

/// Reads a node's name from a column.
pub(crate) fn node(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<NodeName> {
    Ok(NodeName::unchecked(row.get_ref(column)?.as_str()?))
}

/// What an execution keeps beside its columns.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct StoredDetail {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<StoredResponse>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<StoredAttempt>,
    /// A node that held it before may have begun it, and cannot be asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsure: bool,
}

/// An attempt in [`StoredDetail`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredAttempt {
    pub number: u32,
    pub started_at: Millis,
    pub duration_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_kind: Option<String>,
}

/// A response in [`StoredDetail`] and in reports.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredResponse {
    #[serde(default, skip_serializing_if = "is_zero")]
    status_code: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    truncated: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl From<&Response> for StoredResponse {
    fn from(response: &Response) -> Self {
        let Response { status_code, body, truncated, error } = response;
        Self { status_code: *status_code, body: body.clone(), truncated: *truncated, error: error.clone() }
    }
}

impl From<StoredResponse> for Response {
    fn from(stored: StoredResponse) -> Self {
        let StoredResponse { status_code, body, truncated, error } = stored;
        Self { status_code, body, truncated, error }
    }
}

/// Numbers of enums in integer columns. They are on disk for ever: append, never reorder.
pub(crate) trait Code: Sized + Copy + PartialEq + 'static {
    const ORDER: &'static [Self];
    fn code(self) -> i64 {
        // Every value stands in its table: the tests below see to it.
        Self::ORDER.iter().position(|v| *v == self).and_then(|i| i64::try_from(i).ok()).unwrap_or(-1)
    }
    fn from_code(code: i64) -> Result<Self, StateError> {
        let found = usize::try_from(code).ok().and_then(|i| Self::ORDER.get(i).copied());
        found.ok_or_else(|| StateError::Corrupt(format!("{code} is not a known code")))
    }
}

impl Code for Status {
    const ORDER: &'static [Self] = &[
        Self::Pending,
        Self::Running,
        Self::Retrying,
        Self::Success,
        Self::Failed,
        Self::Cancelled,
        Self::Skipped,
    ];
}

impl Code for Trigger {
    const ORDER: &'static [Self] = &[Self::Schedule, Self::Manual, Self::CatchUp, Self::Replay];
}

/// Domain types that are kept as their API name.
pub(crate) trait Named: Sized {
    fn to_name(&self) -> &'static str;
    fn from_name(text: &str) -> Result<Self, String>;
}

macro_rules! named {
    ($($t:ty),*) => { $(impl Named for $t {
        fn to_name(&self) -> &'static str { self.as_str() }
        fn from_name(text: &str) -> Result<Self, String> { Self::parse(text) }
    })* };
}
named!(Trigger, ErrorKind);

/// Ids that are kept as text in commands.
pub(crate) trait Id: Sized {
    fn to_text(&self) -> String;
    fn from_text(text: &str) -> Result<Self, String>;
}

macro_rules! ids {
    ($($t:ty),*) => { $(impl Id for $t {
        fn to_text(&self) -> String { self.to_string() }
        fn from_text(text: &str) -> Result<Self, String> { Self::parse(text).map_err(|e| e.to_string()) }
    })* };
}
ids!(JobId, ExecutionId);

/// `serde(with)` for enums by name.
pub(crate) mod name {
    use super::*;

    pub(crate) fn serialize<T: Named, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(value.to_name())
    }

    pub(crate) fn deserialize<'de, T: Named, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        T::from_name(&Cow::<str>::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// `serde(with)` for ids.
pub(crate) mod id {
    use super::*;

    pub(crate) fn serialize<T: Id, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&value.to_text())
    }

    pub(crate) fn deserialize<'de, T: Id, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        T::from_text(&Cow::<str>::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// `serde(with)` for ids that may be absent.
pub(crate) mod opt_id {
    use super::*;

    pub(crate) fn serialize<T: Id, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.as_ref().map(Id::to_text).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, T: Id, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        let text = Option::<Cow<'_, str>>::deserialize(deserializer)?;
        text.map(|t| T::from_text(&t).map_err(D::Error::custom)).transpose()
    }
}

/// `serde(with)` for a job specification.
pub(crate) mod spec {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(spec: &JobSpec, serializer: S) -> Result<S::Ok, S::Error> {
        StoredSpec::from(spec).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<JobSpec, D::Error> {
        JobSpec::try_from(StoredSpec::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// `serde(with)` for a response.
pub(crate) mod response {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(response: &Response, serializer: S) -> Result<S::Ok, S::Error> {
        StoredResponse::from(response).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Response, D::Error> {
        StoredResponse::deserialize(deserializer).map(Response::from)
    }
}

/// `serde(with)` for what went wrong in an attempt.
pub(crate) mod failure {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        failure: &Option<(ErrorKind, String)>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        failure.as_ref().map(|(kind, message)| (kind.as_str(), message)).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<(ErrorKind, String)>, D::Error> {
        let pair = Option::<(Cow<'_, str>, String)>::deserialize(deserializer)?;
        pair.map(|(kind, message)| Ok((ErrorKind::parse(&kind).map_err(D::Error::custom)?, message)))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_its_number() {
        assert!(Status::ALL.iter().all(|v| Status::from_code(v.code()).is_ok_and(|w| w == *v)));
        assert!(Trigger::ALL.iter().all(|v| Trigger::from_code(v.code()).is_ok_and(|w| w == *v)));
        assert!(Status::from_code(99).is_err());
    }
}

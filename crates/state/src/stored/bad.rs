//! Specifications on record that today's rules refuse. Each costs its own record: whoever reads it gets why it is
//! refused and what can be read of it, and no error.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chronos_types::{Auth, Concurrency, Headers, JobSpec, JobTimes, MissedRuns, RetryPolicy, Signing};
use rusqlite::types::ValueRef;
use serde_json::Value;
use serde_json::error::Category;

use super::spec::{StoredRetry, StoredSpec, instant, length};
use super::webhook::StoredWebhook;

/// A specification as it is on record.
pub type ReadSpec = Result<JobSpec, Box<BadSpec>>;

/// A specification on record that today's rules refuse.
#[derive(Clone, Debug, PartialEq)]
pub struct BadSpec {
    /// Why, for people. It holds no secret.
    pub why: String,
    /// What it says. Where not even its form is known, that is what can be read, and the rest is empty.
    pub form: StoredSpec<'static>,
}

impl BadSpec {
    pub(super) fn boxed(why: String, form: StoredSpec<'static>) -> Box<Self> {
        Box::new(Self { why, form })
    }

    /// When its job runs.
    ///
    /// # Errors
    /// That cannot be read, and why.
    pub fn times(&self) -> Result<JobTimes, String> {
        let StoredSpec { schedule, timezone, missed_runs, concurrency, jitter_ms, start_at, end_at, .. } =
            &self.form;
        Ok(JobTimes {
            schedule: schedule.clone().into_owned(),
            timezone: timezone.clone().into_owned(),
            missed_runs: MissedRuns::parse(missed_runs)?,
            concurrency: Concurrency::parse(concurrency)?,
            jitter: length(*jitter_ms)?,
            start_at: start_at.map(instant).transpose()?,
            end_at: end_at.map(instant).transpose()?,
        })
    }

    /// The parts of its webhook in which secrets are, as far as they can be read. There are none where they are sealed.
    #[must_use]
    pub fn secrets(&self) -> (Option<Headers>, Option<Auth>, Option<Signing>) {
        let StoredWebhook { headers, auth, signing, sealed, .. } = self.form.webhook.clone();
        // What stands in the places of those that are sealed is none.
        if sealed.is_some() {
            return (None, None, None);
        }
        let headers = headers.into_iter().map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
        let auth = auth.and_then(|auth| Auth::try_from(auth).ok());
        (Headers::parse(headers).ok(), auth, signing.map(Signing::from))
    }
}

/// Reads a specification from its column.
pub(crate) fn read_spec(column: ValueRef<'_>) -> ReadSpec {
    let text = column.as_str().unwrap_or_default();
    match serde_json::from_str::<StoredSpec<'_>>(text) {
        Ok(stored) => JobSpec::try_from(stored).map_err(|why| BadSpec::boxed(why, pieces(text))),
        Err(error) => Err(BadSpec::boxed(why_no_form(&error), pieces(text))),
    }
}

/// Why a text has not the form of a specification. What serde says may quote a value, and that may be a secret.
pub(super) fn why_no_form(error: &serde_json::Error) -> String {
    let said = error.to_string();
    match error.classify() {
        Category::Data if said.starts_with("missing field") || said.starts_with("unknown field") => said,
        Category::Data => format!("a value is of another type than expected, at column {}", error.column()),
        _ => format!("it is no JSON, at column {}", error.column()),
    }
}

/// What a text says of a specification, as far as it can be read.
pub(crate) fn pieces(text: &str) -> StoredSpec<'static> {
    if let Ok(whole) = serde_json::from_str::<StoredSpec<'static>>(text) {
        return whole;
    }
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    let text = |name: &str| string(value.get(name)).unwrap_or_default();
    let number = |name: &str| value.get(name).and_then(Value::as_i64);
    let length = |name: &str| value.get(name).and_then(Value::as_u64);
    let tags = value.get("tags").and_then(Value::as_object).into_iter().flatten();
    let tags: BTreeMap<_, _> =
        tags.filter_map(|(key, value)| Some((Cow::Owned(key.clone()), string(Some(value))?))).collect();
    StoredSpec {
        name: text("name"),
        description: text("description"),
        schedule: text("schedule"),
        timezone: text("timezone"),
        webhook: webhook(value.get("webhook").unwrap_or(&Value::Null)),
        retry: form(value.get("retry")).unwrap_or_else(|| StoredRetry::from(&RetryPolicy::default())),
        timeout_ms: length("timeout_ms"),
        concurrency: text("concurrency"),
        missed_runs: text("missed_runs"),
        jitter_ms: length("jitter_ms").unwrap_or_default(),
        start_at: number("start_at"),
        end_at: number("end_at"),
        tags,
        enabled: value.get("enabled").and_then(Value::as_bool).unwrap_or_default(),
    }
}

/// The same of its webhook.
fn webhook(value: &Value) -> StoredWebhook<'static> {
    if let Some(whole) = form(Some(value)) {
        return whole;
    }
    StoredWebhook {
        url: string(value.get("url")).unwrap_or_default(),
        method: string(value.get("method")),
        headers: form(value.get("headers")).unwrap_or_default(),
        body: string(value.get("body")),
        auth: form(value.get("auth")),
        success_codes: form(value.get("success_codes")),
        timeout_ms: value.get("timeout_ms").and_then(Value::as_u64),
        tls_skip_verify: value.get("tls_skip_verify").and_then(Value::as_bool).unwrap_or_default(),
        max_redirects: form(value.get("max_redirects")).unwrap_or_default(),
        signing: form(value.get("signing")),
        client_certificate: form(value.get("client_certificate")),
        sealed: form(value.get("sealed")),
    }
}

fn string(value: Option<&Value>) -> Option<Cow<'static, str>> {
    value?.as_str().map(|text| Cow::Owned(text.to_owned()))
}

/// A part that has its form.
fn form<T: serde::de::DeserializeOwned>(value: Option<&Value>) -> Option<T> {
    serde_json::from_value(value?.clone()).ok()
}

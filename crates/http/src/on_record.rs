//! What is on record, as clients see it: also what this release refuses, as far as it can be read.

use chronos_api::{
    Auth, ChangeSinceSuccess, ClientCertificate, Execution, Job, JobInput, JobVersion, OthersFailing,
    RetryPolicy, Signing, TextMap, Webhook,
};
use chronos_engine::{Change, Explanation, Schedules};
use chronos_state::{
    self as state, BadSpec, ExecutionRow, JobRow, ReadSpec, StoredRetry, StoredSpec, StoredWebhook,
    VersionRow,
};
use chronos_types::{
    self as domain, DurationMs, REDACTED, TargetUrl, format_rfc3339, is_credential_header, redacted_url,
};

use crate::stats;

/// A job.
pub(crate) fn job(row: &JobRow) -> Job {
    let shown = Job::shown(&row.job, row.by.as_ref(), input(&row.job.spec), why(&row.job.spec), row.last_run);
    let shown = shown.beside(row.paused.as_ref(), row.skips.as_ref());
    Job { set: row.set.clone(), stats: row.stats.as_deref().map(stats::of_job), ..shown }
}

/// A version of a job.
pub(crate) fn version(row: &VersionRow) -> JobVersion {
    JobVersion::shown(row.version, row.updated_at, row.by.as_ref(), input(&row.spec), why(&row.spec))
}

/// An execution.
pub(crate) fn execution(row: &ExecutionRow) -> Execution {
    let version = row.spec.as_ref().err().map(|bad| format!("the version that it runs: {}", bad.why));
    let invalid = row.invalid.clone().or(version);
    Execution::shown(&row.execution, row.spec.as_ref().ok(), row.overrides.as_ref(), invalid)
}

/// Why an execution did not succeed.
pub(crate) fn explanation(why: Explanation) -> chronos_api::Explanation {
    let Explanation { what, next, changed, others } = why;
    chronos_api::Explanation {
        what,
        next,
        changed: changed.map(|change| {
            let Change { from_version, version, at, fields, by } = change;
            let fields = fields.into_iter().map(str::to_owned).collect();
            ChangeSinceSuccess::new((from_version, version), at, fields, by.as_ref())
        }),
        others: others.map(|state::OthersFailing { count, exact }| OthersFailing { count, exact }),
    }
}

/// An execution in a list: without its request, bodies and attempts.
pub(crate) fn execution_summary(row: &ExecutionRow) -> Execution {
    let version = row.spec.as_ref().err().map(|bad| format!("the version that it runs: {}", bad.why));
    let invalid = row.invalid.clone().or(version);
    Execution::shown(&row.execution, None, None, invalid).summary()
}

/// What a specification says.
pub(crate) fn input(spec: &ReadSpec) -> JobInput {
    match spec {
        Ok(spec) => JobInput::from(spec),
        Err(bad) => of_bad(bad),
    }
}

/// Why a specification is refused.
fn why(spec: &ReadSpec) -> Option<String> {
    match spec {
        Ok(spec) => {
            let errors = Schedules::check(Some(&spec.schedule), Some(&spec.timezone));
            errors.first().map(|error| format!("{}: {}", error.field, error.message))
        }
        Err(bad) => Some(bad.why.clone()),
    }
}

fn of_bad(bad: &BadSpec) -> JobInput {
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
    } = &bad.form;
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    JobInput {
        name: name.clone().into_owned(),
        description: Some(description.clone().into_owned()),
        schedule: schedule.clone().into_owned(),
        timezone: text(timezone),
        webhook: webhook_of(webhook),
        retry_policy: Some(retry_of(retry)),
        timeout: timeout_ms.map(duration),
        concurrency: text(concurrency),
        missed_runs: text(missed_runs),
        jitter: Some(duration(*jitter_ms)),
        start_at: start_at.map(format_rfc3339),
        end_at: end_at.map(format_rfc3339),
        tags: Some(tags.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()),
        enabled: Some(*enabled),
    }
}

fn webhook_of(form: &StoredWebhook<'_>) -> Webhook {
    let StoredWebhook {
        url,
        method,
        headers,
        body,
        auth,
        success_codes,
        timeout_ms,
        tls_skip_verify,
        max_redirects,
        signing,
        client_certificate,
        sealed: _,
    } = form;
    let auth = auth.clone().and_then(|auth| domain::Auth::try_from(auth).ok());
    let signing = signing.clone().map(domain::Signing::from);
    let sent = auth.as_ref().map(domain::Auth::header_name);
    let is_secret =
        |name: &str| is_credential_header(name) || sent.is_some_and(|sent| sent.eq_ignore_ascii_case(name));
    let shown = headers.iter().map(|(name, value)| {
        let value: &str = if is_secret(name) { REDACTED } else { value };
        (name.to_string(), value.to_owned())
    });
    Webhook {
        url: shown_url(url),
        method: method.as_ref().map(ToString::to_string),
        headers: TextMap(shown.collect()),
        body: body.as_ref().map(ToString::to_string),
        auth: auth.as_ref().map(Auth::from),
        signing: signing.as_ref().map(Signing::from),
        client_certificate: client_certificate
            .as_ref()
            .map(|form| ClientCertificate::from(&domain::ClientCertificate::from(form.clone()))),
        success_codes: success_codes.as_ref().map(|codes| codes.to_vec()),
        timeout: timeout_ms.map(duration),
        tls_skip_verify: *tls_skip_verify,
        max_redirects: *max_redirects,
    }
}

/// A URL as it is shown. One that is refused for its user info has a password in it.
pub(crate) fn shown_url(url: &str) -> String {
    let is_shown = TargetUrl::parse(url).is_ok() || !url.contains('@');
    if is_shown { redacted_url(url).into_owned() } else { REDACTED.to_owned() }
}

fn retry_of(form: &StoredRetry) -> RetryPolicy {
    let StoredRetry { max_attempts, initial_ms, max_ms, multiplier, jitter } = form;
    RetryPolicy {
        max_attempts: Some(*max_attempts),
        initial_interval: Some(duration(*initial_ms)),
        max_interval: Some(duration(*max_ms)),
        multiplier: Some(*multiplier),
        jitter: Some(*jitter),
    }
}

fn duration(ms: u64) -> String {
    DurationMs::from_millis(ms).to_string()
}

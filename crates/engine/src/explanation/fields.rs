//! Which fields of a job differ between two of its versions.

use chronos_types::{JobSpec, Webhook};

/// The fields that differ, as the API names them.
pub(super) fn different(before: &JobSpec, now: &JobSpec) -> Vec<&'static str> {
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
    } = before;
    let Webhook {
        url,
        method,
        headers,
        body,
        auth,
        signing,
        client_certificate,
        success_codes,
        timeout: webhook_timeout,
        tls_skip_verify,
        max_redirects,
        // They are opened.
        sealed: _,
    } = webhook;
    let to = &now.webhook;
    let all = [
        ("name", *name != now.name),
        ("description", *description != now.description),
        ("schedule", *schedule != now.schedule),
        ("timezone", *timezone != now.timezone),
        ("webhook.url", *url != to.url),
        ("webhook.method", *method != to.method),
        ("webhook.headers", *headers != to.headers),
        ("webhook.body", *body != to.body),
        ("webhook.auth", *auth != to.auth),
        ("webhook.signing", *signing != to.signing),
        ("webhook.client_certificate", *client_certificate != to.client_certificate),
        ("webhook.success_codes", *success_codes != to.success_codes),
        ("webhook.timeout", *webhook_timeout != to.timeout),
        ("webhook.tls_skip_verify", *tls_skip_verify != to.tls_skip_verify),
        ("webhook.max_redirects", *max_redirects != to.max_redirects),
        ("retry_policy", *retry_policy != now.retry_policy),
        ("timeout", *timeout != now.timeout),
        ("concurrency", *concurrency != now.concurrency),
        ("missed_runs", *missed_runs != now.missed_runs),
        ("jitter", *jitter != now.jitter),
        ("start_at", *start_at != now.start_at),
        ("end_at", *end_at != now.end_at),
        ("tags", *tags != now.tags),
        ("enabled", *enabled != now.enabled),
    ];
    all.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect()
}

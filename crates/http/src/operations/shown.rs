//! Operations as clients see them.

use chronos_api::{self as api, Cancellation, Operation, OperationError, Total};
use chronos_state::{
    BulkAction, ItemError, OperationRow, OperationSpec, PatchText, Refusal, RefusedItem, SealedPatch, Targets,
};
use chronos_types::{DurationMs, TargetUrl, format_rfc3339, is_secret_reference};
use serde_json::Value;

use crate::code::Code;
use crate::on_record::shown_url;
use crate::problem::ApiError;

/// An operation in a list: without what may be long.
pub(super) fn listed(row: &OperationRow) -> Operation {
    Operation { names: None, ids: None, patch: None, ..shown(row) }
}

pub(super) fn shown(row: &OperationRow) -> Operation {
    let OperationRow {
        id,
        spec,
        by,
        created_at,
        upto: _,
        cursor: _,
        done,
        refused,
        ended_at,
        is_cancelled,
        cancelled_by,
    } = row;
    let state = match ended_at {
        None => "running",
        Some(_) if *is_cancelled => "cancelled",
        Some(_) => "done",
    };
    let (by, note) = api::asked(by.as_ref());
    let cancelled = match api::asked(cancelled_by.as_ref()) {
        (Some(by), note) => Some(Cancellation { by, note }),
        (None, _) => None,
    };
    let operation = Operation {
        id: id.to_string(),
        action: "unknown".to_owned(),
        state: state.to_owned(),
        filter: None,
        names: None,
        ids: None,
        patch: None,
        reason: None,
        until: None,
        spread: None,
        job_id: None,
        from: None,
        to: None,
        per_second: None,
        scope: Vec::new(),
        total: Total { count: 0, exact: false },
        done: *done,
        refused: *refused,
        errors: None,
        created_at: format_rfc3339(*created_at),
        completed_at: ended_at.map(format_rfc3339),
        by,
        note,
        cancelled,
        invalid: None,
    };
    match spec {
        Ok(spec) => with_spec(operation, spec),
        Err(why) => Operation { invalid: Some(why.clone()), ..operation },
    }
}

fn with_spec(operation: Operation, spec: &OperationSpec) -> Operation {
    let OperationSpec { action, targets, per_second, count, exact, scope } = spec;
    let total = Total { count: *count, exact: *exact };
    let scope = scope.iter().flat_map(|scope| scope.values.clone()).collect();
    let mut operation = Operation { per_second: *per_second, total, scope, ..operation };
    let name = match action {
        BulkAction::Trigger => "trigger",
        BulkAction::Delete => "delete",
        BulkAction::Patch(PatchText(text)) | BulkAction::SealedPatch(SealedPatch { shown: text, .. }) => {
            operation.patch = Some(without_secrets(text));
            "patch"
        }
        BulkAction::Pause { reason, until } => {
            (operation.reason, operation.until) = (reason.clone(), until.map(format_rfc3339));
            "pause"
        }
        BulkAction::Resume => "resume",
        BulkAction::Replay { spread_ms } => {
            let spread = DurationMs::from_millis(*spread_ms);
            operation.spread = (*spread_ms > 0).then(|| spread.to_string());
            "replay"
        }
        BulkAction::Cancel => "cancel",
        BulkAction::Backfill => "backfill",
    };
    operation.action = name.to_owned();
    match targets {
        Targets::Jobs(filter) | Targets::Executions(filter) => operation.filter = Some(filter.clone()),
        Targets::NamedJobs(names) => operation.names = Some(names.clone()),
        Targets::NamedExecutions(ids) => operation.ids = Some(ids.clone()),
        Targets::Instants { job, from, to } => {
            operation.job_id = Some(job.to_string());
            (operation.from, operation.to) = (Some(format_rfc3339(*from)), Some(format_rfc3339(*to)));
        }
    }
    operation
}

/// The fields of a webhook that hold no secrets, where they are no objects; and those inside of the others.
const PLAIN: [&str; 6] = ["method", "body", "success_codes", "timeout", "tls_skip_verify", "max_redirects"];
const PLAIN_IN_AUTH: &[&str] = &["type", "header", "token_url", "client_id", "scope", "client_auth_method"];
const PLAIN_IN_SIGNING: &[&str] = &["expires_at"];
/// Which headers carry credentials is told by the jobs that a patch changes, so none is shown.
const NOTHING: &[&str] = &[];

/// A patch as it is shown. It may be one that fits no job: what is not known to be no secret is not shown.
pub(crate) fn without_secrets(text: &str) -> Value {
    let mut patch: Value = serde_json::from_str(text).unwrap_or_default();
    match patch.get_mut("webhook") {
        Some(Value::Object(fields)) => fields.iter_mut().for_each(|(name, value)| field(name, value)),
        Some(other) => redact(other, NOTHING),
        None => {}
    }
    patch
}

/// A field of a webhook.
fn field(name: &str, value: &mut Value) {
    match name {
        "url" => show_url(value),
        "auth" => {
            redact(value, PLAIN_IN_AUTH);
            value.get_mut("token_url").into_iter().for_each(show_url);
        }
        "signing" => redact(value, PLAIN_IN_SIGNING),
        _ if PLAIN.contains(&name) && !value.is_object() => {}
        _ => redact(value, NOTHING),
    }
}

/// A URL that cannot be called may have a credential anywhere.
fn show_url(value: &mut Value) {
    match value {
        Value::String(url) if TargetUrl::parse(url).is_ok() => *url = shown_url(url),
        other => redact(other, NOTHING),
    }
}

fn redact(value: &mut Value, shown: &[&str]) {
    match value {
        Value::Null => {}
        // What only names a secret is none.
        Value::String(text) if is_secret_reference(text) => {}
        Value::Object(fields) => {
            let is_shown = |name: &String, value: &Value| shown.contains(&name.as_str()) && value.is_string();
            for (name, value) in fields.iter_mut().filter(|(name, value)| !is_shown(name, value)) {
                // They are called as their endpoint wants them to be.
                redact(value, if name == "parameters" { NOTHING } else { shown });
            }
        }
        other => *other = Value::String(chronos_types::REDACTED.to_owned()),
    }
}

/// What an operation could not be done with, and why.
pub(super) fn error(item: RefusedItem) -> OperationError {
    let RefusedItem { target, error } = item;
    let (code, message) = match error {
        // Nobody knows whether there ever was one of this name.
        ItemError::Refused(Refusal::NoSuchJob) => {
            (Code::JobNotFound.as_str(), "there is no such job, or not any more".to_owned())
        }
        ItemError::Refused(refusal) => ApiError::from(refusal).told(),
        ItemError::Invalid(why) => (Code::Invalid.as_str(), why),
    };
    OperationError { target, code: code.to_owned(), message }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_a_patch_nothing_is_shown_that_may_be_a_secret_also_where_it_fits_no_job() {
        for (patch, shown) in [
            (json!({"webhook": "s"}), json!({"webhook": "[redacted]"})),
            (json!({"webhook": {"password": "s"}}), json!({"webhook": {"password": "[redacted]"}})),
            (json!({"webhook": {"url": ["s"]}}), json!({"webhook": {"url": "[redacted]"}})),
            (json!({"webhook": {"url": "http://h/#token=s"}}), json!({"webhook": {"url": "[redacted]"}})),
            (json!({"webhook": {"url": "http://u:s@h/"}}), json!({"webhook": {"url": "[redacted]"}})),
            (
                json!({"webhook": {"url": "http://h/?key=s"}}),
                json!({"webhook": {"url": "http://h/?key=[redacted]"}}),
            ),
            (json!({"webhook": {"body": {"a": "s"}}}), json!({"webhook": {"body": {"a": "[redacted]"}}})),
            (
                json!({"webhook": {"body": "b", "timeout": "1s"}}),
                json!({"webhook": {"body": "b", "timeout": "1s"}}),
            ),
            (
                json!({"webhook": {"client_certificate": {"cert": "{{secret.c}}", "key": "s"}}}),
                json!({"webhook": {"client_certificate": {"cert": "{{secret.c}}", "key": "[redacted]"}}}),
            ),
            (
                json!({"webhook": {"auth": {"type": "bearer", "token": "s", "scope": ["s"]}}}),
                json!({"webhook": {"auth": {"type": "bearer", "token": "[redacted]", "scope": "[redacted]"}}}),
            ),
        ] {
            assert_eq!(without_secrets(&patch.to_string()), shown, "{patch}");
        }
    }
}

//! Operations as clients see them.

use chronos_api::{self as api, Cancellation, Operation, OperationError, Total};
use chronos_state::{
    BulkAction, ItemError, OperationRow, OperationSpec, PatchText, Refusal, RefusedItem, SealedPatch, Targets,
};
use chronos_types::{DurationMs, format_rfc3339, is_secret_reference};
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
    let OperationSpec { action, targets, per_second, count, exact } = spec;
    let total = Total { count: *count, exact: *exact };
    let mut operation = Operation { per_second: *per_second, total, ..operation };
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

/// The parts of a webhook that hold secrets, with the fields in them that hold none.
const SECRETIVE: [(&str, &[&str]); 3] = [
    // Which headers carry credentials is told by the jobs that it changes, so none is shown.
    ("/webhook/headers", NOTHING),
    ("/webhook/auth", &["type", "header", "token_url", "client_id", "scope", "client_auth_method"]),
    ("/webhook/signing", &["expires_at"]),
];

const NOTHING: &[&str] = &[];

/// A patch as it is shown.
pub(crate) fn without_secrets(text: &str) -> Value {
    let mut patch: Value = serde_json::from_str(text).unwrap_or_default();
    for (path, shown) in SECRETIVE {
        if let Some(part) = patch.pointer_mut(path) {
            redact(part, shown);
        }
    }
    for url in ["/webhook/url", "/webhook/auth/token_url"] {
        if let Some(Value::String(url)) = patch.pointer_mut(url) {
            *url = shown_url(url);
        }
    }
    patch
}

fn redact(value: &mut Value, shown: &[&str]) {
    match value {
        Value::Null => {}
        // What only names a secret is none.
        Value::String(text) if is_secret_reference(text) => {}
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut().filter(|(name, _)| !shown.contains(&name.as_str())) {
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

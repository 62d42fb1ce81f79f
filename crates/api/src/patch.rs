//! PATCH: JSON merge patch (RFC 7396) over a job as it reads back.

use chronos_types::{Invalid, JobSpec};
use serde_json::{Map, Value};

use crate::JobInput;
use crate::fields::unquoted;

/// The job with the patch merged in, to be read by [`JobInput::parse`] with the job's own webhook
/// as the place of secrets. A patch that changes `auth.type` replaces the whole of `auth`: what
/// belonged to the other type has no meaning left.
///
/// # Errors
/// The patch is not an object.
pub fn merge_patch(spec: &JobSpec, patch: &Value) -> Result<Value, Invalid> {
    let Value::Object(changes) = patch else {
        return Err(Invalid::one("", unquoted(patch, "an object with the fields to change")));
    };
    // Plain strings, numbers and maps with string keys: serialisation cannot fail.
    let mut job = serde_json::to_value(JobInput::from(spec)).unwrap_or_default();
    let kind = |value: &Value| value.pointer("/webhook/auth/type").and_then(Value::as_str).map(str::to_owned);
    if let Some(new) = kind(patch)
        && kind(&job).is_some_and(|old| old != new)
        && let Some(Value::Object(webhook)) = job.get_mut("webhook")
    {
        webhook.shift_remove("auth");
    }
    merge(&mut job, changes);
    Ok(job)
}

fn merge(target: &mut Value, changes: &Map<String, Value>) {
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (name, change) in changes {
        match change {
            // A null stays, where RFC 7396 removes: to the reader both are a field left out, and a
            // misspelt name is still refused.
            Value::Null => {
                target.insert(name.clone(), Value::Null);
            }
            Value::Object(changes) => merge(target.entry(name.clone()).or_insert(Value::Null), changes),
            other => {
                target.insert(name.clone(), other.clone());
            }
        }
    }
}

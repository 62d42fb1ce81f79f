//! PATCH: a JSON merge patch (RFC 7396) is merged into a job as clients read it.

use chronos_types::{Invalid, JobSpec};
use serde_json::{Map, Value};

use crate::JobInput;
use crate::fields::unquoted;

/// Merges a patch into a job. [`JobInput::parse`] reads the result; it takes the secrets from the job's
/// own webhook. A patch that changes `auth.type` replaces the whole of `auth`, because the fields of the
/// other type mean nothing any more. The names of headers are the same in any case, as in HTTP.
///
/// # Errors
/// The patch is not an object.
pub fn merge_patch(spec: &JobSpec, patch: &Value) -> Result<Value, Invalid> {
    JobInput::from(spec).merged(patch)
}

impl JobInput {
    /// What a patch makes of it, as [`merge_patch`] does of a job.
    ///
    /// # Errors
    /// The patch is not an object.
    pub fn merged(&self, patch: &Value) -> Result<Value, Invalid> {
        merge_into(self, patch)
    }
}

fn merge_into(job: &JobInput, patch: &Value) -> Result<Value, Invalid> {
    let Value::Object(changes) = patch else {
        return Err(Invalid::one("", unquoted(patch, "an object with the fields to change")));
    };
    // Plain strings, numbers and maps with string keys: serialisation cannot fail.
    let mut job = serde_json::to_value(job).unwrap_or_default();
    let kind = |value: &Value| value.pointer("/webhook/auth/type").and_then(Value::as_str).map(str::to_owned);
    if let Some(new) = kind(patch)
        && kind(&job).is_some_and(|old| old != new)
        && let Some(Value::Object(webhook)) = job.get_mut("webhook")
    {
        webhook.shift_remove("auth");
    }
    if let Some(Value::Object(changes)) = patch.pointer("/webhook/headers")
        && let Some(Value::Object(headers)) = job.pointer_mut("/webhook/headers")
    {
        spell_as(changes, headers);
    }
    merge(&mut job, changes);
    Ok(job)
}

/// Gives each header that a patch names the spelling that it has there, so that `authorization` changes or removes
/// `Authorization`. Where a patch has two spellings of one name, both of them stay in what becomes of it, or one of
/// them is null.
fn spell_as(changes: &Map<String, Value>, headers: &mut Map<String, Value>) {
    let spelling = |name: String| {
        let named = changes.keys().find(|named| named.eq_ignore_ascii_case(&name)).cloned();
        named.unwrap_or(name)
    };
    *headers = std::mem::take(headers).into_iter().map(|(name, value)| (spelling(name), value)).collect();
}

fn merge(target: &mut Value, changes: &Map<String, Value>) {
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (name, change) in changes {
        match change {
            // RFC 7396 removes the field; here the null stays. To the reader both mean a field left out,
            // and this way a misspelt name is still refused.
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

//! JSON merge patches as RFC 7396 has them, in the words of its section 2, and what Chronos makes of the result.

use crate::support::*;

/// The fields of a job that are its user's.
pub const FIELDS: [&str; 14] = [
    "name",
    "description",
    "schedule",
    "timezone",
    "webhook",
    "retry_policy",
    "timeout",
    "concurrency",
    "missed_runs",
    "jitter",
    "start_at",
    "end_at",
    "tags",
    "enabled",
];

/// What of a job is its user's. A field that is not there is null.
pub fn written(job: &Value) -> Value {
    FIELDS.iter().map(|field| ((*field).to_owned(), job[*field].clone())).collect()
}

/// `MergePatch(Target, Patch)`.
pub fn merge_patch(target: &Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    let mut target = target.as_object().cloned().unwrap_or_default();
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else {
            let merged = merge_patch(target.get(name).unwrap_or(&Value::Null), value);
            target.insert(name.clone(), merged);
        }
    }
    target.into()
}

/// What a patch is to make of a job that was read. It is RFC 7396 but for one thing: credentials of another type
/// replace those that are there, since the fields of the one mean nothing to the other. That the names of headers are
/// the same in any case does not show here, since the inputs spell each name in one way.
pub fn patched(job: &Value, patch: &Value) -> Value {
    let mut target = written(job);
    let auth = |value: &Value| value.pointer("/webhook/auth/type").filter(|kind| kind.is_string()).cloned();
    if let (Some(old), Some(new)) = (auth(&target), auth(patch))
        && old != new
    {
        target["webhook"]["auth"] = Value::Null;
    }
    merge_patch(&target, patch)
}

#[test]
fn merging_is_that_of_the_examples_of_rfc_7396() {
    // Its appendix A.
    for (target, patch, result) in [
        (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
        (json!({"a": "b"}), json!({"a": null}), json!({})),
        (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
        (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
        (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
        (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
        (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
        (json!({"a": "b"}), json!(["c"]), json!(["c"])),
        (json!({"a": "foo"}), json!(null), json!(null)),
        (json!({"a": "foo"}), json!("bar"), json!("bar")),
        (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
        (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
        (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
    ] {
        assert_eq!(merge_patch(&target, &patch), result, "{target} {patch}");
    }
}

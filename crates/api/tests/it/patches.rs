//! Patches of jobs: what they change, what stays, and that the names of headers are the same in any case.

use chronos_api::{JobInput, merge_patch};
use chronos_types::{Invalid, JobSpec};
use serde_json::{Value, json};

use crate::jobs::{check, parse, with};

fn patched(input: &Value, patch: &Value) -> Result<JobSpec, Invalid> {
    let spec = parse(input).expect("good");
    JobInput::parse(&merge_patch(&spec, patch)?, Some(&spec.webhook), &check)
}

#[test]
fn a_patch_changes_what_it_names_and_keeps_the_rest() {
    let mut input = with("webhook.auth", json!({"type": "bearer", "token": "hunter2"}));
    input["tags"] = json!({"a": "1", "b": "2"});
    input["timeout"] = json!("5m");
    let spec = parse(&input).expect("good");

    let same = patched(&input, &json!({})).expect("nothing");
    assert_eq!(same, spec);
    let patch = json!({"enabled": false, "timeout": null, "tags": {"a": null, "c": "3"}, "webhook": {"url": "http://h/i"}});
    let changed = patched(&input, &patch).expect("good");
    assert_eq!(
        (changed.enabled, changed.timeout, changed.webhook.auth),
        (false, None, spec.webhook.auth.clone())
    );
    assert_eq!(changed.tags.as_map().keys().collect::<Vec<_>>(), ["b", "c"]);
    assert_eq!(changed.webhook.url.as_str(), "http://h/i");

    let basic = json!({"webhook": {"auth": {"type": "basic", "username": "u", "password": "p"}}});
    assert_ne!(patched(&input, &basic).expect("another type").webhook.auth, spec.webhook.auth);

    for (patch, field) in [
        (json!({"nope": null}), "nope"),
        (json!({"name": null}), "name"),
        (json!({"webhook": {"timeout": 1}}), "webhook.timeout"),
        // No secret moves to another origin.
        (json!({"webhook": {"url": "http://i/"}}), "webhook.auth.token"),
        (json!([]), ""),
    ] {
        assert_eq!(patched(&input, &patch).expect_err("bad").fields()[0].field, field);
    }
}

#[test]
fn a_null_for_a_field_of_another_type_of_auth_changes_nothing() {
    let input = with("webhook.auth", json!({"type": "api_key", "api_key": "hunter2"}));
    let auth = |patch: Value| patched(&input, &json!({"webhook": {"auth": patch}}));
    let nulls = json!({"username": null, "password": null, "token": null, "header": null});
    assert_eq!(auth(nulls).expect("none of them is there"), parse(&input).expect("good"));
    for patch in [json!({"username": "u"}), json!({"user": null})] {
        assert!(auth(patch.clone()).is_err(), "{patch}");
    }
}

#[test]
fn a_patch_names_headers_in_any_case() {
    let input = with("webhook.headers", json!({"X-First": "1", "Authorization": "hunter2", "X-Last": "2"}));
    let headers = |patch: Value| {
        let spec = patched(&input, &json!({"webhook": {"headers": patch}})).expect("good");
        spec.webhook.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>()
    };
    let rest = ["X-First: 1", "X-Last: 2"];
    for name in ["Authorization", "authorization", "AUTHORIZATION"] {
        assert_eq!(headers(json!({name: null})), rest, "{name}");
        let changed = [rest[0].to_owned(), format!("{name}: new"), rest[1].to_owned()];
        assert_eq!(headers(json!({name: "new"})), changed, "it is sent as it was written last");
        let kept = [rest[0].to_owned(), format!("{name}: hunter2"), rest[1].to_owned()];
        assert_eq!(headers(json!({name: "[redacted]"})), kept);
    }
    assert_eq!(headers(json!({"x-nobody": null})).len(), 3);
    // A header that is spelt anew by RFC 7396: the old name goes, the new one comes.
    for patch in [
        json!({"Authorization": null, "authorization": "new"}),
        json!({"authorization": "new", "Authorization": null}),
    ] {
        let mut found = headers(patch);
        found.sort();
        assert_eq!(found, ["X-First: 1", "X-Last: 2", "authorization: new"]);
    }
    let twice = json!({"webhook": {"headers": {"authorization": "a", "AUTHORIZATION": "b"}}});
    let invalid = patched(&input, &twice).expect_err("two values for one header");
    assert!(invalid.to_string().contains("is given twice"), "{invalid}");
}

#[test]
fn basic_auth_has_a_name_or_a_password() {
    for (username, password) in [("", "p"), ("u", ""), ("u", "p")] {
        let auth = json!({"type": "basic", "username": username, "password": password});
        parse(&with("webhook.auth", auth)).expect("one of them is enough");
    }
    // The password that stays is empty, so the name must not become so.
    let input = with("webhook.auth", json!({"type": "basic", "username": "u", "password": ""}));
    let emptied =
        patched(&input, &json!({"webhook": {"auth": {"username": ""}}})).expect_err("both are empty");
    assert_eq!(emptied.fields()[0].field, "webhook.auth.username");
    let other = patched(&input, &json!({"webhook": {"auth": {"username": "v"}}})).expect("another name");
    assert_ne!(other.webhook.auth, parse(&input).expect("good").webhook.auth);
}

//! A PATCH and then a GET are RFC 7396, on every field.

use std::cell::Cell;

use super::generate::{patches, values};
use super::merge::{patched, written};
use super::world::World;
use crate::support::*;

/// The patch, where it gives a name with this one: no two jobs have the same.
fn renamed(patch: &Value, name: &str) -> Value {
    let mut patch = patch.clone();
    if let Some(text) = patch.get_mut("name").filter(|text| text.is_string()) {
        *text = name.into();
    }
    patch
}

/// What twins have in common.
fn but_for_its_name(job: &Value) -> Value {
    let mut job = written(job);
    job["name"] = Value::Null;
    job
}

fn path(job: &Value) -> String {
    format!("/jobs/{}", job["id"].as_str().unwrap())
}

/// Of twins, one is patched, and the other is replaced by what RFC 7396 makes of it with the same patch. Both are
/// done and come to the same, or both are refused for the same fields and have not changed.
#[test]
fn a_patch_and_then_a_get_are_rfc_7396_on_every_field() {
    let world = World::new();
    let inputs = (values(world.schema("JobInput"), ""), patches(world.schema("JobInput"), ""));
    let (done, cases) = (Cell::new(0), 192);
    world.holds(&inputs, cases, async |(mut job, patch)| {
        let server = world.server();
        let (name, other_name) = (world.name(), world.name());
        job["name"] = name.as_str().into();
        let created = server.post("/jobs", &job).await;
        if created.status != 201 {
            created.problem(400);
            return;
        }
        job["name"] = other_name.as_str().into();
        let before = server.create(&job).await;
        let (one, other) = (path(&created.json()), path(&before));

        let patched_one = server.patch(&one, &renamed(&patch, &world.name())).await;
        let mut replacement = patched(&before, &renamed(&patch, &world.name()));
        // A read-only field is as good as none.
        replacement["version"] = 77.into();
        let replaced = server.put(&other, &replacement).await;
        assert_eq!(patched_one.status, replaced.status, "{}\n{}", patched_one.body, replaced.body);

        let after = server.get(&one).await.ok(200);
        if patched_one.status == 200 {
            done.set(done.get() + 1);
            assert_eq!(written(&after), written(&patched_one.json()), "the answer is what a GET answers");
            let expected = server.get(&other).await.ok(200);
            assert_eq!(but_for_its_name(&after), but_for_its_name(&expected));
            assert_eq!(after["name"] == name.as_str(), patch.get("name").is_none());
            assert_eq!(after["version"], 2);
        } else {
            assert_eq!(patched_one.bad_fields(), replaced.bad_fields());
            assert_eq!(but_for_its_name(&after), but_for_its_name(&before));
            assert_eq!(after["version"], 1);
        }
        for path in [&one, &other] {
            assert_eq!(server.delete(path).await.status, 204);
        }
    });
    // Others are refused, for a null that a field cannot be or for fields that do not go together.
    assert!(done.get() > cases / 5, "{} of {cases} patches were taken", done.get());
}

/// A field that is null has its default again, and what is beside it stays.
#[test]
fn a_null_puts_any_field_to_its_default() {
    let world = World::new();
    let server = world.server();
    world.wait(async {
        let mut full = json!({
            "description": "d", "schedule": "@daily", "timezone": "Europe/Berlin",
            "webhook": {
                "url": "http://127.0.0.1:9/", "method": "PUT", "headers": {"X-A": "1", "X-B": "2"}, "body": "b",
                "auth": {"type": "bearer", "token": "t"}, "success_codes": [204], "timeout": "1s",
                "tls_skip_verify": true, "max_redirects": 3,
            },
            "retry_policy": {
                "max_attempts": 5, "initial_interval": "2s", "max_interval": "2m", "multiplier": 3.5, "jitter": 0.5,
            },
            "timeout": "5m", "concurrency": "allow", "missed_runs": "ignore", "jitter": "1s",
            "start_at": "2030-01-01T00:00:00Z", "end_at": "2100-01-01T00:00:00Z", "tags": {"a": "1", "b": "2"},
            "enabled": false,
        });
        let small = world.name();
        let bare = json!({"name": small, "schedule": "@daily", "webhook": {"url": "http://127.0.0.1:9/"}});
        let default = server.create(&bare).await;
        let required = ["", "/name", "/schedule", "/webhook", "/webhook/url"];
        full["name"] = world.name().into();
        let mut tried = 0;
        for pointer in pointers(&full, "") {
            if required.contains(&pointer.as_str()) || pointer.starts_with("/webhook/auth/") {
                continue;
            }
            let before = server.create(&full).await;
            let path = path(&before);
            let mut patch = Value::Null;
            for part in pointer.split('/').skip(1).collect::<Vec<_>>().into_iter().rev() {
                patch = json!({part: patch});
            }
            server.patch(&path, &patch).await.ok(200);
            let after = server.get(&path).await.ok(200);
            let mut expected = written(&before);
            let nothing = Value::Null;
            set(&mut expected, &pointer, default.pointer(&pointer).unwrap_or(&nothing));
            assert_eq!(without_nulls(&written(&after)), without_nulls(&expected), "{pointer}");
            server.delete(&path).await;
            tried += 1;
        }
        assert!(tried > 25, "{tried}");
    });
}

/// Where every value in a value is, its own place included.
fn pointers(value: &Value, at: &str) -> Vec<String> {
    let inside = value.as_object().into_iter().flatten();
    let inside = inside.flat_map(|(name, value)| pointers(value, &format!("{at}/{name}")));
    std::iter::once(at.to_owned()).chain(inside).collect()
}

fn set(value: &mut Value, pointer: &str, to: &Value) {
    *value.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer} is not there")) = to.clone();
}

/// A field that is null is as good as none.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), without_nulls(value)))
            .collect(),
        other => other.clone(),
    }
}

//! Every refusal names the field, the value and what was expected, and nothing of a secret.

use std::cell::Cell;

use proptest::sample::subsequence;

use super::generate::values;
use super::judge::judge;
use super::merge::{merge_patch, written};
use super::schema::{Schema, Shape};
use super::texts;
use super::world::World;
use crate::support::*;

/// A value that a field does not take.
#[derive(Clone, Debug)]
struct Fault {
    /// The keys that lead to the field.
    at: Vec<String>,
    /// Nothing where the field is taken away.
    value: Option<Value>,
}

impl Fault {
    /// Puts it where it belongs. Objects on the way there are made.
    fn plant(&self, job: &mut Value) {
        let (last, way) = self.at.split_last().unwrap();
        let mut here = job;
        for key in way {
            if here[key].is_null() {
                here[key] = json!({});
            }
            here = &mut here[key];
            if !here.is_object() {
                // Another fault is in the way.
                return;
            }
        }
        match &self.value {
            Some(value) => here[last] = value.clone(),
            None => {
                here.as_object_mut().unwrap().remove(last);
            }
        }
    }

    /// Whether it is still there: another one may have taken its place.
    fn is_in(&self, job: &Value) -> bool {
        let found = self.at.iter().try_fold(job, |here, key| here.get(key));
        found == self.value.as_ref()
    }
}

/// What the fields of a schema do not take.
fn faults(schema: Schema<'_>, at: &[String]) -> Vec<Fault> {
    let path = at.join(".");
    let mut wrong: Vec<Value> = Vec::new();
    let mut found = Vec::new();
    let inner = |name: &str| [at, &[name.to_owned()]].concat();
    let wrong_kinds = [json!(7), json!(true), json!("text"), json!([]), json!({})];
    let but_for =
        |is_good: fn(&Value) -> bool| wrong_kinds.iter().filter(move |value| !is_good(value)).cloned();
    match schema.shape() {
        Shape::Object(fields) => {
            wrong.extend(but_for(Value::is_object));
            for field in fields {
                let at = inner(field.name);
                if field.is_required {
                    found.push(Fault { at: at.clone(), value: None });
                }
                found.extend(faults(field.schema, &at));
            }
            found.push(Fault { at: inner("colour"), value: Some(json!("red")) });
        }
        Shape::Map(schema) => {
            wrong.extend(but_for(Value::is_object));
            let (taken, refused) = texts::keys(&path);
            found.extend(faults(schema, &inner(taken[0])));
            found.extend(refused.iter().map(|key| Fault { at: inner(key), value: Some(json!("1")) }));
        }
        Shape::List(_) => wrong.extend(but_for(Value::is_array)),
        // Which fields there are depends on others.
        Shape::OneOf(_) => wrong.extend(but_for(Value::is_object)),
        Shape::Choice(_) => wrong.extend(wrong_kinds.clone()),
        Shape::Text => {
            wrong.extend(but_for(Value::is_string));
            wrong.extend(texts::refused(&path).iter().map(|text| json!(text)));
        }
        Shape::Boolean => wrong.extend(but_for(Value::is_boolean)),
        Shape::Whole { least, most } => {
            wrong.extend(but_for(Value::is_number));
            wrong.extend([json!(-1), json!(1.5), json!(most.unwrap_or(u64::MAX - 1) + 1), json!(1e300)]);
            wrong.extend(least.checked_sub(1).map(Value::from));
        }
        Shape::Number { least, most } => {
            wrong.extend(but_for(Value::is_number));
            wrong.extend([json!(least - 0.25), json!(most + 0.25), json!(-1e300), json!(1e300)]);
        }
    }
    if !at.is_empty() {
        found.extend(wrong.into_iter().map(|value| Fault { at: at.to_vec(), value: Some(value) }));
    }
    found
}

/// What the description cannot tell.
fn more_faults() -> Vec<Fault> {
    let many = |count: usize| -> Value { (0..count).map(|n| (format!("k{n}"), json!("v"))).collect() };
    let faults = [
        ("description", json!("x".repeat(4_097))),
        ("tags", many(65)),
        ("tags.a", json!("x".repeat(256))),
        ("webhook.url", json!(format!("http://h/{}", "x".repeat(2_100)))),
        ("webhook.headers", many(101)),
        ("webhook.headers", json!({"X-A": "1", "x-a": "2"})),
        ("webhook.headers.X-A", json!("x".repeat(8_193))),
        ("webhook.body", json!("x".repeat(256 * 1024 + 1))),
        ("webhook.success_codes", json!([])),
        ("webhook.success_codes", json!([99])),
        ("webhook.success_codes", json!([200, "x"])),
        ("webhook.success_codes", json!([200, 70_000])),
        ("webhook.success_codes", json!(vec![200; 101])),
        ("webhook.auth", json!({"type": "digest"})),
        ("webhook.auth", json!({"type": 7})),
        ("webhook.auth", json!({})),
        ("webhook.auth", json!({"type": "bearer"})),
        ("webhook.auth", json!({"type": "bearer", "token": ""})),
        ("webhook.auth", json!({"type": "bearer", "token": 20_071_969})),
        ("webhook.auth", json!({"type": "bearer", "token": "hunter2\n"})),
        ("webhook.auth", json!({"type": "bearer", "token": "t", "user": "u"})),
        ("webhook.auth", json!({"type": "basic", "username": "a:b", "password": "p"})),
        ("webhook.auth", json!({"type": "basic", "password": "p"})),
        ("webhook.auth", json!({"type": "api_key", "api_key": "k", "header": "a b"})),
        ("webhook.auth", json!({"type": "api_key", "api_key": "k", "header": "Connection"})),
    ];
    let fault = |(path, value): (&str, Value)| Fault {
        at: path.split('.').map(str::to_owned).collect(),
        value: Some(value),
    };
    faults.into_iter().map(fault).collect()
}

#[test]
fn every_refused_field_of_a_job_is_named_with_its_value_and_what_was_expected() {
    let world = World::new();
    let schema = world.schema("JobInput");
    let all: Vec<Fault> = faults(schema, &[]).into_iter().chain(more_faults()).collect();
    assert!(all.len() > 150, "{} faults", all.len());
    let stored = manual("stored", json!({"url": "http://127.0.0.1:9/"}));
    let stored = world.wait(world.server().create(&stored));
    let path = format!("/jobs/{}", stored["id"].as_str().unwrap());
    let (planted, cases) = (Cell::new(0), 512);
    world.holds(&(values(schema, ""), subsequence(all, 1..=3)), cases, async |(mut job, faults)| {
        let server = world.server();
        job["name"] = world.name().into();
        for fault in &faults {
            fault.plant(&mut job);
        }
        let refused = judge(&server.post("/jobs", &job).await, &job);
        for fault in faults.iter().filter(|fault| fault.is_in(&job)) {
            planted.set(planted.get() + 1);
            let at = fault.at.join(".");
            // What is wrong as a whole is not looked into.
            let is_named = |field: &String| field.starts_with(&at) || at.starts_with(field.as_str());
            assert!(refused.iter().any(is_named), "{at} is not named: {refused:?}");
        }
        // Whichever way it comes in.
        assert_eq!(judge(&server.put(&path, &job).await, &job), refused);
        let patched = server.patch(&path, &job).await;
        if patched.status == 200 {
            // A patch that leaves a field away does not miss it.
            server.put(&path, &stored).await.ok(200);
        } else {
            judge(&patched, &merge_patch(&written(&stored), &job));
        }
        let preview =
            json!({"schedule": job["schedule"], "timezone": job["timezone"], "after": job["start_at"]});
        let previewed = server.post("/schedules/preview", &preview).await;
        if previewed.status != 200 {
            judge(&previewed, &preview);
        }
    });
    assert!(planted.get() > cases, "{} faults were met", planted.get());
}

/// The rest of what a client may send, by hand.
#[test]
fn every_other_refusal_is_as_clear() {
    let world = World::new();
    world.wait(async {
        let server = world.server();
        server.create(&manual("job", json!({"url": "http://127.0.0.1:9/"}))).await;
        until("the version to rise", || async {
            let status = server.get("/cluster/status").await.ok(200);
            (status["cluster_version"].as_u64().unwrap() >= 2).then_some(())
        })
        .await;
        for (path, body, fields) in [
            ("/schedules/preview", json!({}), &["schedule"][..]),
            (
                "/schedules/preview",
                json!({"schedule": "x y", "timezone": 7, "after": "soon", "count": 101, "job": 1, "more": 1}),
                &["after", "count", "job", "more", "schedule", "timezone"],
            ),
            ("/webhooks/test", json!({}), &["webhook"]),
            (
                "/webhooks/test",
                json!({"webhook": {"url": "ftp://h/", "method": 7}, "timeout": "1d", "more": {}}),
                &["more", "timeout", "webhook.method", "webhook.url"],
            ),
            (
                "/webhooks/test",
                json!({"webhook": {"url": "http://h/", "headers": {"Authorization": "[redacted]"}}}),
                &["webhook.headers.Authorization"],
            ),
            ("/cluster/nodes", json!({}), &["raft_address"]),
            ("/cluster/nodes", json!({"raft_address": "nowhere"}), &["raft_address"]),
            ("/cluster/clock", json!({"time": "back"}), &["time"]),
            ("/cluster/clock", json!({"time": true, "more": []}), &["more", "time"]),
            ("/cluster/transfer-leadership", json!({"to": 7}), &["to"]),
            ("/jobs/job/trigger", json!({"colour": "red"}), &["colour"]),
            ("/jobs/batch", json!({"jobs": 7, "set": "a b", "more": 1}), &["jobs", "more", "set"]),
            ("/jobs/batch", json!({"jobs": [], "apply_id": "1", "adopt": true}), &["adopt", "apply_id"]),
            (
                "/jobs/batch",
                json!({"jobs": [{"name": "x y", "schedule": 7, "webhook": {}}], "atomic": true}),
                &["jobs[0].name", "jobs[0].schedule", "jobs[0].webhook.url"],
            ),
            (
                "/sets/s/prune",
                json!({"apply_id": "..", "max": "x", "if_count": 1.5, "dry_run": "no"}),
                &["apply_id", "dry_run", "if_count", "max"],
            ),
            (
                "/jobs/job/pause",
                json!({"reason": 7, "until": "soon", "more": 1}),
                &["more", "reason", "until"],
            ),
            ("/jobs/job/pause", json!({"reason": "a\tb"}), &["reason"]),
            ("/jobs/job/skip", json!({}), &["count"]),
            ("/jobs/job/skip", json!({"count": 1_001, "more": {}}), &["count", "more"]),
            ("/jobs/job/skip", json!({"count": 1, "until": "2999-01-01T00:00:00Z"}), &["until"]),
        ] {
            let reply = server.post(path, &body).await;
            assert_eq!(judge(&reply, &body), fields, "{path}");
        }
        let long = "x".repeat(257);
        for (query, name, value) in [
            ("/jobs?limit=501", "limit", "501"),
            ("/jobs?limit=-1", "limit", "-1"),
            ("/jobs?enabled=maybe", "enabled", "maybe"),
            ("/jobs?enabled=true&enabled=false", "enabled", "true"),
            ("/jobs?cursor=AAAA", "cursor", "AAAA"),
            (format!("/jobs?q={long}").as_str(), "q", long.as_str()),
            ("/jobs?colour=red", "colour", "red"),
            ("/jobs/job?consistent=1", "consistent", "1"),
            ("/jobs?sort=colour", "sort", "colour"),
            ("/jobs?sort=--name", "sort", "--name"),
            ("/jobs?status=pending", "status", "pending"),
            ("/jobs?failing=1", "failing", "1"),
            ("/jobs?late=", "late", ""),
            ("/jobs?count=all", "count", "all"),
            ("/executions?status=lost", "status", "lost"),
            ("/executions?error_kind=bad", "error_kind", "bad"),
            ("/executions?trigger=hand", "trigger", "hand"),
            ("/executions?node=a%20b", "node", "a b"),
            ("/executions?order=up", "order", "up"),
            ("/executions?view=all", "view", "all"),
            ("/executions?job=", "job", ""),
            ("/executions?from=today", "from", "today"),
            ("/facets?of=colour", "of", "colour"),
            ("/schedules/density?from=soon", "from", "soon"),
            ("/schedules/density?from=2999-01-01T00:00:00Z", "from", "2999-01-01T00:00:00Z"),
            ("/schedules/density?to=2999-01-01T00:00:00Z", "to", "2999-01-01T00:00:00Z"),
            ("/schedules/density?step=1m", "step", "1m"),
            ("/schedules/density?step=0.5s", "step", "0.5s"),
            ("/schedules/density?step=-1h", "step", "-1h"),
            ("/schedules/density?job=x", "job", "x"),
            ("/runs/upcoming?limit=0", "limit", "0"),
            ("/runs/upcoming?job=", "job", ""),
            (
                "/runs/upcoming?from=3000-01-01T00:00:00Z&to=2999-01-01T00:00:00Z",
                "from",
                "3000-01-01T00:00:00Z",
            ),
        ] {
            let reply = server.get(query).await;
            assert_eq!(judge(&reply, &json!({name: value})), [name], "{query}");
        }
    });
}

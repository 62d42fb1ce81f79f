//! What was accepted reads back equal, and can be written again.

use std::cell::Cell;

use super::generate::{inside, values};
use super::merge::written;
use super::schema::{Schema, Shape};
use super::texts;
use super::world::World;
use crate::support::*;

/// Judges what was read of a value that was written. What was not written reads as its default.
fn reads_back(schema: Schema<'_>, path: &str, wrote: &Value, read: &Value, default: &Value) {
    if wrote.is_null() {
        return assert_eq!(read, default, "{path} was not given");
    }
    match (schema.shape(), wrote) {
        (Shape::Object(fields), _) => {
            for field in fields {
                let name = field.name;
                reads_back(field.schema, &inside(path, name), &wrote[name], &read[name], &default[name]);
            }
        }
        (Shape::Map(schema), Value::Object(entries)) => {
            for (key, wrote) in entries {
                reads_back(schema, &inside(path, key), wrote, &read[key], &Value::Null);
            }
            let count = entries.values().filter(|value| !value.is_null()).count();
            assert_eq!(
                read.as_object().map_or(0, serde_json::Map::len),
                count,
                "{path} has more than was written"
            );
        }
        (Shape::OneOf(schemas), _) => {
            let kind = |schema: &Schema<'_>| match schema.shape() {
                Shape::Object(fields) => fields.iter().any(|field| match field.schema.shape() {
                    Shape::Choice(values) => values.contains(&wrote[field.name]),
                    _ => false,
                }),
                _ => false,
            };
            let schema =
                schemas.into_iter().find(kind).unwrap_or_else(|| panic!("{path} is of no type: {wrote}"));
            reads_back(schema, path, wrote, read, default);
        }
        (Shape::Text, Value::String(wrote)) => {
            let read = read.as_str().unwrap_or_else(|| panic!("{path}: {read} was read for {wrote:?}"));
            assert!(texts::reads_back(path, wrote, read), "{path}: {read:?} was read for {wrote:?}");
        }
        (Shape::Whole { .. } | Shape::Number { .. }, _) => {
            // A nought that is the default may be left out.
            assert_eq!(read.as_f64().unwrap_or_default(), wrote.as_f64().unwrap(), "{path}");
        }
        (Shape::Boolean, _) => {
            assert_eq!(read.as_bool().unwrap_or_default(), wrote.as_bool().unwrap(), "{path}")
        }
        _ => assert_eq!(read, wrote, "{path}"),
    }
}

#[test]
fn what_is_accepted_reads_back_equal_and_can_be_written_again() {
    let world = World::new();
    let schema = world.schema("JobInput");
    let small =
        json!({"name": world.name(), "schedule": "@daily", "webhook": {"url": "http://127.0.0.1:9/"}});
    let defaults = world.wait(world.server().create(&small));
    let (done, cases) = (Cell::new(0), 256);
    world.holds(&values(schema, ""), cases, async |mut job| {
        let server = world.server();
        job["name"] = world.name().into();
        let created = server.post("/jobs", &job).await;
        if created.status != 201 {
            created.problem(400);
            return;
        }
        done.set(done.get() + 1);
        let path = format!("/jobs/{}", created.json()["id"].as_str().unwrap());
        let first = server.get(&path).await.ok(200);
        assert_eq!(written(&first), written(&created.json()), "the answer is what a GET answers");
        let name = first["name"].clone();
        assert_eq!(name, job["name"]);
        let mut wrote = job.clone();
        // The one text that has no way of being told from the description.
        wrote["name"] = "job".into();
        let mut read = first.clone();
        read["name"] = "job".into();
        reads_back(schema, "", &wrote, &read, &defaults);

        server.put(&path, &first).await.ok(200);
        let second = server.get(&path).await.ok(200);
        assert_eq!(written(&second), written(&first), "what was read was written again");
        assert_eq!((&second["version"], &second["created_at"]), (&json!(2), &first["created_at"]));
        assert_eq!(server.delete(&path).await.status, 204);
    });
    assert!(done.get() > cases / 2, "{} of {cases} jobs were taken", done.get());
}

/// The headers that a webhook sends, by their names in lower case.
fn sent(webhook: &Value) -> Vec<(String, String)> {
    use base64::Engine as _;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let auth = &webhook["auth"];
    let credential = match auth["type"].as_str() {
        Some("bearer") => Some(("authorization".to_owned(), format!("Bearer {}", text(&auth["token"])))),
        Some("basic") => {
            let pair = format!("{}:{}", text(&auth["username"]), text(&auth["password"]));
            let pair = base64::engine::general_purpose::STANDARD.encode(pair);
            Some(("authorization".to_owned(), format!("Basic {pair}")))
        }
        Some("api_key") => {
            let header = auth["header"].as_str().unwrap_or("X-API-Key").to_lowercase();
            Some((header, text(&auth["api_key"])))
        }
        _ => None,
    };
    let given = webhook["headers"].as_object().into_iter().flatten();
    let given: Vec<_> = given
        .filter(|(_, value)| value.is_string())
        .map(|(name, value)| (name.to_lowercase(), text(value)))
        .collect();
    // A header that was given goes before the one of `auth`.
    let credential = credential.filter(|(name, _)| given.iter().all(|(given, _)| given != name));
    given.into_iter().chain(credential).collect()
}

#[test]
fn what_is_written_again_sends_the_secrets_that_were_given() {
    let world = World::new();
    let receiver = world.wait(Receiver::start());
    let (secrets, cases) = (Cell::new(0), 48);
    world.holds(&values(world.schema("Webhook"), "webhook"), cases, async |mut webhook| {
        // There is nobody to give it a token.
        if webhook["auth"]["type"] == "oauth2_client_credentials" {
            return;
        }
        let (server, name) = (world.server(), world.name());
        let path = format!("/{name}");
        webhook["url"] = receiver.url(&path).into();
        webhook["timeout"] = Value::Null;
        let created = server.post("/jobs", &manual(&name, webhook.clone())).await;
        if created.status != 201 {
            created.problem(400);
            return;
        }
        let job = server.get(&format!("/jobs/{name}")).await.ok(200);
        server.put(&format!("/jobs/{name}"), &job).await.ok(200);
        server.run_again(&name).await;
        let call = receiver.next(&path).await;
        for (header, value) in sent(&webhook) {
            assert_eq!(call.sent(&header), value, "{header}");
            secrets.set(secrets.get() + usize::from(["authorization", "cookie"].contains(&header.as_str())));
        }
        assert_eq!(server.delete(&format!("/jobs/{name}")).await.status, 204);
    });
    assert!(secrets.get() > 10, "{} secrets were sent", secrets.get());
}

//! The description of the API is whole, and its names are those that generated clients may carry

use std::collections::{BTreeMap, BTreeSet};

use hyper::Method;

use crate::support::*;

/// Names that clash with what generated clients, or their languages, call something else.
const TAKEN: &[&str] = &[
    "Any", "Client", "Date", "Error", "File", "List", "Map", "Object", "Request", "Response", "Type", "Unset",
];

async fn document() -> Value {
    CHRONOS.start().await.get("/openapi.json").await.ok(200)
}

/// Each operation, with its method and path.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            found.push((format!("{method} {path}"), operation));
        }
    }
    found
}

/// What a reference leads to, or the value itself.
fn followed<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.strip_prefix('#').unwrap()).expect(reference),
        None => value,
    }
}

/// Whether a name is made of words such as `Job` and `Page`, and nothing else.
fn is_of_words(name: &str) -> bool {
    let is_upper = |c: &u8| c.is_ascii_uppercase();
    name.chars().all(|c| c.is_ascii_alphabetic())
        && !name.as_bytes().windows(2).any(|two| two.iter().all(is_upper))
}

#[tokio::test]
async fn each_operation_has_an_id_of_a_verb_and_a_noun_and_words() {
    let document = document().await;
    let tags: BTreeSet<_> =
        document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    let mut ids = BTreeSet::new();
    for (what, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{what} has no id"));
        assert!(ids.insert(id), "{id} is there twice");
        assert!(is_of_words(id) && id.starts_with(char::is_lowercase), "{what}: {id} is no name");
        assert!(id.contains(char::is_uppercase), "{what}: {id} is one word; expected a verb and a noun");
        let summary = operation["summary"].as_str().unwrap_or_default();
        assert!(summary.len() > 8, "{what} has no summary");
        let [Value::String(tag)] = operation["tags"].as_array().unwrap().as_slice() else {
            panic!("{what} has not one tag");
        };
        assert!(tags.contains(tag.as_str()), "{what}: {tag} is not described");
    }
}

#[tokio::test]
async fn each_parameter_is_described_with_an_example() {
    let document = document().await;
    for (what, operation) in operations(&document) {
        let parameters = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
        let mut names = BTreeSet::new();
        for parameter in parameters {
            let parameter = followed(&document, parameter);
            let name = parameter["name"].as_str().unwrap();
            let what = format!("{what}: {name}");
            assert!(names.insert(name), "{what} is there twice");
            assert!(parameter["description"].is_string(), "{what} is not described");
            assert!(!parameter["example"].is_null(), "{what} has no example");
            let schema = followed(&document, &parameter["schema"]);
            // What is not given is not there: no client should have to tell that from a null.
            assert!(schema["type"].is_string(), "{what} has not one type: {schema}");
            assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)), "{what} is no name");
        }
    }
}

#[tokio::test]
async fn each_answer_is_described_and_each_problem_has_an_example_of_each_of_its_codes() {
    let document = document().await;
    let mut met = BTreeSet::new();
    for (what, operation) in operations(&document) {
        let answers = operation["responses"].as_object().unwrap();
        assert!(answers.keys().any(|status| status.starts_with('2')), "{what} cannot be done");
        assert!(answers.contains_key("default"), "{what} does not say how a later code would look");
        let mut codes = BTreeSet::new();
        for (status, answer) in answers {
            let what = format!("{what}: {status}");
            let words = answer["description"].as_str().unwrap_or_default();
            assert!(!words.is_empty(), "{what} is not described");
            if status.starts_with('2') {
                assert!(status == "204" || !answer["content"].is_null(), "{what} has no content");
                continue;
            }
            let Some(content) = answer["content"].get("application/problem+json") else {
                assert!(what.ends_with("/ready: 503"), "{what} is no problem");
                continue;
            };
            assert_eq!(content["schema"]["$ref"], "#/components/schemas/Problem", "{what}");
            if status == "default" {
                continue;
            }
            let examples =
                content["examples"].as_object().unwrap_or_else(|| panic!("{what} has no examples"));
            for (code, example) in examples {
                let problem = &followed(&document, example)["value"];
                assert_eq!(problem["code"], code.as_str(), "{what}");
                assert_eq!(problem["status"].to_string(), *status, "{what}: {code}");
                assert_eq!(problem["type"], format!("urn:chronos:problem:{code}"), "{what}");
                assert!(problem["detail"].as_str().unwrap().len() > 10, "{what}: {code}");
                assert!(words.contains(&format!("`{code}`: ")), "{what}: {code} is not explained");
                codes.insert(code.as_str());
            }
        }
        assert!(codes.contains("internal") && codes.contains("head_too_large"), "{what}: {codes:?}");
        if operation["requestBody"].is_object() {
            assert!(
                codes.contains("malformed_json") && codes.contains("body_too_large"),
                "{what}: {codes:?}"
            );
        }
        met.extend(codes.into_iter().map(str::to_owned));
    }
    // Two are of no operation: of a method that a path does not take, and of what nodes tell each other.
    let all: BTreeSet<_> = document["components"]["examples"].as_object().unwrap().keys().cloned().collect();
    let left: Vec<_> = all.difference(&met).map(String::as_str).collect();
    assert_eq!(left, ["method_not_allowed", "version_not_followed"]);
}

/// Generators make a required field in TypeScript of one that has a `default`, and in Python one that is always sent.
/// So the description of a field says what holds where it is omitted.
#[tokio::test]
async fn no_field_that_may_be_omitted_is_made_one_that_must_be_given() {
    fn look(value: &Value, way: &str) {
        match value {
            Value::Object(fields) => {
                assert!(
                    !fields.contains_key("type") || !fields.contains_key("default"),
                    "{way} has a default"
                );
                fields.iter().for_each(|(name, value)| look(value, &format!("{way}/{name}")));
            }
            Value::Array(items) => items.iter().for_each(|item| look(item, way)),
            _ => {}
        }
    }
    let mut document = document().await;
    // An example is no schema.
    document["components"]["examples"] = Value::Null;
    look(&document, "");
}

#[tokio::test]
async fn no_name_of_a_schema_is_an_accident() {
    let document = document().await;
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let text = document.to_string();
    let mut titles = BTreeMap::new();
    for (name, schema) in schemas {
        assert!(is_of_words(name) && name.starts_with(char::is_uppercase), "{name} is no name");
        assert!(!TAKEN.contains(&name.as_str()), "{name} is the name of something else in clients");
        assert!(schema["description"].is_string(), "{name} is not described");
        assert!(text.contains(&format!("\"#/components/schemas/{name}\"")), "{name} is not used");
        // A client in Python has a variable of the schema's name beside one of each property.
        let of_itself = schema["properties"].as_object().into_iter().flatten();
        let same = |property: &str| property.replace('_', "").eq_ignore_ascii_case(name);
        assert!(
            !of_itself.into_iter().any(|(property, _)| same(property)),
            "{name} has a property of that name"
        );
        // What has no name of its own gets one from its title, and else `AuthType0` or the like.
        for part in schema["oneOf"].as_array().into_iter().flatten() {
            if part["$ref"].is_null() && part["type"] == "object" {
                let title = part["title"].as_str().unwrap_or_else(|| panic!("a part of {name} has no title"));
                assert!(is_of_words(title) && !schemas.contains_key(title), "{name}: {title}");
                assert_eq!(titles.insert(title, name), None, "{title} is there twice");
            }
        }
    }
    for (what, operation) in operations(&document) {
        for (_, content) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
            assert!(content["schema"]["oneOf"].is_null(), "{what}: a body that may be left out is not null");
        }
        for answer in operation["responses"].as_object().unwrap().values() {
            for (kind, content) in answer["content"].as_object().into_iter().flatten() {
                let is_named = content["schema"]["$ref"].is_string();
                assert!(is_named || kind == "application/octet-stream", "{what}: an answer without a name");
            }
        }
    }
}

#[tokio::test]
async fn each_type_of_event_is_described_and_each_kind_of_event_has_an_example() {
    let server = CHRONOS.start().await;
    let document = server.get("/openapi.json").await.ok(200);
    let refused = server.get("/events?type=job.moved").await.problem(400);
    let (_, names) = refused["detail"].as_str().unwrap().split_once("expected one of ").unwrap();
    let names: Vec<_> = names.split(", ").filter(|name| !name.ends_with(".*")).collect();
    assert!(names.contains(&"job.created") && names.contains(&"cluster.node_left"), "{names:?}");
    let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/events.md");
    let manual = std::fs::read_to_string(manual).unwrap();
    let kinds = document["components"]["schemas"]["StreamEvent"]["oneOf"].as_array().unwrap();
    let kinds: Vec<_> = kinds.iter().map(|kind| followed(&document, kind)).collect();
    for kind in &kinds {
        assert!(kind["example"]["type"].is_string(), "{kind:#}");
    }
    for name in names {
        let quoted = format!("`{name}`");
        assert!(manual.contains(&quoted), "docs/events.md says nothing of {name}");
        let says = |kind: &&&Value| {
            kind["properties"]["type"]["description"].as_str().is_some_and(|text| text.contains(&quoted))
        };
        assert_eq!(kinds.iter().filter(says).count(), 1, "{name} is not described");
    }
}

/// A debug build answers 500 where a code is not listed.
#[tokio::test]
async fn whatever_is_wrong_with_a_request_its_operation_lists_the_problem() {
    let server = CHRONOS.start().await;
    let document = server.get("/openapi.json").await.ok(200);
    let (json, text) = (("content-type", "application/json"), ("content-type", "text/plain"));
    for (what, operation) in operations(&document) {
        let (method, path) = what.split_once(' ').unwrap();
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let with = |variable: &str| {
            let parts = path.split('/').map(|part| if part.starts_with('{') { variable } else { part });
            parts.collect::<Vec<_>>().join("/")
        };
        let path = with("nobody");
        // A request that nothing is wrong with is answered for as long as the client stays.
        let is_endless = !operation["responses"]["200"]["content"]["text/event-stream"].is_null();
        let (unknown, nobody) = (format!("{path}?colour=red"), format!("{path}?job=nobody"));
        let note = ("chronos-note", "a\tb");
        let mut wrongs = vec![(unknown.as_str(), vec![], ""), (&nobody, vec![], "")];
        if !is_endless {
            wrongs.push((&path, vec![note], ""));
        }
        let garbled = with("%FF");
        if garbled != path {
            wrongs.push((&garbled, vec![], ""));
            wrongs.push((&path, vec![("if-match", "\"1\"")], ""));
            wrongs.push((&path, vec![("if-match", "1"), ("idempotency-key", "a b")], ""));
        }
        if operation["requestBody"].is_object() || method == Method::POST {
            wrongs.extend([
                (path.as_str(), vec![json], "{"),
                (&path, vec![json], "[]"),
                (&path, vec![text], "x"),
                (&path, vec![json], r#"{"schedule": "@daily", "job": "nobody"}"#),
            ]);
        }
        for (path, headers, body) in wrongs {
            let reply = server.send(method.clone(), path, &headers, body).await;
            assert_ne!(reply.status, 500, "{what} with {headers:?} and {body:?}: {reply:?}");
        }
    }
}

#[tokio::test]
async fn each_operation_that_changes_something_takes_a_note_and_no_other_does() {
    let document = document().await;
    let is_trial = |what: &str| what.ends_with("/schedules/preview") || what.ends_with("/webhooks/test");
    for (what, operation) in operations(&document) {
        let parameters = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
        let note = parameters.iter().find(|parameter| parameter["name"] == "Chronos-Note");
        let changes = !what.starts_with("get ") && !is_trial(&what);
        assert_eq!(note.is_some(), changes, "{what}: {note:?}");
        if let Some(note) = note {
            assert_eq!((&note["in"], &note["required"]), (&json!("header"), &json!(false)), "{what}");
        }
    }
}

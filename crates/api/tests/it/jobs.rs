//! Jobs over the wire: every bad field is named at once, what is read can be written back, and
//! no secret comes out.

use chronos_api::{Job, JobInput, parse_json};
use chronos_types::{FieldError, Invalid, JobId, JobSpec};
use serde_json::{Value, json};

pub fn check(schedule: Option<&str>, timezone: Option<&str>) -> Vec<FieldError> {
    let bad = |field: &str| FieldError { field: field.into(), message: "is bad".into() };
    let schedule = schedule.filter(|text| *text == "bad").map(|_| bad("schedule"));
    let timezone = timezone.filter(|text| *text == "bad").map(|_| bad("timezone"));
    schedule.into_iter().chain(timezone).collect()
}

pub fn parse(value: &Value) -> Result<JobSpec, Invalid> {
    JobInput::parse(value, None, &check)
}

fn read_back(spec: &JobSpec) -> Value {
    let job = chronos_types::Job {
        id: JobId::new(0, [7; 10]),
        spec: spec.clone(),
        version: 3,
        created_at: 0,
        updated_at: 1_500,
        next_due: Some(60_000),
    };
    serde_json::to_value(Job::new(&job, None, None)).expect("json")
}

fn small() -> Value {
    json!({"name": "a", "schedule": "* * * * *", "webhook": {"url": "http://h/"}})
}

/// A small job with `field` (dotted) set to `value`.
pub fn with(field: &str, value: Value) -> Value {
    let mut job = small();
    let mut at = &mut job;
    for name in field.split('.') {
        at = at.as_object_mut().expect("object").entry(name).or_insert(json!({}));
    }
    *at = value;
    job
}

#[test]
fn a_bad_field_is_named_with_what_was_expected() {
    let long = "x".repeat(256 * 1024 + 1);
    for (field, value, at, say) in [
        ("name", json!("a b"), "name", "\"a b\" is not a job name; expected 1 to 255"),
        ("name", json!("."), "name", "\".\" is not a job name; expected 1 to 255"),
        ("name", json!(".."), "name", "not '.' or '..'"),
        ("name", json!(5), "name", "5 is a number; expected a string"),
        ("name", Value::Null, "name", "is missing; expected 1 to 255"),
        ("descripton", json!("x"), "descripton", "unknown field; expected one of name, description"),
        ("description", json!("x".repeat(4097)), "description", "has 4097 characters"),
        ("description", json!("a\0b"), "description", "has the control character '\\0'; expected text"),
        ("description", json!("\u{1b}[2J"), "description", "has the control character '\\u{1b}'"),
        ("description", json!("\u{7f}"), "description", "has the control character '\\u{7f}'"),
        ("schedule", json!("bad"), "schedule", "is bad"),
        ("schedule", json!(["*"]), "schedule", "is an array; expected a string"),
        ("timezone", json!("bad"), "timezone", "is bad"),
        ("timeout", json!(30), "timeout", "30 is a number; expected a duration string such as \"30s\""),
        (
            "timeout",
            json!("30"),
            "timeout",
            "\"30\" has a number without a unit; expected a duration such as",
        ),
        ("timeout", json!("0s"), "timeout", "expected more than 0s"),
        ("timeout", json!("25h"), "timeout", "at most 24h"),
        ("jitter", json!("-1s"), "jitter", "negative"),
        ("concurrency", json!("forbit"), "concurrency", "expected one of forbid, allow, replace, queue"),
        ("missed_runs", json!("all"), "missed_runs", "expected one of execute_one"),
        (
            "start_at",
            json!("tomorrow"),
            "start_at",
            "\"tomorrow\" is not written as YYYY-MM-DDTHH:MM:SS with Z",
        ),
        (
            "start_at",
            json!("2026-11-23 10:00:00Z"),
            "start_at",
            "\"2026-11-23 10:00:00Z\" is not written as YYYY-MM-DDTHH:MM:SS with Z or an offset; expected an RFC 3339",
        ),
        (
            "end_at",
            json!("2026-11-23T10:00:60Z"),
            "end_at",
            "\"2026-11-23T10:00:60Z\" has a time of day that does not exist; expected an RFC 3339 time such as",
        ),
        ("enabled", json!("yes"), "enabled", "\"yes\" is a string; expected true or false"),
        ("tags", json!([]), "tags", "is an array; expected an object"),
        ("tags.a", json!(1), "tags.a", "is a number; expected a string"),
        ("tags.a b", json!("x"), "tags.a b", "is not a tag key"),
        ("tags.a", json!("x\0"), "tags.a", "has the control character '\\0'"),
        ("tags.a", json!("x".repeat(256)), "tags.a", "has 256 characters; expected at most 255"),
        ("webhook.url", json!("http://h/\0"), "webhook.url", "control character"),
        ("webhook.headers.X-A", json!("a\0"), "webhook.headers.X-A", "no header may carry"),
        ("webhook", json!("http://h/"), "webhook", "is a string; expected an object"),
        ("webhook.url", Value::Null, "webhook.url", "is missing; expected an http or https URL"),
        ("webhook.url", json!("ftp://h/"), "webhook.url", "has the scheme \"ftp\""),
        ("webhook.retires", json!(1), "webhook.retires", "unknown field; expected one of url, method"),
        ("webhook.method", json!("FETCH"), "webhook.method", "expected one of GET, HEAD"),
        ("webhook.headers.X-A", json!(1), "webhook.headers.X-A", "is a number; expected a string"),
        ("webhook.headers.Connection", json!("close"), "webhook.headers.Connection", "HTTP connection"),
        ("webhook.body", json!({"a": 1}), "webhook.body", "expected a string that holds the body's text"),
        ("webhook.body", json!("{{.Nope}}"), "webhook.body", "unknown template variable \".Nope\""),
        ("webhook.body", json!(long), "webhook.body", "expected at most 262144"),
        ("webhook.timeout", json!("1d"), "webhook.timeout", "\"1d\" has the unknown unit \"d\""),
        ("webhook.success_codes", json!(200), "webhook.success_codes", "expected a list of status codes"),
        ("webhook.success_codes", json!([200, "x"]), "webhook.success_codes[1]", "expected a status code"),
        ("webhook.success_codes", json!([99]), "webhook.success_codes", "99 is not a final status code"),
        (
            "webhook.max_redirects",
            json!(11),
            "webhook.max_redirects",
            "11 is out of range; expected a whole number from 0 to 10",
        ),
        ("webhook.tls_skip_verify", json!(1), "webhook.tls_skip_verify", "expected true or false"),
        (
            "webhook.auth",
            json!({"type": "digest"}),
            "webhook.auth.type",
            "expected one of bearer, basic, api_key, oauth2_client_credentials",
        ),
        ("webhook.auth", json!({}), "webhook.auth.type", "is missing"),
        ("webhook.auth", json!({"type": "bearer"}), "webhook.auth.token", "is missing"),
        (
            "webhook.auth",
            json!({"type": "bearer", "token": "[redacted]"}),
            "webhook.auth.token",
            "no secret is stored",
        ),
        (
            "webhook.auth",
            json!({"type": "bearer", "token": "t", "user": "u"}),
            "webhook.auth.user",
            "expected one of type, token",
        ),
        (
            "webhook.auth",
            json!({"type": "basic", "username": "a:b", "password": ""}),
            "webhook.auth.username",
            "colon",
        ),
        (
            "webhook.auth",
            json!({"type": "basic", "username": "", "password": ""}),
            "webhook.auth.username",
            "is empty, and so is the password",
        ),
        (
            "webhook.auth",
            json!({"type": "basic", "username": "u", "password": "a\0"}),
            "webhook.auth.password",
            "control character",
        ),
        (
            "webhook.auth",
            json!({"type": "bearer", "token": "a\0"}),
            "webhook.auth.token",
            "no header may carry",
        ),
        (
            "retry_policy.max_attempts",
            json!(0),
            "retry_policy.max_attempts",
            "expected a whole number from 1 to 100",
        ),
        ("retry_policy.max_attempts", json!(2.5), "retry_policy.max_attempts", "2.5 is out of range"),
        (
            "retry_policy.initial_interval",
            json!("5m"),
            "retry_policy.max_interval",
            "it was omitted, so it has its default",
        ),
        ("retry_policy.multiplier", json!("2"), "retry_policy.multiplier", "expected a number"),
        ("retry_policy.jitter", json!(1.5), "retry_policy.jitter", "expected 0.0 to 1.0"),
    ] {
        let input = with(field, value);
        let invalid = parse(&input).expect_err(field);
        let [error] = invalid.fields() else { panic!("{field}: {invalid}") };
        assert_eq!(error.field, at, "{input}");
        assert!(error.message.contains(say), "{field}: {}", error.message);
    }
}

#[test]
fn every_bad_field_is_named_at_once() {
    let input = json!({
        "name": "", "schedule": "bad", "timezone": "bad", "timeout": 5, "nope": 1, "start_at": "x",
        "webhook": {"url": "x", "retires": 2, "auth": {"type": "basic"}, "headers": {"a b": "1", "X": 2}},
        "retry_policy": {"max_attempts": "three", "jitter": 9},
    });
    let invalid = parse(&input).expect_err("bad");
    let fields: Vec<&str> = invalid.fields().iter().map(|error| error.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "nope",
            "name",
            "schedule",
            "timezone",
            "webhook.retires",
            "webhook.url",
            "webhook.headers.X",
            "webhook.headers.a b",
            "webhook.auth.username",
            "webhook.auth.password",
            "retry_policy.max_attempts",
            "retry_policy.jitter",
            "timeout",
            "start_at",
        ]
    );
    let missing = parse(&json!({})).expect_err("empty");
    let fields: Vec<&str> = missing.fields().iter().map(|error| error.field.as_str()).collect();
    assert_eq!(fields, ["name", "schedule", "webhook"]);
    assert!(parse(&json!([1])).expect_err("array").to_string().contains("expected an object"));
}

#[test]
fn the_end_is_later_than_the_start() {
    let mut input = small();
    input["start_at"] = json!("2026-01-02T00:00:00Z");
    input["end_at"] = json!("2026-01-02T01:00:00+01:00");
    let invalid = parse(&input).expect_err("same instant");
    assert_eq!(invalid.fields()[0].field, "end_at");
    let message = &invalid.fields()[0].message;
    let expected = "\"2026-01-02T01:00:00+01:00\" is not later than start_at (\"2026-01-02T00:00:00Z\")";
    assert!(message.starts_with(expected), "{message}");
}

#[test]
fn every_bad_item_of_a_list_is_named() {
    let input = with("webhook.success_codes", json!([200, "x", 65_736, 204, null]));
    let invalid = parse(&input).expect_err("three of them");
    let fields: Vec<&str> = invalid.fields().iter().map(|error| error.field.as_str()).collect();
    assert_eq!(fields, ["webhook.success_codes[1]", "webhook.success_codes[2]", "webhook.success_codes[4]"]);
}

#[test]
fn what_people_write_is_taken_as_it_is() {
    let text = "# Nightly\r\n\tüber Nacht 🙂\n";
    assert_eq!(parse(&with("description", json!(text))).expect("lines and tabs").description, text);
    for name in ["...", ".hidden", "a..b", "-"] {
        assert_eq!(parse(&with("name", json!(name))).expect(name).name.as_str(), name);
    }
    // A tag's key is no step of a path.
    for key in [".", ".."] {
        let mut input = small();
        input["tags"] = json!({key: "x"});
        assert!(parse(&input).is_ok(), "{key}");
    }
}

#[test]
fn defaults_are_filled_in_and_what_was_not_given_stays_away() {
    let job = read_back(&parse(&small()).expect("good"));
    let expected = json!({
        "id": JobId::new(0, [7; 10]).to_string(),
        "name": "a",
        "description": "",
        "schedule": "* * * * *",
        "timezone": "UTC",
        "webhook": {"url": "http://h/"},
        "retry_policy": {
            "max_attempts": 3, "initial_interval": "1s", "max_interval": "1m", "multiplier": 2.0, "jitter": 0.0
        },
        "concurrency": "forbid",
        "missed_runs": "execute_one",
        "jitter": "0s",
        "tags": {},
        "enabled": true,
        "version": 3,
        "created_at": "1970-01-01T00:00:00.000Z",
        "updated_at": "1970-01-01T00:00:01.500Z",
        "by": null,
        "next_run": "1970-01-01T00:01:00.000Z",
        "last_run": null,
        "paused": null,
        "skips": null,
    });
    assert_eq!(job, expected);
}

#[test]
fn what_is_read_can_be_written_back_and_keeps_its_secrets() {
    for auth in [
        json!({"type": "bearer", "token": "hunter2"}),
        json!({"type": "basic", "username": "u", "password": "hunter2"}),
        json!({"type": "api_key", "api_key": "hunter2", "header": "X-Plain"}),
    ] {
        let input = json!({
            "name": "full", "description": "d", "schedule": "@every 1m", "timezone": "Europe/Berlin",
            "webhook": {
                "url": "https://h/x", "method": "put",
                "headers": {"Z-First": "1", "Authorization": "hunter2", "x-plain": "hunter2", "A-Last": "2"},
                "body": "{\"a\": {{.Attempt}}}", "auth": auth, "success_codes": [200, 404],
                "timeout": "1.5s", "tls_skip_verify": true, "max_redirects": 3,
            },
            "retry_policy": {"max_attempts": 5, "initial_interval": "10s", "max_interval": "5m", "multiplier": 1.5, "jitter": 0.25},
            "timeout": "5m", "concurrency": "queue", "missed_runs": "ignore", "jitter": "3s",
            "start_at": "2026-01-01T00:00:00Z", "end_at": "2027-01-01T00:00:00Z",
            "tags": {"team": "a"}, "enabled": false,
        });
        let spec = parse(&input).expect("good");
        let shown = read_back(&spec);
        let text = shown.to_string();
        if auth["type"] == "api_key" {
            assert!(!text.contains("hunter2"), "{text}");
        }
        assert_eq!(shown["webhook"]["headers"]["Authorization"], "[redacted]");
        assert_eq!(shown["webhook"]["method"], "PUT");
        assert!(text.find("Z-First") < text.find("A-Last"), "headers keep their order");
        let again = JobInput::parse(&shown, Some(&spec.webhook), &check).expect("round trip");
        assert_eq!(again, spec);
        let typed: Job = serde_json::from_value(shown.clone()).expect("typed");
        assert_eq!(serde_json::to_value(typed).expect("json"), shown);
        assert!(parse(&shown).expect_err("nothing stored").to_string().contains("no secret is stored"));
    }
}

#[test]
fn a_number_reads_back_as_it_was_written() {
    // What serde_json reads as another number unless it is told not to.
    for text in ["51.248178375505404", "97.45365320034685", "52.314008204106244", "1.0000000000000002"] {
        let input = format!(
            r#"{{"name": "a", "schedule": "* * * * *", "webhook": {{"url": "http://h/"}},
                "retry_policy": {{"multiplier": {text}}}}}"#
        );
        let spec = parse(&parse_json(input.as_bytes()).expect("JSON")).expect("good");
        let shown = read_back(&spec).to_string();
        assert!(shown.contains(&format!("\"multiplier\":{text},")), "{shown}");
    }
}

#[test]
fn wrong_types_in_place_of_secrets_are_not_quoted() {
    let input = with("webhook.auth", json!({"type": "bearer", "token": 20_071_969}));
    let error = parse(&input).expect_err("number").to_string();
    assert!(error.contains("webhook.auth.token: is a number") && !error.contains("20071969"), "{error}");
}

#[test]
fn the_seeds_full_configuration_is_taken() {
    let text = br#"{"name": "seed", "schedule": "@daily", "webhook": {
        "url": "https://api.example.com/endpoint", "method": "POST",
        "headers": {"Content-Type": "application/json", "X-Custom-Header": "value"},
        "body": "{\"action\": \"process\"}", "auth": {"type": "bearer", "token": "your-api-token"},
        "success_codes": [200, 201, 202], "timeout": "30s"}}"#;
    parse(&parse_json(text).expect("json")).expect("good");
}

//! Refused jobs: every bad field at once, each by its path, with what was expected

use crate::support::*;

/// The bad fields of a job that is well but for these members.
async fn bad(server: &Server, members: Value) -> Vec<String> {
    let mut job = manual("job", json!({"url": "http://127.0.0.1:9/"}));
    for (name, value) in members.as_object().unwrap() {
        job[name] = value.clone();
    }
    server.post("/jobs", &job).await.bad_fields()
}

#[tokio::test]
async fn every_bad_field_is_named_at_once() {
    let server = CHRONOS.start().await;
    let job = json!({
        "name": "a b", "description": 7, "schedule": "61 * * * *", "timezone": "Mars/Olympus",
        "webhook": {
            "url": "nowhere", "method": "FETCH", "headers": {"Connection": "close"}, "body": "{{.Nope}}",
            "auth": {"type": "bearer"}, "success_codes": [1], "timeout": "x", "tls_skip_verify": "yes",
            "max_redirects": -1, "colour": "red",
        },
        "retry_policy": {
            "max_attempts": 0, "initial_interval": "x", "multiplier": 0.5, "jitter": 2, "colour": "red",
        },
        "timeout": "x", "concurrency": "maybe", "missed_runs": "maybe", "jitter": "x",
        "start_at": "tomorrow", "end_at": 0, "tags": {"a b": "c"}, "enabled": "yes", "colour": "red",
    });
    let fields = server.post("/jobs", &job).await.bad_fields();
    let mut expected = [
        "name",
        "description",
        "schedule",
        "timezone",
        "webhook.url",
        "webhook.method",
        "webhook.headers.Connection",
        "webhook.body",
        "webhook.auth.token",
        "webhook.success_codes",
        "webhook.timeout",
        "webhook.tls_skip_verify",
        "webhook.max_redirects",
        "webhook.colour",
        "retry_policy.max_attempts",
        "retry_policy.initial_interval",
        "retry_policy.multiplier",
        "retry_policy.jitter",
        "retry_policy.colour",
        "timeout",
        "concurrency",
        "missed_runs",
        "jitter",
        "start_at",
        "end_at",
        "tags.a b",
        "enabled",
        "colour",
    ];
    expected.sort_unstable();
    assert_eq!(fields, expected);
    let jobs = server.get("/jobs").await.ok(200);
    assert_eq!(jobs["jobs"], json!([]));
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let server = CHRONOS.start().await;
    let none = server.post("/jobs", &json!({})).await;
    assert_eq!(none.bad_fields(), ["name", "schedule", "webhook"]);
    let no_url = server.post("/jobs", &manual("job", json!({}))).await;
    assert_eq!(no_url.bad_fields(), ["webhook.url"]);
    for (auth, field) in [
        (json!({}), "webhook.auth.type"),
        (json!({"type": "digest"}), "webhook.auth.type"),
        (json!({"type": "basic", "username": "u"}), "webhook.auth.password"),
        (json!({"type": "basic", "username": "u:v", "password": "p"}), "webhook.auth.username"),
        (json!({"type": "api_key"}), "webhook.auth.api_key"),
        (
            json!({"type": "oauth2_client_credentials", "client_id": "i", "client_secret": "s"}),
            "webhook.auth.token_url",
        ),
        (json!({"type": "api_key", "api_key": "k", "header": "a b"}), "webhook.auth.header"),
        (json!({"type": "basic", "username": "", "password": ""}), "webhook.auth.username"),
        (json!({"type": "basic", "username": "a\0", "password": "p"}), "webhook.auth.username"),
        (json!({"type": "basic", "username": "a", "password": "p\n"}), "webhook.auth.password"),
        (json!({"type": "api_key", "api_key": "k\0"}), "webhook.auth.api_key"),
        (json!({"type": "api_key", "api_key": "k", "header": "user-agent"}), "webhook.auth.header"),
        (json!({"type": "bearer", "token": "a\nb"}), "webhook.auth.token"),
        (json!({"type": "bearer", "token": "t", "user": "u"}), "webhook.auth.user"),
        (json!("bearer"), "webhook.auth"),
    ] {
        let job = manual("job", json!({"url": "http://127.0.0.1:9/", "auth": auth}));
        assert_eq!(server.post("/jobs", &job).await.bad_fields(), [field], "{auth}");
    }
}

#[tokio::test]
async fn every_field_refuses_other_types() {
    let server = CHRONOS.start().await;
    for field in
        ["name", "schedule", "timezone", "description", "timeout", "concurrency", "missed_runs", "jitter"]
    {
        for wrong in [json!(7), json!(true), json!([]), json!({})] {
            assert_eq!(bad(&server, json!({field: wrong})).await, [field], "{wrong}");
        }
    }
    for field in ["webhook", "retry_policy", "tags"] {
        for wrong in [json!(7), json!("text"), json!([])] {
            assert_eq!(bad(&server, json!({field: wrong})).await, [field], "{wrong}");
        }
    }
    assert_eq!(bad(&server, json!({"tags": {"a": 1}})).await, ["tags.a"]);
    assert_eq!(bad(&server, json!({"enabled": 1})).await, ["enabled"]);
}

#[tokio::test]
async fn names_keep_to_their_alphabet_and_length() {
    let server = CHRONOS.start().await;
    for wrong in ["", " ", "a b", "a/b", "ä", "a\n", "a?b", "a\0", ".", "..", &"x".repeat(256)] {
        assert_eq!(bad(&server, json!({"name": wrong})).await, ["name"], "{wrong:?}");
    }
    server.create(&manual(&"x".repeat(255), json!({"url": "http://127.0.0.1:9/"}))).await;
}

#[tokio::test]
async fn a_bad_schedule_says_which_part_and_why() {
    let server = CHRONOS.start().await;
    for (schedule, parts) in [
        ("", &["empty"][..]),
        ("* * * *", &["5"]),
        ("60 * * * *", &["minute", "60"]),
        ("* 24 * * *", &["hour", "24"]),
        ("* * 0 * *", &["day", "0"]),
        ("* * * 13 *", &["month", "13"]),
        ("* * * * 8", &["day", "8"]),
        ("5-1 * * * *", &["minute"]),
        ("*/0 * * * *", &["minute", "0"]),
        ("*/60 * * * *", &["minute", "*/60", "at most 59"]),
        ("0 */24 * * *", &["hour", "*/24", "at most 23"]),
        ("0 0 */32 * *", &["day", "*/32", "at most 31"]),
        ("0 9\0 * * *", &["hour", "9\\0"]),
        ("1,,2 * * * *", &["minute"]),
        ("0 0 30 2 *", &["never"]),
        ("@every 500ms", &["second"]),
        ("@every 1.5s", &["second"]),
        ("@sometimes", &["@sometimes"]),
        ("@at tomorrow", &["tomorrow"]),
        ("ä * * * *", &["ASCII"]),
    ] {
        let mut job = manual("job", json!({"url": "http://127.0.0.1:9/"}));
        job["schedule"] = schedule.into();
        let refused = server.post("/jobs", &job).await;
        assert_eq!(refused.bad_fields(), ["schedule"], "{schedule}");
        let message = refused.json()["errors"][0]["message"].as_str().unwrap().to_owned();
        for part in parts {
            assert!(message.contains(part), "{schedule}: {message} lacks {part:?}");
        }
    }
    assert_eq!(bad(&server, json!({"schedule": "1 ".repeat(600)})).await, ["schedule"]);
}

#[tokio::test]
async fn limits_of_the_rest() {
    let server = CHRONOS.start().await;
    let many: serde_json::Map<_, _> = (0..65).map(|n| (format!("k{n}"), json!("v"))).collect();
    for (members, field) in [
        (json!({"retry_policy": {"max_attempts": 101}}), "retry_policy.max_attempts"),
        (json!({"retry_policy": {"max_attempts": 1.5}}), "retry_policy.max_attempts"),
        (json!({"retry_policy": {"max_interval": "1ms"}}), "retry_policy.max_interval"),
        (json!({"retry_policy": {"initial_interval": "-1s"}}), "retry_policy.initial_interval"),
        (json!({"retry_policy": {"multiplier": 101}}), "retry_policy.multiplier"),
        (json!({"retry_policy": {"jitter": -0.1}}), "retry_policy.jitter"),
        (json!({"timeout": "0s"}), "timeout"),
        (json!({"jitter": "-1s"}), "jitter"),
        (json!({"tags": many}), "tags"),
        (json!({"tags": {"a": "v".repeat(256)}}), "tags.a"),
        (json!({"start_at": "2030-01-01T00:00:00Z", "end_at": "2029-01-01T00:00:00Z"}), "end_at"),
        (json!({"start_at": "2030-01-01"}), "start_at"),
        (json!({"timezone": ""}), "timezone"),
        (json!({"timezone": "../etc/passwd"}), "timezone"),
        (json!({"description": "x".repeat(1 << 16)}), "description"),
        (json!({"description": "a\0b"}), "description"),
        (json!({"description": "\u{1b}[31m"}), "description"),
        (json!({"tags": {"a": "v\0"}}), "tags.a"),
        (json!({"tags": {"a\0": "v"}}), "tags.a\0"),
        (json!({"timezone": "UTC\0"}), "timezone"),
        (json!({"schedule": "@every 1s\0"}), "schedule"),
        (json!({"schedule": "@at 2098-01-01T00:00:00Z\0"}), "schedule"),
        (json!({"concurrency": "forbid\0"}), "concurrency"),
        (json!({"start_at": "2098-01-01T00:00:00Z\0"}), "start_at"),
        (json!({"timeout": "1s\0"}), "timeout"),
        (json!({"webhook": {"url": "http://127.0.0.1:9/\0"}}), "webhook.url"),
        (json!({"webhook": {"url": "http:/127.0.0.1:9/"}}), "webhook.url"),
        (json!({"webhook": {"url": "http://127.0.0.1:0/"}}), "webhook.url"),
        (json!({"webhook": {"url": "http://127.0.0.1:9/", "method": "GET\0"}}), "webhook.method"),
        (json!({"webhook": {"url": "http://127.0.0.1:9/", "headers": {"X": "\0"}}}), "webhook.headers.X"),
    ] {
        assert_eq!(bad(&server, members.clone()).await, [field], "{members}");
    }
}

#[tokio::test]
async fn basic_auth_goes_out_with_an_empty_name_or_an_empty_password() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    // printf :p | base64, and printf u: | base64
    for (name, username, password, sent) in [("key", "", "p", "Basic OnA="), ("user", "u", "", "Basic dTo=")]
    {
        let auth = json!({"type": "basic", "username": username, "password": password});
        let job = manual(name, json!({"url": receiver.url(&format!("/{name}")), "auth": auth}));
        assert_eq!(server.run(&job).await["status"], "success");
        assert_eq!(receiver.next(&format!("/{name}")).await.sent("Authorization"), sent);
        // What is read can be written back.
        let read = server.get(&format!("/jobs/{name}")).await.ok(200);
        server.put(&format!("/jobs/{name}"), &read).await.ok(200);
        assert_eq!(server.run_again(name).await["status"], "success");
        assert_eq!(receiver.next(&format!("/{name}")).await.sent("Authorization"), sent);
    }
}

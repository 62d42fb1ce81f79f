//! Named secrets: what is written is never read back, and goes where it may and nowhere else

use super::sealing::sealed;
use crate::support::*;

const VALUE: &str = "correct horse+battery";
/// 32 bytes in base64.
pub(super) const KEYS: [&str; 2] =
    ["AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=", "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="];

pub(super) async fn raised(server: Server) -> Server {
    until("the version to rise", || async {
        let status = server.get("/cluster/status").await.ok(200);
        (status["cluster_version"].as_u64().unwrap() >= 2).then_some(())
    })
    .await;
    server
}

/// A setup with these encryption keys.
pub(super) fn with_keys(keys: &[&str]) -> Setup {
    let setup = CHRONOS.setup();
    let files = keys.iter().enumerate().map(|(number, key)| setup.file(&format!("key{number}"), key));
    let files: Vec<_> = files.map(|file| format!("{file:?}")).collect();
    let files = format!("[{}]", files.join(", "));
    setup.key("security.encryption_keys", &files)
}

async fn start() -> Server {
    raised(with_keys(&KEYS[..1]).start().await).await
}

async fn write(server: &Server, name: &str, value: &str, hosts: &[&str]) -> Reply {
    server.put(&format!("/secrets/{name}"), &json!({"value": value, "hosts": hosts})).await
}

/// A webhook that names the secret `a` wherever it may be named.
fn naming(receiver: &Receiver) -> Value {
    json!({
        "url": format!("{}/{{{{secret.a}}}}/x?key={{{{secret.a}}}}", receiver.origin()),
        "method": "POST",
        "headers": {"X-Mine": "is {{secret.a}}"},
        "auth": {"type": "bearer", "token": "{{secret.a}}"},
        "body": "{\"t\": \"{{secret.a}}\", \"id\": \"{{.JobID}}\"}",
    })
}

#[tokio::test]
async fn a_new_node_takes_secrets_from_its_first_request_on() {
    let server = CHRONOS.start().await;
    assert_eq!(write(&server, "a", VALUE, &["example.com"]).await.status, 201);
}

#[tokio::test]
async fn a_secret_is_written_and_shown_without_its_value() {
    let server = start().await;
    let secret = write(&server, "a", VALUE, &["Hooks.Example", "*.example.com"]).await.ok(201);
    assert_eq!(secret["name"], "a");
    assert_eq!((&secret["version"], &secret["sealed"]), (&json!(1), &json!(true)));
    assert_eq!(secret["hosts"], json!(["hooks.example", "*.example.com"]));
    assert_eq!(secret["used_by"], json!({"total": {"count": 0, "exact": true}, "jobs": []}));
    assert_eq!(server.get("/secrets/a").await.ok(200), secret);

    // Where all is as it was, nothing is changed.
    assert_eq!(write(&server, "a", VALUE, &["hooks.example", "*.example.com"]).await.ok(200), secret);
    let other = write(&server, "a", "another value", &["hooks.example"]).await.ok(200);
    assert_eq!((&other["version"], &other["hosts"]), (&json!(2), &json!(["hooks.example"])));
    assert_eq!(other["created_at"], secret["created_at"]);

    write(&server, "B", VALUE, &["*"]).await.ok(201);
    write(&server, "c-1_x", VALUE, &["*"]).await.ok(201);
    let page = server.get("/secrets?limit=2").await.ok(200);
    let names = |page: &Value| -> Vec<String> {
        page["secrets"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&page), ["B", "a"]);
    assert_eq!(page["secrets"][1]["used_by"], json!({"total": {"count": 0, "exact": true}}));
    let next = format!("/secrets?limit=2&cursor={}", page["next_cursor"].as_str().unwrap());
    let page = server.get(&next).await.ok(200);
    assert_eq!((names(&page), &page["next_cursor"]), (vec!["c-1_x".to_owned()], &Value::Null));

    assert_eq!(server.delete("/secrets/a").await.status, 204);
    for reply in [server.get("/secrets/a").await, server.delete("/secrets/a").await] {
        assert_eq!(reply.problem(404)["code"], "secret_not_found");
    }
}

#[tokio::test]
async fn a_secret_that_cannot_be_is_refused_by_the_field() {
    let server = start().await;
    let good = |value: &str| json!({"value": value, "hosts": ["h"]});
    let long = "x".repeat(16_385);
    for (name, body, field) in [
        ("a b", good(VALUE), "name"),
        (&"x".repeat(64), good(VALUE), "name"),
        ("a", good(""), "value"),
        ("a", good(&long), "value"),
        ("a", json!({"value": 7, "hosts": ["h"]}), "value"),
        ("a", json!({"value": VALUE}), "hosts"),
        ("a", json!({"value": VALUE, "hosts": []}), "hosts"),
        ("a", json!({"value": VALUE, "hosts": vec!["h"; 33]}), "hosts"),
        ("a", json!({"value": VALUE, "hosts": ["h:80"]}), "hosts[0]"),
        ("a", json!({"value": VALUE, "hosts": ["h"], "description": "x".repeat(1_025)}), "description"),
        ("a", json!({"value": VALUE, "hosts": ["h"], "scope": "x"}), "scope"),
    ] {
        let path = format!("/secrets/{}", name.replace(' ', "%20"));
        let reply = server.put(&path, &body).await;
        let problem = reply.problem(400);
        assert_eq!(problem["errors"][0]["field"], field, "{problem:#}");
        assert!(!reply.body.contains(VALUE), "{reply:?}");
    }
    assert_eq!(server.put("/secrets/a?x=1", &good(VALUE)).await.problem(400)["errors"][0]["field"], "x");
    write(&server, "a", &"x".repeat(16_384), &["h"]).await.ok(201);
}

#[tokio::test]
async fn a_job_names_secrets_that_are_there_and_may_go_to_its_host() {
    let (receiver, server) = (Receiver::start().await, start().await);
    let job = manual("job", naming(&receiver));
    let problem = server.post("/jobs", &job).await.problem(400);
    let fields: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
    for field in ["webhook.url", "webhook.headers.X-Mine", "webhook.auth.token", "webhook.body"] {
        assert!(fields.contains(&&json!(field)), "{field} in {problem:#}");
    }
    assert!(problem["errors"][0]["message"].as_str().unwrap().contains("there is no secret \"a\""));

    write(&server, "a", VALUE, &["api.example.com"]).await.ok(201);
    let problem = server.post("/jobs", &job).await.problem(400);
    let why = problem["errors"][0]["message"].as_str().unwrap();
    assert!(why.contains("127.0.0.1") && why.contains("api.example.com"), "{why}");

    write(&server, "a", VALUE, &["127.0.0.1"]).await.ok(200);
    server.create(&job).await;
    for (webhook, field) in [
        (json!({"body": "{{secret.b}}"}), "webhook.body"),
        (json!({"headers": {"X-Mine": "{{secret.a"}}), "webhook.headers.X-Mine"),
        (json!({"url": "https://api.example.com/{{secret.a}}"}), "webhook.url"),
        (json!({"url": format!("{}/x{{{{secret.a}}}}", receiver.origin())}), "webhook.url"),
        (json!({"body": "{{secret.a}}".repeat(29)}), "webhook"),
    ] {
        let problem = server.patch("/jobs/job", &json!({"webhook": webhook})).await.problem(400);
        assert_eq!(problem["errors"][0]["field"], field, "{problem:#}");
    }
    // Together with others it is refused alone.
    let batch = json!({"jobs": [manual("x", json!({"url": receiver.url("/{{secret.b}}")}))]});
    let answer = server.post("/jobs/batch", &batch).await.ok(200);
    assert_eq!(answer["jobs"][0]["outcome"], "refused", "{answer:#}");
    // What a run is given is looked at, too.
    let reply = server.post("/jobs/job/trigger", &json!({"headers": {"X-B": "{{secret.b}}"}})).await;
    assert_eq!(reply.problem(400)["errors"][0]["field"], "headers.X-B");
}

#[tokio::test]
async fn a_secret_is_sent_and_nothing_of_it_is_read_back() {
    let (receiver, server) = (Receiver::start().await, start().await);
    receiver.respond(|call| {
        Answer::status(500).body(format!("{} {} {:?}", call.target, call.body, call.headers))
    });
    write(&server, "a", VALUE, &["127.0.0.1"]).await.ok(201);
    let mut job = manual("job", naming(&receiver));
    job["retry_policy"] = json!({"max_attempts": 1});
    let execution = server.run(&job).await;
    let call = receiver.next("/correct%20horse+battery/x").await;
    assert_eq!(call.target, "/correct%20horse+battery/x?key=correct%20horse%2Bbattery");
    assert_eq!(call.sent("X-Mine"), format!("is {VALUE}"));
    assert_eq!(call.sent("Authorization"), format!("Bearer {VALUE}"));
    assert!(call.body.starts_with(&format!("{{\"t\": \"{VALUE}\"")), "{}", call.body);
    // The names of secrets are shown, where they stand.
    let job = server.get("/jobs/job").await.ok(200);
    assert_eq!(job["webhook"]["auth"]["token"], "{{secret.a}}");
    assert!(execution["response"]["body"].as_str().unwrap().contains("[redacted]"), "{execution:#}");
    let test = server.post("/webhooks/test", &json!({"webhook": naming(&receiver)})).await.ok(200);
    assert!(test["response_body"].as_str().unwrap().contains("[redacted]"), "{test:#}");
    let list = server.get("/executions?view=full").await.ok(200);
    for shown in [execution, job, test, list, server.get("/secrets/a").await.ok(200)] {
        let text = shown.to_string();
        for part in ["correct", "horse", "battery"] {
            assert!(!text.contains(part), "{text}");
        }
    }
    // A new value counts from the next attempt on.
    write(&server, "a", "hunter2-hunter2", &["127.0.0.1"]).await.ok(200);
    server.run_again("job").await;
    receiver.next("/hunter2-hunter2/x").await;
}

#[tokio::test]
async fn a_secret_that_may_not_go_there_any_more_fails_the_run() {
    let (receiver, server) = (Receiver::start().await, start().await);
    write(&server, "a", VALUE, &["127.0.0.1"]).await.ok(201);
    let webhook = json!({"url": receiver.url("/{{secret.a}}"), "max_redirects": 1});
    receiver.respond(|_| Answer::redirect(307, "http://localhost:9/"));
    let execution = server.run(&manual("job", webhook)).await;
    assert_eq!(execution["error_kind"], "secret", "{execution:#}");
    assert!(execution["last_error"].as_str().unwrap().contains("localhost"), "{execution:#}");
    // It is not tried again.
    assert_eq!(execution["attempts"], 1);

    write(&server, "a", VALUE, &["api.example.com"]).await.ok(200);
    let execution = server.run_again("job").await;
    assert_eq!(execution["error_kind"], "secret", "{execution:#}");
    assert_eq!(receiver.look(<[_]>::len), 1);
    // What does not touch the webhook is written all the same.
    server.patch("/jobs/job", &json!({"description": "x"})).await.ok(200);
}

#[tokio::test]
async fn a_secret_that_jobs_name_is_not_deleted() {
    let (receiver, server) = (Receiver::start().await, start().await);
    write(&server, "a", VALUE, &["127.0.0.1"]).await.ok(201);
    server.create(&manual("one", naming(&receiver))).await;
    server.create(&manual("two", json!({"url": receiver.url("/"), "headers": {"X": "{{secret.a}}"}}))).await;
    let used = json!({"total": {"count": 2, "exact": true}, "jobs": ["one", "two"]});
    assert_eq!(server.get("/secrets/a").await.ok(200)["used_by"], used);
    let problem = server.delete("/secrets/a").await.problem(409);
    assert_eq!(problem["code"], "secret_in_use");
    assert!(problem["detail"].as_str().unwrap().contains("\"one\", \"two\""), "{problem:#}");

    server.patch("/jobs/two", &json!({"webhook": {"headers": {"X": "y"}}})).await.ok(200);
    assert_eq!(server.get("/secrets/a").await.ok(200)["used_by"]["jobs"], json!(["one"]));
    assert_eq!(server.delete("/jobs/one").await.status, 204);
    assert_eq!(server.delete("/secrets/a").await.status, 204);
    // A version that named it is not to be had back.
    server.act("/jobs/two/rollback/1").await.problem(400);
}

#[tokio::test]
async fn a_secret_opens_with_any_of_the_keys_and_with_no_other() {
    let receiver = Receiver::start().await;
    let mut server = start().await;
    write(&server, "a", VALUE, &["127.0.0.1"]).await.ok(201);
    server.create(&manual("job", json!({"url": receiver.url("/"), "headers": {"X": "{{secret.a}}"}}))).await;
    // Its directory lives as long as this.
    let setup = server.setup().clone();
    server.stop().await;

    // Another key is to seal once that is asked for, and the old one opens.
    let mut server = with_keys(&[KEYS[1], KEYS[0]]).data_dir(setup.data()).start().await;
    assert_eq!(server.run_again("job").await["status"], "success");
    server.stop().await;

    let server = with_keys(&KEYS[1..]).data_dir(setup.data()).start().await;
    let execution = server.run_again("job").await;
    assert_eq!(execution["error_kind"], "secret", "{execution:#}");
    let why = execution["last_error"].as_str().unwrap();
    assert!(why.contains("security.encryption_keys"), "{why}");
    // It can be written anew, once it is said that the key is lost.
    assert_eq!(write(&server, "a", VALUE, &["127.0.0.1"]).await.status, 503);
    server.post("/cluster/encryption/rotate", &json!({"lost": true})).await.ok(200);
    write(&server, "a", VALUE, &["127.0.0.1"]).await.ok(200);
    assert_eq!(server.run_again("job").await["status"], "success");
}

#[tokio::test]
async fn a_change_of_the_key_seals_a_secret_anew_and_writing_it_again_changes_nothing() {
    let receiver = Receiver::start().await;
    let mut server = start().await;
    write(&server, "a", VALUE, &["127.0.0.1"]).await.ok(201);
    server.create(&manual("job", json!({"url": receiver.url("/"), "headers": {"X": "{{secret.a}}"}}))).await;
    let setup = server.setup().clone();
    server.stop().await;

    let mut server = with_keys(&[KEYS[1], KEYS[0]]).data_dir(setup.data()).start().await;
    sealed(&server).await;
    assert_eq!(write(&server, "a", VALUE, &["127.0.0.1"]).await.ok(200)["version"], 1);
    server.act("/cluster/encryption/rotate").await.ok(200);
    sealed(&server).await;
    assert_eq!(write(&server, "a", VALUE, &["127.0.0.1"]).await.ok(200)["version"], 1);
    server.stop().await;

    // The key before is needed no more.
    let server = with_keys(&KEYS[1..]).data_dir(setup.data()).start().await;
    assert_eq!(server.run_again("job").await["status"], "success");
}

#[tokio::test]
async fn nothing_of_a_sealed_secret_is_on_the_disk() {
    let mut server = start().await;
    write(&server, "a", VALUE, &["*"]).await.ok(201);
    server.stop().await;
    for entry in std::fs::read_dir(server.setup().data()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let is_there = bytes.windows(VALUE.len()).any(|part| part == VALUE.as_bytes());
        assert!(!is_there, "{}", path.display());
    }
}

#[tokio::test]
async fn without_a_key_a_secret_is_kept_in_the_clear_and_that_is_said() {
    let server = raised(CHRONOS.start().await).await;
    let secret = write(&server, "a", VALUE, &["*"]).await.ok(201);
    assert_eq!(secret["sealed"], false);
    let log = until("the warning", || async {
        let log = server.log();
        log.contains("security.encryption_keys is not set").then_some(log)
    })
    .await;
    assert!(!log.contains(VALUE), "{log}");
}

#[tokio::test]
async fn a_file_without_a_key_stops_the_start() {
    for (keys, say) in [(&["hunter2"][..], "openssl rand"), (&[KEYS[0], KEYS[0]], "each key once")] {
        let refused = with_keys(keys).refused().await;
        assert!(refused.stderr.contains("security.encryption_keys"), "{}", refused.stderr);
        assert!(refused.stderr.contains(say) && !refused.stderr.contains("hunter2"), "{}", refused.stderr);
    }
}

#[tokio::test]
async fn a_client_certificate_is_of_secrets_and_goes_with_https() {
    let server = start().await;
    let good = json!({"cert": "{{secret.cert}}", "key": "{{secret.key}}"});
    for name in ["cert", "key"] {
        write(&server, name, "no PEM, hunter2", &["127.0.0.1"]).await.ok(201);
    }
    let of = |url: &str, shown: &Value| json!({"url": url, "client_certificate": shown});
    let https = "https://127.0.0.1:9/";
    for (webhook, field) in [
        (of("http://127.0.0.1:9/", &good), "webhook.client_certificate"),
        (of(https, &json!("hunter2")), "webhook.client_certificate"),
        (of(https, &json!({"cert": "{{secret.cert}}"})), "webhook.client_certificate.key"),
        (of(https, &json!({"cert": "hunter2", "key": "{{secret.key}}"})), "webhook.client_certificate.cert"),
        (
            of(https, &json!({"cert": "{{secret.none}}", "key": "{{secret.key}}"})),
            "webhook.client_certificate.cert",
        ),
        (of("https://other.example/", &good), "webhook.client_certificate.cert"),
    ] {
        let reply = server.post("/jobs", &manual("job", webhook)).await;
        assert_eq!(reply.problem(400)["errors"][0]["field"], field, "{reply:?}");
        assert!(!reply.body.contains("hunter2"), "{reply:?}");
    }
    let execution = server.run(&manual("job", of(https, &good))).await;
    assert_eq!(execution["error_kind"], "secret", "{execution:#}");
    let why = execution["last_error"].as_str().unwrap();
    assert!(why.contains("{{secret.cert}}") && why.contains("holds no certificate"), "{why}");
    assert_eq!(server.get("/jobs/job").await.ok(200)["webhook"]["client_certificate"], good);
}

//! Credentials that stand in jobs: they are sealed wherever they are kept, and nobody notices

use std::path::Path;
use std::process::Output;

use hyper::Method;
use tokio::process::Command;

use super::secrets::{KEYS, raised, with_keys};
use crate::support::*;

/// What is planted, and must be nowhere but in requests. Each is of its own.
const PLANTED: [&str; 18] = [
    "p1anted-query",
    "p1anted-token",
    "p1anted-header",
    "p1anted-cookie",
    "p1anted-basic",
    "p1anted-key",
    "p1anted-own-header",
    "cGxhbnRlZC1zaWduYXR1cmUtMDE",
    "cGxhbnRlZC1zaWduYXR1cmUtMDI",
    "p1anted-old-version",
    "p1anted-of-a-run",
    "p1anted-of-a-replay",
    "p1anted-of-a-patch",
    "p1anted-secret",
    "p1anted-client-secret",
    "p1anted-token-query",
    "p1anted-parameter",
    "p1anted-fetched",
];

async fn start(keys: &[&str]) -> Server {
    let server = raised(with_keys(keys).start().await).await;
    sealed(&server).await;
    server
}

/// Waits until all that is there is sealed. Answers with how it stands.
pub(super) async fn sealed(server: &Server) -> Value {
    until("all to be sealed", || async {
        let now = server.get("/cluster/encryption").await.ok(200);
        (!now["sealing"]["ended_at"].is_null()).then_some(now)
    })
    .await
}

fn signing(number: usize) -> String {
    // 27 characters of base64 are 20 bytes: with more behind them they are a key.
    format!("whsec_{}AAAAAAAAAAA", PLANTED[6 + number])
}

/// Jobs with a credential in each place that one may have.
fn jobs(receiver: &Receiver) -> Vec<Value> {
    let url = |path: &str| receiver.url(path);
    let expires_at = "9999-12-31T00:00:00Z";
    let previous = json!({"secret": signing(2), "expires_at": expires_at});
    vec![
        manual(
            "bearer",
            json!({
                "url": url(&format!("/bearer?a=1&access_token={}", PLANTED[0])),
                "auth": {"type": "bearer", "token": PLANTED[1]},
                "headers": {"X-Secret": PLANTED[2], "Cookie": format!("a={}", PLANTED[3]), "X-Plain": "shown"},
                "signing": {"secret": signing(1), "previous": previous},
            }),
        ),
        manual(
            "basic",
            json!({
                "url": url("/basic"),
                "auth": {"type": "basic", "username": "user", "password": PLANTED[4]},
            }),
        ),
        manual(
            "key",
            json!({
                "url": url("/key"),
                "auth": {"type": "api_key", "api_key": PLANTED[5], "header": "X-Mine"},
                "headers": {"x-mine": PLANTED[6]},
            }),
        ),
        manual("fetching", json!({"url": url("/fetching"), "auth": fetched(url)})),
    ]
}

/// What a token is asked for with.
fn fetched(url: impl Fn(&str) -> String) -> Value {
    json!({
        "type": "oauth2_client_credentials",
        "token_url": url(&format!("/token?api_key={}", PLANTED[15])),
        "client_id": "me",
        "client_secret": PLANTED[14],
        "client_auth_method": "post",
        "parameters": {"audience": "shown", "password": PLANTED[16]},
    })
}

/// Plants all of them, and has each sent.
async fn plant(server: &Server, receiver: &Receiver) {
    receiver.respond(|call| match call.path() {
        "/token" => Answer::ok().body(json!({"access_token": PLANTED[17]}).to_string()),
        _ => Answer::ok(),
    });
    let old = json!({"url": receiver.url("/basic"), "auth": {"type": "bearer", "token": PLANTED[9]}});
    server.create(&manual("basic", old)).await;
    server.run_again("basic").await;
    let batch = json!({"jobs": jobs(receiver)});
    let answer = server.post("/jobs/batch", &batch).await.ok(200);
    assert_eq!(answer["counts"]["refused"], 0, "{answer:#}");
    let secret = json!({"value": PLANTED[13], "hosts": ["127.0.0.1"]});
    assert!(server.put("/secrets/planted", &secret).await.status < 300);
    for job in ["bearer", "basic", "key", "fetching"] {
        assert_eq!(server.run_again(job).await["status"], "success", "{job}");
    }
    let of_run = json!({"headers": {"X-Token": PLANTED[10]}, "body": "{}"});
    let run = server.post("/jobs/key/trigger", &of_run).await.ok(202);
    let run = server.finished("key", run["id"].as_str().unwrap()).await;
    let of_replay = json!({"headers": {"X-Auth": PLANTED[11]}});
    let path = format!("/jobs/key/executions/{}/replay", run["id"].as_str().unwrap());
    let replay = server.call(Method::POST, &path, &[("idempotency-key", "once")], &of_replay).await.ok(202);
    server.finished("key", replay["id"].as_str().unwrap()).await;
    let patch = json!({"webhook": {"headers": {"X-Secret": PLANTED[12]}}});
    let asked = json!({"action": "patch", "names": ["basic"], "patch": patch});
    let operation = server.post("/jobs/actions", &asked).await.ok(202);
    let path = format!("/operations/{}", operation["id"].as_str().unwrap());
    until("the operation to be done", || async {
        let now = server.get(&path).await.ok(200);
        (now["state"] == "done").then_some(())
    })
    .await;
    assert_eq!(server.run_again("basic").await["status"], "success");
}

/// Each credential where it was to arrive.
fn arrived(receiver: &Receiver) {
    receiver.look(|calls| {
        let sent = format!("{calls:?}");
        let basic = format!("user:{}", PLANTED[4]);
        let basic = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, basic);
        for planted in [0, 1, 2, 3, 6, 9, 10, 11, 12, 14, 15, 16, 17].map(|number| PLANTED[number]) {
            assert!(sent.contains(planted), "{planted}");
        }
        assert!(sent.contains(&basic), "the password");
    });
}

/// Nothing of what was planted is in any file of a directory.
fn nowhere_in(directory: &Path) {
    for entry in walk(directory) {
        let bytes = std::fs::read(&entry).unwrap();
        nowhere(&entry.display().to_string(), &bytes);
    }
}

fn walk(directory: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

fn nowhere(what: &str, bytes: &[u8]) {
    for planted in PLANTED {
        let is_there = bytes.windows(planted.len()).any(|part| part == planted.as_bytes());
        assert!(!is_there, "{planted} is in {what}");
    }
}

/// Nothing of it is read back.
async fn nowhere_in_answers(server: &Server) {
    for path in [
        "/jobs?limit=100",
        "/jobs/bearer",
        "/jobs/basic/versions",
        "/jobs/key",
        "/executions?view=full&limit=100",
        "/operations",
        "/secrets",
        "/cluster/status",
        "/cluster/encryption",
    ] {
        let reply = server.get(path).await;
        nowhere(path, reply.body.as_bytes());
    }
}

#[tokio::test]
async fn with_a_key_from_the_first_start_no_credential_is_in_any_file_or_backup() {
    let receiver = Receiver::start().await;
    let mut server = start(&KEYS[..1]).await;
    plant(&server, &receiver).await;
    arrived(&receiver);
    nowhere_in(server.setup().data());
    nowhere("a backup", &server.get_bytes("/cluster/backup").await);
    nowhere_in_answers(&server).await;
    server.kill().await;
    nowhere_in(server.setup().data());
    nowhere("the log", server.log().as_bytes());
    let server = server.again().await;
    assert_eq!(server.run_again("bearer").await["status"], "success");
    nowhere_in(server.setup().data());
}

#[tokio::test]
async fn a_key_that_is_switched_on_later_seals_what_is_there_and_cleans_the_files() {
    let receiver = Receiver::start().await;
    let mut server = raised(CHRONOS.start().await).await;
    assert!(server.log().contains("security.encryption_keys is not set"), "{}", server.log());
    let warnings = server.get("/cluster/status").await.ok(200)["warnings"].clone();
    assert!(warnings[0].as_str().unwrap().contains("in the clear"), "{warnings:#}");
    plant(&server, &receiver).await;
    let version = server.get("/jobs/bearer").await.ok(200)["version"].clone();
    // So that some of it is in pages that nothing uses any more.
    server.create(&manual("gone", json!({"url": "http://h/", "headers": {"X-Token": PLANTED[2]}}))).await;
    assert_eq!(server.delete("/jobs/gone").await.status, 204);
    let setup = server.setup().clone();
    server.stop().await;

    let mut server = with_keys(&KEYS[..1]).data_dir(setup.data()).start().await;
    let now = sealed(&server).await;
    assert_eq!(now["sealing"]["failed"], 0, "{now:#}");
    assert!(now["sealing"]["sealed"].as_u64().unwrap() >= 7, "{now:#}");
    until("the files to be cleaned", || async {
        server.log().contains("out of the log and the state of this node").then_some(())
    })
    .await;
    nowhere_in(setup.data());
    nowhere("a backup", &server.get_bytes("/cluster/backup").await);
    nowhere_in_answers(&server).await;
    assert_eq!(server.get("/jobs/bearer").await.ok(200)["version"], version, "no version is made of it");
    assert_eq!(server.get("/cluster/status").await.ok(200)["warnings"], json!([]));
    for job in ["bearer", "basic", "key", "fetching"] {
        assert_eq!(server.run_again(job).await["status"], "success", "{job}");
    }
    arrived(&receiver);
    server.stop().await;
    nowhere_in(setup.data());
}

#[tokio::test]
async fn applying_the_same_jobs_again_changes_nothing() {
    let receiver = Receiver::start().await;
    let server = start(&KEYS[..1]).await;
    let mut all = jobs(&receiver);
    all.extend((0..996).map(|number| {
        let token = format!("t0ken-{number}");
        manual(
            &format!("job{number}"),
            json!({"url": "http://h/", "auth": {"type": "bearer", "token": token}}),
        )
    }));
    let batch = json!({"jobs": all});
    let created = server.post("/jobs/batch", &batch).await.ok(200);
    assert_eq!(created["counts"]["created"], 1_000, "{}", created["counts"]);
    for _ in 0..2 {
        let again = server.post("/jobs/batch", &batch).await.ok(200);
        assert_eq!(again["counts"]["unchanged"], 1_000, "{}", again["counts"]);
    }
    assert_eq!(server.get("/jobs/job7").await.ok(200)["version"], 1);
    // Another credential is another job.
    let other = manual("job7", json!({"url": "http://h/", "auth": {"type": "bearer", "token": "an0ther"}}));
    let changed = server.post("/jobs/batch", &json!({"jobs": [other]})).await.ok(200);
    assert_eq!(changed["jobs"][0]["outcome"], "changed", "{changed:#}");
    assert!(!changed.to_string().contains("an0ther"), "{changed:#}");
}

#[tokio::test]
async fn what_is_redacted_stays_also_where_it_is_sealed() {
    let receiver = Receiver::start().await;
    let server = start(&KEYS[..1]).await;
    server.create(&jobs(&receiver)[0]).await;
    let job = server.get("/jobs/bearer").await.ok(200);
    assert_eq!(job["webhook"]["auth"]["token"], "[redacted]");
    assert_eq!(job["webhook"]["headers"]["X-Plain"], "shown");
    assert!(job["webhook"]["url"].as_str().unwrap().ends_with("?a=1&access_token=[redacted]"), "{job:#}");
    server.patch("/jobs/bearer", &json!({"description": "second"})).await.ok(200);
    let webhook = json!({"webhook": job["webhook"]});
    server.patch("/jobs/bearer", &webhook).await.ok(200);
    let test = json!({"webhook": job["webhook"], "job": "bearer"});
    assert_eq!(server.post("/webhooks/test", &test).await.ok(200)["success"], true);
    let moved = json!({"webhook": {"url": "http://other.example/"}});
    let problem = server.patch("/jobs/bearer", &moved).await.problem(400);
    assert!(problem.to_string().contains("another origin"), "{problem:#}");

    // One of them changes, and another stays.
    let one = json!({"webhook": {"headers": {"X-Secret": "an0ther"}}});
    server.patch("/jobs/bearer", &one).await.ok(200);
    server.run_again("bearer").await;
    server.act("/jobs/bearer/rollback/1").await.ok(200);
    server.act("/jobs/bearer/disable").await.ok(200);
    server.run_again("bearer").await;
    let calls = receiver.wait_for("/bearer", 3).await;
    let sent = |number: usize, header: &str| calls[number].sent(header).to_owned();
    for call in &calls {
        assert_eq!(call.sent("Authorization"), format!("Bearer {}", PLANTED[1]));
        assert!(call.target.ends_with(PLANTED[0]), "{}", call.target);
    }
    assert_eq!((sent(1, "X-Secret"), sent(2, "X-Secret")), ("an0ther".to_owned(), PLANTED[2].to_owned()));
}

#[tokio::test]
async fn a_secret_that_is_named_among_credentials_is_known_to_be_used() {
    let receiver = Receiver::start().await;
    let server = start(&KEYS[..1]).await;
    let secret = json!({"value": "inner-value", "hosts": ["127.0.0.1"]});
    server.put("/secrets/inner", &secret).await.ok(201);
    let webhook = json!({"url": receiver.url("/"), "headers": {"X-Token": "before-{{secret.inner}}"}});
    server.create(&manual("job", webhook)).await;
    assert_eq!(server.get("/secrets/inner").await.ok(200)["used_by"]["jobs"], json!(["job"]));
    assert_eq!(server.delete("/secrets/inner").await.problem(409)["code"], "secret_in_use");
    server.run_again("job").await;
    assert_eq!(receiver.next("/").await.sent("X-Token"), "before-inner-value");
}

async fn rotate_key(server: &Server, arguments: &[&str]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(CHRONOS.path());
    command.args(["secret", "rotate-key"]).args(arguments).current_dir(directory.path()).kill_on_drop(true);
    command.env_clear().env("CHRONOS_SERVER__HTTP__ADDRESS", server.address().to_string());
    soon("the key to be changed", command.output()).await.unwrap()
}

#[tokio::test]
async fn a_key_is_changed_while_jobs_run_and_the_old_one_is_not_needed_then() {
    let receiver = Receiver::start().await;
    let mut server = start(&KEYS[..1]).await;
    plant(&server, &receiver).await;
    let before = server.get("/cluster/encryption").await.ok(200);
    assert_eq!(before["key"], before["first_key"]);
    assert_eq!(server.act("/cluster/encryption/rotate").await.ok(200), before, "nothing is to be done");
    let setup = server.setup().clone();
    server.stop().await;

    // It opens with the old one, and seals by it, until the key is changed.
    let mut server = with_keys(&[KEYS[1], KEYS[0]]).data_dir(setup.data()).start().await;
    assert_eq!(server.run_again("bearer").await["status"], "success");
    let now = server.get("/cluster/encryption").await.ok(200);
    assert_eq!(now["key"], before["key"]);
    assert_ne!(now["first_key"], before["key"]);
    let changed = rotate_key(&server, &[]).await;
    assert!(changed.status.success(), "{changed:?}");
    let said = String::from_utf8(changed.stdout).unwrap();
    assert!(said.contains("all is sealed by the key"), "{said}");
    let after = server.get("/cluster/encryption").await.ok(200);
    assert_eq!((&after["key"], &after["needed_keys"]), (&now["first_key"], &json!([now["first_key"]])));
    assert_eq!(after["sealing"]["at"], "done");
    // What was answered to a request with a key is answered again.
    let path = server.get("/jobs/key/executions").await.ok(200)["executions"][1]["id"].clone();
    let path = format!("/jobs/key/executions/{}/replay", path.as_str().unwrap());
    let repeat = json!({"headers": {"X-Auth": PLANTED[11]}});
    server.call(Method::POST, &path, &[("idempotency-key", "once")], &repeat).await.ok(202);
    let other = json!({"headers": {"X-Auth": "an0ther"}});
    let reused = server.call(Method::POST, &path, &[("idempotency-key", "once")], &other).await;
    assert_eq!(reused.problem(422)["code"], "idempotency_key_reused");
    server.stop().await;

    let server = with_keys(&KEYS[1..]).data_dir(setup.data()).start().await;
    for job in ["bearer", "basic", "key", "fetching"] {
        assert_eq!(server.run_again(job).await["status"], "success", "{job}");
    }
    arrived(&receiver);
    nowhere_in(setup.data());
}

#[tokio::test]
async fn where_a_key_is_lost_credentials_are_written_anew() {
    let receiver = Receiver::start().await;
    let mut server = start(&KEYS[..1]).await;
    server.create(&jobs(&receiver)[1]).await;
    let setup = server.setup().clone();
    server.stop().await;
    let server = with_keys(&KEYS[1..]).data_dir(setup.data()).start().await;
    let execution = server.run_again("basic").await;
    assert_eq!(execution["error_kind"], "secret", "{execution:#}");
    assert!(execution["last_error"].as_str().unwrap().contains("security.encryption_keys"), "{execution:#}");
    let problem = server.act("/cluster/encryption/rotate").await.problem(409);
    assert_eq!(problem["code"], "encryption_key_missing", "{problem:#}");
    let bad = server.post("/cluster/encryption/rotate", &json!({"lost": 1})).await.problem(400);
    assert_eq!(bad["errors"][0]["field"], "lost", "{bad:#}");
    let changed = rotate_key(&server, &["--lost"]).await;
    assert!(changed.status.success(), "{changed:?}");
    let redacted = json!({"webhook": {"auth": {"type": "basic", "username": "u", "password": "[redacted]"}}});
    server.patch("/jobs/basic", &redacted).await.problem(400);
    server.put("/jobs/basic", &jobs(&receiver)[1]).await.ok(200);
    assert_eq!(server.run_again("basic").await["status"], "success");
}

#[tokio::test]
async fn a_key_cannot_be_changed_on_a_node_that_has_none() {
    let server = raised(CHRONOS.start().await).await;
    let now = server.get("/cluster/encryption").await.ok(200);
    assert_eq!((&now["key"], &now["first_key"], &now["sealing"]), (&Value::Null, &Value::Null, &Value::Null));
    let problem = server.act("/cluster/encryption/rotate").await.problem(409);
    assert_eq!(problem["code"], "encryption_key_missing", "{problem:#}");
    let refused = rotate_key(&server, &[]).await;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("openssl rand -base64 32"), "{said}");
}

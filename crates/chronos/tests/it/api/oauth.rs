//! Tokens by the client credentials grant of OAuth 2.0: fetched, kept, renewed, and never shown

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::*;

const SECRET: &str = "correct horse+battery";

async fn start() -> Server {
    raised(CHRONOS.start().await).await
}

async fn raised(server: Server) -> Server {
    until("the version to rise", || async {
        let status = server.get("/cluster/status").await.ok(200);
        (status["cluster_version"].as_u64().unwrap() >= 2).then_some(())
    })
    .await;
    server
}

fn token(number: usize) -> String {
    format!("t0ken-{number:06}")
}

fn granted(number: usize, expires_in: i64) -> Answer {
    let answer = json!({"access_token": token(number), "token_type": "Bearer", "expires_in": expires_in, "scope": "a"});
    Answer::ok().body(answer.to_string())
}

/// A receiver that gives tokens at `/token`, one after the other, and takes them at all other paths.
struct Login {
    receiver: Receiver,
    /// It takes none up to this one.
    refused: Arc<AtomicUsize>,
}

impl Login {
    /// Its tokens live for so many seconds.
    async fn start(expires_in: i64) -> Self {
        let receiver = Receiver::start().await;
        let (given, refused) = (AtomicUsize::new(0), Arc::<AtomicUsize>::default());
        let refuses = Arc::clone(&refused);
        receiver.respond(move |call| {
            if call.path() == "/token" {
                return granted(given.fetch_add(1, Ordering::SeqCst) + 1, expires_in);
            }
            let sent = call.header("Authorization").unwrap_or_default();
            let number = sent.strip_prefix("Bearer t0ken-").and_then(|number| number.parse::<usize>().ok());
            let is_good = number.is_some_and(|number| number > refuses.load(Ordering::SeqCst));
            // All of it comes back.
            Answer::status(if is_good { 200 } else { 401 }).body(format!("{sent} {SECRET}"))
        });
        Self { receiver, refused }
    }

    fn refuse(&self, up_to: usize) {
        self.refused.store(up_to, Ordering::SeqCst);
    }

    /// A webhook that has its token fetched there.
    fn webhook(&self) -> Value {
        json!({"url": self.receiver.url("/api"), "auth": self.auth()})
    }

    fn auth(&self) -> Value {
        json!({
            "type": "oauth2_client_credentials", "token_url": self.receiver.url("/token"),
            "client_id": "me", "client_secret": SECRET, "scope": "run read",
            "parameters": {"audience": "https://api.example", "password": "swordfish-1234"},
        })
    }

    fn asked(&self) -> usize {
        self.receiver.calls("/token").len()
    }
}

/// It holds nothing that is secret.
#[track_caller]
fn is_clean(text: &str) {
    for secret in ["correct", "battery", "swordfish", "t0ken-0"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

/// The kinds of the attempts of an execution, with their statuses.
fn attempts(execution: &Value) -> Vec<(Value, Value)> {
    let log = execution["attempt_log"].as_array().unwrap();
    log.iter().map(|attempt| (attempt["error_kind"].clone(), attempt["status_code"].clone())).collect()
}

#[tokio::test]
async fn a_hundred_runs_at_a_time_have_one_token_fetched() {
    let (login, server, gate) = (Login::start(3_600).await, start().await, Gate::closed());
    login.receiver.script("/token", [granted(1, 3_600).after(&gate)]);
    let mut job = manual("job", login.webhook());
    job["concurrency"] = "allow".into();
    server.create(&job).await;
    for _ in 0..100 {
        server.trigger("job").await;
    }
    let asked = login.receiver.next("/token").await;
    assert_eq!((asked.method.as_str(), asked.sent("Accept")), ("POST", "application/json"));
    assert_eq!(asked.sent("Content-Type"), "application/x-www-form-urlencoded");
    // printf 'me:correct+horse%%2Bbattery' | base64
    assert_eq!(asked.sent("Authorization"), "Basic bWU6Y29ycmVjdCtob3JzZSUyQmJhdHRlcnk=");
    let form = "grant_type=client_credentials&scope=run+read&audience=https%3A%2F%2Fapi.example&password=swordfish-1234";
    assert_eq!(asked.body, form);
    gate.open();
    for call in login.receiver.wait_for("/api", 100).await {
        assert_eq!(call.sent("Authorization"), format!("Bearer {}", token(1)));
    }
    let executions = server.executions("job", 100).await;
    for execution in &executions {
        let execution = server.finished("job", execution["id"].as_str().unwrap()).await;
        assert_eq!((&execution["status"], &execution["attempts"]), (&json!("success"), &json!(1)));
    }
    assert_eq!(login.asked(), 1);
    // Another job that asks for the same shares it, and one that asks for something else does not.
    server.run(&manual("same", login.webhook())).await;
    assert_eq!(login.asked(), 1);
    let mut other = login.webhook();
    other["auth"]["scope"] = "read".into();
    other["auth"]["client_auth_method"] = "post".into();
    server.run(&manual("other", other)).await;
    let asked = login.receiver.wait_for("/token", 2).await.pop().unwrap();
    assert_eq!(asked.header("Authorization"), None);
    assert!(asked.body.ends_with("&client_id=me&client_secret=correct+horse%2Bbattery"), "{}", asked.body);
}

#[tokio::test]
async fn a_token_is_used_until_it_expires() {
    for (expires_in, fetched) in [(3_600, 1), (0, 3)] {
        let (login, server) = (Login::start(expires_in).await, start().await);
        server.create(&manual("job", login.webhook())).await;
        for _ in 0..3 {
            assert_eq!(server.run_again("job").await["status"], "success");
        }
        assert_eq!(login.asked(), fetched, "{expires_in}");
    }
}

#[tokio::test]
async fn a_401_on_a_token_that_was_kept_is_tried_once_more_as_an_attempt_of_its_own() {
    let (login, server) = (Login::start(3_600).await, start().await);
    let mut job = manual("job", login.webhook());
    // Whatever the policy says.
    job["retry_policy"] = json!({"max_attempts": 1});
    let first = server.run(&job).await;
    assert_eq!((&first["status"], attempts(&first)), (&json!("success"), vec![(json!(null), json!(200))]));

    login.refuse(1);
    let renewed = server.run_again("job").await;
    assert_eq!((&renewed["status"], &renewed["attempts"]), (&json!("success"), &json!(2)), "{renewed:#}");
    assert_eq!(attempts(&renewed), [(json!("auth"), json!(401)), (json!(null), json!(200))]);
    let why = renewed["attempt_log"][0]["error"].as_str().unwrap();
    assert!(why.contains("401 Unauthorized") && why.contains("kept from before"), "{why}");
    let calls = login.receiver.calls("/api");
    let sent: Vec<_> = calls.iter().map(|call| call.sent("Authorization").to_owned()).collect();
    assert_eq!(sent, [1, 1, 2].map(|number| format!("Bearer {}", token(number))));
    assert_eq!((calls[1].execution(), calls[1].attempt()), (calls[2].execution(), 1));
    assert_eq!(calls[2].attempt(), 2);

    // One that takes none is believed then.
    login.refuse(usize::MAX);
    let refused = server.run_again("job").await;
    assert_eq!((&refused["status"], &refused["error_kind"]), (&json!("failed"), &json!("status")));
    assert_eq!(attempts(&refused), [(json!("auth"), json!(401)), (json!("status"), json!(401))]);
    // Nothing is kept of that, so the next one is told at once.
    let refused = server.run_again("job").await;
    assert_eq!(attempts(&refused), [(json!("status"), json!(401))]);
    assert_eq!(login.asked(), 4);
}

#[tokio::test]
async fn what_the_token_endpoint_answers_is_the_error_and_is_retried_as_a_targets_answer_is() {
    let (login, server) = (Login::start(3_600).await, start().await);
    let echo = json!({"error": "invalid_client", "error_description": format!("not {SECRET}")}).to_string();
    let elsewhere = Receiver::start().await;
    let cases = [
        (
            "refused",
            Answer::status(401).body(echo.clone()),
            1,
            "401 Unauthorized, invalid_client (not [redacted])",
        ),
        ("bad", Answer::status(400).body(echo), 1, "400 Bad Request, invalid_client"),
        ("moved", Answer::redirect(307, &elsewhere.url("/token")), 1, "which is not followed"),
        ("page", Answer::ok().body("<html>"), 1, "its answer is no JSON object"),
        ("busy", Answer::status(429), 2, "429 Too Many Requests"),
        ("down", Answer::status(503).body("try later"), 2, "503 Service Unavailable, try later"),
        ("reset", Answer::reset(), 2, "the connection broke"),
        ("cut", Answer::cut_short(), 2, "before its Content-Length"),
    ];
    for (name, answer, attempts, say) in cases {
        login.receiver.script("/token", [answer]);
        let mut job = manual(name, login.webhook());
        job["retry_policy"] = json!({"max_attempts": 2, "initial_interval": "1ms"});
        let execution = server.run(&job).await;
        assert_eq!((&execution["status"], &execution["error_kind"]), (&json!("failed"), &json!("auth")));
        assert_eq!(execution["attempts"], attempts, "{execution:#}");
        let why = execution["last_error"].as_str().unwrap();
        let endpoint = format!("the token endpoint {} gave no token: ", login.receiver.url("/token"));
        assert!(why.starts_with(&endpoint) && why.contains(say), "{why}");
        assert!(execution["explanation"]["next"].as_str().unwrap().contains("token_url"), "{execution:#}");
        assert_eq!(execution["response"]["status_code"], 0, "no target has answered: {execution:#}");
        is_clean(&execution.to_string());
        let stats = server.get(&format!("/stats?job={name}")).await.ok(200);
        assert_eq!(stats["total"]["attempts"], json!({"auth": attempts}), "{stats:#}");
        let found = server.get(&format!("/executions?error_kind=auth&job={name}")).await.ok(200);
        assert_eq!(found["executions"][0]["id"], execution["id"], "{found:#}");
    }
    assert_eq!((login.receiver.calls("/api").len(), elsewhere.look(<[_]>::len)), (0, 0));

    let mut job = manual("unreachable", login.webhook());
    job["webhook"]["auth"]["token_url"] = format!("http://127.0.0.1:{}/", closed_port()).into();
    job["retry_policy"] = json!({"max_attempts": 2, "initial_interval": "1ms"});
    let execution = server.run(&job).await;
    assert_eq!((&execution["error_kind"], &execution["attempts"]), (&json!("auth"), &json!(2)));
    assert!(execution["last_error"].as_str().unwrap().contains("connection failed"), "{execution:#}");
}

#[tokio::test]
async fn the_timeout_covers_the_token() {
    let (login, server) = (Login::start(3_600).await, start().await);
    login.receiver.script("/token", [Answer::silence()]);
    let mut job = manual("job", login.webhook());
    job["webhook"]["timeout"] = "100ms".into();
    job["retry_policy"] = json!({"max_attempts": 1});
    let execution = server.run(&job).await;
    assert_eq!(execution["error_kind"], "auth", "{execution:#}");
    let why = execution["last_error"].as_str().unwrap();
    assert!(why.ends_with("gave no token: there was none within 100ms"), "{why}");
    login.receiver.abandoned("/token").await;
    assert!(login.receiver.calls("/api").is_empty());
}

#[tokio::test]
async fn neither_the_secret_nor_the_token_is_ever_shown() {
    let login = Login::start(3_600).await;
    let server = raised(CHRONOS.with(&[("logging.level", "trace")]).await).await;
    let job = server.create(&manual("job", login.webhook())).await;
    let mut shown = login.auth();
    shown["client_secret"] = "[redacted]".into();
    shown["parameters"]["password"] = "[redacted]".into();
    assert_eq!(job["webhook"]["auth"], shown);
    // The second one has its token from before.
    for _ in 0..2 {
        let execution = server.run_again("job").await;
        assert_eq!(execution["response"]["body"], "Bearer [redacted] [redacted]", "{execution:#}");
        assert_eq!(execution["request"]["headers"]["Authorization"], "[redacted]");
        is_clean(&execution.to_string());
    }
    login.refuse(1);
    is_clean(&server.run_again("job").await.to_string());
    for path in ["/jobs", "/jobs/job", "/jobs/job/versions", "/executions?view=full"] {
        is_clean(&server.get(path).await.body);
    }
    is_clean(&server.root("/metrics").await.body);
    is_clean(&server.log());

    // What is redacted stays as long as it goes to where it went.
    let same = server.patch("/jobs/job", &json!({"webhook": {"auth": shown}})).await.ok(200);
    assert_eq!(same["webhook"]["auth"], shown);
    let other = Receiver::start().await;
    let moved = json!({"webhook": {"auth": {"token_url": other.url("/token")}}});
    assert_eq!(server.patch("/jobs/job", &moved).await.bad_fields(), ["webhook.auth.client_secret"]);
    let moved = json!({"webhook": {"url": other.url("/api")}});
    assert_eq!(server.patch("/jobs/job", &moved).await.bad_fields(), ["webhook.auth.client_secret"]);
    let bearer = json!({"webhook": {"auth": {"type": "bearer", "token": "[redacted]"}}});
    assert_eq!(server.patch("/jobs/job", &bearer).await.bad_fields(), ["webhook.auth.token"]);
    let path = json!({"webhook": {"auth": {"token_url": login.receiver.url("/token?other")}}});
    server.patch("/jobs/job", &path).await.ok(200);
    assert_eq!(server.run_again("job").await["status"], "success");
}

#[tokio::test]
async fn a_test_has_a_token_too_and_another_one_where_that_is_refused() {
    let (login, server) = (Login::start(3_600).await, start().await);
    let test = json!({"webhook": login.webhook()});
    for fetched in [1, 1] {
        let answer = server.post("/webhooks/test", &test).await.ok(200);
        assert_eq!((&answer["success"], login.asked()), (&json!(true), fetched), "{answer:#}");
        assert_eq!(answer["request"]["headers"]["Authorization"], "[redacted]");
        is_clean(&answer.to_string());
    }
    login.refuse(1);
    let answer = server.post("/webhooks/test", &test).await.ok(200);
    assert_eq!((&answer["success"], login.asked()), (&json!(true), 2), "{answer:#}");
    login
        .receiver
        .script("/token", [Answer::status(400).body(json!({"error": "invalid_scope"}).to_string())]);
    let mut other = test;
    other["webhook"]["auth"]["scope"] = "all".into();
    let answer = server.post("/webhooks/test", &other).await.ok(200);
    assert_eq!((&answer["success"], &answer["status_code"]), (&json!(false), &json!(0)), "{answer:#}");
    let why = answer["error"].as_str().unwrap();
    assert!(why.ends_with("gave no token: 400 Bad Request, invalid_scope"), "{why}");
}

#[tokio::test]
async fn a_named_secret_may_have_to_go_to_the_token_endpoint_and_to_the_target() {
    let (login, server) = (Login::start(3_600).await, start().await);
    let mut webhook = login.webhook();
    webhook["auth"]["client_secret"] = "{{secret.oauth}}".into();
    webhook["auth"]["token_url"] = format!("http://localhost:{}/token", login.receiver.port()).into();
    let job = manual("job", webhook);
    for (hosts, missing) in
        [(vec!["127.0.0.1"], "\"localhost\""), (vec!["localhost"], "\"127.0.0.1\""), (vec!["*"], "")]
    {
        assert!(server.put("/secrets/oauth", &json!({"value": SECRET, "hosts": hosts})).await.status < 300);
        let reply = server.post("/jobs", &job).await;
        if missing.is_empty() {
            reply.ok(201);
            continue;
        }
        let problem = reply.problem(400);
        assert_eq!(problem["errors"][0]["field"], "webhook.auth.client_secret", "{problem:#}");
        assert!(problem["errors"][0]["message"].as_str().unwrap().contains(missing), "{problem:#}");
    }
    assert_eq!(server.get("/secrets/oauth").await.ok(200)["used_by"]["jobs"], json!(["job"]));
    let read = server.get("/jobs/job").await.ok(200);
    assert_eq!(read["webhook"]["auth"]["client_secret"], "{{secret.oauth}}");
    assert_eq!(server.run_again("job").await["status"], "success");
    // Another value is another client.
    server.put("/secrets/oauth", &json!({"value": "another-secret", "hosts": ["*"]})).await.ok(200);
    assert_eq!(server.run_again("job").await["status"], "success");
    assert_eq!(login.asked(), 2);
    // It may not go there any more.
    server.put("/secrets/oauth", &json!({"value": SECRET, "hosts": ["127.0.0.1"]})).await.ok(200);
    let execution = server.run_again("job").await;
    assert_eq!((&execution["error_kind"], login.asked()), (&json!("secret"), 2), "{execution:#}");
}

#[tokio::test]
async fn what_no_token_can_be_asked_for_with_is_refused_by_the_field() {
    let (login, server) = (Login::start(3_600).await, start().await);
    let long = "x".repeat(2_049);
    let many: serde_json::Map<_, _> = (0..21).map(|number| (format!("p{number}"), json!("x"))).collect();
    for (change, field) in [
        (json!({"token_url": null}), "webhook.auth.token_url"),
        (json!({"token_url": "ftp://login.example/"}), "webhook.auth.token_url"),
        (json!({"token_url": "https://me:you@login.example/"}), "webhook.auth.token_url"),
        (json!({"client_id": null}), "webhook.auth.client_id"),
        (json!({"client_id": ""}), "webhook.auth.client_id"),
        (json!({"client_id": 7}), "webhook.auth.client_id"),
        (json!({"client_secret": null}), "webhook.auth.client_secret"),
        (json!({"client_secret": "hunter2\n"}), "webhook.auth.client_secret"),
        (json!({"client_secret": long}), "webhook.auth.client_secret"),
        (json!({"client_secret": "[redacted]"}), "webhook.auth.client_secret"),
        (json!({"client_secret": "{{secret.none}}"}), "webhook.auth.client_secret"),
        (json!({"scope": ""}), "webhook.auth.scope"),
        (json!({"scope": "a\"b"}), "webhook.auth.scope"),
        (json!({"parameters": []}), "webhook.auth.parameters"),
        (json!({"parameters": many}), "webhook.auth.parameters"),
        (json!({"parameters": {"a b": "x"}}), "webhook.auth.parameters.a b"),
        (json!({"parameters": {"scope": "x"}}), "webhook.auth.parameters.scope"),
        (json!({"parameters": {"audience": 7}}), "webhook.auth.parameters.audience"),
        (json!({"parameters": {"audience": long}}), "webhook.auth.parameters.audience"),
        (json!({"client_auth_method": "private_key_jwt"}), "webhook.auth.client_auth_method"),
        (json!({"token": "hunter2"}), "webhook.auth.token"),
    ] {
        let mut webhook = login.webhook();
        webhook["auth"].as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let reply = server.post("/jobs", &manual("job", webhook)).await;
        let problem = reply.problem(400);
        assert_eq!(problem["errors"][0]["field"], field, "{problem:#}");
        assert!(!reply.body.contains("hunter2"), "{reply:?}");
    }
}

#[tokio::test]
async fn a_patch_of_many_jobs_is_shown_without_the_secret() {
    let (login, server) = (Login::start(3_600).await, start().await);
    server.create(&manual("job", json!({"url": login.receiver.url("/api")}))).await;
    let request = json!({"action": "patch", "filter": {}, "patch": {"webhook": {"auth": login.auth()}}});
    let operation = server.post("/jobs/actions", &request).await.ok(202);
    let path = format!("/operations/{}", operation["id"].as_str().unwrap());
    let done = until("the operation to end", || async {
        let operation = server.get(&path).await.ok(200);
        (operation["state"] == "done").then_some(operation)
    })
    .await;
    let shown = &done["patch"]["webhook"]["auth"];
    assert_eq!(
        (&shown["token_url"], &shown["client_id"]),
        (&login.auth()["token_url"], &json!("me")),
        "{done:#}"
    );
    assert_eq!(shown["client_secret"], "[redacted]");
    assert_eq!(shown["parameters"], json!({"audience": "[redacted]", "password": "[redacted]"}));
    is_clean(&done.to_string());
    assert_eq!(server.run_again("job").await["status"], "success");
}

//! Requests are signed by Standard Webhooks

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use crate::support::*;

/// 24 bytes, and 32.
const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER: &str = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";

async fn start() -> Server {
    let server = CHRONOS.start().await;
    until("the version to rise", || async {
        let status = server.get("/cluster/status").await.ok(200);
        (status["cluster_version"].as_u64().unwrap() >= 2).then_some(())
    })
    .await;
    server
}

/// What the standard has for a call as it arrived.
fn signature(call: &Call, key: &str) -> String {
    let key = STANDARD.decode(key.strip_prefix("whsec_").unwrap()).unwrap();
    let signed = format!("{}.{}.{}", call.sent("webhook-id"), call.sent("webhook-timestamp"), call.body);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
    format!("v1,{}", STANDARD.encode(tag))
}

fn posting(url: &str, signing: &Value) -> Value {
    json!({"url": url, "method": "POST", "body": "{\"ü\": \"{{.ExecutionID}}\"}", "signing": signing})
}

#[tokio::test]
async fn each_attempt_is_signed_and_the_key_is_not_read_back() {
    let (receiver, server) = (Receiver::start().await, start().await);
    receiver.script("/signed", [Answer::status(500)]);
    let mut job = manual("job", posting(&receiver.url("/signed"), &json!({"secret": KEY})));
    job["retry_policy"] = json!({"max_attempts": 2, "initial_interval": "1ms"});
    let execution = server.run(&job).await;
    let calls = receiver.wait_for("/signed", 2).await;
    for call in &calls {
        assert_eq!(call.sent("webhook-id"), execution["id"].as_str().unwrap());
        assert_eq!(call.sent("webhook-signature"), signature(call, KEY));
        let at: i64 = call.sent("webhook-timestamp").parse().unwrap();
        assert!(at > 0 && at <= call.at_ms / 1_000, "{at}");
    }
    assert_eq!(execution["request"]["headers"]["webhook-id"], execution["id"], "{execution:#}");
    let job = server.get("/jobs/job").await.ok(200);
    assert_eq!(job["webhook"]["signing"], json!({"secret": "[redacted]"}));
    for shown in [&execution, &job, &server.get("/jobs/job/versions").await.ok(200)] {
        assert!(!shown.to_string().contains("MfKQ9r8G"), "{shown:#}");
    }
    // What is redacted stays, and not where the URL moves to another origin.
    let signing = json!({"webhook": {"signing": {"secret": "[redacted]"}}});
    server.patch("/jobs/job", &signing).await.ok(200);
    server.run_again("job").await;
    let calls = receiver.wait_for("/signed", 4).await;
    let last = calls.last().unwrap();
    assert_eq!(last.sent("webhook-signature"), signature(last, KEY));
    let moved = json!({"webhook": {"url": "http://other.example/"}});
    let problem = server.patch("/jobs/job", &moved).await.problem(400);
    assert_eq!(problem["errors"][0]["field"], "webhook.signing.secret", "{problem:#}");
    let null = json!({"webhook": {"signing": null}});
    assert!(server.patch("/jobs/job", &null).await.ok(200)["webhook"].get("signing").is_none());
}

#[tokio::test]
async fn the_secret_before_signs_too_until_it_expires() {
    let (receiver, server) = (Receiver::start().await, start().await);
    for (path, expires_at, signs) in
        [("/later", "9999-12-31T00:00:00Z", true), ("/over", "2020-01-01T00:00:00Z", false)]
    {
        let signing =
            json!({"secret": "{{secret.new}}", "previous": {"secret": OTHER, "expires_at": expires_at}});
        let secret = json!({"value": KEY, "hosts": ["127.0.0.1"]});
        assert!(server.put("/secrets/new", &secret).await.status < 300);
        let webhook = posting(&receiver.url(path), &signing);
        // A test call is signed as runs are.
        let test = server.post("/webhooks/test", &json!({"webhook": webhook})).await.ok(200);
        assert_eq!(test["success"], true, "{test:#}");
        server.run(&manual(path.trim_start_matches('/'), webhook)).await;
        for call in receiver.wait_for(path, 2).await {
            let mut signatures = vec![signature(&call, KEY)];
            signatures.extend(signs.then(|| signature(&call, OTHER)));
            assert_eq!(call.sent("webhook-signature"), signatures.join(" "), "{path}");
        }
    }
    let shown = server.get("/jobs/over").await.ok(200);
    let previous = json!({"secret": "[redacted]", "expires_at": "2020-01-01T00:00:00.000Z"});
    assert_eq!(shown["webhook"]["signing"], json!({"secret": "{{secret.new}}", "previous": previous}));
    assert_eq!(server.get("/secrets/new").await.ok(200)["used_by"]["jobs"], json!(["later", "over"]));
}

#[tokio::test]
async fn a_redirect_to_another_origin_takes_no_signature_along() {
    let (receiver, other, server) = (Receiver::start().await, Receiver::start().await, start().await);
    receiver.script("/first", [Answer::redirect(307, "/near")]);
    receiver.script("/near", [Answer::redirect(307, &other.url("/away"))]);
    let mut webhook = posting(&receiver.url("/first"), &json!({"secret": KEY}));
    webhook["max_redirects"] = json!(2);
    server.run(&manual("job", webhook)).await;
    let near = receiver.next("/near").await;
    assert_eq!(near.sent("webhook-signature"), signature(&near, KEY));
    let away = other.next("/away").await;
    assert_eq!(away.body, near.body);
    let mut names = away.headers.iter().map(|(name, _)| name.to_ascii_lowercase());
    assert!(!names.any(|name| name.starts_with("webhook-")), "{away:?}");
}

#[tokio::test]
async fn what_cannot_be_signed_is_refused_by_the_field() {
    let (receiver, server) = (Receiver::start().await, start().await);
    let url = receiver.url("/");
    let good = json!({"secret": KEY});
    let key = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![7; bytes]));
    for (webhook, field) in [
        (json!({"signing": good, "headers": {"Webhook-Id": "x"}}), "webhook.headers.Webhook-Id"),
        (json!({"signing": good, "headers": {"webhook-mine": "x"}}), "webhook.headers.webhook-mine"),
        (
            json!({"signing": good, "auth": {"type": "api_key", "api_key": "k", "header": "webhook-key"}}),
            "webhook.auth.header",
        ),
        (json!({"signing": "hunter2"}), "webhook.signing"),
        (json!({"signing": {}}), "webhook.signing.secret"),
        (json!({"signing": {"secret": 7}}), "webhook.signing.secret"),
        (json!({"signing": {"secret": "hunter2"}}), "webhook.signing.secret"),
        (json!({"signing": {"secret": key(23)}}), "webhook.signing.secret"),
        (json!({"signing": {"secret": key(65)}}), "webhook.signing.secret"),
        (json!({"signing": {"secret": "{{secret.none}}"}}), "webhook.signing.secret"),
        (json!({"signing": {"secret": "[redacted]"}}), "webhook.signing.secret"),
        (json!({"signing": {"secret": KEY, "key": 1}}), "webhook.signing.key"),
        (
            json!({"signing": {"secret": KEY, "previous": {"secret": KEY}}}),
            "webhook.signing.previous.expires_at",
        ),
        (
            json!({"signing": {"secret": KEY, "previous": {"secret": "hunter2", "expires_at": "2026-12-01T00:00:00Z"}}}),
            "webhook.signing.previous.secret",
        ),
    ] {
        let mut whole = json!({"url": url});
        whole.as_object_mut().unwrap().extend(webhook.as_object().unwrap().clone());
        let reply = server.post("/jobs", &manual("job", whole)).await;
        let problem = reply.problem(400);
        assert_eq!(problem["errors"][0]["field"], field, "{problem:#}");
        assert!(!reply.body.contains("hunter2"), "{reply:?}");
    }
    for bytes in [24, 64] {
        let signing = json!({"secret": key(bytes)});
        server.create(&manual(&format!("of-{bytes}"), posting(&url, &signing))).await;
    }
    // Without a signature these are headers as all others, and those of one run are looked at, too.
    server.create(&manual("plain", json!({"url": url, "headers": {"webhook-id": "mine"}}))).await;
    let given = json!({"headers": {"Webhook-Id": "mine"}});
    let problem = server.post("/jobs/of-24/trigger", &given).await.problem(400);
    assert_eq!(problem["errors"][0]["field"], "headers.Webhook-Id", "{problem:#}");
}

#[tokio::test]
async fn a_run_whose_named_secret_is_no_key_fails_and_says_so() {
    let (receiver, server) = (Receiver::start().await, start().await);
    server.put("/secrets/a", &json!({"value": "hunter2-hunter2", "hosts": ["127.0.0.1"]})).await.ok(201);
    let webhook = posting(&receiver.url("/"), &json!({"secret": "{{secret.a}}"}));
    let execution = server.run(&manual("job", webhook)).await;
    assert_eq!(execution["error_kind"], "secret", "{execution:#}");
    let why = execution["last_error"].as_str().unwrap();
    assert!(why.contains("{{secret.a}}") && why.contains("whsec_"), "{why}");
    assert!(!execution.to_string().contains("hunter2"), "{execution:#}");
    assert_eq!(receiver.look(<[_]>::len), 0);
}

//! "Success Codes" and "Response Handling"

use crate::support::*;

/// The number of attempts at a path, whatever came of them.
fn attempts(receiver: &Receiver, path: &str) -> usize {
    receiver.calls(path).len()
}

#[tokio::test]
async fn any_2xx_is_success() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    for status in [200, 201, 202, 204, 206, 299] {
        let path = format!("/{status}");
        receiver.script(&path, [Answer::status(status)]);
        let name = status.to_string();
        let execution = server.call_webhook(&name, json!({"url": receiver.url(&path)})).await;
        assert_eq!(execution["status"], "success", "{execution:#}");
        assert_eq!((&execution["attempts"], attempts(&receiver, &path)), (&json!(1), 1));
        assert_eq!(execution["response"]["status_code"], status);
        assert_eq!(execution["last_error"], Value::Null);
        assert!(execution["completed_at"].is_string() && execution["duration_ms"].is_u64());
    }
}

#[tokio::test]
async fn success_codes_are_the_only_successes() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let example = pasted(
        r#"{
  "webhook": {
    "url": "https://api.example.com/endpoint",
    "success_codes": [200, 201, 202, 204]
  }
}"#,
        &receiver,
    );
    receiver.script("/endpoint", [Answer::status(204), Answer::status(203)]);
    server.create_from("codes", &example).await;
    assert_eq!(server.run_again("codes").await["status"], "success");
    let unlisted = server.run_again("codes").await;
    assert_eq!(unlisted["status"], "failed", "an unlisted 2xx: {unlisted:#}");
    assert_eq!((&unlisted["attempts"], &unlisted["error_kind"]), (&json!(1), &json!("status")));
}

#[tokio::test]
async fn a_listed_404_is_a_success_and_a_listed_503_as_well() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    for status in [404, 503] {
        let path = format!("/{status}");
        receiver.script(&path, [Answer::status(status)]);
        let webhook = json!({"url": receiver.url(&path), "success_codes": [200, status]});
        let execution = server.call_webhook(&status.to_string(), webhook).await;
        assert_eq!((&execution["status"], &execution["attempts"]), (&json!("success"), &json!(1)));
    }
}

#[tokio::test]
async fn four_xx_is_not_retried() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    for status in [400, 401, 403, 404, 405, 409, 410, 422, 451] {
        let path = format!("/{status}");
        receiver.script(&path, [Answer::status(status), Answer::ok()]);
        let name = status.to_string();
        let execution = server.call_webhook(&name, json!({"url": receiver.url(&path)})).await;
        assert_eq!(execution["status"], "failed", "{execution:#}");
        assert_eq!((&execution["attempts"], attempts(&receiver, &path)), (&json!(1), 1));
        assert_eq!(execution["error_kind"], "status");
        assert!(execution["last_error"].as_str().unwrap().contains(&name), "{execution:#}");
    }
}

#[tokio::test]
async fn five_xx_is_retried() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    for status in [500, 501, 502, 503, 504, 599] {
        let path = format!("/{status}");
        receiver.script(&path, [Answer::status(status), Answer::status(status), Answer::ok()]);
        let name = status.to_string();
        let execution = server.call_webhook(&name, json!({"url": receiver.url(&path)})).await;
        assert_eq!(execution["status"], "success", "{execution:#}");
        assert_eq!((&execution["attempts"], attempts(&receiver, &path)), (&json!(3), 3));
        let log = execution["attempt_log"].as_array().unwrap();
        let codes: Vec<_> = log.iter().map(|attempt| &attempt["status_code"]).collect();
        assert_eq!(codes, [&json!(status), &json!(status), &json!(200)]);
    }
}

#[tokio::test]
async fn requests_to_come_back_later_are_retried_though_they_are_4xx() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    for status in [408, 425, 429] {
        let path = format!("/{status}");
        receiver.script(&path, [Answer::status(status), Answer::ok()]);
        let name = status.to_string();
        let execution = server.call_webhook(&name, json!({"url": receiver.url(&path)})).await;
        assert_eq!((&execution["status"], &execution["attempts"]), (&json!("success"), &json!(2)));
    }
}

#[tokio::test]
async fn timeout_is_retried() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    receiver.script("/slow", [Answer::silence(), Answer::ok()]);
    let webhook = json!({"url": receiver.url("/slow"), "timeout": "2s"});
    let execution = server.call_webhook("slow", webhook).await;
    assert_eq!((&execution["status"], &execution["attempts"]), (&json!("success"), &json!(2)));
    let first = &execution["attempt_log"][0];
    assert_eq!(first["status_code"], Value::Null, "{first:#}");
    assert!(first["error"].as_str().unwrap().contains("2s"), "{first:#}");
    receiver.abandoned("/slow").await;
}

#[tokio::test]
async fn connection_error_is_retried() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    receiver.script("/reset", [Answer::reset(), Answer::ok()]);
    receiver.script("/cut", [Answer::cut_short(), Answer::ok()]);
    for (path, said) in [("/reset", "broke"), ("/cut", "body")] {
        let execution = server.call_webhook(&path[1..], json!({"url": receiver.url(path)})).await;
        let done = (&execution["status"], &execution["attempts"]);
        assert_eq!(done, (&json!("success"), &json!(2)), "{execution:#}");
        let error = execution["attempt_log"][0]["error"].as_str().unwrap();
        assert!(error.contains(said), "{path}: {error}");
    }
}

#[tokio::test]
async fn connection_dns_and_body_errors_are_told_apart() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    receiver.script("/reset", [Answer::reset()]);
    receiver.script("/cut", [Answer::cut_short()]);
    let closed = format!("http://127.0.0.1:{}/", closed_port());
    // RFC 6761 keeps .invalid from ever having an address.
    for (name, url, kind) in [
        ("refused", closed, "connect"),
        ("reset", receiver.url("/reset"), "reset"),
        ("cut", receiver.url("/cut"), "body"),
        ("dns", "http://chronos.invalid/".to_owned(), "dns"),
    ] {
        let execution = server.call_webhook(name, json!({"url": url})).await;
        assert_eq!(execution["status"], "failed", "{execution:#}");
        assert_eq!(execution["error_kind"], kind, "{execution:#}");
        assert_eq!(execution["attempts"], 3, "{name} is retried to the end");
        assert_eq!(execution["attempt_log"].as_array().unwrap().len(), 3);
    }
}

#[tokio::test]
async fn the_response_is_kept_to_4_kib_and_what_is_not_utf_8_lossily() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    receiver.script("/long", [Answer::ok().body("x".repeat(4097))]);
    receiver.script("/exact", [Answer::ok().body("x".repeat(4096))]);
    receiver.script("/bytes", [Answer::ok().body(b"caf\xe9!".to_vec())]);
    for (name, body, truncated) in [
        ("long", "x".repeat(4096), true),
        ("exact", "x".repeat(4096), false),
        ("bytes", "caf\u{fffd}!".to_owned(), false),
    ] {
        let url = receiver.url(&format!("/{name}"));
        let execution = server.call_webhook(name, json!({"url": url})).await;
        assert_eq!(execution["status"], "success");
        assert_eq!(execution["response"]["body"], body, "{name}");
        assert_eq!(execution["response"]["truncated"], truncated, "{name}");
    }
}

#[tokio::test]
async fn how_much_of_the_response_is_kept_can_be_configured() {
    let receiver = Receiver::start().await;
    let server = CHRONOS.with(&[("dispatcher.http.max_response_body", "8")]).await;
    receiver.script("/r", [Answer::ok().body("0123456789")]);
    let execution = server.call_webhook("r", json!({"url": receiver.url("/r")})).await;
    assert_eq!(execution["response"]["body"], "01234567");
    assert_eq!(execution["response"]["truncated"], true);
}

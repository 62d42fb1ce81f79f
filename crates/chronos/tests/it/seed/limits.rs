//! The rules on urls, bodies, methods, codes and durations: what is refused, and at which field

use crate::support::*;

#[tokio::test]
async fn what_a_webhook_cannot_be_is_refused_at_its_field() {
    let server = CHRONOS.start().await;
    let long = format!("http://127.0.0.1/{}", "a".repeat(2084 - 17));
    for (field, value) in [
        ("url", json!("ftp://example.com/")),
        ("url", json!("/relative")),
        ("url", json!("")),
        ("url", json!("http://user:hunter2@example.com/")),
        ("url", json!("http://example.com/#fragment")),
        ("url", json!("http://exa mple.com/")),
        ("url", json!("javascript:alert(1)")),
        ("url", json!(long)),
        ("method", json!("TRACE")),
        ("method", json!("CONNECT")),
        ("method", json!("")),
        ("body", json!("x".repeat(256 * 1024 + 1))),
        ("success_codes", json!([])),
        ("success_codes", json!([99])),
        ("success_codes", json!([600])),
        ("timeout", json!("0s")),
        ("timeout", json!("-1s")),
        ("timeout", json!("30")),
        ("timeout", json!("5 minutes")),
        ("max_redirects", json!(11)),
    ] {
        let mut webhook = json!({"url": "http://127.0.0.1/"});
        webhook[field] = value.clone();
        let refused = server.post("/jobs", &manual("bad", webhook)).await;
        assert_eq!(refused.status, 400, "{field}: {value} {}", refused.body);
        assert_eq!(refused.bad_fields(), [format!("webhook.{field}")], "{value}");
        assert!(!refused.body.contains("hunter2"), "{}", refused.body);
    }
}

#[tokio::test]
async fn a_bare_number_is_no_duration() {
    let server = CHRONOS.start().await;
    let mut job = manual("bare", json!({"url": "http://127.0.0.1/", "timeout": 30}));
    job["timeout"] = json!(30);
    let refused = server.post("/jobs", &job).await;
    assert_eq!(refused.bad_fields(), ["timeout", "webhook.timeout"]);
}

#[tokio::test]
async fn the_largest_of_everything_is_taken_and_sent() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let base = receiver.url("/");
    let tail = "a".repeat(2083 - base.len());
    let body = "ä".repeat(128 * 1024);
    let webhook = json!({
        "url": format!("{base}{tail}"), "method": "get", "body": body, "max_redirects": 10, "timeout": "1h",
    });
    let execution = server.call_webhook("largest", webhook).await;
    assert_eq!(execution["status"], "success", "{}", execution["last_error"]);
    let call = receiver.next(&format!("/{tail}")).await;
    assert_eq!((call.method.as_str(), call.body.len()), ("GET", 256 * 1024));
}

#[tokio::test]
async fn a_query_is_sent_as_it_stands() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let url = receiver.url("/q?a=b&c=%20d&e=f+g&{{.JobID}}");
    server.call_webhook("query", json!({"url": url})).await;
    let target = receiver.next("/q").await.target;
    assert!(target.starts_with("/q?a=b&c=%20d&e=f+g&"), "{target}");
}

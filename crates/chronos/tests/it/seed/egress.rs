//! `dispatcher.http.egress`: which addresses webhooks may reach

use crate::support::*;

#[tokio::test]
async fn link_local_addresses_are_denied_in_every_spelling() {
    let server = CHRONOS.start().await;
    for (name, url) in [
        ("plain", "http://169.254.169.254/latest/meta-data/"),
        ("number", "http://2852039166/"),
        ("hex", "http://0xa9.0xfe.0xa9.0xfe/"),
        ("short", "http://169.254.43518/"),
        ("mapped", "http://[::ffff:169.254.1.1]/"),
        ("six", "http://[fe80::1]/"),
        ("tls", "https://169.254.169.254/"),
    ] {
        let execution = server.call_webhook(name, json!({"url": url})).await;
        assert_eq!(execution["status"], "failed", "{execution:#}");
        assert_eq!(execution["error_kind"], "egress_denied", "{execution:#}");
        assert_eq!(execution["attempts"], 1, "asking again does not change a rule");
        assert!(execution["last_error"].as_str().unwrap().contains("egress"), "{execution:#}");
    }
    let test = json!({"webhook": {"url": "http://169.254.169.254/"}});
    let tested = server.post("/webhooks/test", &test).await.ok(200);
    assert_eq!(tested["success"], false);
    assert!(tested["error"].as_str().unwrap().contains("egress"), "{tested:#}");
}

#[tokio::test]
async fn names_are_judged_by_what_they_resolve_to() {
    let receiver = Receiver::start().await;
    let server = CHRONOS.with(&[("dispatcher.http.egress.deny", "[127.0.0.0/8, \"::1\"]")]).await;
    let by_name = format!("http://localhost:{}/", receiver.port());
    for (name, url) in [("name", by_name), ("number", receiver.url("/"))] {
        let execution = server.call_webhook(name, json!({"url": url})).await;
        assert_eq!(execution["error_kind"], "egress_denied", "{execution:#}");
    }
    assert_eq!(receiver.connections(), 0, "not even a connection is made");
}

#[tokio::test]
async fn an_allowed_range_is_an_exception_from_a_denied_one() {
    let receiver = Receiver::start().await;
    let keys =
        [("dispatcher.http.egress.deny", "[0.0.0.0/0]"), ("dispatcher.http.egress.allow", "[127.0.0.1]")];
    let server = CHRONOS.with(&keys).await;
    let execution = server.call_webhook("in", json!({"url": receiver.url("/")})).await;
    assert_eq!(execution["status"], "success", "{execution:#}");
    let outside = format!("http://127.0.0.2:{}/", receiver.port());
    let execution = server.call_webhook("out", json!({"url": outside})).await;
    assert_eq!(execution["error_kind"], "egress_denied", "{execution:#}");
}

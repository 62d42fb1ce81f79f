//! The rule on redirects: not followed unless asked for, and what is the user's own stays with its host

use crate::support::*;

#[tokio::test]
async fn a_redirect_is_a_failure_that_says_so_and_is_not_retried() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    for status in [301, 302, 303, 307, 308] {
        let path = format!("/{status}");
        receiver.script(&path, [Answer::redirect(status, "/elsewhere")]);
        let name = status.to_string();
        let execution = server.call_webhook(&name, json!({"url": receiver.url(&path)})).await;
        assert_eq!((&execution["status"], &execution["attempts"]), (&json!("failed"), &json!(1)));
        let error = execution["last_error"].as_str().unwrap();
        assert!(error.contains("redirect") && error.contains("/elsewhere"), "{error}");
        assert!(error.contains("max_redirects"), "{error}");
    }
    assert!(receiver.calls("/elsewhere").is_empty());
}

#[tokio::test]
async fn max_redirects_opts_in_and_is_the_most() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    receiver.script("/1", [Answer::redirect(302, "/2")]);
    receiver.script("/2", [Answer::redirect(302, &receiver.url("/3"))]);
    receiver.script("/3", [Answer::ok().body("here")]);
    let two = json!({"url": receiver.url("/1"), "max_redirects": 2});
    let execution = server.call_webhook("two", two).await;
    assert_eq!((&execution["status"], &execution["response"]["body"]), (&json!("success"), &json!("here")));
    let one = json!({"url": receiver.url("/1"), "max_redirects": 1});
    let execution = server.call_webhook("one", one).await;
    assert_eq!(
        (&execution["status"], &execution["response"]["status_code"]),
        (&json!("failed"), &json!(302))
    );
    let eleven = manual("eleven", json!({"url": receiver.url("/1"), "max_redirects": 11}));
    assert_eq!(server.post("/jobs", &eleven).await.bad_fields(), ["webhook.max_redirects"]);
}

#[tokio::test]
async fn a_followed_redirect_keeps_or_changes_the_method_by_rfc_9110() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    for (status, method) in [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")] {
        let (from, to) = (format!("/from-{status}"), format!("/to-{status}"));
        receiver.script(&from, [Answer::redirect(status, &to)]);
        let webhook = json!({"url": receiver.url(&from), "body": "{}", "max_redirects": 1});
        let execution = server.call_webhook(&status.to_string(), webhook).await;
        assert_eq!(execution["status"], "success", "{execution:#}");
        let call = receiver.next(&to).await;
        let body = if method == "POST" { "{}" } else { "" };
        assert_eq!((call.method.as_str(), call.body.as_str()), (method, body), "{status}");
    }
}

#[tokio::test]
async fn credentials_and_other_headers_of_the_users_own_stay_on_their_host() {
    let (home, away) = (Receiver::start().await, Receiver::start().await);
    let server = CHRONOS.start().await;
    home.script("/away", [Answer::redirect(307, &away.url("/in"))]);
    home.script("/near", [Answer::redirect(307, "/in")]);
    for (name, auth, header) in [
        ("bearer", json!({"type": "bearer", "token": "t"}), "Authorization"),
        ("basic", json!({"type": "basic", "username": "u", "password": "p"}), "Authorization"),
        ("key", json!({"type": "api_key", "api_key": "k", "header": "X-Plain"}), "X-Plain"),
    ] {
        for (way, there) in [("/near", &home), ("/away", &away)] {
            let webhook = json!({
                "url": home.url(way), "auth": auth, "max_redirects": 1,
                "headers": {"Cookie": "c", "X-Functions-Key": "k", "X-Custom": "own", "Accept": "a/b"},
            });
            let execution = server.call_webhook(&format!("{name}-{}", &way[1..]), webhook).await;
            assert_eq!(execution["status"], "success", "{execution:#}");
            let call = there.next("/in").await;
            let kept = way == "/near";
            for own in [header, "Cookie", "X-Functions-Key", "X-Custom"] {
                assert_eq!(call.header(own).is_some(), kept, "{own} {name} {way}");
            }
            assert_eq!(call.sent("Accept"), "a/b");
            assert_eq!(call.sent("User-Agent"), "Chronos/1.0");
            assert!(call.header("X-Chronos-Execution-ID").is_some());
        }
    }
}

#[tokio::test]
async fn a_redirect_is_no_way_around_the_egress_rules() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    receiver.script("/", [Answer::redirect(302, "http://169.254.169.254/latest/meta-data")]);
    let webhook = json!({"url": receiver.url("/"), "max_redirects": 1});
    let execution = server.call_webhook("around", webhook).await;
    assert_eq!(execution["error_kind"], "egress_denied", "{execution:#}");
}

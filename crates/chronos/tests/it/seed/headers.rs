//! "Request Headers", and the rule on their precedence

use crate::support::*;

#[tokio::test]
async fn automatic_headers_are_sent_on_every_attempt() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    receiver.script("/auto", [Answer::status(500), Answer::ok()]);
    let execution = server.call_webhook("auto", json!({"url": receiver.url("/auto")})).await;
    let calls = receiver.calls("/auto");
    for (call, attempt) in calls.iter().zip(["1", "2"]) {
        assert_eq!(call.sent("User-Agent"), "Chronos/1.0");
        assert_eq!(call.sent("X-Chronos-Job-ID"), execution["job_id"]);
        assert_eq!(call.sent("X-Chronos-Execution-ID"), execution["id"]);
        assert_eq!(call.sent("X-Chronos-Attempt"), attempt);
        assert_eq!(call.sent("X-Chronos-Scheduled-Time"), execution["scheduled_time"]);
        assert_eq!(call.sent("X-Chronos-Trigger"), "manual");
    }
    // https://www.w3.org/TR/trace-context/#traceparent-header
    let parts = |call: &Call| call.sent("traceparent").split('-').map(str::to_owned).collect::<Vec<_>>();
    let (first, second) = (parts(&calls[0]), parts(&calls[1]));
    let lengths: Vec<_> = first.iter().map(String::len).collect();
    assert_eq!(lengths, [2, 32, 16, 2], "{first:?}");
    assert!(first.concat().bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)));
    assert_eq!((first[0].as_str(), &first[1]), ("00", &second[1]), "one trace");
    assert_ne!(first[2], second[2], "a span for each attempt");
}

#[tokio::test]
async fn custom_headers_override_defaults_except_user_agent() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let webhook = json!({
        "url": receiver.url("/mine"),
        "body": "{}",
        "headers": {
            "user-agent": "Mine/2.0",
            "x-chronos-job-id": "my-job",
            "X-CHRONOS-EXECUTION-ID": "my-execution",
            "X-Chronos-Attempt": "99",
            "X-Chronos-Scheduled-Time": "noon",
            "x-chronos-trigger": "whim",
            "Traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "content-type": "application/vnd.mine+json",
        },
    });
    let execution = server.call_webhook("mine", webhook).await;
    assert_eq!(execution["status"], "success", "{execution:#}");
    let call = receiver.next("/mine").await;
    // `sent` fails where a name occurs twice, in any case.
    assert_eq!(call.sent("User-Agent"), "Chronos/1.0");
    assert_eq!(call.sent("X-Chronos-Job-ID"), "my-job");
    assert_eq!(call.sent("X-Chronos-Execution-ID"), "my-execution");
    assert_eq!(call.sent("X-Chronos-Attempt"), "99");
    assert_eq!(call.sent("X-Chronos-Scheduled-Time"), "noon");
    assert_eq!(call.sent("X-Chronos-Trigger"), "whim");
    assert_eq!(call.sent("traceparent"), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    assert_eq!(call.sent("Content-Type"), "application/vnd.mine+json");
}

#[tokio::test]
async fn custom_beats_auth_and_auth_beats_automatic() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let webhook = json!({
        "url": receiver.url("/custom"),
        "headers": {"authorization": "Custom wins"},
        "auth": {"type": "bearer", "token": "loses"},
    });
    server.call_webhook("custom", webhook).await;
    assert_eq!(receiver.next("/custom").await.sent("Authorization"), "Custom wins");
    let webhook = json!({
        "url": receiver.url("/auth"),
        "auth": {"type": "api_key", "api_key": "wins", "header": "X-Chronos-Trigger"},
    });
    server.call_webhook("auth", webhook).await;
    assert_eq!(receiver.next("/auth").await.sent("X-Chronos-Trigger"), "wins");
}

#[tokio::test]
async fn a_host_of_ones_own_is_allowed() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let webhook = json!({"url": receiver.url("/host"), "headers": {"Host": "virtual.example"}});
    server.call_webhook("host", webhook).await;
    assert_eq!(receiver.next("/host").await.sent("Host"), "virtual.example");
    server.call_webhook("plain", json!({"url": receiver.url("/plain")})).await;
    let authority = receiver.origin().replace("http://", "");
    assert_eq!(receiver.next("/plain").await.sent("Host"), authority);
}

#[tokio::test]
async fn hop_by_hop_and_framing_headers_are_refused() {
    let server = CHRONOS.start().await;
    for name in [
        "Connection",
        "content-length",
        "Transfer-Encoding",
        "TE",
        "Trailer",
        "Upgrade",
        "Keep-Alive",
        "Proxy-Connection",
        "Expect",
    ] {
        let headers = json!({name: "1"});
        let job = manual("hop", json!({"url": "http://127.0.0.1/", "headers": headers}));
        let refused = server.post("/jobs", &job).await;
        assert_eq!(refused.bad_fields(), [format!("webhook.headers.{name}")]);
    }
}

/// Without TLS between nodes, what sends these headers is taken for a node.
#[tokio::test]
async fn headers_by_which_nodes_know_each_other_are_refused() {
    let server = CHRONOS.start().await;
    server.create(&manual("job", json!({"url": "http://127.0.0.1:9/"}))).await;
    for name in ["chronos-protocol", "Chronos-Cluster", "CHRONOS-NODE", "chronos-message-bytes", "chronos-x"]
    {
        let headers = json!({"url": "http://127.0.0.1:9/", "headers": {"X-Fine": "1", name: "1"}});
        let auth = json!({"type": "api_key", "api_key": "k", "header": name});
        let auth = json!({"url": "http://127.0.0.1:9/", "auth": auth});
        for (webhook, field) in
            [(headers, format!("webhook.headers.{name}")), (auth, "webhook.auth.header".to_owned())]
        {
            let refused = server.post("/jobs", &manual("other", webhook.clone())).await;
            assert_eq!(refused.bad_fields(), [field.as_str()]);
            let message = refused.json()["errors"][0]["message"].as_str().unwrap().to_owned();
            assert!(
                message.contains(name) && message.contains("does not begin with \"chronos-\""),
                "{message}"
            );
            let put = server.put("/jobs/job", &manual("job", webhook.clone())).await;
            assert_eq!(put.bad_fields(), [field.as_str()]);
            let patch = server.patch("/jobs/job", &json!({"webhook": webhook.clone()})).await;
            assert_eq!(patch.bad_fields(), [field.as_str()]);
            let test = server.post("/webhooks/test", &json!({"webhook": webhook})).await;
            assert_eq!(test.bad_fields(), [field.as_str()]);
        }
    }
}

#[tokio::test]
async fn a_name_in_two_cases_and_a_line_break_in_a_value_are_refused() {
    let server = CHRONOS.start().await;
    for (headers, field) in [
        (json!({"X-A": "1", "x-a": "2"}), "webhook.headers.x-a"),
        (json!({"X-A": "1\r\nX-Injected: yes"}), "webhook.headers.X-A"),
        (json!({"X-A": "1\nX-Injected: yes"}), "webhook.headers.X-A"),
        (json!({"X-A\r\nX-Injected": "1"}), "webhook.headers.X-A\r\nX-Injected"),
        (json!({"": "1"}), "webhook.headers."),
    ] {
        let job = manual("bad", json!({"url": "http://127.0.0.1/", "headers": headers}));
        assert_eq!(server.post("/jobs", &job).await.bad_fields(), [field]);
    }
}

//! What a request looks like on the wire

use chronos_env::Env;
use chronos_types::{Auth, Method, Webhook};

use crate::support::*;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// The head of the request that a webhook sends to this target.
async fn sent(target: &Target, webhook: Webhook) -> String {
    let caller = Caller::new(8, Env::real());
    let (outcome, head) = tokio::join!(caller.fire(&webhook), target.answer_once(OK));
    assert_eq!(outcome.failure, None);
    head
}

#[tokio::test]
async fn header_names_go_out_as_they_are_documented_or_typed() {
    let target = Target::start().await;
    let webhook = Webhook {
        headers: headers(&[("x-LOWER-Mixed", "1"), ("DNT", "1"), ("x-chronos-trigger", "mine")]),
        auth: Some(Auth::ApiKey { api_key: "k".into(), header: Some("X-my-KEY".into()) }),
        ..posting(&target.url(), "{}")
    };
    let head = sent(&target, webhook).await;
    let names: Vec<_> = head.lines().skip(1).filter_map(|line| Some(line.split_once(':')?.0)).collect();
    assert_eq!(
        names,
        [
            "Host",
            "Content-Type",
            "X-Chronos-Job-ID",
            "X-Chronos-Execution-ID",
            "X-Chronos-Attempt",
            "X-Chronos-Scheduled-Time",
            "x-chronos-trigger",
            "traceparent",
            "X-my-KEY",
            "x-LOWER-Mixed",
            "DNT",
            "User-Agent",
            "Content-Length",
        ]
    );
    assert!(head.starts_with("POST / HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("\r\nHost: {}\r\n", target.address)), "{head}");
}

#[tokio::test]
async fn a_post_without_a_body_says_content_length_0_and_a_get_says_nothing() {
    for (method, body, length) in [
        (Method::Post, None, Some("0")),
        (Method::Put, None, Some("0")),
        (Method::Patch, None, Some("0")),
        (Method::Post, Some(""), Some("0")),
        (Method::Delete, None, None),
        (Method::Options, None, None),
        (Method::Get, None, None),
        (Method::Get, Some("abc"), Some("3")),
    ] {
        let target = Target::start().await;
        let url = target.url();
        let plain = body.map_or_else(|| webhook(&url), |body| posting(&url, body));
        let head = sent(&target, Webhook { method: Some(method), ..plain }).await;
        let found = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        assert_eq!(found, length, "{method:?} {body:?}");
        assert!(!head.to_ascii_lowercase().contains("transfer-encoding"), "{head}");
    }
}

#[tokio::test]
async fn a_host_of_the_users_own_is_sent_once_and_first() {
    let target = Target::start().await;
    let own =
        Webhook { headers: headers(&[("X-A", "b"), ("host", "inner.example")]), ..webhook(&target.url()) };
    let head = sent(&target, own).await;
    assert!(head.starts_with("GET / HTTP/1.1\r\nHost: inner.example\r\n"), "{head}");
    assert_eq!(head.to_ascii_lowercase().matches("\r\nhost:").count(), 1, "{head}");
}

#[tokio::test]
async fn every_character_that_a_url_may_have_is_sent() {
    let target = Target::start().await;
    let path = "/a|b/{c}/ä?q=`d`&e=^f\"g";
    let head = sent(&target, webhook(&format!("http://{}{path}", target.address))).await;
    let line = head.lines().next().unwrap();
    let normal = "/a|b/%7Bc%7D/%C3%A4?q=`d`&e=^f%22g";
    assert_eq!(line, format!("GET {normal} HTTP/1.1"));
}

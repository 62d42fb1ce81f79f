//! Where a webhook leads: url reads it as browsers do

use crate::support::*;

#[tokio::test]
async fn the_longest_url_is_sent_though_it_grows_when_it_is_encoded() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let base = receiver.url("/?");
    // Each character has twelve bytes on the wire.
    let url = format!("{base}{}", "😀".repeat(2_083 - base.len()));
    let execution = server.call_webhook("longest", json!({"url": url})).await;
    assert_eq!(execution["status"], "success", "{}", execution["last_error"]);
    let target = receiver.next("/").await.target;
    assert_eq!(target, format!("/?{}", "%F0%9F%98%80".repeat(2_083 - base.len())));
    let job = manual("longer", json!({"url": format!("{url}x")}));
    assert_eq!(server.post("/jobs", &job).await.bad_fields(), ["webhook.url"]);
}

#[tokio::test]
async fn a_host_is_an_address_or_of_the_characters_of_names() {
    let server = CHRONOS.start().await;
    for (n, host) in [
        "h",
        "a_b.example",
        "xn--bcher-kva.example",
        "bücher.example",
        "10.0.0.1",
        "0x7f.1",
        "[::1]",
        "h.",
        "h:1",
        "h:65535",
    ]
    .into_iter()
    .enumerate()
    {
        let url = format!("http://{host}/");
        let created = server.create(&manual(&format!("job-{n}"), json!({"url": url}))).await;
        assert_eq!(created["webhook"]["url"], url);
    }
    for host in [
        "",
        "{{host}}",
        "a`b",
        "a\"b",
        "a,b",
        "a!b",
        "a b",
        "a%b",
        "1.2.3.4.5",
        "256.0.0.1",
        "[::1",
        "::1",
        "h:65536",
        "h:x",
    ] {
        let refused = server.post("/jobs", &manual("bad", json!({"url": format!("http://{host}/")}))).await;
        assert_eq!(refused.bad_fields(), ["webhook.url"], "{host}");
        assert!(refused.body.contains("expected an http or https URL"), "{}", refused.body);
    }
}

#[tokio::test]
async fn a_url_is_called_in_its_normal_form_and_shown_as_it_was_written() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let port = receiver.port();
    for (n, (url, target, host)) in [
        (format!("HTTP://LOCALHOST:{port}"), "/", format!("localhost:{port}")),
        (format!("http://bücher.localhost:{port}/ä b"), "", String::new()),
        (format!("http://bücher.localhost:{port}/ä"), "/%C3%A4", format!("xn--bcher-kva.localhost:{port}")),
        (format!("http://127.0.0.1:{port}/a/./b/../c"), "/a/c", format!("127.0.0.1:{port}")),
        (format!("http://127.0.0.1:{port}\\d"), "/d", format!("127.0.0.1:{port}")),
        (format!("http://127.1:{port}/e?a=b|c&d='e'"), "/e?a=b|c&d=%27e%27", format!("127.0.0.1:{port}")),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("job-{n}");
        if target.is_empty() {
            let refused = server.post("/jobs", &manual(&name, json!({"url": url}))).await;
            assert_eq!(refused.bad_fields(), ["webhook.url"], "{url}");
            continue;
        }
        let execution = server.call_webhook(&name, json!({"url": url})).await;
        assert_eq!(execution["status"], "success", "{url}: {}", execution["last_error"]);
        let path = target.split('?').next().unwrap();
        let call = receiver.next(path).await;
        assert_eq!((call.target.as_str(), call.sent("Host")), (target, host.as_str()), "{url}");
        assert_eq!(server.get(&format!("/jobs/{name}")).await.ok(200)["webhook"]["url"], url);
    }
}

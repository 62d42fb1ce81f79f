//! Which hosts and addresses webhooks may reach (`docs/egress.md`), from outside: the ways around the rules, and what
//! the error says

use crate::support::*;

/// Hosts that lead to what is not public, however they are written.
const TRICKS: [&str; 93] = [
    // The metadata of most clouds: with dots, as one number, in hex, in octal, mixed, with fewer parts.
    "169.254.169.254",
    "169.254.169.254.",
    "169.254.169.254:8080",
    "2852039166",
    "0xA9FEA9FE",
    "0x00000000a9fea9fe",
    "025177524776",
    "0xa9.0xfe.0xa9.0xfe",
    "0251.0376.0251.0376",
    "0251.254.0xa9.254",
    "0xA9.254.0251.0xfe.",
    "169.254.43518",
    "169.16689662",
    "0xa9.0376.43518",
    // As IDNA and percent-encoding have it: other dots, wide and circled digits, what is dropped.
    "169\u{3002}254\u{3002}169\u{3002}254",
    "169\u{ff0e}254\u{ff0e}169\u{ff61}254",
    "\u{ff11}\u{ff16}\u{ff19}.254.169.254",
    "\u{2460}\u{2465}\u{2468}.\u{2461}\u{2464}\u{2463}.\u{2460}\u{2465}\u{2468}.\u{2461}\u{2464}\u{2463}",
    "169.254.169.25\u{ad}4",
    "\u{ff10}\u{ff58}a9fea9fe",
    "%31%36%39.254.169.254",
    "169%2e254%2E169.254",
    // This machine.
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "017700000001",
    "0177.0.0.1",
    "127.255.255.254",
    "0",
    "0.0.0.0",
    "0x0",
    "00000000000",
    "0.0.0.1",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "a.localhost",
    "\u{ff4c}\u{ff4f}\u{ff43}\u{ff41}\u{ff4c}\u{ff48}\u{ff4f}\u{ff53}\u{ff54}",
    "\u{24db}\u{24de}\u{24d2}\u{24d0}\u{24db}\u{24d7}\u{24de}\u{24e2}\u{24e3}",
    // Networks of one's own, and what the registries keep for other ends.
    "10.0.0.1",
    "167772161",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "3232235777",
    "100.64.0.1",
    "198.18.0.1",
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "192.88.99.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    // The metadata of other clouds.
    "192.0.0.192",
    "168.63.129.16",
    "100.100.100.200",
    "169.254.170.2",
    "[fd00:ec2::254]",
    "[FD00:EC2:0:0::254]",
    "[fd20:ce::254]",
    "[fd00:c1::a9fe:a9fe]",
    "[fd00:42::42]",
    // IPv6, and IPv4 inside of it.
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[::ffff:168.63.129.16]",
    "[::ffff:0:a9fe:a9fe]",
    "[::a9fe:a9fe]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b::10.0.0.1]",
    "[64:ff9b:1::a9fe:a9fe]",
    "[2002:a9fe:a9fe::1]",
    "[2002:7f00:1::]",
    "[2001:0:808:808::5601:5601]",
    "[2001:470::5efe:a9fe:a9fe]",
    "[fe80::1]",
    "[fe80::a9fe:a9fe]",
    "[fec0::1]",
    "[fc00::1]",
    "[ff02::1]",
    "[2001:db8::1]",
    "[3fff::1]",
    "[100::1]",
    "[4000::1]",
];

/// Calls a webhook once, as a test, and answers what went wrong.
pub(super) async fn error(server: &Server, webhook: Value) -> String {
    let tested = server.post("/webhooks/test", &json!({"webhook": webhook})).await.ok(200);
    assert_eq!(tested["success"], false, "{tested:#}");
    tested["error"].as_str().unwrap().to_owned()
}

async fn with(keys: &[(&str, &str)]) -> Server {
    CHRONOS.with(keys).await
}

#[tokio::test]
async fn no_spelling_gets_around_the_public_mode() {
    let server = with(&[("dispatcher.http.egress.mode", "public")]).await;
    let mut denied = 0;
    for host in TRICKS {
        let webhook = json!({"url": format!("http://{host}/"), "timeout": "5s"});
        let reply = server.post("/webhooks/test", &json!({"webhook": webhook})).await;
        // What no URL can have as its host is refused before.
        if reply.status == 400 {
            assert_eq!(reply.bad_fields(), ["webhook.url"], "{host}");
            continue;
        }
        let tested = reply.ok(200);
        let error = tested["error"].as_str().unwrap_or_default();
        assert!(error.contains("are denied by dispatcher.http.egress: "), "{host}: {tested:#}");
        assert_eq!(tested["phases"]["connect_ms"], Value::Null, "{host}: {tested:#}");
        denied += 1;
    }
    assert!(denied >= 80, "{denied}");
    // The same in a job. Asking again does not change a rule.
    for (name, host) in [("name", "localhost"), ("number", "2130706433"), ("form", "[64:ff9b::a00:1]")] {
        let execution = server.call_webhook(name, json!({"url": format!("http://{host}/")})).await;
        assert_eq!(execution["error_kind"], "egress_denied", "{execution:#}");
        assert_eq!(execution["attempts"], 1, "{execution:#}");
    }
}

#[tokio::test]
async fn no_redirect_gets_around_it() {
    let (receiver, other) = (Receiver::start().await, Receiver::start().await);
    let allow = format!("[\"127.0.0.1:{}\"]", receiver.port());
    let server =
        with(&[("dispatcher.http.egress.mode", "public"), ("dispatcher.http.egress.allow", &allow)]).await;
    receiver.script("/near", [Answer::redirect(307, "/in")]);
    let near = json!({"url": receiver.url("/near"), "max_redirects": 1});
    server.post("/webhooks/test", &json!({"webhook": near})).await.ok(200);
    assert_eq!(receiver.next("/in").await.method, "GET");
    let port = other.port();
    for (n, location) in [
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "http://0xa9fea9fe/".to_owned(),
        "//[fd00:ec2::254]/".to_owned(),
        "http://[::ffff:169.254.169.254]/".to_owned(),
        other.url("/"),
        format!("http://localhost:{port}/"),
        format!("http://127.1:{port}/"),
        format!("//[::ffff:7f00:1]:{port}/"),
        format!("http://0:{port}/"),
    ]
    .into_iter()
    .enumerate()
    {
        let (first, second) = (format!("/first-{n}"), format!("/second-{n}"));
        receiver.script(&first, [Answer::redirect(302, &second)]);
        receiver.script(&second, [Answer::redirect(307, &location)]);
        let said = error(&server, json!({"url": receiver.url(&first), "max_redirects": 3})).await;
        assert!(said.contains("are denied by dispatcher.http.egress: "), "{location}: {said}");
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn the_error_says_what_would_allow_it_and_it_does() {
    let receiver = Receiver::start().await;
    let webhook = json!({"url": format!("http://localhost:{}/", receiver.port())});
    let server = with(&[("dispatcher.http.egress.mode", "public")]).await;
    let said = error(&server, webhook.clone()).await;
    for part in ["(localhost)", "is a loopback address", "dispatcher.http.egress.mode is public"] {
        assert!(said.contains(part), "{said} lacks {part}");
    }
    // The name may have an address of IPv6 too, which is denied for itself. Nobody listens there.
    let advice = said.split('"').nth(1).unwrap();
    let allow = format!("[\"{advice}\", 127.0.0.1]");
    let keys = [("dispatcher.http.egress.mode", "public"), ("dispatcher.http.egress.allow", &*allow)];
    let server = with(&keys).await;
    let execution = server.call_webhook("allowed", webhook).await;
    assert_eq!(execution["status"], "success", "{execution:#}");
}

#[tokio::test]
async fn what_is_always_denied_is_lifted_by_no_wider_range() {
    let lists = [
        ("dispatcher.http.egress.deny", "[192.0.2.1]"),
        ("dispatcher.http.egress.allow", "[0.0.0.0/0, \"::/0\"]"),
    ];
    let server = with(&lists).await;
    for host in ["169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "168.63.129.16", "224.0.0.1", "0.0.0.0"] {
        let said = error(&server, json!({"url": format!("http://{host}/")})).await;
        assert!(said.contains("which no wider range allows"), "{host}: {said}");
    }
    let receiver = Receiver::start().await;
    let execution = server.call_webhook("other", json!({"url": receiver.url("/")})).await;
    assert_eq!(execution["status"], "success", "{execution:#}");
}

#[tokio::test]
async fn hosts_and_ports_narrow_and_lift_nothing() {
    let receiver = Receiver::start().await;
    let (port, by_address) = (receiver.port(), receiver.url("/"));
    let by_name = format!("http://localhost:{port}/");
    let server = with(&[("dispatcher.http.egress.allow", "[localhost]")]).await;
    let execution = server.call_webhook("name", json!({"url": by_name})).await;
    assert_eq!(execution["status"], "success", "{execution:#}");
    let said = error(&server, json!({"url": by_address})).await;
    assert!(said.contains(&format!("\"127.0.0.1:{port}\" in it would allow it")), "{said}");
    // The name is allowed, and its address is not public.
    let keys = [("dispatcher.http.egress.mode", "public"), ("dispatcher.http.egress.allow", "[localhost]")];
    let said = error(&with(&keys).await, json!({"url": by_name})).await;
    assert!(said.contains("egress.mode is public"), "{said}");
    // Denied names and ports are denied whatever their addresses are.
    let deny = format!("[localhost, \":{port}\"]");
    let keys = [("dispatcher.http.egress.deny", &*deny), ("dispatcher.http.egress.allow", "[127.0.0.0/8]")];
    let server = with(&keys).await;
    for (url, rule) in [("http://localhost:1/", "\"localhost\""), (&*by_address, &*format!("\":{port}\""))] {
        let said = error(&server, json!({"url": url})).await;
        assert!(said.contains(&format!("{rule} is in dispatcher.http.egress.deny")), "{said}");
    }
}

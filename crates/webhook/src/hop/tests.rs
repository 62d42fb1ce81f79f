//! What goes out, and where redirects lead.

use chronos_types::{
    Auth, ClientCertificate, Headers, ID_HEADER, SecretHosts, SecretName, Signing, TargetUrl,
};

use super::*;
use crate::head;

const URL: &str = "http://h.example/a/b?c=d";

fn webhook(headers: &[(&str, &str)], auth: Option<Auth>) -> Webhook {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Webhook {
        url: TargetUrl::parse(URL).expect("a URL"),
        method: None,
        headers: Headers::parse(headers).expect("headers"),
        body: None,
        auth,
        signing: None,
        client_certificate: None,
        success_codes: None,
        timeout: None,
        tls_skip_verify: false,
        max_redirects: 10,
        sealed: None,
    }
}

/// The first request, with these headers of the user beside an automatic one.
fn first(method: Method, body: Option<&str>, headers: &[(&str, &str)], auth: Option<Auth>) -> Hop {
    let webhook = webhook(headers, auth);
    let mut sent = vec![("X-Chronos-Job-ID".to_owned(), "1".to_owned())];
    sent.extend(webhook.auth.as_ref().map(|auth| (auth.header().0.to_owned(), auth.header().1)));
    sent.extend(webhook.headers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
    let request = Request { method, url: URL.to_owned(), headers: sent, body: body.map(str::to_owned) };
    Hop::first(&webhook, request, &SecretValues::default()).expect("a request")
}

fn written(hop: &Hop) -> String {
    let mut bytes = hop.message(0).bytes;
    String::from_utf8(bytes.copy_to_bytes(bytes.remaining()).to_vec()).expect("text")
}

/// The names of what a request sends.
fn names(hop: &Hop) -> Vec<String> {
    let text = written(hop);
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    head.lines().skip(1).filter_map(|line| Some(line.split_once(':')?.0.to_owned())).collect()
}

fn redirect(status: u16, location: &[u8]) -> Head {
    let head = [format!("HTTP/1.1 {status} Moved\r\nLocation: ").as_bytes(), location, b"\r\n\r\n"].concat();
    head::parse(&head, false).expect("a head")
}

fn follow(hop: &Hop, status: u16, location: &str) -> Hop {
    hop.redirected(&redirect(status, location.as_bytes())).expect("it can be followed").expect("a redirect")
}

#[test]
fn headers_go_out_as_they_are_written() {
    let hop = first(Method::Post, Some("{}"), &[("X-mY-heAder", "v")], None);
    assert_eq!(
        written(&hop),
        "POST /a/b?c=d HTTP/1.1\r\nHost: h.example\r\nX-Chronos-Job-ID: 1\r\nX-mY-heAder: v\r\n\
         Content-Length: 2\r\n\r\n{}"
    );
    let own = first(Method::Get, None, &[("hOst", "other.example:81")], None);
    assert_eq!(
        written(&own),
        "GET /a/b?c=d HTTP/1.1\r\nHost: other.example:81\r\nX-Chronos-Job-ID: 1\r\n\r\n"
    );
}

#[test]
fn a_method_that_expects_a_body_says_how_long_it_is() {
    for (method, body, length) in [
        (Method::Post, None, Some("0")),
        (Method::Put, None, Some("0")),
        (Method::Patch, None, Some("0")),
        (Method::Post, Some(""), Some("0")),
        (Method::Get, None, None),
        (Method::Head, None, None),
        (Method::Delete, None, None),
        (Method::Options, None, None),
        (Method::Delete, Some("x"), Some("1")),
        (Method::Get, Some("é"), Some("2")),
    ] {
        let text = written(&first(method, body, &[], None));
        let found = text.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        assert_eq!(found, length, "{method:?} {body:?}");
    }
    let long = "x".repeat(300_000);
    assert!(written(&first(Method::Post, Some(&long), &[], None)).ends_with(&format!("\r\n\r\n{long}")));
}

#[test]
fn the_method_and_the_body_are_kept_or_changed_by_rfc_9110() {
    use Method::{Delete, Get, Head, Options, Patch, Post, Put};
    for (status, method, to, repeats) in [
        (301, Post, Get, false),
        (302, Post, Get, false),
        (303, Post, Get, false),
        (303, Put, Get, false),
        (303, Delete, Get, false),
        (303, Get, Get, false),
        (303, Head, Head, false),
        (301, Put, Put, true),
        (302, Patch, Patch, true),
        (302, Delete, Delete, true),
        (301, Get, Get, true),
        (302, Head, Head, true),
        (307, Post, Post, true),
        (308, Options, Options, true),
    ] {
        let headers = [
            ("Content-Type", "a/b"),
            ("content-language", "en"),
            ("Digest", "x"),
            ("Last-Modified", "y"),
            ("X-Mine", "z"),
        ];
        let hop = follow(&first(method, Some("body"), &headers, None), status, "/new");
        assert_eq!((hop.method, hop.body.is_empty()), (to, !repeats), "{status} {method:?}");
        let kept: Vec<_> = names(&hop).into_iter().filter(|name| name != "Content-Length").collect();
        let all = [
            "Host",
            "X-Chronos-Job-ID",
            "Content-Type",
            "content-language",
            "Digest",
            "Last-Modified",
            "X-Mine",
        ];
        let without = ["Host", "X-Chronos-Job-ID", "X-Mine"];
        assert_eq!(kept, if repeats { &all[..] } else { &without[..] }, "{status} {method:?}");
    }
    for status in [200, 300, 304, 305, 306, 310, 399, 404] {
        let hop = first(Method::Get, None, &[], None);
        assert!(matches!(hop.redirected(&redirect(status, b"/new")), Ok(None)), "{status}");
    }
}

#[test]
fn a_location_is_resolved_as_browsers_resolve_it() {
    for (location, url) in [
        (&b"/x"[..], "http://h.example/x"),
        (b"x", "http://h.example/a/x"),
        (b"?q", "http://h.example/a/b?q"),
        (b"../x#top", "http://h.example/x"),
        (b"//other.example/x", "http://other.example/x"),
        (b"HTTPS://Other.example:443/x", "https://other.example/x"),
        (b"http://u:p@other.example/", "http://other.example/"),
        ("/straße/ü?ö=ä".as_bytes(), "http://h.example/stra%C3%9Fe/%C3%BC?%C3%B6=%C3%A4"),
        (b"/stra\xdfe", "http://h.example/stra%DFe"),
        ("http://bücher.example/".as_bytes(), "http://xn--bcher-kva.example/"),
        (b"/with blank", "http://h.example/with%20blank"),
        (b"/a|b`d", "http://h.example/a|b%60d"),
    ] {
        let hop = first(Method::Get, None, &[], None).redirected(&redirect(302, location));
        assert_eq!(hop.expect("followed").expect("a redirect").url.as_str(), url, "{location:?}");
    }
    let hop = first(Method::Get, None, &[], None);
    assert!(matches!(hop.redirected(&redirect(302, b"")), Ok(None)));
    for (location, why) in [
        ("ftp://h.example/", "expected an http or https URL"),
        ("javascript:alert(1)", "expected an http or https URL"),
        ("http://", "empty host"),
        ("http://h.example:99999/", "invalid port number"),
    ] {
        assert_eq!(hop.redirected(&redirect(302, location.as_bytes())).expect_err(location), why);
    }
    let two =
        head::parse(b"HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\n\r\n", false).expect("a head");
    assert_eq!(hop.redirected(&two).expect_err("ambiguous"), "it names two locations");
}

#[test]
fn nothing_of_the_users_own_goes_to_another_origin_but_what_is_harmless() {
    let headers = [
        ("Host", "inner.example"),
        ("X-Functions-Key", "k"),
        ("X-Custom", "c"),
        ("Cookie", "s"),
        ("accept", "a/b"),
        ("Content-Type", "a/b"),
    ];
    let auth = Auth::ApiKey { api_key: "k".into(), header: Some("X-Plain".into()) };
    let first = first(Method::Post, Some("{}"), &headers, Some(auth));
    let all = names(&first);
    assert_eq!(all.len(), 9, "{all:?}");
    // To the same origin all of it goes, the job's own Host included.
    let near = follow(&first, 307, "/near");
    assert_eq!(names(&near), all);
    assert!(written(&near).contains("\r\nHost: inner.example\r\n"));
    for away in [
        "http://other.example/",
        "https://h.example/",
        "http://h.example:81/",
        "http://h.example.other/",
        "http://inner.example/",
    ] {
        let hop = follow(&near, 307, away);
        let kept = ["Host", "X-Chronos-Job-ID", "accept", "Content-Type", "Content-Length"];
        assert_eq!(names(&hop), kept, "{away}");
        assert!(!written(&hop).contains("Host: inner.example\r\n") || away.contains("//inner"), "{away}");
        // Nor does it come back.
        assert_eq!(names(&follow(&hop, 307, URL)), kept, "{away}");
    }
}

/// A signed request with this body.
fn signed(body: &str) -> Hop {
    let signing = Signing { secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into(), previous: None };
    let webhook = Webhook { signing: Some(signing), ..webhook(&[], None) };
    let headers = vec![(ID_HEADER.to_owned(), "msg".to_owned())];
    let request = Request { method: Method::Post, url: URL.to_owned(), headers, body: Some(body.to_owned()) };
    Hop::first(&webhook, request, &SecretValues::default()).expect("a request")
}

fn signature(hop: &Hop) -> String {
    let text = written(hop);
    let found = text.lines().find_map(|line| line.strip_prefix("webhook-signature: v1,"));
    found.expect("a signature").to_owned()
}

#[test]
fn each_request_is_signed_with_the_body_that_it_has() {
    let first = signed("{}");
    let all = ["Host", "webhook-id", "webhook-timestamp", "webhook-signature", "Content-Length"];
    assert_eq!(names(&first), all);
    assert!(written(&first).contains("\r\nwebhook-id: msg\r\nwebhook-timestamp: 0\r\n"));
    let repeated = follow(&first, 307, "/near");
    assert_eq!((names(&repeated), signature(&repeated)), (names(&first), signature(&first)));
    // The GET that takes its place has none.
    let bodiless = follow(&first, 303, "/near");
    assert_eq!(signature(&bodiless), signature(&signed("")));
    assert_ne!(signature(&bodiless), signature(&first));
}

#[test]
fn no_signature_goes_to_another_origin() {
    let first = signed("{}");
    for away in ["http://other.example/", "https://h.example/", "http://h.example:81/"] {
        let hop = follow(&first, 307, away);
        assert_eq!(names(&hop), ["Host", "Content-Length"], "{away}");
        // Nor does it come back.
        assert_eq!(names(&follow(&hop, 307, URL)), ["Host", "Content-Length"], "{away}");
    }
}

/// A certificate with its key, and secrets that hold them.
fn certificate() -> (ClientCertificate, SecretValues) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let params = rcgen::CertificateParams::new(["client".to_owned()]).expect("a name");
    let cert = params.self_signed(&key).expect("a certificate");
    let mut secrets = SecretValues::default();
    for (name, pem) in [("cert", cert.pem()), ("key", key.serialize_pem())] {
        let hosts = SecretHosts::unchecked(vec!["*".into()]);
        secrets.insert(&SecretName::parse(name).expect("a name"), pem, hosts);
    }
    let certificate = ClientCertificate { cert: "{{secret.cert}}".into(), key: "{{secret.key}}".into() };
    (certificate, secrets)
}

#[test]
fn a_certificate_is_shown_to_no_other_origin() {
    let (certificate, secrets) = certificate();
    let plain = webhook(&[], None);
    let webhook = Webhook {
        url: TargetUrl::parse("https://h.example/").expect("a URL"),
        client_certificate: Some(certificate.clone()),
        ..plain
    };
    let request = || Request {
        method: Method::Get,
        url: webhook.url.as_str().to_owned(),
        headers: Vec::new(),
        body: None,
    };
    let first = Hop::first(&webhook, request(), &secrets).expect("a request");
    assert!(first.origin().identity.is_some());
    // Who shows the same goes by the same connections.
    let again = Hop::first(&webhook, request(), &secrets).expect("a request");
    assert_eq!(again.origin(), first.origin());
    assert_eq!(follow(&first, 302, "/near").origin(), first.origin());
    for away in ["https://other.example/", "http://h.example/", "https://h.example:444/"] {
        let hop = follow(&first, 302, away);
        assert_eq!(hop.origin().identity, None, "{away}");
        assert_eq!(follow(&hop, 302, "https://h.example/").origin().identity, None, "{away}");
    }
    // What the secrets hold is looked at, and never quoted.
    let swapped = ClientCertificate { cert: certificate.key.clone(), key: certificate.cert.clone() };
    let other = ClientCertificate { key: "{{secret.key}}".into(), ..certificate };
    let (_, others) = self::certificate();
    let mut mixed = secrets.clone();
    let hosts = SecretHosts::unchecked(vec!["*".into()]);
    let key = others.get("key").expect("a key").to_owned();
    mixed.insert(&SecretName::parse("key").expect("a name"), key, hosts);
    for (certificate, secrets, say) in [
        (swapped, &secrets, "client_certificate.cert ({{secret.key}}) holds no certificate"),
        (other, &mixed, "client_certificate.key ({{secret.key}}) holds the key of another certificate"),
    ] {
        let webhook = Webhook { client_certificate: Some(certificate), ..webhook.clone() };
        let why = Hop::first(&webhook, request(), secrets).expect_err("refused");
        assert!(why.starts_with(say) && !why.contains("BEGIN"), "{why}");
    }
}

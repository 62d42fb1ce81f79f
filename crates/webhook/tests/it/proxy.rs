//! The way through a forward proxy. The proxy is a target that answers a CONNECT, and then as the target itself

use std::sync::Arc;

use chronos_types::{ErrorKind, Phases};
use chronos_webhook::{Egress, Mode, Outcome, Proxy, Resolve};
use tokio::io::AsyncWriteExt;

use crate::names::Names;
use crate::support::*;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const CONNECTED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

/// A proxy, and a client that goes through it.
struct World {
    proxy: Target,
    names: Arc<Names>,
    caller: Caller,
}

impl World {
    async fn start(resolve: Resolve, no_proxy: &[&str]) -> Self {
        let proxy = Target::start().await;
        let names = Names::leading_to(&proxy);
        let url = format!("http://ada@{}", proxy.address);
        let through = Proxy::parse(&url, Some("s3cret"), resolve).unwrap();
        let egress = Egress { mode: Mode::Public, deny: rules(&["*.evil.test"]), ..Egress::default() };
        let caller = Caller::through(through, no_proxy, egress, names.env());
        Self { proxy, names, caller }
    }

    /// Answers a CONNECT with these bytes, on a connection of its own, and closes that.
    async fn refused(&self, url: &str, bytes: &[u8]) -> (Outcome, String) {
        tokio::join!(self.caller.call(url), self.proxy.answer_once(bytes))
    }
}

fn failed(outcome: &Outcome) -> (ErrorKind, &str) {
    let (kind, message) = outcome.failure.as_ref().unwrap();
    assert!(!message.contains("s3cret") && !message.contains("YWRhOn"), "{message}");
    (*kind, message)
}

#[tokio::test]
async fn the_proxy_is_asked_for_the_address_that_was_checked() {
    let world = World::start(Resolve::Local, &[]).await;
    world.names.name("h.test", &[&["10.0.0.1", "8.8.8.8"], &["169.254.169.254"]]);
    let served = async {
        let mut stream = world.proxy.accept().await;
        let connect = read_head(&mut stream).await;
        stream.write_all(CONNECTED).await.unwrap();
        let first = read_head(&mut stream).await;
        stream.write_all(OK).await.unwrap();
        (connect, first, stream)
    };
    let (outcome, (connect, first, mut stream)) =
        tokio::join!(world.caller.call("http://h.test:8080/a"), served);
    assert_eq!((outcome.failure, outcome.response.body.as_deref()), (None, Some("ok")));
    let wanted = "CONNECT 8.8.8.8:8080 HTTP/1.1\r\nHost: 8.8.8.8:8080\r\nUser-Agent: Chronos/1.0\r\n\
                  Proxy-Authorization: Basic YWRhOnMzY3JldA==\r\n\r\n";
    assert_eq!(connect, wanted);
    // The target hears nothing of the proxy.
    assert!(first.starts_with("GET /a HTTP/1.1\r\nHost: h.test:8080\r\n"), "{first}");
    assert!(!first.to_lowercase().contains("proxy"), "{first}");
    // The connection is kept, and belongs to that target.
    let (outcome, ()) = tokio::join!(world.caller.call("http://h.test:8080/b"), answer(&mut stream, OK));
    assert_eq!(outcome.failure, None);
    let proxy = world.proxy.address.to_string();
    assert_eq!(world.names.asked(), (vec!["h.test".to_owned()], vec![proxy]));
}

#[tokio::test]
async fn what_is_denied_is_not_asked_for() {
    let world = World::start(Resolve::Local, &["127.0.0.1"]).await;
    world.names.name("h.test", &[&["169.254.169.254"]]);
    for url in ["http://h.test/", "http://10.0.0.1/", "http://a.evil.test/", "http://127.0.0.1:1/"] {
        let outcome = world.caller.call(url).await;
        assert_eq!(failed(&outcome).0, ErrorKind::EgressDenied, "{url}");
    }
    assert_eq!(world.names.asked().1, [""; 0]);
}

#[tokio::test]
async fn a_proxy_that_looks_names_up_is_asked_for_the_name() {
    let world = World::start(Resolve::Remote, &["*.near.test"]).await;
    let (outcome, head) = world.refused("http://h.test/", b"HTTP/1.1 403 Forbidden\r\n\r\n").await;
    assert!(head.starts_with("CONNECT h.test:80 HTTP/1.1\r\n"), "{head}");
    let (kind, message) = failed(&outcome);
    assert_eq!(kind, ErrorKind::Connect);
    assert!(
        message.contains("does not connect to h.test:80: 403 Forbidden (the proxy must allow CONNECT"),
        "{message}"
    );
    assert_eq!(world.names.asked().0, [""; 0], "nothing is looked up here");
    // What needs no look-up is still judged, and so is what goes past the proxy.
    world.names.name("a.near.test", &[&["10.0.0.1"]]);
    for url in ["http://169.254.169.254/", "http://10.0.0.1/", "http://a.evil.test/", "http://a.near.test/"] {
        let outcome = world.caller.call(url).await;
        assert_eq!(failed(&outcome).0, ErrorKind::EgressDenied, "{url}");
    }
}

#[tokio::test]
async fn what_is_named_in_no_proxy_is_reached_without_it() {
    for resolve in [Resolve::Local, Resolve::Remote] {
        let world = World::start(resolve, &["*.near.test", "9.9.9.0/24", ":81"]).await;
        world.names.name("a.near.test", &[&["8.8.8.8"]]);
        for (url, address) in [
            ("http://a.near.test/", "8.8.8.8:80"),
            ("http://9.9.9.9/", "9.9.9.9:80"),
            ("http://1.1.1.1:81/", "1.1.1.1:81"),
        ] {
            // All addresses lead to the one target, which is no proxy here.
            let (outcome, head) = world.refused(url, OK).await;
            assert_eq!(outcome.failure, None, "{url}");
            assert!(head.starts_with("GET / HTTP/1.1\r\n"), "{head}");
            assert_eq!(world.names.asked().1, [address]);
        }
    }
}

#[tokio::test]
async fn where_the_proxy_cannot_reach_one_address_it_is_asked_for_the_next() {
    let world = World::start(Resolve::Local, &[]).await;
    world.names.name("h.test", &[&["2606:4700::1", "8.8.8.8"]]);
    let served = async {
        let first = world.proxy.answer_once(b"HTTP/1.1 503 No Route\r\nContent-Length: 4\r\n\r\noops").await;
        let mut stream = world.proxy.accept().await;
        let second = read_head(&mut stream).await;
        stream.write_all(CONNECTED).await.unwrap();
        answer(&mut stream, OK).await;
        (first, second)
    };
    let (outcome, (first, second)) = tokio::join!(world.caller.call("http://h.test/"), served);
    assert_eq!(outcome.failure, None);
    assert!(first.starts_with("CONNECT [2606:4700::1]:80 ") && second.starts_with("CONNECT 8.8.8.8:80 "));
    // It is asked three times at most.
    world.names.name("many.test", &[&["8.8.8.1", "8.8.8.2", "8.8.8.3", "8.8.8.4"]]);
    let served = async {
        let mut ends = Vec::new();
        for _ in 0..3 {
            let head = world.proxy.answer_once(b"HTTP/1.1 504 Gateway Timeout\r\n\r\n").await;
            ends.push(head.split(' ').nth(1).unwrap().to_owned());
        }
        ends
    };
    let (outcome, ends) = tokio::join!(world.caller.call("http://many.test/"), served);
    assert_eq!(ends, ["8.8.8.1:80", "8.8.8.2:80", "8.8.8.3:80"]);
    assert!(
        failed(&outcome).1.contains("does not connect to 8.8.8.1:80: 504 Gateway Timeout"),
        "{outcome:?}"
    );
    assert!(!world.proxy.has_caller());
}

#[tokio::test]
async fn a_proxy_that_does_not_do_its_part_is_named() {
    let world = World::start(Resolve::Local, &[]).await;
    let long = [&b"HTTP/1.1 200 OK\r\nX: "[..], &[b'x'; 20_000]].concat();
    for (bytes, part) in [
        (
            &b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"[..],
            "407 Proxy Authentication Required (see the user",
        ),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "does not connect to 8.8.8.8:80: 502 Bad Gateway"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\n\r\n", "404 Not Found"),
        (b"SSH-2.0-x\r\n\r\n", "gave no answer that could be read: what came is no HTTP response"),
        (b"HTTP/1.1 200 OK\r\n", "the proxy closed the connection"),
        (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "something follows it"),
        (&long, "no end within 16 KiB"),
    ] {
        let (outcome, _) = world.refused("http://8.8.8.8/", bytes).await;
        let (kind, message) = failed(&outcome);
        assert_eq!((kind, outcome.response.status_code), (ErrorKind::Connect, 0), "{message}");
        let proxy = format!("the proxy http://{} ", world.proxy.address);
        assert!(message.starts_with(&proxy) && message.contains(part), "{message} lacks {part}");
        let Phases { connect_ms, first_byte_ms, .. } = outcome.phases;
        assert!(connect_ms.is_some() && first_byte_ms.is_none(), "to connect is all that was tried");
    }
    let nobody = Proxy::parse("http://nobody.test:1", None, Resolve::Local).unwrap();
    let caller = Caller::through(nobody, &[], Egress::default(), world.names.env());
    let outcome = caller.call("http://8.8.8.8/").await;
    let (kind, message) = failed(&outcome);
    assert_eq!(kind, ErrorKind::Connect);
    assert!(message.starts_with("the proxy http://nobody.test:1 cannot be reached: "), "{message}");
}

#[tokio::test]
async fn tls_is_spoken_with_the_target_and_not_with_the_proxy() {
    let world = World::start(Resolve::Local, &[]).await;
    world.names.name("h.test", &[&["8.8.8.8"]]);
    let served = async {
        let mut stream = world.proxy.accept().await;
        let connect = read_head(&mut stream).await;
        stream.write_all(CONNECTED).await.unwrap();
        // The first bytes of a handshake: the kind of record, and a version.
        let mut record = [0; 2];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut record).await.unwrap();
        (connect, record)
    };
    let (outcome, (connect, record)) = tokio::join!(world.caller.call("https://h.test/"), served);
    assert!(connect.starts_with("CONNECT 8.8.8.8:443 HTTP/1.1\r\n"), "{connect}");
    assert_eq!(record, [22, 3]);
    assert_eq!(failed(&outcome).0, ErrorKind::Tls);
}

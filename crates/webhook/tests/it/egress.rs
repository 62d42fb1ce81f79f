//! The rules of egress where names, redirects and other nodes try to get around them

use chronos_types::{ErrorKind, Webhook};
use chronos_webhook::{Egress, Mode, Outcome};

use crate::names::Names;
use crate::support::*;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";

fn public() -> Egress {
    Egress { mode: Mode::Public, ..Egress::default() }
}

/// It was denied, and said so with these words.
fn is_denied(outcome: Outcome, parts: &[&str]) {
    let (kind, message) = outcome.failure.unwrap();
    assert_eq!(kind, ErrorKind::EgressDenied, "{message}");
    for part in parts {
        assert!(message.contains(part), "{message} lacks {part}");
    }
}

#[tokio::test]
async fn what_was_checked_is_what_is_connected_to() {
    let target = Target::start().await;
    let names = Names::leading_to(&target);
    let caller = Caller::by(public(), names.env());
    // Whoever looks it up to check and again to connect would go to the second one.
    names.name("rebound.test", &[&["8.8.8.8"], &["169.254.169.254"]]);
    let (outcome, head) = tokio::join!(caller.call("http://rebound.test/"), target.answer_once(OK));
    assert_eq!(outcome.failure, None);
    assert!(head.contains("\r\nHost: rebound.test\r\n"), "{head}");
    assert_eq!(names.asked(), (vec!["rebound.test".to_owned()], vec!["8.8.8.8:80".to_owned()]));
    // The next connection asks anew.
    is_denied(caller.call("http://rebound.test/").await, &["169.254.169.254", "(rebound.test)", "metadata"]);
    assert_eq!(names.asked().1, [""; 0]);
}

#[tokio::test]
async fn of_the_addresses_of_a_name_only_those_are_tried_that_are_not_denied() {
    let target = Target::start().await;
    let names = Names::leading_to(&target);
    let caller = Caller::by(public(), names.env());
    let mixed = ["10.0.0.1", "::ffff:169.254.169.254", "8.8.8.8", "64:ff9b::a00:1", "::1"];
    names.name("mixed.test", &[&mixed]);
    let (outcome, _) = tokio::join!(caller.call("http://mixed.test:8080/"), target.answer_once(OK));
    assert_eq!(outcome.failure, None);
    assert_eq!(names.asked().1, ["8.8.8.8:8080"]);
    names.name("mixed.test", &[&["10.0.0.1", "::1"]]);
    is_denied(caller.call("http://mixed.test:8080/").await, &["10.0.0.1:8080", "egress.mode is public"]);
}

#[tokio::test]
async fn a_redirect_is_no_way_around_the_rules() {
    let target = Target::start().await;
    let names = Names::leading_to(&target);
    let caller = Caller::by(public(), names.env());
    names.name("good.test", &[&["8.8.8.8"]]);
    names.name("bad.test", &[&["100.100.100.200"]]);
    for location in [
        "http://169.254.169.254/latest/meta-data",
        "http://2852039166/",
        "http://0xa9.0376.43518/",
        "//[fd00:ec2::254]/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://bad.test/",
        "http://BAD.test./",
        "https://localhost/",
    ] {
        names.name("bad.test.", &[&["100.100.100.200"]]);
        names.name("localhost", &[&["127.0.0.1"]]);
        let moved = format!(
            "HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        );
        let fired = Webhook { max_redirects: 2, ..webhook("http://good.test/") };
        let (outcome, _) = tokio::join!(caller.fire(&fired), target.answer_once(moved.as_bytes()));
        is_denied(outcome, &["dispatcher.http.egress"]);
        assert_eq!(names.asked().1, ["8.8.8.8:80"], "{location}");
    }
}

#[tokio::test]
async fn a_name_that_is_denied_is_not_even_looked_up() {
    let target = Target::start().await;
    let names = Names::leading_to(&target);
    let egress = Egress { deny: rules(&["*.evil.test", ":25"]), ..Egress::default() };
    let caller = Caller::by(egress, names.env());
    is_denied(caller.call("http://a.evil.test/").await, &["a.evil.test:80", "\"*.evil.test\""]);
    is_denied(caller.call("http://good.test:25/").await, &["good.test:25", "\":25\""]);
    assert_eq!(names.asked(), (vec![], vec![]));
}

#[tokio::test]
async fn no_webhook_goes_where_nodes_listen_for_each_other() {
    let (target, node) = (Target::start().await, Target::start().await);
    let names = Names::leading_to(&target);
    // Nothing lifts it.
    let allow = rules(&["0.0.0.0/0", "::/0", "127.0.0.1", "8.8.8.8"]);
    let caller = Caller::by(Egress { allow, ..Egress::default() }, names.env());
    let all = vec!["n2.test:7000".to_owned(), "[2001:db8::3]:7000".to_owned(), "gone.test:7000".to_owned()];
    let everywhere = std::net::SocketAddr::from(([0, 0, 0, 0], node.address.port()));
    caller.client.protect(Some(everywhere), move || all.clone());
    names.name("n2.test", &[&["8.8.8.8"]]);
    names.name("alias.test", &[&["8.8.8.8"]]);
    let own = format!("http://127.0.0.1:{}/", node.address.port());
    let mapped = format!("http://[::ffff:127.0.0.1]:{}/", node.address.port());
    for url in [
        own.as_str(),
        &mapped,
        "http://n2.test:7000/raft/propose",
        "http://alias.test:7000/",
        "http://8.8.8.8:7000/",
        "http://[2001:db8::3]:7000/",
        "http://[64:ff9b::8.8.8.8]:7000/",
    ] {
        is_denied(caller.call(url).await, &["a node of this cluster listens there", "nothing allows it"]);
    }
    assert_eq!(names.asked().1, [""; 0]);
    assert!(!node.has_caller());
    // Another port of the same machines, and another machine.
    for url in ["http://n2.test:7001/", "http://8.8.4.4:7000/"] {
        let (outcome, _) = tokio::join!(caller.call(url), target.answer_once(OK));
        assert_eq!(outcome.failure, None, "{url}");
    }
}

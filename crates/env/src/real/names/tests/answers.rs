//! What the name servers answer, and what a caller gets.

use std::net::Ipv4Addr;

use hickory_resolver::proto::op::ResponseCode;

use super::server::Asked;
use super::*;

/// A name server that knows some names.
fn known(asked: &Asked) -> Reply {
    let record = |what: &str| (asked.name.clone(), 60, what.to_owned());
    match asked.name.as_str() {
        "four.test" => Reply::addresses(asked, 60, &["192.0.2.1", "192.0.2.2"]),
        "under_score.test" | "_dmarc.x.test" | "xn--bcher-kva.test" => {
            Reply::addresses(asked, 60, &["192.0.2.3"])
        }
        "loopback.test" => Reply::addresses(asked, 60, &["127.0.0.1", "::1"]),
        "six.test" => Reply::addresses(asked, 60, &["2001:db8::1"]),
        "alias.test" if asked.kind == "A" => Reply::Records(vec![
            record("www.alias.test"),
            ("www.alias.test".to_owned(), 60, "cdn.test".to_owned()),
            ("cdn.test".to_owned(), 60, "192.0.2.4".to_owned()),
        ]),
        // The chain is cut: the rest is to be asked for.
        "cut.test" => Reply::Records(vec![record("four.test")]),
        "long.test" if !asked.tcp => Reply::Truncated,
        "long.test" => Reply::addresses(asked, 60, &["192.0.2.5"]),
        "forged.test" if asked.kind == "A" => Reply::Forged("192.0.2.6".to_owned()),
        "broken.test" => Reply::Code(ResponseCode::ServFail),
        "refused.test" => Reply::Code(ResponseCode::Refused),
        "half.test" if asked.kind == "A" => Reply::addresses(asked, 60, &["192.0.2.7"]),
        "half.test" => Reply::Code(ResponseCode::ServFail),
        "mail.test" | "alias.test" | "forged.test" => Reply::Records(vec![]),
        _ => Reply::Code(ResponseCode::NXDomain),
    }
}

#[tokio::test]
async fn what_the_name_servers_know_is_found() {
    let server = NameServer::start(known).await;
    let setup = Setup::at(&server, patient());
    for (name, expected) in [
        ("four.test", &["192.0.2.1", "192.0.2.2"][..]),
        ("FOUR.test.", &["192.0.2.1", "192.0.2.2"]),
        ("under_score.test", &["192.0.2.3"]),
        ("_dmarc.x.test", &["192.0.2.3"]),
        ("bücher.test", &["192.0.2.3"]),
        ("xn--bcher-kva.test", &["192.0.2.3"]),
        ("six.test", &["2001:db8::1"]),
        ("alias.test", &["192.0.2.4"]),
        ("cut.test", &["192.0.2.1", "192.0.2.2"]),
        ("long.test", &["192.0.2.5"]),
        ("forged.test", &["192.0.2.6"]),
        ("half.test", &["192.0.2.7"]),
    ] {
        assert_eq!(setup.find(name).await.expect(name), expected, "{name}");
    }
    let mut both = setup.find("loopback.test").await.expect("both families");
    both.sort();
    assert_eq!(both, ["127.0.0.1", "::1"]);
}

#[tokio::test]
async fn an_error_says_what_happened() {
    let server = NameServer::start(known).await;
    let setup = Setup::at(&server, patient());
    let at = server.address;
    for (name, expected) in [
        ("none.test", "no such name".to_owned()),
        ("mail.test", "the name has no addresses".to_owned()),
        ("broken.test", format!("the name server {at} answered: Server Failure")),
        ("refused.test", format!("the name server {at} answered: Query Refused")),
    ] {
        assert_eq!(setup.fails(name).await, expected, "{name}");
    }
    // No question is worth it.
    let before = server.asked().len();
    let label = "a".repeat(64);
    let long = ["abcdefghi"; 30].join(".");
    for bad in ["", ".", "a..test", "a b.test", "a/b", &format!("{label}.test"), &long, "[::1", "1.2.3.4.5"] {
        assert_eq!(setup.fails(bad).await, "it is no name of a host", "{bad}");
    }
    assert_eq!(server.asked().len(), before);
    assert_eq!(setup.metric("name_questions_running"), 0);
}

#[tokio::test]
async fn a_server_that_cannot_be_asked_fails_at_once() {
    // Nobody listens where a name server was.
    let closed = std::net::UdpSocket::bind((Ipv4Addr::new(127, 77, 0, 1), 0)).expect("a port");
    let address = closed.local_addr().expect("an address");
    drop(closed);
    let setup = Setup::new(address, "nameserver 127.77.0.1", patient());
    let error = format!("the name server {address} cannot be asked: Connection refused (os error 111)");
    assert_eq!(setup.fails("four.test").await, error);
}

#[tokio::test]
async fn an_address_and_localhost_ask_nobody() {
    let server = NameServer::start(known).await;
    let setup = Setup::at(&server, patient());
    for (text, expected) in [
        ("127.0.0.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("127.0.0.1.", "127.0.0.1"),
        ("[::1]", "::1"),
        ("[2001:db8::1]", "2001:db8::1"),
    ] {
        assert_eq!(setup.find(text).await.expect(text), [expected], "{text}");
    }
    for name in ["localhost", "LOCALHOST", "localhost.", "a.localhost"] {
        let mut found = setup.find(name).await.expect(name);
        found.sort();
        assert_eq!(found, ["127.0.0.1", "::1"], "{name}");
    }
    assert_eq!(server.asked(), []);
}

#[tokio::test]
async fn a_short_name_is_looked_for_in_the_search_domains() {
    let server = NameServer::start(|asked| match asked.name.as_str() {
        "db.two.test" | "api.four.test" => Reply::addresses(asked, 60, &["192.0.2.1"]),
        "db.broken.test" => Reply::Code(ResponseCode::ServFail),
        _ => Reply::Code(ResponseCode::NXDomain),
    })
    .await;
    let conf = |more: &str| format!("nameserver 127.0.0.1\n{more}\n");
    for (search, name, asked) in [
        ("search one.test two.test", "db", &["db.one.test", "db.two.test"][..]),
        ("search one.test two.test", "db.two.test.", &["db.two.test"]),
        // The last line wins.
        ("search one.test\ndomain two.test", "db", &["db.two.test"]),
        ("domain two.test\nsearch one.test two.test", "db", &["db.one.test", "db.two.test"]),
        // With as many dots, it is first looked for as it is.
        ("search one.test two.test", "api.four.test", &["api.four.test"]),
        (
            "search one.test two.test\noptions ndots:5",
            "api.four.test",
            &["api.four.test.one.test", "api.four.test.two.test", "api.four.test"],
        ),
        // What the file has besides is passed by.
        ("nonsense\noptions what:ever ndots:1 edns0\nsearch two.test", "db", &["db.two.test"]),
    ] {
        let setup = Setup::new(server.address, &conf(search), patient());
        let before = server.names().len();
        assert_eq!(setup.find(name).await.expect(name), ["192.0.2.1"], "{name}, {search}");
        assert_eq!(server.names()[before..], *asked, "{name}, {search}");
    }
    let setup = Setup::new(server.address, &conf("search one.test two.test"), patient());
    assert_eq!(setup.fails("web").await, "no such name");
    assert!(server.names().ends_with(&["web.one.test", "web.two.test", "web"].map(str::to_owned)));
    // A search domain whose servers are broken does not hide what others know.
    let setup = Setup::new(server.address, &conf("search broken.test two.test"), patient());
    assert_eq!(setup.find("db").await.expect("the second"), ["192.0.2.1"]);
    let setup = Setup::new(server.address, &conf("search broken.test one.test"), patient());
    assert!(setup.fails("db").await.contains("Server Failure"));
}

#[tokio::test]
async fn the_next_server_is_asked_where_one_fails_and_not_where_it_knows() {
    let (first, second) = NameServer::two(|_| Reply::Silence, known).await;
    let servers = "nameserver 127.0.0.1\nnameserver 127.0.0.2\n";
    // It does not answer.
    let quick = Limits { next_server: Duration::from_millis(20), ..patient() };
    let setup = Setup::new(first.address, servers, quick);
    assert_eq!(setup.find("four.test").await.expect("from the second"), ["192.0.2.1", "192.0.2.2"]);
    // It refuses, is broken, answers nonsense.
    for reply in [Reply::Code(ResponseCode::Refused), Reply::Code(ResponseCode::ServFail), Reply::Garbage] {
        let setup = Setup::new(first.address, servers, patient());
        first.script(move |_| reply.clone());
        assert_eq!(setup.find("four.test").await.expect("from the second"), ["192.0.2.1", "192.0.2.2"]);
    }
    // It knows that there is no such name.
    let before = second.asked().len();
    first.script(|_| Reply::Code(ResponseCode::NXDomain));
    let setup = Setup::new(first.address, servers, patient());
    assert_eq!(setup.fails("four.test").await, "no such name");
    assert_eq!(second.asked().len(), before);
}

#[tokio::test]
async fn one_family_is_enough_where_the_other_never_comes() {
    for silent in ["A", "AAAA"] {
        let server = NameServer::start(move |asked| match asked.kind == silent {
            true => Reply::Silence,
            false => Reply::addresses(asked, 60, &["192.0.2.1", "2001:db8::1"]),
        })
        .await;
        let limits = Limits { other_family: Duration::from_millis(20), ..patient() };
        let found = Setup::at(&server, limits).find("a.test").await.expect("the other family");
        assert_eq!(found, [if silent == "A" { "2001:db8::1" } else { "192.0.2.1" }]);
    }
}

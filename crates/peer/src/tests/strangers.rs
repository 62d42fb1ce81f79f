//! Who connects and is no node: sockets that say nothing, and requests of webhooks.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::super::handler::Handler;
use super::super::server::accept;
use super::tls::{Authority, read, speaks};
use super::*;

/// What a node says first.
const HELLO: &str = "chronos-protocol: 1\r\nchronos-node: a\r\nchronos-cluster: c1\r\n";
/// Places of a node: four of them are for strangers.
const PLACES: usize = 32;

/// So many sockets that say nothing.
async fn idle(address: &str, count: usize) -> Vec<TcpStream> {
    let mut sockets = Vec::new();
    for _ in 0..count {
        sockets.push(TcpStream::connect(address).await.expect("it connects"));
    }
    sockets
}

/// A node with [`PLACES`] that waits for so long until it is known who called. Returns its address.
async fn patient(hello: Duration) -> String {
    let listener = Env::real().listen("127.0.0.1:0").await.expect("it listens");
    let address = listener.local_address().expect("an address").to_string();
    let handler =
        Handler { caller: caller("b", Some("c1")), service: Scripted::new("b"), stall: LONG, hello };
    // It ends with the test.
    tokio::spawn(accept(listener, None, Arc::new(handler), PLACES, CancellationToken::new()));
    address
}

/// All that comes on a connection until it ends.
async fn to_its_end(stream: &mut TcpStream) -> String {
    let mut came = Vec::new();
    // What is unread over there when it closes may reset it.
    let _ = tokio::time::timeout(LONG, stream.read_to_end(&mut came)).await.expect("it ends");
    String::from_utf8(came).expect("text")
}

#[tokio::test]
async fn sockets_that_say_nothing_keep_no_node_out() {
    let authority = Authority::new();
    for tls in [None, Some(authority.node(&["127.0.0.1", "a"]))] {
        let node = Node::start_with("127.0.0.1:0", "b", Some("c1"), tls.as_ref().map(read), PLACES).await;
        let sockets = idle(&node.address, 4 * PLACES).await;
        let a = match &tls {
            Some(tls) => speaks(tls),
            None => transport("a", Some("c1")),
        };
        assert_eq!(text(call(&a, &node.address, "who", "").await), "b heard a");
        drop(sockets);
    }
}

#[tokio::test]
async fn a_node_that_is_known_stays_whoever_comes() {
    let address = patient(Duration::from_secs(3_600)).await;
    let net = Named::new();
    let env = Env::real().with_net(net.clone());
    let a = HttpTransport::new(None, caller("a", Some("c1")), env);
    call(&a, &address, "echo", "x").await.expect("an answer");
    let mut sockets = idle(&address, 4 * PLACES).await;
    // The newest four are left.
    let left = sockets.split_off(4 * PLACES - 4);
    for socket in &mut sockets {
        assert_eq!(to_its_end(socket).await, "");
    }
    call(&a, &address, "echo", "x").await.expect("an answer");
    assert_eq!(net.connections(), 1);
    for mut stream in left {
        let request = format!("POST /raft/who HTTP/1.1\r\nhost: b\r\nconnection: close\r\n{HELLO}\r\n");
        stream.write_all(request.as_bytes()).await.expect("it is sent");
        assert!(to_its_end(&mut stream).await.ends_with("b heard a"));
    }
}

#[tokio::test]
async fn a_connection_that_no_node_makes_use_of_is_closed_soon() {
    let address = patient(Duration::from_millis(100)).await;
    for says in ["", "POST /raft/echo HTTP/1.1\r\nhost: b\r\n"] {
        let mut stream = TcpStream::connect(&address).await.expect("it connects");
        stream.write_all(says.as_bytes()).await.expect("it is sent");
        assert_eq!(to_its_end(&mut stream).await, "", "{says}");
    }
}

#[tokio::test]
async fn what_lacks_a_nodes_hello_is_answered_and_closed_at_once() {
    let node = Node::start("b", Some("c1")).await;
    // A webhook says what its user likes in its path, its body and its other headers.
    let automatic = "user-agent: Chronos/1.0\r\nx-chronos-attempt: 1\r\n";
    let no_node = "chronos-protocol: 1\r\nchronos-cluster: c1\r\n";
    let call_behind = format!("POST /raft/echo HTTP/1.1\r\nhost: b\r\n{HELLO}content-length: 2\r\n\r\nhi");
    for (line, headers, status) in [
        ("POST /raft/echo", automatic, "409"),
        ("POST /raft/join", automatic, "409"),
        ("POST /raft/echo?chronos-protocol=1", automatic, "409"),
        ("PUT /raft/echo", automatic, "405"),
        ("GET /raft/echo", HELLO, "405"),
        ("POST /raft/echo", no_node, "400"),
        ("POST /", automatic, "404"),
        ("POST /raft/a/../echo", HELLO, "404"),
    ] {
        // A whole call is in the body, which does not end, or behind an empty one.
        for length in [call_behind.len() + 1_000, 0] {
            let mut stream = TcpStream::connect(&node.address).await.expect("it connects");
            let head = format!("{line} HTTP/1.1\r\nhost: b\r\n{headers}content-length: {length}\r\n\r\n");
            let request = format!("{head}{call_behind}");
            stream.write_all(request.as_bytes()).await.expect("it is sent");
            let came = to_its_end(&mut stream).await;
            // A reset may have overtaken it.
            assert!(came.is_empty() || came.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {came}");
            assert!(came.matches("HTTP/1.1").count() <= 1 && !came.ends_with("hi"), "{line}: {came}");
        }
    }
}

#[tokio::test]
async fn a_caller_that_names_no_cluster_has_little_to_say() {
    let node = Node::start("b", Some("c1")).await;
    let new = transport("a", None);
    assert_eq!(text(call(&new, &node.address, "join", &"x".repeat(60_000)).await), "b heard a");
    let why = unreachable(call(&new, &node.address, "join", &"x".repeat(70_000)).await);
    assert!(why.contains("over 65536 bytes"), "{why}");
    let refused =
        new.upload(&node.address, "join", Bytes::from(vec![1; 70_000]), futures::stream::empty().boxed());
    let why = unreachable(refused.await);
    assert!(why.contains("70000 bytes"), "{why}");
}

//! What is answered, and to whom.

use super::*;

#[tokio::test]
async fn a_call_is_answered() {
    let node = Node::start("b", Some("c1")).await;
    let a = transport("a", Some("c1"));
    assert_eq!(text(call(&a, &node.address, "echo", "hello").await), "hello");
    assert_eq!(text(call(&a, &node.address, "echo", "").await), "");
    assert_eq!(text(call(&a, &node.address, "who", "").await), "b heard a");
    node.stop().await;
}

#[tokio::test]
async fn a_refusal_travels_back() {
    let node = Node::start("b", Some("c1")).await;
    let a = transport("a", Some("c1"));
    let refused = Err(PeerError::Refused("dance is unknown".into()));
    assert_eq!(call(&a, &node.address, "dance", "").await, refused);
    // A large message does not drown it.
    assert_eq!(call(&a, &node.address, "dance", &"x".repeat(10_000_000)).await, refused);
}

#[tokio::test]
async fn a_message_may_be_as_large_as_the_limit_and_no_larger() {
    let node = Node::start("b", Some("c1")).await;
    let a = transport("a", Some("c1"));
    let limit = super::super::wire::MAX_MESSAGE_BYTES;
    let message = Bytes::from(vec![7; limit + 1]);
    let most = message.slice(..limit);
    let answer = a.call(&node.address, Lane::Log, "count", most, LONG).await;
    assert_eq!(text(answer), limit.to_string());
    let why = unreachable(a.call(&node.address, Lane::Log, "count", message, LONG).await);
    assert!(why.contains("67108865 bytes"), "{why}");
}

#[tokio::test]
async fn another_clusters_node_is_a_stranger() {
    let node = Node::start("b", Some("c1")).await;
    let other = transport("a", Some("c2"));
    for kind in ["echo", "join"] {
        let why = stranger(call(&other, &node.address, kind, &"x".repeat(10_000_000)).await);
        assert!(why.contains("c1") && why.contains("c2"), "{why}");
    }
}

#[tokio::test]
async fn a_node_without_a_cluster_may_only_join() {
    let node = Node::start("b", Some("c1")).await;
    let new = transport("a", None);
    assert_eq!(text(call(&new, &node.address, "join", "").await), "b heard a");
    let why = stranger(call(&new, &node.address, "echo", "").await);
    assert!(why.contains("c1") && why.contains("only join"), "{why}");
    // It has been let in.
    new_cluster(&new, "c1");
    assert_eq!(text(call(&new, &node.address, "echo", "now").await), "now");
}

#[tokio::test]
async fn a_node_without_a_cluster_answers_a_cluster_that_takes_it_in() {
    let node = Node::start("b", None).await;
    assert_eq!(text(call(&transport("a", Some("c1")), &node.address, "echo", "in").await), "in");
    let why = stranger(call(&transport("a", None), &node.address, "echo", "").await);
    assert!(why.contains("no cluster"), "{why}");
}

fn new_cluster(transport: &HttpTransport, id: &str) {
    transport.caller.cluster.set(id.to_owned()).expect("it had none");
}

/// Says it by hand, and answers the status and the body.
async fn by_hand(node: &Node, request: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(&node.address).await.expect("it connects");
    stream.write_all(request.as_bytes()).await.expect("it is sent");
    let mut answer = String::new();
    tokio::time::timeout(LONG, stream.read_to_string(&mut answer)).await.expect("in time").expect("text");
    answer
}

#[tokio::test]
async fn what_is_no_call_is_told_why() {
    let node = Node::start("b", Some("c1")).await;
    let good = "chronos-protocol: 1\r\nchronos-node: a\r\nchronos-cluster: c1\r\n";
    let newer = "chronos-protocol: 2\r\nchronos-node: a\r\nchronos-cluster: c1\r\n";
    let nobody = "chronos-protocol: 1\r\nchronos-cluster: c1\r\n";
    let vast = format!("{good}chronos-message-bytes: 67108865\r\n");
    for (line, headers, status, reason) in [
        ("POST /raft/echo", good, "200", ""),
        ("POST /raft/echo", newer, "409", "speaks protocol 2; this node speaks 1"),
        ("POST /raft/echo", "", "409", "speaks protocol none"),
        ("POST /raft/echo", nobody, "400", "chronos-node is missing"),
        ("POST /raft/hash", &vast, "400", "67108865"),
        ("GET /raft/echo", good, "405", "expected POST"),
        ("POST /raft/", good, "404", "expected /raft/{kind}"),
        ("POST /jobs", good, "404", "expected /raft/{kind}"),
    ] {
        let request = format!("{line} HTTP/1.1\r\nhost: b\r\nconnection: close\r\n{headers}\r\n");
        let answer = by_hand(&node, &request).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(reason),
            "{line}: {answer}"
        );
    }
}

//! The client of a load: it lives through the loss of a node, and sends nothing twice by itself.

use std::net::SocketAddr;
use std::time::Duration;

use chronos_client::Error;
use chronos_testkit::load::AnyNode;
use chronos_testkit::{Answer, Receiver, json};

fn address(node: &Receiver) -> SocketAddr {
    ([127, 0, 0, 1], node.port()).into()
}

fn unavailable() -> Answer {
    let problem = json!({
        "type": "urn:chronos:problem:no_leader", "title": "Service Unavailable", "status": 503,
        "code": "no_leader", "detail": "no leader is known",
    });
    Answer::status(503).header("Content-Type", "application/problem+json").body(problem.to_string())
}

fn ok() -> Answer {
    Answer::status(200).body(r#"{"status": "ok"}"#)
}

async fn ask(client: &AnyNode) -> Result<bool, Error> {
    client.ask(|node, again| async move { node.health().await.map(|_| again) }).await
}

#[tokio::test]
async fn a_node_that_refuses_is_left_for_the_next_one() {
    let (one, two) = (Receiver::start().await, Receiver::start().await);
    one.script("/health", [unavailable()]);
    two.script("/health", [ok()]);
    let client = AnyNode::of([address(&one), address(&two)]).retry_for(Duration::from_secs(30));
    assert!(ask(&client).await.unwrap(), "it is told that it asks again");
    assert!(!ask(&client).await.unwrap());
    assert_eq!((one.calls("/health").len(), two.calls("/health").len()), (1, 2));
}

#[tokio::test]
async fn what_was_sent_and_not_answered_is_not_sent_again() {
    let (one, two) = (Receiver::start().await, Receiver::start().await);
    one.script("/health", [Answer::reset()]);
    two.script("/health", [ok()]);
    let client = AnyNode::of([address(&one), address(&two)]).retry_for(Duration::from_secs(30));
    assert!(matches!(ask(&client).await, Err(Error::Unanswered { .. })));
    assert_eq!(two.calls("/health").len(), 0);
    // The next call goes elsewhere.
    ask(&client).await.unwrap();
    assert_eq!((one.calls("/health").len(), two.calls("/health").len()), (1, 1));
}

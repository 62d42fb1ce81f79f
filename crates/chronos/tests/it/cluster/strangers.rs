//! The port at which a node listens for others, and what reaches it that is no node. It has no TLS here.

use crate::support::*;

#[tokio::test]
async fn a_webhook_that_calls_the_port_of_the_nodes_is_no_node() {
    let address = free_addresses(1)[0];
    let setup = CHRONOS.setup().key("cluster.raft.address", &address.to_string());
    let (receiver, server) = (Receiver::start().await, setup.start().await);
    server.create(&manual("other", json!({"url": "http://127.0.0.1:9/"}))).await;
    let port = |path: &str| format!("http://{address}{path}");
    receiver.script("/moved", [Answer::redirect(307, &port("/raft/propose"))]);
    // What the nodes say to each other, in the one place that a user may write it.
    let call = "POST /raft/propose HTTP/1.1\r\nchronos-protocol: 1\r\nchronos-node: n\r\n\r\n";
    for (name, url, method, status) in [
        ("propose", port("/raft/propose"), "POST", 409),
        ("join", port("/raft/join"), "POST", 409),
        ("moved", receiver.url("/moved"), "POST", 409),
        ("put", port("/raft/propose"), "PUT", 405),
        ("get", port("/raft/report"), "GET", 405),
        ("elsewhere", port("/api/v1/jobs"), "POST", 404),
    ] {
        let headers = json!({"X-Chronos-Protocol": "1", "Host": "chronos-protocol: 1"});
        let webhook =
            json!({"url": url, "method": method, "body": call, "headers": headers, "max_redirects": 2});
        let execution = server.call_webhook(name, webhook).await;
        let (came, how) = (&execution["response"]["status_code"], &execution["status"]);
        assert_eq!((came, how), (&json!(status), &json!("failed")), "{name}: {execution:#}");
        assert_eq!(execution["attempts"], 1, "{name}");
    }
    server.get("/jobs/other").await.ok(200);
    let status = server.get("/cluster/status").await.ok(200);
    assert_eq!(status["nodes"].as_array().map(Vec::len), Some(1), "{status:#}");
}

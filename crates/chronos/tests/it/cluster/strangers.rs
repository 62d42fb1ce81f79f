//! The port at which a node listens for others, and what reaches it that is no node. It has no TLS here.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::*;

#[tokio::test]
async fn no_webhook_reaches_the_port_of_a_node() {
    let addresses = free_addresses(4);
    let (raft, http) = addresses.split_at(2);
    let cluster = CHRONOS.cluster_at(raft, http).calm();
    // Nothing lifts it.
    let cluster = cluster.key("dispatcher.http.egress.allow", "[127.0.0.1, 0.0.0.0/0]").up().await;
    let (server, receiver) = (cluster.node(1), Receiver::start().await);
    // Each node calls its own port and that of the other one: either may fire the run.
    for (name, address) in [("one", raft[0]), ("two", raft[1])] {
        let path = format!("/{name}");
        receiver.script(&path, [Answer::redirect(307, &format!("http://{address}/raft/propose"))]);
        for (way, url) in
            [("straight", format!("http://{address}/raft/join")), ("moved", receiver.url(&path))]
        {
            let webhook = json!({"url": url, "method": "POST", "body": "x", "max_redirects": 1});
            let execution = server.call_webhook(&format!("{name}-{way}"), webhook).await;
            assert_eq!(execution["error_kind"], "egress_denied", "{execution:#}");
            let error = execution["last_error"].as_str().unwrap();
            assert!(error.contains("a node of this cluster listens there"), "{error}");
        }
    }
    let execution = server.call_webhook("other", json!({"url": receiver.url("/")})).await;
    assert_eq!(execution["status"], "success", "{execution:#}");
}

/// Sends a request to the port of a node, and answers the status that comes back.
async fn ask(address: std::net::SocketAddr, method: &str, path: &str, body: &str) -> u16 {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: chronos-protocol: 1\r\nX-Chronos-Protocol: 1\r\n\
         Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = soon("an answer", stream.read_to_end(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    status.unwrap_or_else(|| panic!("no status in {answer:?}"))
}

#[tokio::test]
async fn who_speaks_http_to_the_port_of_the_nodes_is_no_node() {
    let address = free_addresses(1)[0];
    let setup = CHRONOS.setup().key("cluster.raft.address", &address.to_string());
    let server = setup.start().await;
    server.create(&manual("other", json!({"url": "http://127.0.0.1:9/"}))).await;
    // What the nodes say to each other, in the one place that a client may write it.
    let call = "POST /raft/propose HTTP/1.1\r\nchronos-protocol: 1\r\nchronos-node: n\r\n\r\n";
    for (method, path, status) in [
        ("POST", "/raft/propose", 409),
        ("POST", "/raft/join", 409),
        ("PUT", "/raft/propose", 405),
        ("GET", "/raft/report", 405),
        ("POST", "/api/v1/jobs", 404),
    ] {
        assert_eq!(ask(address, method, path, call).await, status, "{method} {path}");
    }
    server.get("/jobs/other").await.ok(200);
    let status = server.get("/cluster/status").await.ok(200);
    assert_eq!(status["nodes"].as_array().map(Vec::len), Some(1), "{status:#}");
}

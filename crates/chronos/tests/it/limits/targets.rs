//! Responses of targets

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::*;

/// A target that answers every call with these bytes, and then closes.
async fn target(response: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n")
                && stream.read_buf(&mut head).await.is_ok_and(|bytes| bytes > 0)
            {}
            // A client that has had enough closes first.
            let _ = stream.write_all(response.as_bytes()).await;
        }
    });
    url
}

#[tokio::test]
async fn a_response_has_as_many_fields_and_extensions_as_it_has_room_for() {
    let server = CHRONOS.start().await;
    let (fields, long) = ("X-Many: a\r\n".repeat(1_000), "x".repeat(40_000));
    for (n, response) in [
        format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 2\r\n\r\nok"),
        format!("HTTP/1.1 200 OK\r\nX-Long: {long}\r\nContent-Length: 2\r\n\r\nok"),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a={long}\r\nok\r\n0\r\n\r\n"),
        format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Long: {long}\r\n\r\n"
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let webhook = json!({"url": target(response).await});
        let execution = server.call_webhook(&format!("job-{n}"), webhook).await;
        assert_eq!(
            (&execution["status"], &execution["attempts"]),
            (&json!("success"), &json!(1)),
            "{execution:#}"
        );
        assert_eq!(execution["response"]["body"], "ok");
    }
}

#[tokio::test]
async fn variables_that_other_clients_read_change_no_call() {
    let receiver = Receiver::start().await;
    let nobody = format!("http://127.0.0.1:{}", closed_port());
    let names = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    let setup = names.iter().fold(CHRONOS.setup(), |setup, name| setup.variable(*name, &nobody));
    let server = setup.variable("TZ", "Asia/Tokyo").variable("RUST_LOG", "trace").start().await;
    let execution = server.call_webhook("direct", json!({"url": receiver.url("/")})).await;
    assert_eq!(
        (&execution["status"], &execution["attempts"]),
        (&json!("success"), &json!(1)),
        "{execution:#}"
    );
    assert!(execution["started_at"].as_str().unwrap().ends_with('Z'), "{execution:#}");
    assert!(!server.log().contains("TRACE"), "{}", server.log());
}

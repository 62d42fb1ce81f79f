//! The way through a forward proxy (`docs/egress.md`), from outside

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::egress::error;
use crate::support::*;

/// A forward proxy that asks nobody for a password, and the heads that it was sent. It repeats them where it fails.
pub struct Forward {
    pub port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Forward {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let kept = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(forward(stream, Arc::clone(&kept)));
            }
        });
        Self { port, heads }
    }

    pub fn heads(&self) -> Vec<String> {
        std::mem::take(&mut *self.heads.lock().unwrap())
    }
}

/// Connects to what a CONNECT asks for, and hands all bytes on.
async fn forward(mut stream: TcpStream, heads: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let end = head.split(' ').nth(1).unwrap().to_owned();
    heads.lock().unwrap().push(head.clone());
    let Ok(mut target) = TcpStream::connect(end).await else {
        let repeated = head.replace("\r\n", " ");
        let answer = format!("HTTP/1.1 503 {repeated}\r\nContent-Length: {}\r\n\r\n{head}", head.len());
        let _ = stream.write_all(answer.as_bytes()).await;
        return;
    };
    if stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.is_ok() {
        let _ = tokio::io::copy_bidirectional(&mut stream, &mut target).await;
    }
}

#[tokio::test]
async fn a_proxy_is_asked_for_checked_addresses_and_its_password_is_shown_nowhere() {
    let (receiver, proxy) = (Receiver::start().await, Forward::start().await);
    let url = format!("http://ada@127.0.0.1:{}", proxy.port);
    let setup = CHRONOS
        .setup()
        .key("dispatcher.http.proxy.url", &url)
        .key("dispatcher.http.proxy.password", "hunter-of-the-2-towers")
        .key("dispatcher.http.egress.deny", "[127.0.0.2]")
        .key("logging.level", "trace");
    let server = setup.start().await;
    let by_name = format!("http://localhost:{}/", receiver.port());
    let execution = server.call_webhook("through", json!({"url": by_name})).await;
    assert_eq!(execution["status"], "success", "{execution:#}");
    let call = receiver.next("/").await;
    assert_eq!(call.sent("Host"), format!("localhost:{}", receiver.port()));
    assert_eq!(call.header("Proxy-Authorization"), None);
    let heads = proxy.heads();
    let last = heads.last().unwrap();
    assert!(last.starts_with(&format!("CONNECT 127.0.0.1:{} HTTP/1.1\r\n", receiver.port())), "{heads:?}");
    assert!(last.contains("\r\nProxy-Authorization: Basic "), "{heads:?}");
    // What is denied is not asked for.
    let said = error(&server, json!({"url": format!("http://127.0.0.2:{}/", receiver.port())})).await;
    assert!(said.contains("are denied by dispatcher.http.egress: "), "{said}");
    assert_eq!(proxy.heads(), [""; 0]);
    // What the proxy does not reach is its word.
    let said = error(&server, json!({"url": format!("http://127.0.0.1:{}/", closed_port())})).await;
    assert!(said.contains(&format!("the proxy http://127.0.0.1:{}", proxy.port)), "{said}");
    for shown in [server.log(), said, server.root("/metrics").await.body, format!("{execution}")] {
        assert!(!shown.contains("hunter-of"), "{shown}");
    }
    assert!(!server.log().contains("resolve is remote"));
    CHRONOS
        .setup()
        .key("dispatcher.http.proxy.url", &url)
        .key("dispatcher.http.proxy.password", "hunter\u{7}")
        .refused()
        .await
        .names(&["dispatcher.http.proxy.password", "[redacted]", "expected"]);
}

#[tokio::test]
async fn a_proxy_that_resolves_is_given_names_and_a_warning_says_what_that_means() {
    let (receiver, proxy) = (Receiver::start().await, Forward::start().await);
    let setup = CHRONOS
        .setup()
        .key("dispatcher.http.proxy.url", &format!("http://127.0.0.1:{}", proxy.port))
        .key("dispatcher.http.proxy.resolve", "remote")
        .key("dispatcher.http.no_proxy", "[\"*.example\", 127.0.0.1]")
        .key("dispatcher.http.egress.mode", "public")
        .key("dispatcher.http.egress.deny", "[denied.example]");
    let server = setup.start().await;
    let log = server.log();
    let is_said = |line: &&str| line.contains("\"WARN\"") && line.contains("resolve is remote");
    assert!(log.lines().find(is_said).is_some_and(|line| line.contains("on addresses")), "{log}");
    // Nobody here knows that this name is no public one.
    let by_name = format!("http://localhost:{}/", receiver.port());
    let execution = server.call_webhook("named", json!({"url": by_name})).await;
    assert_eq!(execution["status"], "success", "{execution:#}");
    assert!(proxy.heads()[0].starts_with(&format!("CONNECT localhost:{} ", receiver.port())));
    // What is written as an address, and what is denied by name, is judged as ever; past the proxy too.
    for url in [receiver.url("/"), "http://169.254.169.254/".to_owned(), "http://denied.example/".to_owned()]
    {
        let said = error(&server, json!({"url": url})).await;
        assert!(said.contains("are denied by dispatcher.http.egress: "), "{said}");
    }
    assert_eq!(proxy.heads(), [""; 0]);
}

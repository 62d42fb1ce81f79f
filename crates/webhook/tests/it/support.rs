//! A client, and targets that do as they are told.

use std::net::SocketAddr;
use std::time::Duration;

use chronos_env::Env;
use chronos_types::request::Request;
use chronos_types::{Headers, Method, TargetUrl, Webhook};
use chronos_webhook::{Client, ClientConfig, Egress, Metrics, Outcome};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How long anything is waited for before the test fails. It is no assertion on speed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Awaits, or fails with what was waited for.
pub async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// A client, and what it counts.
pub struct Caller {
    pub client: Client,
    registry: Registry,
}

impl Caller {
    /// A client that keeps so many idle connections.
    pub fn new(max_idle: usize, env: Env) -> Self {
        let config = ClientConfig {
            timeout: PATIENCE,
            max_response_body: 1024,
            ca_file: None,
            egress: Egress::default(),
            max_idle,
        };
        let mut registry = Registry::default();
        let client = Client::new(&config, Metrics::new(&mut registry), env).unwrap();
        Self { client, registry }
    }

    /// Makes one attempt to GET this URL.
    pub async fn call(&self, url: &str) -> Outcome {
        let webhook = Webhook {
            url: TargetUrl::parse(url).unwrap(),
            method: None,
            headers: Headers::default(),
            body: None,
            auth: None,
            success_codes: None,
            timeout: None,
            tls_skip_verify: false,
            max_redirects: 0,
        };
        let request = Request { method: Method::Get, url: url.to_owned(), headers: Vec::new(), body: None };
        self.client.attempt(&webhook, request, None).await
    }

    /// A metric's value.
    pub fn metric(&self, name: &str) -> u64 {
        let mut text = String::new();
        encode(&mut text, &self.registry).unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }
}

/// A target on a port of its own.
pub struct Target {
    listener: TcpListener,
    pub address: SocketAddr,
}

impl Target {
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { listener, address }
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// The next connection.
    pub async fn accept(&self) -> TcpStream {
        soon("a connection", self.listener.accept()).await.unwrap().0
    }
}

/// Reads the head of a request.
pub async fn read_head(stream: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(soon("a request", stream.read_u8()).await.unwrap());
    }
}

/// Reads a request's head, and answers it with these bytes.
pub async fn answer(stream: &mut TcpStream, bytes: &[u8]) {
    read_head(stream).await;
    stream.write_all(bytes).await.unwrap();
}

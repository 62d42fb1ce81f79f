//! A client, and targets that do as they are told.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use chronos_env::Env;
use chronos_types::request::{self, Occasion, Request};
use chronos_types::{
    ExecutionId, Headers, JobId, JobName, SecretValues, TargetUrl, Template, Trigger, Webhook,
};
use chronos_webhook::{Client, ClientConfig, Egress, Metrics, Outcome, Proxy, Rule, Withheld};
use futures::FutureExt as _;
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
        Self::of(&config(max_idle), env).unwrap()
    }

    /// A client that trusts the authorities of a file.
    pub fn trusting(ca_file: PathBuf) -> Result<Self, String> {
        Self::of(&ClientConfig { ca_file: Some(ca_file), ..config(8) }, Env::real())
    }

    /// A client that goes by these rules.
    pub fn by(egress: Egress, env: Env) -> Self {
        Self::of(&ClientConfig { egress, ..config(8) }, env).unwrap()
    }

    /// A client that goes through a proxy, but to these.
    pub fn through(proxy: Proxy, no_proxy: &[&str], egress: Egress, env: Env) -> Self {
        let config = ClientConfig { proxy: Some(proxy), no_proxy: rules(no_proxy), egress, ..config(8) };
        Self::of(&config, env).unwrap()
    }

    fn of(config: &ClientConfig, env: Env) -> Result<Self, String> {
        let mut registry = Registry::default();
        let client = Client::new(config, Metrics::new(&mut registry), env)?;
        Ok(Self { client, registry })
    }

    /// Makes one attempt to GET this URL.
    pub async fn call(&self, url: &str) -> Outcome {
        self.fire(&webhook(url)).await
    }

    /// Makes one attempt, with the headers that every request has.
    pub async fn fire(&self, webhook: &Webhook) -> Outcome {
        self.fire_as("job", webhook).await
    }

    /// Makes one attempt for a job of this name.
    pub async fn fire_as(&self, name: &str, webhook: &Webhook) -> Outcome {
        let timeout = webhook.timeout.map(|timeout| timeout.as_std());
        self.client.attempt(webhook, build(name, webhook), timeout).await
    }

    /// Makes one attempt, each request of which is sent where it may be.
    pub async fn fire_where(
        &self,
        webhook: &Webhook,
        may_send: &(dyn Fn() -> bool + Sync),
    ) -> Result<Outcome, Withheld> {
        let secrets = SecretValues::default();
        self.client.attempt_where(webhook, build("job", webhook), &secrets, None, may_send).await
    }

    /// Makes one attempt with secrets.
    pub async fn fire_with(&self, webhook: &Webhook, secrets: &SecretValues) -> Outcome {
        let request = request::build_with(webhook, &occasion(&JobName::parse("job").unwrap()), secrets);
        self.client.attempt_with(webhook, request, secrets, None).await
    }

    /// A metric's value.
    pub fn metric(&self, name: &str) -> u64 {
        let mut text = String::new();
        encode(&mut text, &self.registry).unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }
}

/// What a client is told that keeps so many idle connections.
fn config(max_idle: usize) -> ClientConfig {
    ClientConfig {
        timeout: PATIENCE,
        max_response_body: 1024,
        ca_file: None,
        egress: Egress::default(),
        proxy: None,
        no_proxy: Vec::new(),
        max_idle,
    }
}

/// Entries of a list.
pub fn rules(texts: &[&str]) -> Vec<Rule> {
    texts.iter().map(|text| Rule::parse(text).unwrap()).collect()
}

/// The request of a job of this name.
fn build(name: &str, webhook: &Webhook) -> Request {
    request::build(webhook, &occasion(&JobName::parse(name).unwrap()))
}

fn occasion(job_name: &JobName) -> Occasion<'_> {
    let job_id = JobId::new(0, [0; 10]);
    Occasion {
        job_id,
        job_name,
        execution_id: ExecutionId::scheduled(job_id, 0),
        scheduled_time: 0,
        trigger: Trigger::Schedule,
        attempt: 1,
    }
}

/// A webhook that calls this URL, and asks for nothing else.
pub fn webhook(url: &str) -> Webhook {
    Webhook {
        url: TargetUrl::parse(url).unwrap(),
        method: None,
        headers: Headers::default(),
        body: None,
        auth: None,
        signing: None,
        client_certificate: None,
        success_codes: None,
        timeout: None,
        tls_skip_verify: false,
        max_redirects: 0,
        sealed: None,
    }
}

/// A webhook that posts a body.
pub fn posting(url: &str, body: &str) -> Webhook {
    Webhook { body: Some(Template::parse(body).unwrap()), ..webhook(url) }
}

/// Headers of the user's own.
pub fn headers(pairs: &[(&str, &str)]) -> Headers {
    Headers::parse(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
        .unwrap()
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
        let stream = soon("a connection", self.listener.accept()).await.unwrap().0;
        // What is written leaves at once. Nagle's algorithm would keep it back, and a close with unread bytes drop it.
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// Whether somebody has made a connection that was not accepted.
    pub fn has_caller(&self) -> bool {
        self.listener.accept().now_or_never().is_some()
    }

    /// Answers one request with these bytes, on a connection of its own, and closes that. Returns the request's head.
    pub async fn answer_once(&self, bytes: &[u8]) -> String {
        let mut stream = self.accept().await;
        let head = read_head(&mut stream).await;
        // Whoever called may hang up before all of that is sent.
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        head
    }
}

/// Reads the head of a request.
pub async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(soon("a request", stream.read_u8()).await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// Reads a request's head, and answers it with these bytes.
pub async fn answer(stream: &mut TcpStream, bytes: &[u8]) {
    read_head(stream).await;
    stream.write_all(bytes).await.unwrap();
}

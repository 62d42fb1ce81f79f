//! The reference: an HTTP client set up as the server's own is. It sends the same requests to the same
//! receiver, with nothing around it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use chronos_types::request::{self, Occasion};
use chronos_types::{ExecutionId, JobId, Trigger, format_rfc3339};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::jobs::Job;
use super::now_us;
use super::proc::Cpu;
use super::sink::Sink;
use crate::Result;

/// The numbers of requests under way at once that are tried. The best one differs from machine to machine.
const WIDTHS: [usize; 4] = [32, 64, 128, 512];

/// The result of a closed loop.
#[derive(Clone, Copy, Debug)]
pub struct Bare {
    /// Requests under way at once.
    pub width: usize,
    /// Requests a second.
    pub rate: f64,
    /// How many seconds it took.
    pub seconds: f64,
    /// CPU of the client, in microseconds a request.
    pub client: Cpu,
    /// CPU of the receiver, likewise.
    pub sink: Cpu,
}

/// How much is sent.
#[derive(Clone, Copy)]
pub enum Amount {
    /// As many requests as fit into this time.
    For(Duration),
    /// This many requests.
    Count(u64),
}

/// A request as the server would send it.
#[derive(Clone)]
struct Template {
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Template {
    fn new(sink: SocketAddr) -> Result<Self> {
        let spec = Job::numbered(0, "@every 1s").to_spec(sink)?;
        let job = JobId::new(0, [0; 10]);
        let occasion = Occasion {
            job_id: job,
            job_name: &spec.name,
            execution_id: ExecutionId::scheduled(job, 0),
            scheduled_time: now_us() / 1000,
            trigger: Trigger::Schedule,
            attempt: 1,
        };
        let request = request::build(&spec.webhook, &occasion);
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            headers.insert(name.parse::<HeaderName>()?, HeaderValue::from_str(value)?);
        }
        Ok(Self { uri: request.url.parse()?, headers, body: request.body.unwrap_or_default().into() })
    }

    fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

/// The client as the server has it, apart from TLS and the rules of egress.
fn client() -> Client<HttpConnector, Full<Bytes>> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_keepalive(Some(Duration::from_secs(30)));
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(50))
        .pool_max_idle_per_host(512)
        .build(connector)
}

async fn exchange(client: &Client<HttpConnector, Full<Bytes>>, request: Request<Full<Bytes>>) -> Result<()> {
    let response = client.request(request).await?;
    if !response.status().is_success() {
        return Err(format!("the receiver answered {}", response.status()).into());
    }
    response.into_body().collect().await?;
    Ok(())
}

/// Runs the closed loop with several widths, and returns the best result.
pub async fn best(sink: &Sink, amount: Amount) -> Result<Bare> {
    let mut best: Option<Bare> = None;
    for width in WIDTHS {
        let run = closed_loop(sink, width, amount).await?;
        eprintln!("  bare client, {width} at once: {:.0} requests/s", run.rate);
        if best.is_none_or(|best| run.rate > best.rate) {
            best = Some(run);
        }
    }
    sink.reset().await?;
    best.ok_or_else(|| "no width was tried".into())
}

/// Runs `width` tasks on a new client. Each task has one request under way at any moment.
pub async fn closed_loop(sink: &Sink, width: usize, amount: Amount) -> Result<Bare> {
    sink.reset().await?;
    let template = Template::new(sink.address)?;
    let client = client();
    let taken = Arc::new(AtomicU64::new(0));
    let (own, other) = (Cpu::of(std::process::id())?, Cpu::of(sink.pid())?);
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..width {
        let (client, template, taken) = (client.clone(), template.clone(), Arc::clone(&taken));
        tasks.spawn(async move {
            let mut sent = 0u64;
            loop {
                let go = match amount {
                    Amount::For(time) => begun.elapsed() < time,
                    Amount::Count(count) => taken.fetch_add(1, Ordering::Relaxed) < count,
                };
                if !go {
                    return Ok::<u64, Box<dyn std::error::Error + Send + Sync>>(sent);
                }
                exchange(&client, template.request()).await?;
                sent += 1;
            }
        });
    }
    let mut sent = 0;
    while let Some(done) = tasks.join_next().await {
        sent += done??;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let arrived = sink.count().await?;
    if arrived != sent {
        return Err(format!("the bare client sent {sent} requests, and {arrived} arrived").into());
    }
    Ok(Bare {
        width,
        rate: sent as f64 / seconds,
        seconds,
        client: Cpu::of(std::process::id())?.since(own).per(sent),
        sink: Cpu::of(sink.pid())?.since(other).per(sent),
    })
}

/// Sends at a steady rate, each request at its own instant, as a plain program would. One thread sleeps until
/// the instant and hands the request to the client. The receiver then knows how late the requests came.
pub async fn paced(sink: &Sink, rate: usize, seconds: usize) -> Result<()> {
    sink.reset().await?;
    let template = Template::new(sink.address)?;
    let client = client();
    let runtime = tokio::runtime::Handle::current();
    let start_ms = now_us() / 1000 + 200;
    let send = move || {
        let mut tasks = Vec::new();
        let job = JobId::new(0, [0; 10]);
        for n in 0..rate * seconds {
            let at_ms = start_ms + i64::try_from(n * 1000 / rate).unwrap_or(i64::MAX);
            let left = at_ms * 1000 - now_us();
            if left > 0 {
                std::thread::sleep(Duration::from_micros(left.cast_unsigned()));
            }
            let mut request = template.request();
            let id = ExecutionId::manual(job, at_ms, (n as u128).to_be_bytes()[6..].try_into()?);
            let headers = request.headers_mut();
            headers.insert("x-chronos-scheduled-time", HeaderValue::from_str(&format_rfc3339(at_ms))?);
            headers.insert("x-chronos-execution-id", HeaderValue::from_str(&id.to_string())?);
            let client = client.clone();
            tasks.push(runtime.spawn(async move { exchange(&client, request).await }));
        }
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(tasks)
    };
    for task in tokio::task::spawn_blocking(send).await?? {
        task.await??;
    }
    Ok(())
}

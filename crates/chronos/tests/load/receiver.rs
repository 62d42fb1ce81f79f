//! What the webhooks call: notes every delivery, and takes its time with some, so that kills meet
//! deliveries under way.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::{Dice, now_ms};

pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    dice: Dice,
    deliveries: Vec<(String, Delivery)>,
    refused: Vec<(String, Delivery)>,
}

/// Where every request is answered with 500.
const REFUSING: &str = "/refuse";

/// One arrival.
#[derive(Clone, Copy, Debug)]
pub struct Delivery {
    pub at: Instant,
    /// The same in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// Who called.
    pub from: IpAddr,
}

impl Receiver {
    pub async fn start(dice: Dice) -> Self {
        Self::start_on(Ipv4Addr::LOCALHOST.into(), dice).await
    }

    pub async fn start_on(address: IpAddr, dice: Dice) -> Self {
        let listener = TcpListener::bind((address, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Mutex::new(Shared { dice, deliveries: Vec::new(), refused: Vec::new() }));
        let seen = Arc::clone(&shared);
        tokio::spawn(async move {
            loop {
                let Ok((stream, peer)) = listener.accept().await else { continue };
                let seen = Arc::clone(&seen);
                let service = service_fn(move |request| answer(request, peer.ip(), Arc::clone(&seen)));
                let serve = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                // It breaks whenever the server is killed.
                tokio::spawn(async move { drop(serve.await) });
            }
        });
        Self { address, shared }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// A target that refuses what it gets, which is no delivery.
    pub fn refusing_url(&self) -> String {
        format!("http://{}{REFUSING}", self.address)
    }

    /// The arrivals of each execution, in order.
    pub fn deliveries(&self) -> HashMap<String, Vec<Delivery>> {
        by_execution(&lock(&self.shared).deliveries)
    }

    /// The same of those that were refused.
    pub fn refused(&self) -> HashMap<String, Vec<Delivery>> {
        by_execution(&lock(&self.shared).refused)
    }

    /// From each start to the first delivery before the next start, where there was one.
    pub fn first_after(&self, starts: &[Instant]) -> String {
        let arrivals: Vec<Instant> = lock(&self.shared).deliveries.iter().map(|(_, one)| one.at).collect();
        let ends = starts.iter().skip(1).map(Some).chain([None]);
        let first = |(start, end): (&Instant, Option<&Instant>)| {
            let first = arrivals.iter().filter(|at| *at > start).min()?;
            end.is_none_or(|end| first < end).then(|| *first - *start)
        };
        let mut times: Vec<Duration> = starts.iter().zip(ends).filter_map(first).collect();
        times.sort_unstable();
        let Some(longest) = times.last() else { return "none fired".into() };
        let median = times[times.len() / 2];
        format!(
            "{} of {} lived to fire; median {median:.0?}, longest {longest:.0?}",
            times.len(),
            starts.len()
        )
    }
}

fn by_execution(arrivals: &[(String, Delivery)]) -> HashMap<String, Vec<Delivery>> {
    let mut by_execution: HashMap<_, Vec<_>> = HashMap::new();
    for (execution, delivery) in arrivals {
        by_execution.entry(execution.clone()).or_default().push(*delivery);
    }
    by_execution
}

async fn answer(
    request: Request<Incoming>,
    from: IpAddr,
    shared: Arc<Mutex<Shared>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let execution = request.headers().get("x-chronos-execution-id").expect("an execution's id");
    let execution = execution.to_str().expect("a text").to_owned();
    let delivery = Delivery { at: Instant::now(), at_ms: now_ms(), from };
    let refuses = request.uri().path() == REFUSING;
    let whole = request.into_body().collect().await.is_ok();
    let pause = {
        let mut shared = lock(&shared);
        // Half a request is no delivery.
        if whole {
            let arrivals = if refuses { &mut shared.refused } else { &mut shared.deliveries };
            arrivals.push((execution, delivery));
        }
        let pause = shared.dice.between(0, 60);
        Duration::from_millis(pause.saturating_sub(30))
    };
    tokio::time::sleep(pause).await;
    let mut response = Response::new(Full::from("ok"));
    if refuses {
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
    Ok(response)
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().expect("no holder of the lock panics")
}

//! Makes one attempt: sends a request and returns its outcome.

use std::error::Error as StdError;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use chronos_env::{Env, Seldom, shortage};
use chronos_types::{ErrorKind, Millis, Response, Webhook, clip, request::Request};
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client as HyperClient, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::connect::{ConnectFailure, GuardedConnector};
use super::guard::Egress;
use super::hop::Hop;
use super::idle::{Idle, Use};
use super::metrics::Metrics;
use super::send::send;
use super::tls;

/// How many idle connections to one host are kept. A new TLS connection costs as much as 25 requests on a
/// kept one, so a burst should find the connections of the burst before it.
const IDLE_PER_HOST: usize = 512;
/// The most bytes of a response's head. Servers send a few KiB, and each call under way may hold as much memory.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// The most bytes of a response's body that are read. What counts is the status; a body is read to its end so that
/// the connection can be kept, and past this a new connection costs less.
const MAX_READ_BYTES: usize = 16 << 20;
/// How long an idle connection is kept. This is shorter than the idle timeouts of common servers and load
/// balancers (60 s and up). So we close a connection before they do, and no request meets one that is closing.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);

/// How the client is set up.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// The timeout of an attempt where neither the webhook nor the job has one.
    pub timeout: Duration,
    /// Bytes of a response's body that are kept.
    pub max_response_body: usize,
    /// A file of roots that are trusted beside the machine's own.
    pub ca_file: Option<PathBuf>,
    /// Which addresses may be reached.
    pub egress: Egress,
    /// Idle connections that are kept, to all targets together.
    pub max_idle: usize,
}

pub(crate) type Http = HyperClient<HttpsConnector<GuardedConnector>, Full<Bytes>>;

/// The HTTP client. Cheap to clone; connections are shared.
#[derive(Clone, Debug)]
pub struct Client {
    strict: Http,
    skip_verify: Http,
    max_response_body: usize,
    timeout: Duration,
    idle: Idle,
    complaint: Arc<Seldom>,
    env: Env,
}

/// The outcome of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The response, or the error where there was none.
    pub response: Response,
    /// What went wrong, or `None` where the status is a success.
    pub failure: Option<(ErrorKind, String)>,
    /// How long to wait by the response's `Retry-After`.
    pub retry_after: Option<Duration>,
    /// What this machine lacked, so that the call was not made. Nothing is known of the target then: the call is
    /// to be made again.
    pub shortage: Option<String>,
}

impl Client {
    /// Sets the client up.
    ///
    /// # Errors
    /// The operator's CA file cannot be used.
    pub fn new(config: &ClientConfig, metrics: Metrics, env: Env) -> Result<Self, String> {
        let policies = tls::policies(config.ca_file.as_deref())?;
        let idle = Idle::new(config.max_idle, metrics);
        let egress = Arc::new(config.egress.clone());
        let build = |tls| {
            let connector = HttpsConnectorBuilder::new()
                .with_tls_config(tls)
                .https_or_http()
                .enable_http1()
                .wrap_connector(GuardedConnector::new(Arc::clone(&egress), idle.clone(), env.clone()));
            HyperClient::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .timer(TokioTimer::new())
                .pool_idle_timeout(IDLE_TIMEOUT)
                .pool_max_idle_per_host(IDLE_PER_HOST)
                .http1_max_buf_size(MAX_HEAD_BYTES)
                .build(connector)
        };
        Ok(Self {
            strict: build(policies.strict),
            skip_verify: build(policies.skip_verify),
            max_response_body: config.max_response_body,
            timeout: config.timeout,
            idle,
            complaint: Arc::default(),
            env,
        })
    }

    /// The timeout of an attempt where neither the webhook nor the job has one.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Makes one attempt. It takes at most `timeout`, from connect to the last body byte.
    pub async fn attempt(&self, webhook: &Webhook, request: Request, timeout: Option<Duration>) -> Outcome {
        let timeout = timeout.unwrap_or(self.timeout);
        match tokio::time::timeout(timeout, self.exchange(webhook, request)).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let shown = chronos_types::DurationMs::from_millis(
                    u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
                );
                Outcome::failed(ErrorKind::Timeout, format!("no complete response within {shown}"))
            }
        }
    }

    async fn exchange(&self, webhook: &Webhook, request: Request) -> Outcome {
        let http = if webhook.tls_skip_verify { &self.skip_verify } else { &self.strict };
        let mut hop = match Hop::first(webhook, request) {
            Ok(hop) => hop,
            Err(why) => return Outcome::failed(ErrorKind::Connect, why),
        };
        let mut redirects_left = webhook.max_redirects;
        loop {
            let mut response = match send(http, &hop).await {
                Ok(response) => response,
                Err(error) => return self.failed(&error),
            };
            let used = response.extensions_mut().remove::<Use>();
            if redirects_left > 0
                && let Some(next) = hop.redirected(&response)
            {
                redirects_left -= 1;
                hop = next;
                drop(response);
                over(used);
                continue;
            }
            let outcome = self.finish(webhook, response).await;
            over(used);
            return outcome;
        }
    }

    /// No response came. Where this machine lacked something, idle connections are given up first, so that the
    /// next call finds it.
    fn failed(&self, error: &Error) -> Outcome {
        let outcome = Outcome::from_error(error);
        if let Some(lacked) = &outcome.shortage {
            self.idle.give_up();
            self.complaint.say(|| {
                tracing::warn!(
                    error = lacked,
                    "calls wait: this machine has no descriptor, port or memory for more"
                );
            });
        }
        outcome
    }

    async fn finish(&self, webhook: &Webhook, response: http::Response<Incoming>) -> Outcome {
        let status = response.status();
        let retry_after = retry_after(status, response.headers(), self.env.now());
        let location = response.headers().get(header::LOCATION).cloned();
        let (kept, truncated) = match self.read_body(response.into_body()).await {
            Ok(read) => read,
            Err((kept, error)) => {
                let message = format!("the response's body could not be read: {}", clip(&root(&error)));
                let mut outcome = Outcome::failed(ErrorKind::Body, message);
                outcome.response.status_code = status.as_u16();
                outcome.response.body = Some(String::from_utf8_lossy(&kept).into_owned());
                return outcome;
            }
        };
        let failure = (!webhook.is_success(status.as_u16())).then(|| {
            let message = match (&webhook.success_codes, location) {
                (_, Some(to)) if status.is_redirection() => {
                    let to = String::from_utf8_lossy(to.as_bytes());
                    let to = clip(&to);
                    format!("{status} is a redirect to {to:?}, which is not followed (see max_redirects)")
                }
                (Some(_), _) => format!("{status} is not one of success_codes"),
                (None, _) => format!("{status}"),
            };
            (ErrorKind::Status, message)
        });
        let body = Some(String::from_utf8_lossy(&kept).into_owned());
        let response = Response { status_code: status.as_u16(), body, truncated, error: None };
        Outcome { response, failure, retry_after, shortage: None }
    }

    /// Reads the body to its last byte, because the attempt ends only then, or to the most that is read. Keeps its
    /// start.
    async fn read_body(&self, mut body: Incoming) -> Result<(Vec<u8>, bool), (Vec<u8>, hyper::Error)> {
        let (mut kept, mut truncated) = (Vec::new(), false);
        let mut left = MAX_READ_BYTES;
        while let Some(frame) = body.frame().await {
            let frame = match frame {
                Ok(frame) => frame,
                Err(error) => return Err((kept, error)),
            };
            if let Some(data) = frame.data_ref() {
                let room = self.max_response_body - kept.len();
                kept.extend_from_slice(&data[..data.len().min(room)]);
                truncated |= data.len() > room;
                match left.checked_sub(data.len()) {
                    Some(rest) => left = rest,
                    // With the rest of the body unread, hyper closes the connection.
                    None => return Ok((kept, true)),
                }
            }
        }
        Ok((kept, truncated))
    }
}

impl Outcome {
    /// An attempt that failed without a response.
    #[must_use]
    pub fn failed(kind: ErrorKind, message: String) -> Self {
        let response = Response { error: Some(message.clone()), ..Response::default() };
        Self { response, failure: Some((kind, message)), retry_after: None, shortage: None }
    }

    fn from_error(error: &Error) -> Self {
        let kind = if let Some(failure) = find::<ConnectFailure>(error) {
            match failure {
                ConnectFailure::EgressDenied(_) => ErrorKind::EgressDenied,
                ConnectFailure::Dns { .. } => ErrorKind::Dns,
            }
        } else if find::<rustls::Error>(error).is_some() {
            ErrorKind::Tls
        } else if error.is_connect() {
            ErrorKind::Connect
        } else {
            ErrorKind::Reset
        };
        let message = match kind {
            ErrorKind::EgressDenied | ErrorKind::Dns => {
                find::<ConnectFailure>(error).map_or_else(|| root(error), ToString::to_string)
            }
            ErrorKind::Tls => format!("TLS handshake failed: {}", clip(&root(error))),
            ErrorKind::Connect => format!("connection failed: {}", clip(&root(error))),
            _ => format!("the connection broke before a response was read: {}", clip(&root(error))),
        };
        Self { shortage: shortage(error), ..Self::failed(kind, message) }
    }
}

fn over(used: Option<Use>) {
    if let Some(used) = used {
        used.end();
    }
}

/// Finds the first error of a type in a chain of causes, also inside of I/O errors.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        if let Some(io) = error.downcast_ref::<std::io::Error>()
            && let Some(inner) = io.get_ref()
        {
            let inner: &(dyn StdError + 'static) = inner;
            if let Some(found) = find::<T>(inner) {
                return Some(found);
            }
        }
        next = error.source();
    }
    None
}

/// The message of the innermost cause.
fn root(error: &(dyn StdError + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}

/// `Retry-After` of a 429 or 503 (RFC 9110 section 10.2.3): seconds, or a date.
fn retry_after(status: StatusCode, headers: &HeaderMap, now: Millis) -> Option<Duration> {
    if !matches!(status.as_u16(), 429 | 503) {
        return None;
    }
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    // The date is by the server's clock. The server's own Date header shows how far ahead it lies, even where
    // our clocks differ.
    let now = headers
        .get(header::DATE)
        .and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok())
        .unwrap_or(UNIX_EPOCH + Duration::from_millis(now.max(0).cast_unsigned()));
    Some(at.duration_since(now).unwrap_or_default())
}

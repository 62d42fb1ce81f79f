//! Makes one attempt: sends a request and returns its outcome.

use std::error::Error as StdError;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use chronos_env::Env;
use chronos_types::{ErrorKind, Millis, Response, Webhook, is_credential_header, request::Request};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::connect::{ConnectFailure, GuardedConnector};
use super::guard::Egress;
use super::tls;

/// How many idle connections to one host are kept. A new TLS connection costs as much as 25 requests on a
/// kept one, so a burst should find the connections of the burst before it.
const IDLE_PER_HOST: usize = 512;
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
}

type Http = HyperClient<HttpsConnector<GuardedConnector>, Full<Bytes>>;

/// The HTTP client. Cheap to clone; connections are shared.
#[derive(Clone, Debug)]
pub struct Client {
    strict: Http,
    skip_verify: Http,
    max_response_body: usize,
    timeout: Duration,
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
}

impl Client {
    /// Sets the client up.
    ///
    /// # Errors
    /// The operator's CA file cannot be used.
    pub fn new(config: &ClientConfig, env: Env) -> Result<Self, String> {
        let policies = tls::policies(config.ca_file.as_deref())?;
        let egress = Arc::new(config.egress.clone());
        let build = |tls| {
            let connector = HttpsConnectorBuilder::new()
                .with_tls_config(tls)
                .https_or_http()
                .enable_http1()
                .wrap_connector(GuardedConnector::new(Arc::clone(&egress), env.clone()));
            HyperClient::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .timer(TokioTimer::new())
                .pool_idle_timeout(IDLE_TIMEOUT)
                .pool_max_idle_per_host(IDLE_PER_HOST)
                .build(connector)
        };
        Ok(Self {
            strict: build(policies.strict),
            skip_verify: build(policies.skip_verify),
            max_response_body: config.max_response_body,
            timeout: config.timeout,
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
            let response = match http.request(hop.to_http()).await {
                Ok(response) => response,
                Err(error) => return Outcome::from_error(&error),
            };
            if redirects_left > 0
                && let Some(next) = hop.redirected(&response)
            {
                redirects_left -= 1;
                hop = next;
                continue;
            }
            return self.finish(webhook, response).await;
        }
    }

    async fn finish(&self, webhook: &Webhook, response: http::Response<hyper::body::Incoming>) -> Outcome {
        let status = response.status();
        let retry_after = retry_after(status, response.headers(), self.env.now());
        let location = response.headers().get(header::LOCATION).cloned();
        let (kept, truncated) = match self.read_body(response.into_body()).await {
            Ok(read) => read,
            Err((kept, error)) => {
                let message = format!("the response's body could not be read: {}", root(&error));
                let mut outcome = Outcome::failed(ErrorKind::Body, message);
                outcome.response.status_code = status.as_u16();
                outcome.response.body = Some(String::from_utf8_lossy(&kept).into_owned());
                return outcome;
            }
        };
        let failure = (!webhook.is_success(status.as_u16())).then(|| {
            let message = match (&webhook.success_codes, location) {
                (_, Some(to)) if status.is_redirection() => {
                    let to = String::from_utf8_lossy(to.as_bytes()).into_owned();
                    format!("{status} is a redirect to {to:?}, which is not followed (see max_redirects)")
                }
                (Some(_), _) => format!("{status} is not one of success_codes"),
                (None, _) => format!("{status}"),
            };
            (ErrorKind::Status, message)
        });
        let body = Some(String::from_utf8_lossy(&kept).into_owned());
        let response = Response { status_code: status.as_u16(), body, truncated, error: None };
        Outcome { response, failure, retry_after }
    }

    /// Reads the body to its last byte, because the attempt ends only then. Keeps its start.
    async fn read_body(
        &self,
        mut body: hyper::body::Incoming,
    ) -> Result<(Vec<u8>, bool), (Vec<u8>, hyper::Error)> {
        let (mut kept, mut truncated) = (Vec::new(), false);
        while let Some(frame) = body.frame().await {
            let frame = match frame {
                Ok(frame) => frame,
                Err(error) => return Err((kept, error)),
            };
            if let Some(data) = frame.data_ref() {
                let room = self.max_response_body - kept.len();
                kept.extend_from_slice(&data[..data.len().min(room)]);
                truncated |= data.len() > room;
            }
        }
        Ok((kept, truncated))
    }
}

/// One request of a chain of redirects.
struct Hop {
    uri: Uri,
    method: http::Method,
    headers: HeaderMap,
    body: Bytes,
    /// The header in which `auth` sends its credential.
    auth_header: Option<HeaderName>,
}

impl Hop {
    fn first(webhook: &Webhook, request: Request) -> Result<Self, String> {
        // All of this was checked when the job came in. A failure here is still an outcome, not a panic.
        let uri = request.url.parse().map_err(|error| format!("the URL cannot be requested: {error}"))?;
        let method = request.method.as_str().parse().map_err(|error| format!("the method: {error}"))?;
        let mut headers = HeaderMap::with_capacity(request.headers.len());
        for (name, value) in &request.headers {
            let name: HeaderName = name.parse().map_err(|error| format!("header {name:?}: {error}"))?;
            let value =
                HeaderValue::from_str(value).map_err(|_| format!("header {name:?} has a bad value"))?;
            headers.insert(name, value);
        }
        let auth_header = webhook.auth.as_ref().and_then(|auth| auth.header().0.parse().ok());
        let body = Bytes::from(request.body.unwrap_or_default());
        Ok(Self { uri, method, headers, body, auth_header })
    }

    fn to_http(&self) -> http::Request<Full<Bytes>> {
        let mut request = http::Request::new(Full::new(self.body.clone()));
        *request.uri_mut() = self.uri.clone();
        *request.method_mut() = self.method.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }

    /// The request that a redirect asks for, by RFC 9110 section 15.4. After a 303, and after a 301 or 302 to
    /// a POST, it is a GET. A 307 or 308 repeats the request.
    fn redirected<B>(&self, response: &http::Response<B>) -> Option<Self> {
        let status = response.status().as_u16();
        let to_get = match status {
            301 | 302 => self.method == http::Method::POST,
            303 => self.method != http::Method::HEAD,
            307 | 308 => false,
            _ => return None,
        };
        let location = response.headers().get(header::LOCATION)?.to_str().ok()?;
        let base = url::Url::parse(&self.uri.to_string()).ok()?;
        let mut target = base.join(location).ok()?;
        target.set_fragment(None);
        if !matches!(target.scheme(), "http" | "https") {
            return None;
        }
        // User info in a Location is never used, because it is not the operator's credential.
        target.set_username("").ok()?;
        target.set_password(None).ok()?;
        let mut headers = self.headers.clone();
        let mut body = self.body.clone();
        let mut method = self.method.clone();
        if to_get {
            method = http::Method::GET;
            body = Bytes::new();
            headers.remove(header::CONTENT_TYPE);
        }
        headers.remove(header::HOST);
        if target.origin() != base.origin() {
            let secret: Vec<_> = headers
                .keys()
                .filter(|name| {
                    is_credential_header(name.as_str()) || Some(*name) == self.auth_header.as_ref()
                })
                .cloned()
                .collect();
            for name in secret {
                headers.remove(name);
            }
        }
        let uri = target.as_str().parse().ok()?;
        Some(Self { uri, method, headers, body, auth_header: self.auth_header.clone() })
    }
}

impl Outcome {
    fn failed(kind: ErrorKind, message: String) -> Self {
        let response = Response { error: Some(message.clone()), ..Response::default() };
        Self { response, failure: Some((kind, message)), retry_after: None }
    }

    fn from_error(error: &hyper_util::client::legacy::Error) -> Self {
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
            ErrorKind::Tls => format!("TLS handshake failed: {}", root(error)),
            ErrorKind::Connect => format!("connection failed: {}", root(error)),
            _ => format!("the connection broke before a response was read: {}", root(error)),
        };
        Self::failed(kind, message)
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

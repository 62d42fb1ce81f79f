//! Calls other nodes over HTTP/1.1.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chronos_env::{BoxFuture, Env};
use chronos_types::clip;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::activity::Watch;
use super::connection::{Connection, Failure, Outgoing};
use super::dial::Dialler;
use super::inbound::Inbound;
use super::pool::Pool;
use super::tls::Credentials;
use super::upload::Upload;
use super::wire::{
    self, ADDRESS_HEADER, CLUSTER_HEADER, MAX_MESSAGE_BYTES, MESSAGE_BYTES_HEADER, NODE_HEADER, PATH,
    PROTOCOL, PROTOCOL_HEADER, STALL,
};
use super::{Answer, Body, Caller, Lane, PeerError, Transport};

/// An upload is given up when no byte of it has moved for this long. The kernel takes more at a time than a slow network
/// carries in some seconds, and while it sends that, nothing is seen to move.
const UPLOAD_STALL: Duration = Duration::from_secs(30);
/// How long making a connection may take, TLS included.
const CONNECT: Duration = Duration::from_secs(2);

/// Calls other nodes over HTTP/1.1, in plain text or over mutual TLS. A call that overlaps another one to
/// the same address on the same lane has a connection of its own. Connections are kept for later calls.
pub struct HttpTransport {
    dialler: Arc<Dialler>,
    pub(super) tls: Option<Credentials>,
    pub(super) caller: Caller,
    pools: Mutex<HashMap<(String, Lane), Arc<Pool>>>,
    /// [`UPLOAD_STALL`], except in tests.
    pub(super) stall: Duration,
}

impl HttpTransport {
    /// Calls as `caller`; over TLS where there are credentials.
    #[must_use]
    pub fn new(tls: Option<Credentials>, caller: Caller, env: Env) -> Self {
        Self {
            dialler: Arc::new(Dialler::new(env)),
            tls,
            caller,
            pools: Mutex::default(),
            stall: UPLOAD_STALL,
        }
    }

    fn pool(&self, to: &str, lane: Lane) -> Arc<Pool> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let pool = pools.entry((to.to_owned(), lane)).or_insert_with(|| Arc::new(Pool::new()));
        Arc::clone(pool)
    }

    fn request(&self, to: &str, kind: &str, body: Outgoing) -> Result<Request<Outgoing>, http::Error> {
        let request = Request::post(format!("{PATH}{kind}"))
            .header(header::HOST, to)
            .header(PROTOCOL_HEADER, HeaderValue::from_static(PROTOCOL))
            .header(NODE_HEADER, &self.caller.node);
        let request = match self.caller.address.as_str() {
            "" => request,
            address => request.header(ADDRESS_HEADER, address),
        };
        let request = match self.caller.cluster.get() {
            Some(cluster) => request.header(CLUSTER_HEADER, cluster),
            None => request,
        };
        request.body(body)
    }

    /// Sends a request on a kept connection or a new one. Where the kept connection was closed meanwhile
    /// and nothing was sent, a new one is tried. `watch` is told of each connection.
    async fn exchange(
        &self,
        pool: &Arc<Pool>,
        permit: OwnedSemaphorePermit,
        to: &str,
        mut request: Request<Outgoing>,
        upload: Option<&Upload>,
        watch: &Watch,
    ) -> Answer {
        let permit = Arc::new(permit);
        let mut kept = pool.take();
        loop {
            let is_kept = kept.is_some();
            let mut connection = match kept.take() {
                Some(connection) => connection,
                None => self.connect(pool, &permit, to).await?,
            };
            watch.goes_over(&connection.activity);
            match speak(&mut connection, to, request).await {
                Ok((answer, is_over)) => {
                    if is_over && upload.is_none_or(Upload::is_out) {
                        pool.put(connection);
                    }
                    return answer;
                }
                Err(failure) => {
                    pool.clear();
                    match failure.unsent {
                        Some(unsent) if is_kept => request = unsent,
                        _ => return Err(PeerError::Unreachable(format!("{to}: {}", failure.why))),
                    }
                }
            }
        }
    }

    /// Makes a connection. It is made to the end even where the call that wants it gives up, and is then
    /// kept for the next call. Otherwise calls with a timeout shorter than connecting takes would never
    /// get a connection.
    async fn connect(
        &self,
        pool: &Arc<Pool>,
        permit: &Arc<OwnedSemaphorePermit>,
        to: &str,
    ) -> Result<Connection, PeerError> {
        let (dialler, tls, to) = (Arc::clone(&self.dialler), self.tls.clone(), to.to_owned());
        let (pool, permit) = (Arc::clone(pool), Arc::clone(permit));
        let (hand_over, connected) = oneshot::channel();
        tokio::spawn(async move {
            let opening = tokio::time::timeout(CONNECT, Connection::open(&dialler, tls, &to));
            let late = |_| Err(format!("cannot connect to {to}: no answer within {} s", CONNECT.as_secs()));
            if let Err(Ok(connection)) = hand_over.send(opening.await.unwrap_or_else(late)) {
                pool.put(connection);
            }
            drop(permit);
        });
        match connected.await {
            Ok(connected) => connected.map_err(PeerError::Unreachable),
            Err(_) => Err(PeerError::Unreachable("this node is stopping".to_owned())),
        }
    }
}

impl Transport for HttpTransport {
    fn call<'a>(
        &'a self,
        to: &'a str,
        lane: Lane,
        kind: &'static str,
        message: Bytes,
        timeout: Duration,
    ) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            check_size(kind, &message)?;
            let body = Full::new(message).map_err(|never| match never {}).boxed_unsync();
            let request = self.request(to, kind, body).map_err(|error| unsayable(&error))?;
            let pool = self.pool(to, lane);
            let watch = Watch::begin();
            let call = async {
                let permit = pool.permit().await.ok_or_else(stopping)?;
                self.exchange(&pool, permit, to, request, None, &watch).await
            };
            tokio::select! {
                biased;
                answer = call => answer,
                _ = watch.stands_still(|| timeout) => {
                    // If nothing was sent yet, an idle connection may be one that was just made for a call.
                    if watch.is_connected() {
                        pool.clear();
                    }
                    let ms = timeout.as_millis();
                    Err(PeerError::Unreachable(format!("{to}: no answer to {kind} within {ms} ms")))
                }
            }
        })
    }

    fn upload<'a>(
        &'a self,
        to: &'a str,
        kind: &'static str,
        message: Bytes,
        body: Body,
    ) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            check_size(kind, &message)?;
            let bytes = HeaderValue::from(message.len());
            let upload = Upload::new(self.stall);
            let body = upload.watch(message, body);
            let mut request = self.request(to, kind, body).map_err(|error| unsayable(&error))?;
            request.headers_mut().insert(MESSAGE_BYTES_HEADER, bytes);
            let pool = self.pool(to, Lane::Bulk);
            let Ok(permit) = tokio::time::timeout(self.stall, pool.permit()).await else {
                let why = format!("{to}: too many uploads are under way for {kind} to begin");
                return Err(PeerError::Unreachable(why));
            };
            let permit = permit.ok_or_else(stopping)?;
            let watch = Watch::begin();
            tokio::select! {
                biased;
                answer = self.exchange(&pool, permit, to, request, Some(&upload), &watch) => answer,
                still = watch.stands_still(|| upload.patience()) => {
                    pool.clear();
                    let seconds = still.as_secs_f64();
                    Err(PeerError::Unreachable(format!("{to}: no byte moved for {seconds} s")))
                }
            }
        })
    }
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransport").field("caller", &self.caller).finish_non_exhaustive()
    }
}

/// Makes one exchange. Returns the answer, and whether the exchange is over, so that the connection can
/// carry another one.
async fn speak(
    connection: &mut Connection,
    to: &str,
    request: Request<Outgoing>,
) -> Result<(Answer, bool), Failure> {
    let response = connection.send(request).await?;
    let status = response.status();
    let mut body = Inbound::new(response.into_body(), STALL);
    let failed = |error: io::Error| Failure { why: format!("its answer: {error}"), unsent: None };
    let body = body.all(MAX_MESSAGE_BYTES).await.map_err(failed)?;
    if status == StatusCode::OK {
        return Ok((Ok(body), true));
    }
    // Whoever listens at that address may say whatever it likes.
    let reason = clip(&String::from_utf8_lossy(&body)).into_owned();
    let error = wire::error_of(status, to, reason);
    // A refusal is made after the message was read. Other errors may have come before its end.
    let is_over = matches!(error, PeerError::Refused(_));
    Ok((Err(error), is_over))
}

fn check_size(kind: &str, message: &Bytes) -> Result<(), PeerError> {
    if message.len() <= MAX_MESSAGE_BYTES {
        return Ok(());
    }
    let bytes = message.len();
    Err(PeerError::Unreachable(format!(
        "{kind}: a message of {bytes} bytes is too large; expected at most {MAX_MESSAGE_BYTES}"
    )))
}

fn unsayable(error: &http::Error) -> PeerError {
    PeerError::Unreachable(format!("the call cannot be put into HTTP: {error}"))
}

fn stopping() -> PeerError {
    PeerError::Unreachable("this node is stopping".to_owned())
}

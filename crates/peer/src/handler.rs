//! Checks who calls, and hands the call to the service.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::request::Parts;
use http::{HeaderName, Method, Request, StatusCode};
use hyper::body::Incoming;
use tokio::sync::Mutex;

use super::inbound::Inbound;
use super::places::Place;
use super::tls::Shown;
use super::wire::{
    self, ADDRESS_HEADER, CLUSTER_HEADER, JOIN, MAX_MESSAGE_BYTES, MAX_STRANGERS_BYTES, MESSAGE_BYTES_HEADER,
    NODE_HEADER, PATH, PROTOCOL, PROTOCOL_HEADER,
};
use super::{Caller, PeerError, Service};

/// How long the rest of a refused body is read while the answer is sent. A caller that is still sending
/// may never see the answer if its connection is closed. Once it has seen the answer, it closes the
/// connection itself.
const LINGER: Duration = Duration::from_secs(5);

/// A call that is not answered with 200.
#[derive(Debug)]
pub(super) struct Rejection {
    pub(super) status: StatusCode,
    pub(super) reason: String,
    /// It lacks what nodes say first, so whoever sent it is none. The connection is closed at once.
    pub(super) is_no_call: bool,
}

/// Handles the calls that come in.
pub(super) struct Handler {
    /// This node, and its cluster.
    pub(super) caller: Caller,
    pub(super) service: Arc<dyn Service>,
    /// How long the next part of a body may take.
    pub(super) stall: Duration,
    /// How long a connection may be open before it is known that a node made it, or before its first call.
    pub(super) hello: Duration,
}

/// A call whose head is in order.
struct Call<'a> {
    from: &'a str,
    kind: &'a str,
    /// Whether it names the cluster.
    names_cluster: bool,
    /// How many bytes of the body are the message, where more comes behind it.
    message_bytes: Option<usize>,
}

impl Handler {
    /// Answers one request, which came on a connection with this place, on which this certificate was shown.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        place: &Place,
        shown: Option<&Shown>,
    ) -> Result<Bytes, Rejection> {
        let _calling = place.call();
        let (head, body) = request.into_parts();
        let body = Arc::new(Mutex::new(Inbound::new(body, self.stall)));
        let answer = match self.admit(&head, shown).and_then(|call| seat(call, place)) {
            Ok(call) => self.hand_over(call, place, &body).await,
            Err(rejection) => Err(rejection),
        };
        if answer.as_ref().is_err_and(|rejection| !rejection.is_no_call) {
            tokio::spawn(tokio::time::timeout(LINGER, drain(body)));
        }
        answer
    }

    fn admit<'a>(&self, head: &'a Parts, shown: Option<&Shown>) -> Result<Call<'a>, Rejection> {
        let path = head.uri.path();
        let kind = path.strip_prefix(PATH).filter(|kind| !kind.is_empty() && !kind.contains('/'));
        let Some(kind) = kind else {
            let why = format!("{path:?} is no call; expected {PATH}{{kind}}");
            return Err(no_call(StatusCode::NOT_FOUND, why));
        };
        if head.method != Method::POST {
            let why = format!("{} is no way to call; expected POST", head.method);
            return Err(no_call(StatusCode::METHOD_NOT_ALLOWED, why));
        }
        let protocol = text(head, &PROTOCOL_HEADER)?;
        if protocol != Some(PROTOCOL) {
            let theirs = protocol.unwrap_or("none");
            let why = format!("the caller speaks protocol {theirs}; this node speaks {PROTOCOL}");
            let is_no_call = protocol.is_none();
            return Err(Rejection { is_no_call, ..refused(StatusCode::CONFLICT, why) });
        }
        let Some(from) = text(head, &NODE_HEADER)? else {
            return Err(no_call(StatusCode::BAD_REQUEST, format!("{NODE_HEADER} is missing")));
        };
        if let Some(shown) = shown {
            let claimed = text(head, &ADDRESS_HEADER)?;
            shown.check_caller(from, claimed).map_err(|why| refused(StatusCode::FORBIDDEN, why))?;
        }
        let cluster = text(head, &CLUSTER_HEADER)?;
        self.check_cluster(cluster, kind).map_err(|why| refused(StatusCode::CONFLICT, why))?;
        let message_bytes = match text(head, &MESSAGE_BYTES_HEADER)? {
            None => None,
            Some(text) => match text.parse().ok().filter(|bytes| *bytes <= MAX_MESSAGE_BYTES) {
                Some(bytes) => Some(bytes),
                None => {
                    let why = format!(
                        "{MESSAGE_BYTES_HEADER} is {text:?}; expected a number up to {MAX_MESSAGE_BYTES}"
                    );
                    return Err(refused(StatusCode::BAD_REQUEST, why));
                }
            },
        };
        Ok(Call { from, kind, names_cluster: cluster.is_some(), message_bytes })
    }

    /// A node without a cluster takes calls of any cluster. It is joining one, and that cluster's leader may
    /// call before the answer to `join` has arrived.
    fn check_cluster(&self, theirs: Option<&str>, kind: &str) -> Result<(), String> {
        let node = &self.caller.node;
        match (self.caller.cluster.get(), theirs) {
            (Some(ours), Some(theirs)) if ours == theirs => Ok(()),
            (Some(ours), Some(theirs)) => {
                Err(format!("node {node} is in cluster {ours}; the caller is in cluster {theirs}"))
            }
            (None, Some(_)) => Ok(()),
            (_, None) if kind == JOIN => Ok(()),
            (Some(ours), None) => {
                Err(format!("node {node} is in cluster {ours}; the caller is in none, and may only join"))
            }
            (None, None) => {
                Err(format!("node {node} is in no cluster, nor is the caller, which may only join"))
            }
        }
    }

    async fn hand_over(
        &self,
        call: Call<'_>,
        place: &Place,
        body: &Arc<Mutex<Inbound>>,
    ) -> Result<Bytes, Rejection> {
        let Call { from, kind, message_bytes, .. } = call;
        let unread = |error: std::io::Error| {
            refused(StatusCode::BAD_REQUEST, format!("the message of {kind} cannot be read: {error}"))
        };
        let most = if place.is_nodes() { MAX_MESSAGE_BYTES } else { MAX_STRANGERS_BYTES };
        let answer = match message_bytes {
            None => {
                let message = body.lock().await.all(most).await.map_err(unread)?;
                self.service.call(from, kind, message).await
            }
            Some(bytes) if bytes > most => {
                let why = format!("a caller in no cluster has {bytes} bytes to say; expected at most {most}");
                return Err(refused(StatusCode::BAD_REQUEST, why));
            }
            Some(bytes) => {
                let message = body.lock().await.take(bytes).await.map_err(unread)?;
                let body = stream::try_unfold(Arc::clone(body), async |body| {
                    let part = body.lock().await.next().await?;
                    Ok(part.map(|part| (part, body)))
                });
                self.service.receive(from, kind, message, body.boxed()).await
            }
        };
        answer.map_err(|error| refused(wire::status_of(&error), reason(error)))
    }
}

/// Whoever names the cluster is a node of it, as far as anybody can tell who speaks no TLS.
fn seat<'a>(call: Call<'a>, place: &Place) -> Result<Call<'a>, Rejection> {
    if !call.names_cluster || place.becomes_nodes() {
        return Ok(call);
    }
    let why = "too many connections of nodes are open".to_owned();
    Err(no_call(StatusCode::SERVICE_UNAVAILABLE, why))
}

fn refused(status: StatusCode, reason: String) -> Rejection {
    Rejection { status, reason, is_no_call: false }
}

fn no_call(status: StatusCode, reason: String) -> Rejection {
    Rejection { status, reason, is_no_call: true }
}

fn reason(error: PeerError) -> String {
    match error {
        PeerError::Unreachable(reason) | PeerError::Stranger(reason) | PeerError::Refused(reason) => reason,
    }
}

fn text<'a>(head: &'a Parts, name: &HeaderName) -> Result<Option<&'a str>, Rejection> {
    let Some(value) = head.headers.get(name) else { return Ok(None) };
    let text = value.to_str();
    text.map(Some)
        .map_err(|_| no_call(StatusCode::BAD_REQUEST, format!("{name} is {value:?}; expected ASCII")))
}

/// Reads the body to its end.
async fn drain(body: Arc<Mutex<Inbound>>) {
    let mut body = body.lock().await;
    while let Ok(Some(_)) = body.next().await {}
}

//! One connection to another node, which carries one call at a time.

use std::io;

use bytes::Bytes;
use chronos_env::Socket;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

use super::activity::{Activity, Watched};
use super::dial::Dialler;
use super::tls::{Credentials, host_of};
use super::wire::root;

/// What a request carries.
pub(super) type Outgoing = UnsyncBoxBody<Bytes, io::Error>;

/// Dropping a connection closes it, whatever is under way.
pub(super) struct Connection {
    sender: SendRequest<Outgoing>,
    driver: AbortOnDropHandle<hyper::Result<()>>,
    /// When bytes last moved on it.
    pub(super) activity: Activity,
}

/// Why a request has no answer.
pub(super) struct Failure {
    pub(super) why: String,
    /// The request, where no byte of it was sent.
    pub(super) unsent: Option<Request<Outgoing>>,
}

impl Connection {
    /// Connects to `address`. With TLS, the other node's certificate has to name the host of that address, or the node that
    /// is known to be there. The connection ends with that certificate.
    pub(super) async fn open(
        dialler: &Dialler,
        tls: Option<Credentials>,
        address: &str,
    ) -> Result<Self, String> {
        let socket = dialler.connect(address).await;
        let socket = socket.map_err(|error| format!("cannot connect to {address}: {error}"))?;
        let activity = Activity::now();
        let mut socket: Socket = Box::new(Watched { socket, activity: activity.clone() });
        let mut shown = None;
        if let Some(tls) = tls {
            let host = host_of(address);
            let name = ServerName::try_from(host)
                .map_err(|_| format!("{address}: {host:?} is no name that a certificate could have"))?;
            let handshake = TlsConnector::from(tls.client()).connect(name.to_owned(), socket);
            let stream =
                handshake.await.map_err(|error| format!("TLS with {address} failed: {}", root(&error)))?;
            let failed = |why| format!("TLS with {address} failed: {why}");
            let certificate = tls.shown(stream.get_ref().1.peer_certificates(), true).map_err(failed)?;
            certificate.check_called(address).map_err(failed)?;
            shown = Some(certificate);
            socket = Box::new(stream);
        }
        let (sender, driver) = http1::Builder::new()
            .handshake(TokioIo::new(socket))
            .await
            .map_err(|error| format!("cannot speak to {address}: {}", root(&error)))?;
        let driver = async move {
            let Some(shown) = shown else { return driver.await };
            let ends = shown.ends();
            tokio::select! {
                ended = driver => ended,
                () = ends.cancelled() => Ok(()),
            }
        };
        Ok(Self { sender, driver: AbortOnDropHandle::new(tokio::spawn(driver)), activity })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(&mut self, request: Request<Outgoing>) -> Result<Response<Incoming>, Failure> {
        // The other node may have closed the connection without our having seen it yet.
        if self.sender.ready().await.is_err() {
            return Err(Failure { why: self.closed().await, unsent: Some(request) });
        }
        match self.sender.try_send_request(request).await {
            Ok(response) => Ok(response),
            Err(mut failed) => match failed.take_message() {
                Some(request) => Err(Failure { why: self.closed().await, unsent: Some(request) }),
                None => Err(Failure { why: root(failed.error()), unsent: None }),
            },
        }
    }

    /// Why the connection was closed.
    async fn closed(&mut self) -> String {
        match (&mut self.driver).await {
            Ok(Err(error)) => root(&error),
            Ok(Ok(())) | Err(_) => "the connection was closed".to_owned(),
        }
    }
}

//! Makes connections for the client. Asks the egress guard about every address, and says in each error what
//! failed.

use std::future::Future;
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use chronos_env::{Env, Socket};
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tower::Service;

use super::guard::Egress;

/// How much of a host is shown in an error: no name is longer (RFC 1035, section 2.3.4).
const MAX_HOST: usize = 253;

/// Why a connection was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectFailure {
    /// The guard forbids the address.
    #[error("connections to {0} are denied by dispatcher.http.egress")]
    EgressDenied(IpAddr),
    /// The name has no address, or the lookup failed.
    #[error("could not resolve {host:?}: {error}")]
    Dns {
        /// The host.
        host: String,
        /// The resolver's error.
        error: io::Error,
    },
}

/// Looks names up, leaves out denied addresses, and connects to one of the others. It knows nothing of TLS:
/// another connector is wrapped around it for that.
#[derive(Clone, Debug)]
pub(crate) struct GuardedConnector {
    egress: Arc<Egress>,
    env: Env,
}

impl GuardedConnector {
    pub(crate) fn new(egress: Arc<Egress>, env: Env) -> Self {
        Self { egress, env }
    }

    /// Finds the addresses of a host that may be called.
    async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, ConnectFailure> {
        // An address that is written in the URL needs no resolver.
        let found = match host.parse::<IpAddr>() {
            Ok(address) => Ok(vec![SocketAddr::new(address, port)]),
            Err(_) => self.env.lookup(&format!("{host}:{port}")).await,
        };
        let failed = |error| ConnectFailure::Dns { host: host.chars().take(MAX_HOST).collect(), error };
        let found = found.map_err(failed)?;
        let (good, bad): (Vec<_>, Vec<_>) = found.into_iter().partition(|a| self.egress.permits(a.ip()));
        match (good.is_empty(), bad.first()) {
            (true, Some(denied)) => Err(ConnectFailure::EgressDenied(denied.ip())),
            (true, None) => Err(failed(io::Error::other("the name has no addresses"))),
            (false, _) => Ok(good),
        }
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Service<Uri> for GuardedConnector {
    type Response = Wire;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Wire, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move {
            let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
            let default = if uri.scheme() == Some(&http::uri::Scheme::HTTPS) { 443 } else { 80 };
            let addresses = connector.addresses(host, uri.port_u16().unwrap_or(default)).await?;
            let (socket, _) = connector.env.connect(&addresses).await?;
            Ok(Wire(TokioIo::new(socket)))
        })
    }
}

/// A connection, as hyper's client wants it.
pub(crate) struct Wire(TokioIo<Socket>);

impl Connection for Wire {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl Write for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(context, slices)
    }
}

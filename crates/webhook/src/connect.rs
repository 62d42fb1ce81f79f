//! Makes connections for the client. Asks the egress guard about every address, and says in each error what
//! failed.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use chronos_env::Env;
use chronos_types::clip;
use http::Uri;
use hyper_util::rt::TokioIo;
use tower::Service;

use super::guard::Egress;
use super::idle::Idle;
use super::wire::Wire;

/// Why a connection was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectFailure {
    /// The guard forbids the address.
    #[error("connections to {0} are denied by dispatcher.http.egress")]
    EgressDenied(IpAddr),
    /// The name has no address, or the lookup failed.
    #[error("could not resolve {:?}: {}", clip(host), clip(&error.to_string()))]
    Dns {
        /// The host.
        host: String,
        /// The resolver's error.
        #[source]
        error: io::Error,
    },
}

/// Looks names up, leaves out denied addresses, and connects to one of the others. It knows nothing of TLS:
/// another connector is wrapped around it for that.
#[derive(Clone, Debug)]
pub(crate) struct GuardedConnector {
    egress: Arc<Egress>,
    idle: Idle,
    env: Env,
}

impl GuardedConnector {
    pub(crate) fn new(egress: Arc<Egress>, idle: Idle, env: Env) -> Self {
        Self { egress, idle, env }
    }

    /// Finds the addresses of a host that may be called.
    async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, ConnectFailure> {
        // An address that is written in the URL needs no resolver.
        let found = match host.parse::<IpAddr>() {
            Ok(address) => Ok(vec![SocketAddr::new(address, port)]),
            Err(_) => self.env.lookup(&format!("{host}:{port}")).await,
        };
        let failed = |error| ConnectFailure::Dns { host: host.to_owned(), error };
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
    type Response = TokioIo<Wire>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<Wire>, BoxError>> + Send>>;

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
            Ok(TokioIo::new(Wire::new(socket, connector.idle.link())))
        })
    }
}

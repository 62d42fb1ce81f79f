//! Makes connections for the client, past the egress guard, with errors that say what failed.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::vec;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use tower::Service;

use super::guard::Egress;

/// A connection was not made, and why.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectFailure {
    /// The guard forbids the address.
    #[error("connections to {0} are denied by dispatcher.http.egress")]
    EgressDenied(IpAddr),
    /// The name has no address, or nobody could say.
    #[error("could not resolve {host:?}: {error}")]
    Dns {
        /// The host.
        host: String,
        /// The resolver's word.
        error: std::io::Error,
    },
}

/// Resolves names with the operating system's resolver, and leaves out denied addresses.
#[derive(Clone, Debug)]
pub(super) struct GuardedResolver {
    egress: Arc<Egress>,
}

impl Service<Name> for GuardedResolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = ConnectFailure;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ConnectFailure>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let egress = Arc::clone(&self.egress);
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let answer = tokio::net::lookup_host((name.as_str(), 0)).await.map(Iterator::collect);
            let found: Vec<SocketAddr> = match answer {
                Ok(found) => found,
                Err(error) => return Err(ConnectFailure::Dns { host, error }),
            };
            let (good, bad): (Vec<_>, Vec<_>) = found.into_iter().partition(|a| egress.permits(a.ip()));
            match (good.is_empty(), bad.first()) {
                (true, Some(denied)) => Err(ConnectFailure::EgressDenied(denied.ip())),
                (true, None) => {
                    let error = std::io::Error::other("the name has no addresses");
                    Err(ConnectFailure::Dns { host, error })
                }
                (false, _) => Ok(good.into_iter()),
            }
        })
    }
}

/// An [`HttpConnector`] that also checks addresses which stand in the URL: those never reach a
/// resolver.
#[derive(Clone, Debug)]
pub(super) struct GuardedConnector {
    egress: Arc<Egress>,
    inner: HttpConnector<GuardedResolver>,
}

impl GuardedConnector {
    pub(super) fn new(egress: Arc<Egress>) -> Self {
        let mut inner = HttpConnector::new_with_resolver(GuardedResolver { egress: Arc::clone(&egress) });
        // https goes through here as well: TLS is laid over the connection made.
        inner.enforce_http(false);
        inner.set_nodelay(true);
        // Finds peers that vanished between two runs of a job.
        inner.set_keepalive(Some(std::time::Duration::from_secs(30)));
        Self { egress, inner }
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Service<Uri> for GuardedConnector {
    type Response = <HttpConnector<GuardedResolver> as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = host.parse::<IpAddr>()
            && !self.egress.permits(address)
        {
            return Box::pin(async move { Err(ConnectFailure::EgressDenied(address).into()) });
        }
        let connecting = self.inner.call(uri);
        Box::pin(async move { Ok(connecting.await?) })
    }
}

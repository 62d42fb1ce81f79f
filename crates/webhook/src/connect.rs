//! Makes connections for the client. Asks the egress guard about every address, and says in each error what
//! failed.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use chronos_env::{Env, Socket};
use chronos_types::{ErrorKind, clip};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

use super::connection::Connection;
use super::guard::Egress;
use super::laps::{Laps, Phase};
use super::origin::{Origin, Security};
use super::tls::Policies;

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
    /// No address answers.
    #[error("connection failed: {}", clip(&error.to_string()))]
    Connect {
        /// What the last one said.
        #[source]
        error: io::Error,
    },
    /// The target answers, and TLS with it cannot be spoken.
    #[error("TLS handshake failed: {}", clip(&error.to_string()))]
    Tls {
        /// Why.
        #[source]
        error: io::Error,
    },
}

impl ConnectFailure {
    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            Self::EgressDenied(_) => ErrorKind::EgressDenied,
            Self::Dns { .. } => ErrorKind::Dns,
            Self::Connect { .. } => ErrorKind::Connect,
            Self::Tls { .. } => ErrorKind::Tls,
        }
    }
}

/// Looks names up, leaves out denied addresses, connects to one of the others, and speaks TLS where the origin wants
/// it.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    egress: Arc<Egress>,
    strict: Arc<ClientConfig>,
    skip_verify: Arc<ClientConfig>,
    env: Env,
}

impl Connector {
    pub(crate) fn new(egress: Egress, policies: Policies, env: Env) -> Self {
        let Policies { strict, skip_verify } = policies;
        let (strict, skip_verify) = (Arc::new(strict), Arc::new(skip_verify));
        Self { egress: Arc::new(egress), strict, skip_verify, env }
    }

    /// Makes a connection. The caller must bound the time.
    pub(crate) async fn connect(
        &self,
        origin: Origin,
        laps: &mut Laps,
    ) -> Result<Connection, ConnectFailure> {
        let addresses = self.addresses(&origin.host, origin.port, laps).await?;
        laps.enter(Phase::Connect);
        let connected = self.env.connect(&addresses).await;
        let (socket, _) = connected.map_err(|error| ConnectFailure::Connect { error })?;
        if origin.security != Security::Plain {
            laps.enter(Phase::Tls);
        }
        let socket = match origin.security {
            Security::Plain => socket,
            Security::Tls => shake(&self.strict, &origin.host, socket).await?,
            Security::UnverifiedTls => shake(&self.skip_verify, &origin.host, socket).await?,
        };
        Ok(Connection::new(Arc::new(origin), socket))
    }

    /// Finds the addresses of a host that may be called.
    async fn addresses(
        &self,
        host: &str,
        port: u16,
        laps: &mut Laps,
    ) -> Result<Vec<SocketAddr>, ConnectFailure> {
        // An address that is written in the URL needs no resolver.
        let found = match host.parse::<IpAddr>() {
            Ok(address) => Ok(vec![SocketAddr::new(address, port)]),
            Err(_) => {
                laps.enter(Phase::Dns);
                self.env.lookup(&format!("{host}:{port}")).await
            }
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

/// Makes a TLS connection of a connection.
async fn shake(config: &Arc<ClientConfig>, host: &str, socket: Socket) -> Result<Socket, ConnectFailure> {
    let failed = |error| ConnectFailure::Tls { error };
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| failed(io::Error::other("the host is no name that a certificate could have")))?;
    let stream = TlsConnector::from(Arc::clone(config)).connect(name, socket).await;
    Ok(Box::new(stream.map_err(failed)?))
}

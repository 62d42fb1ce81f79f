//! Makes connections for the client, straight or through the proxy. Asks the rules of egress about every host and every
//! address, and says in each error what failed.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use chronos_env::Env;
use chronos_types::{ErrorKind, clip};
use rustls::ClientConfig;

use super::connection::Connection;
use super::egress::{Denied, Egress, Rule, Why};
use super::laps::{Laps, Phase};
use super::members::Members;
use super::origin::{Origin, Security};
use super::proxy::{Proxy, ProxyFailure};
use super::tls::{Policies, shake};

/// Why a connection was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectFailure {
    /// A rule forbids the host or the address.
    #[error("{0}")]
    EgressDenied(Denied),
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
    /// The proxy makes no connection to the target.
    #[error(transparent)]
    Proxy(#[from] ProxyFailure),
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
            Self::Connect { .. } | Self::Proxy(_) => ErrorKind::Connect,
            Self::Tls { .. } => ErrorKind::Tls,
        }
    }
}

/// How targets are reached.
#[derive(Clone, Debug)]
pub(crate) struct Ways {
    /// Which may be.
    pub(crate) egress: Egress,
    /// Through which proxy, if any.
    pub(crate) proxy: Option<Proxy>,
    /// What is reached without it.
    pub(crate) no_proxy: Vec<Rule>,
}

/// How one target is.
enum Way<'a> {
    /// At one of these addresses.
    Straight(Vec<SocketAddr>),
    /// The proxy is asked for one of these, each a `host:port`.
    Through(&'a Proxy, Vec<String>),
}

/// Looks names up, leaves out denied addresses, connects to one of the others, and speaks TLS where the origin wants
/// it.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    ways: Arc<Ways>,
    members: Members,
    strict: Arc<ClientConfig>,
    skip_verify: Arc<ClientConfig>,
    env: Env,
}

impl Connector {
    pub(crate) fn new(ways: Ways, policies: Policies, env: Env) -> Self {
        let Policies { strict, skip_verify } = policies;
        let (strict, skip_verify) = (Arc::new(strict), Arc::new(skip_verify));
        Self { ways: Arc::new(ways), members: Members::default(), strict, skip_verify, env }
    }

    /// Where no webhook may go, because nodes do.
    pub(crate) fn members(&self) -> &Members {
        &self.members
    }

    /// Makes a connection. The caller must bound the time.
    pub(crate) async fn connect(
        &self,
        origin: Origin,
        laps: &mut Laps,
    ) -> Result<Connection, ConnectFailure> {
        let way = self.way(&origin.host, origin.port, laps).await?;
        laps.enter(Phase::Connect);
        let socket = match way {
            Way::Through(proxy, ends) => proxy.tunnel(&ends, &self.strict, &self.env).await?,
            Way::Straight(addresses) => {
                let connected = self.env.connect(&addresses).await;
                connected.map_err(|error| ConnectFailure::Connect { error })?.0
            }
        };
        let policy = match origin.security {
            Security::Plain => None,
            Security::Tls => Some(&self.strict),
            Security::UnverifiedTls => Some(&self.skip_verify),
        };
        let socket = match policy {
            None => socket,
            Some(policy) => {
                laps.enter(Phase::Tls);
                let policy = match &origin.identity {
                    Some(identity) => Arc::new(identity.config(policy)),
                    None => Arc::clone(policy),
                };
                let shaken = shake(&policy, &origin.host, socket).await;
                shaken.map_err(|error| ConnectFailure::Tls { error })?
            }
        };
        Ok(Connection::new(Arc::new(origin), socket))
    }

    /// Finds out how a host may be called. What is checked here is what is connected to.
    async fn way(&self, host: &str, port: u16, laps: &mut Laps) -> Result<Way<'_>, ConnectFailure> {
        let Ways { egress, proxy, no_proxy } = &*self.ways;
        egress.check_host(host, port).map_err(ConnectFailure::EgressDenied)?;
        let Some(proxy) = proxy else {
            return Ok(Way::Straight(self.addresses(host, port, laps).await?));
        };
        let is_name = host.parse::<IpAddr>().is_err();
        let passes_by = |address: Option<SocketAddr>| {
            let has =
                |rule: &Rule| address.is_some_and(|address| rule.has(address.ip().to_canonical(), port));
            no_proxy.iter().any(|rule| rule.names(host, port) || has(rule))
        };
        if is_name && proxy.is_remote() && !passes_by(None) {
            egress.check_name(host, port).map_err(ConnectFailure::EgressDenied)?;
            return Ok(Way::Through(proxy, vec![format!("{host}:{port}")]));
        }
        let good = self.addresses(host, port, laps).await?;
        let (straight, through): (Vec<_>, Vec<_>) =
            good.into_iter().partition(|address| passes_by(Some(*address)));
        if straight.is_empty() {
            return Ok(Way::Through(proxy, through.iter().map(SocketAddr::to_string).collect()));
        }
        Ok(Way::Straight(straight))
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
        let (mut good, mut denied) = (Vec::new(), None);
        for address in found.map_err(failed)? {
            match self.check(host, address).await {
                Ok(()) => good.push(address),
                Err(why) => denied = denied.or(Some(why)),
            }
        }
        match (good.is_empty(), denied) {
            (true, Some(denied)) => Err(ConnectFailure::EgressDenied(denied)),
            (true, None) => Err(failed(io::Error::other("the name has no addresses"))),
            (false, _) => Ok(good),
        }
    }

    /// Whether a host may be called at this address.
    async fn check(&self, host: &str, address: SocketAddr) -> Result<(), Denied> {
        self.ways.egress.check_address(host, address)?;
        match self.members.listen_at(address, &self.env).await {
            true => Err(Denied::address(host, address, Why::Node)),
            false => Ok(()),
        }
    }
}

//! Why a connection is not made, in a sentence that names the rule and what would allow it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use chronos_types::clip;

/// Where the rules stand.
const KEY: &str = "dispatcher.http.egress";

/// A connection is not made, by a rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Denied {
    /// As the URL has it.
    host: String,
    port: u16,
    /// The address, once there is one.
    address: Option<IpAddr>,
    why: Why,
}

/// The rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The address, or one that it leads to, is of a kind that is always denied.
    Always(IpAddr, &'static str),
    /// It is in a range of `deny`.
    Range(IpAddr, String),
    /// It is not public.
    NotPublic(IpAddr, &'static str),
    /// The host or the port is in `deny`.
    Named(String),
    /// `allow` names hosts or ports, and not these.
    NotNamed,
    /// A node of the cluster listens there for the others. Which one it is, whoever calls it need not know.
    Node,
}

impl Denied {
    /// The host or the port is denied, whatever its address is.
    pub(crate) fn host(host: &str, port: u16, why: Why) -> Self {
        Self { host: host.to_owned(), port, address: None, why }
    }

    /// The address is denied.
    pub(crate) fn address(host: &str, address: SocketAddr, why: Why) -> Self {
        Self { host: host.to_owned(), port: address.port(), address: Some(address.ip()), why }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, address, why } = self;
        f.write_str("connections to ")?;
        // An IPv6 address in the URL has no brackets here.
        let host = clip(host);
        let authority =
            if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        match address {
            Some(address) => write!(f, "{}", SocketAddr::new(*address, *port))?,
            None => f.write_str(&authority)?,
        }
        // What the URL says, where that is another text.
        if let Some(address) = address
            && host.parse::<IpAddr>() != Ok(*address)
        {
            write!(f, " ({host})")?;
        }
        write!(f, " are denied by {KEY}: ")?;
        let lift = |f: &mut fmt::Formatter<'_>, address: &IpAddr| {
            write!(f, "; {:?} in {KEY}.allow would allow it", address.to_string())
        };
        match why {
            Why::Always(address, what) => {
                write!(f, "{address} is {what}, which no wider range allows")?;
                lift(f, address)
            }
            Why::Range(address, range) => {
                write!(f, "{address} is in {range:?} of {KEY}.deny")?;
                lift(f, address)
            }
            Why::NotPublic(address, what) => {
                write!(f, "{address} is {what}, and {KEY}.mode is public")?;
                lift(f, address)
            }
            Why::Named(rule) => {
                write!(f, "{rule:?} is in {KEY}.deny; nothing but taking it out there would allow it")
            }
            Why::NotNamed => {
                write!(
                    f,
                    "{KEY}.allow names hosts or ports, and not these; {authority:?} in it would allow it"
                )
            }
            Why::Node => {
                write!(f, "a node of this cluster listens there for the others; nothing allows it")
            }
        }
    }
}

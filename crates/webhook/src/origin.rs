//! Where a connection leads.

use url::{Host, Url};

use super::identity::Identity;

/// What two requests must have in common to go by the same connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    /// A name or an address, the latter without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) security: Security,
    /// Whom the target takes the connection to come from, where it is told within TLS.
    pub(crate) identity: Option<Identity>,
}

/// What a connection has beside TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Security {
    /// Nothing.
    Plain,
    /// TLS, with a certificate that is trusted.
    Tls,
    /// TLS, with any certificate (`tls_skip_verify`).
    UnverifiedTls,
}

impl Origin {
    /// The origin of an `http` or `https` URL.
    pub(crate) fn of(url: &Url, skip_verify: bool, identity: Option<Identity>) -> Self {
        let host = match url.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            _ => url.host_str().unwrap_or_default().to_owned(),
        };
        let security = match (url.scheme(), skip_verify) {
            ("https", false) => Security::Tls,
            ("https", true) => Security::UnverifiedTls,
            _ => Security::Plain,
        };
        Self { host, port: url.port_or_known_default().unwrap_or(80), security, identity }
    }
}

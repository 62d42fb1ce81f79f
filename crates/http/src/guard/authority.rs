//! The host that a request names, in its target or in its `Host` (RFC 9110, section 7.2).
//!
//! An attacker can point any name of theirs at any address (DNS rebinding), but not a name of ours and not an address
//! itself.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::extract::Request;
use axum::http::{HeaderValue, header};
use chronos_types::clip;

/// The most bytes of a name in DNS, as people write it.
const MAX_NAME_BYTES: usize = 253;

/// A host, and the port where one is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Authority {
    pub(super) host: Host,
    pub(super) port: Option<u16>,
}

/// A host as browsers write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    Address(IpAddr),
    /// In lower case, without a dot at its end.
    Name(String),
}

/// Names of this node: `chronos.example.com`, or `*.example.com` for every name below that one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern {
    name: String,
    is_below: bool,
}

/// The authority of a request: that of its target where it has one, which HTTP/2 calls `:authority`.
///
/// # Errors
/// There is none, there are two, or it is not one; for the client.
pub(super) fn of(request: &Request) -> Result<Authority, String> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next().map(|value| parse(value, "Host")).transpose()?;
    if hosts.next().is_some() {
        return Err("the request has more than one Host header; expected one".to_owned());
    }
    let target = match request.uri().authority() {
        Some(target) => {
            Some(Authority::parse(target.as_str()).ok_or_else(|| wrong("target", target.as_str()))?)
        }
        None => None,
    };
    match (target, host) {
        (Some(target), Some(host)) if target != host => Err(format!(
            "the target of the request names {}, and its Host header {}; expected the same",
            target.host, host.host
        )),
        (Some(named), _) | (None, Some(named)) => Ok(named),
        (None, None) => Err("the request names no host; expected a Host header".to_owned()),
    }
}

fn parse(value: &HeaderValue, what: &str) -> Result<Authority, String> {
    let text = String::from_utf8_lossy(value.as_bytes());
    Authority::parse(&text).ok_or_else(|| wrong(what, &text))
}

fn wrong(what: &str, text: &str) -> String {
    format!("the {what} of the request names {:?}; expected a host, such as \"localhost:8080\"", clip(text))
}

impl Authority {
    /// Reads `host` or `host:port`. Only addresses as browsers write them are addresses.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, rest) = rest.split_once(']')?;
                let port = if rest.is_empty() { "" } else { rest.strip_prefix(':')? };
                (Host::Address(address.parse::<Ipv6Addr>().ok()?.into()), port)
            }
            None => {
                let (host, port) = text.split_once(':').unwrap_or((text, ""));
                (Host::parse(host)?, port)
            }
        };
        let is_port = port.bytes().all(|b| b.is_ascii_digit()) && port.len() <= 5;
        if !is_port {
            return None;
        }
        let port = if port.is_empty() { None } else { Some(port.parse().ok()?) };
        Some(Self { host, port })
    }
}

impl Host {
    fn parse(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Some(Self::Address(address.into()));
        }
        name(text.strip_suffix('.').unwrap_or(text)).map(Self::Name)
    }

    /// Whether this node answers under it.
    pub(super) fn is_served(&self, allowed: &[HostPattern]) -> bool {
        match self {
            Self::Address(_) => true,
            Self::Name(name) => name == "localhost" || allowed.iter().any(|pattern| pattern.has(name)),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// A name in lower case.
fn name(text: &str) -> Option<String> {
    let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let is_name = !text.is_empty() && text.len() <= MAX_NAME_BYTES && text.bytes().all(known);
    is_name.then(|| text.to_ascii_lowercase())
}

impl HostPattern {
    /// Reads one of the configuration.
    ///
    /// # Errors
    /// It is no name. The error says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (below, is_below) = match text.strip_prefix("*.") {
            Some(below) => (below, true),
            None => (text, false),
        };
        if text.parse::<IpAddr>().is_ok() {
            return Err(format!("{text:?} is an address, which is taken anyway; expected names"));
        }
        // As in a request, a dot at the end says no more.
        match name(below.strip_suffix('.').unwrap_or(below)) {
            Some(name) => Ok(Self { name, is_below }),
            None => Err(format!(
                "{:?} is no host; expected a name without a port, such as \"chronos.example.com\" or \
                 \"*.example.com\"",
                clip(text)
            )),
        }
    }

    fn has(&self, name: &str) -> bool {
        if !self.is_below {
            return name == self.name;
        }
        name.strip_suffix(&self.name).is_some_and(|below| below.len() > 1 && below.ends_with('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_read_as_browsers_write_it() {
        for (text, host, port) in [
            ("localhost", "localhost", None),
            ("LocalHost.:8080", "localhost", Some(8080)),
            ("127.0.0.1:80", "127.0.0.1", Some(80)),
            ("[::1]", "::1", None),
            ("[::1]:443", "::1", Some(443)),
            ("chronos_1.example:", "chronos_1.example", None),
            // Other programs take these for addresses, and browsers never send them.
            ("0x7f.1", "0x7f.1", None),
            ("2130706433", "2130706433", None),
        ] {
            let found = Authority::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((found.host.to_string().as_str(), found.port), (host, port), "{text}");
            assert_eq!(matches!(found.host, Host::Address(_)), host.parse::<IpAddr>().is_ok(), "{text}");
        }
        for bad in [
            "",
            ":80",
            "::1",
            "a:b",
            "a:80:90",
            "a:99999",
            "a:+8",
            "user@localhost",
            "[::1",
            "[::1]x",
            "a b",
            "ä",
            ".",
        ] {
            assert_eq!(Authority::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_node_answers_under_addresses_localhost_and_its_names() {
        let allowed =
            ["chronos.example.", "*.internal.example"].map(|text| HostPattern::parse(text).expect(text));
        for (host, is_served) in [
            ("10.1.2.3", true),
            ("[fd00::1]", true),
            ("localhost", true),
            ("Chronos.Example", true),
            ("a.internal.example", true),
            ("a.b.internal.example", true),
            ("internal.example", false),
            (".internal.example", false),
            ("xinternal.example", false),
            ("a.chronos.example", false),
            ("evil.localhost", false),
            ("localhost.evil.example", false),
            ("2130706433", false),
        ] {
            let found = Authority::parse(host).expect(host);
            assert_eq!(found.host.is_served(&allowed), is_served, "{host}");
        }
        for bad in ["", "*", "*.", "a:80", "http://a", "a*b", "10.0.0.1", "a/b", "ä.example"] {
            let error = HostPattern::parse(bad).expect_err(bad);
            assert!(error.contains("expected"), "{error}");
        }
    }
}

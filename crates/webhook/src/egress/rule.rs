//! An entry of `deny`, `allow` or `no_proxy`: a range of addresses, a host, or ports.

use std::fmt;
use std::net::IpAddr;

use chronos_types::clip;
use url::Host;

use super::network::Network;

/// `10.0.0.0/8`, `*.example.com` or `:443`; the first two may have ports behind them, as `10.0.0.0/8:443`. An IPv6 range
/// with ports is in brackets: `[fd00::/8]:443`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// As it was written.
    source: String,
    what: What,
    ports: Ports,
}

/// What a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    /// Addresses.
    Network(Network),
    /// A name, or with `*.` before it all names below it.
    Host { name: String, is_below: bool },
    /// All there is, at some ports.
    Anything,
}

/// The first port and the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ports(u16, u16);

const ALL_PORTS: Ports = Ports(0, u16::MAX);

impl Rule {
    /// What is expected, for people.
    pub const EXPECTED: &str = "an address range such as \"10.0.0.0/8\" or \"fe80::/10\", a host such as \
                                \"api.example.com\" or \"*.example.com\", or ports such as \":443\" or \":8000-8999\"";

    /// Parses the notation above.
    ///
    /// # Errors
    /// The text is nothing of it. The error says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (what, ports) = split(text).ok_or_else(|| wrong(text, "is no range, host or ports"))?;
        let what = match what {
            "" => What::Anything,
            // Only a range has these. A number is an address that somebody writes in another way.
            range if range.contains(['/', ':']) || is_number(range) => What::Network(Network::parse(range)?),
            host => host_of(host).ok_or_else(|| wrong(text, "is no host"))?,
        };
        Ok(Self { source: text.to_owned(), what, ports })
    }

    /// Whether it is about addresses, and this is one of them.
    pub(crate) fn has(&self, address: IpAddr, port: u16) -> bool {
        self.covers(port) && self.network().is_some_and(|network| network.contains(address))
    }

    /// Whether it is about hosts or ports alone, and this is one of them.
    pub(crate) fn names(&self, host: &str, port: u16) -> bool {
        self.covers(port)
            && match &self.what {
                What::Network(_) => false,
                What::Host { name, is_below } => {
                    let host = host.trim_end_matches('.');
                    let before = host.len().checked_sub(name.len()).and_then(|at| host.split_at_checked(at));
                    before.is_some_and(|(before, end)| {
                        let is_there = if *is_below { before.ends_with('.') } else { before.is_empty() };
                        is_there && end.eq_ignore_ascii_case(name)
                    })
                }
                What::Anything => true,
            }
    }

    fn covers(&self, port: u16) -> bool {
        (self.ports.0..=self.ports.1).contains(&port)
    }

    pub(super) fn network(&self) -> Option<&Network> {
        match &self.what {
            What::Network(network) => Some(network),
            What::Host { .. } | What::Anything => None,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&clip(&self.source))
    }
}

fn wrong(text: &str, why: &str) -> String {
    format!("{:?} {why}; expected {}", clip(text), Rule::EXPECTED)
}

/// What stands before the ports, and those. None where they are not as they should be.
fn split(text: &str) -> Option<(&str, Ports)> {
    if let Some(inner) = text.strip_prefix('[') {
        let (range, behind) = inner.split_once(']')?;
        let is_ipv6 = range.contains(':');
        let ports = if behind.is_empty() { ALL_PORTS } else { ports(behind.strip_prefix(':')?)? };
        return is_ipv6.then_some((range, ports));
    }
    match text.split_once(':') {
        None => (!text.is_empty()).then_some((text, ALL_PORTS)),
        // An IPv6 range has two of them at least.
        Some((_, behind)) if behind.contains(':') => Some((text, ALL_PORTS)),
        Some((what, behind)) => Some((what, ports(behind)?)),
    }
}

/// `443` or `8000-8999`.
fn ports(text: &str) -> Option<Ports> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let ports = Ports(port(first)?, port(last)?);
    (ports.0 <= ports.1).then_some(ports)
}

/// Without zeros in front, which some read as octal.
fn port(text: &str) -> Option<u16> {
    let is_plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| is_plain)
}

/// Whether browsers take a host for an IPv4 address (the WHATWG's URL standard, "ends in a number").
fn is_number(host: &str) -> bool {
    matches!(Host::parse(host), Ok(Host::Ipv4(_)))
        || host
            .trim_end_matches('.')
            .rsplit('.')
            .next()
            .is_some_and(|last| !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()))
}

fn host_of(text: &str) -> Option<What> {
    let (name, is_below) = text.strip_prefix("*.").map_or((text, false), |name| (name, true));
    let Ok(Host::Domain(name)) = Host::parse(name) else { return None };
    let name = name.strip_suffix('.').unwrap_or(&name);
    let is_label = |label: &str| (1..=63).contains(&label.len());
    let is_good = name.len() <= 253
        && name.split('.').all(is_label)
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    is_good.then(|| What::Host { name: name.to_owned(), is_below })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of these hosts and ports a rule is about.
    fn check(rule: &str, hosts: &[(&str, u16, bool)]) {
        let parsed = Rule::parse(rule).expect(rule);
        for (host, port, is_meant) in hosts {
            assert_eq!(parsed.names(host, *port), *is_meant, "{rule} {host}:{port}");
        }
    }

    #[test]
    fn a_host_is_a_name_or_all_names_below_one() {
        check(
            "api.example.com",
            &[
                ("api.example.com", 443, true),
                ("api.example.com.", 443, true),
                ("API.Example.com", 443, true),
                ("an-api.example.com", 443, false),
                ("v1.api.example.com", 443, false),
                ("example.com", 443, false),
                ("api.example.com.evil.test", 443, false),
            ],
        );
        check(
            "*.example.com",
            &[
                ("api.example.com", 443, true),
                ("a.b.example.com.", 443, true),
                ("example.com", 443, false),
                ("notexample.com", 443, false),
            ],
        );
        check("*.B\u{fc}cher.example.", &[("a.xn--bcher-kva.example", 80, true), ("a.example", 80, false)]);
        check("localhost:8080", &[("localhost", 8080, true), ("localhost", 80, false)]);
        check("a_b", &[("a_b", 1, true)]);
    }

    #[test]
    fn ports_alone_are_those_of_all_hosts() {
        check(":25", &[("a.example", 25, true), ("10.0.0.1", 25, true), ("a.example", 26, false)]);
        check(":8000-8999", &[("h", 7999, false), ("h", 8000, true), ("h", 8999, true), ("h", 9000, false)]);
    }

    #[test]
    fn a_range_may_have_ports() {
        for (rule, address, port, has) in [
            ("10.0.0.0/8", "10.1.2.3", 1, true),
            ("10.0.0.0/8:443", "10.1.2.3", 443, true),
            ("10.0.0.0/8:443", "10.1.2.3", 80, false),
            ("10.0.0.1:1-1023", "10.0.0.1", 1023, true),
            ("fd00::/8", "fd12::1", 9, true),
            ("[fd00::/8]", "fd12::1", 9, true),
            ("[fd00::/8]:443", "fd12::1", 443, true),
            ("[fd00::/8]:443", "fd12::1", 444, false),
            ("[::1]:80", "::1", 80, true),
            ("::ffff:10.0.0.1", "10.0.0.1", 80, true),
        ] {
            let parsed = Rule::parse(rule).expect(rule);
            assert_eq!(parsed.has(address.parse().expect(address), port), has, "{rule} {address}:{port}");
            assert!(!parsed.names(address, port), "{rule} is about addresses");
        }
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for bad in [
            "",
            "*",
            "*.",
            ".example.com",
            "a..b",
            "a.*.example.com",
            "*.*.example.com",
            "a b",
            "a@b",
            "http:",
            "a.example:",
            "a.example:0",
            "a.example:http",
            "a.example:65536",
            "a.example:080",
            "a.example:80-",
            "a.example:81-80",
            "a.example:80,81",
            ":",
            "[10.0.0.0/8]:80",
            "[::1",
            "[::1]/128",
            "[::1]80",
            &"a.".repeat(130),
            &"a".repeat(64),
        ] {
            let error = Rule::parse(bad).expect_err(bad);
            assert!(
                error.contains("; expected an address range such as") && error.contains(":443"),
                "{error}"
            );
        }
        // A number is meant to be an address.
        for bad in
            ["2130706433", "0x7f.1", "127.1", "010.0.0.1", "10.0.0.0/33", "10.0.0", "a/8", "10.0.0.256"]
        {
            let error = Rule::parse(bad).expect_err(bad);
            assert!(error.contains("is not an address range; expected"), "{error}");
        }
    }
}

//! `resolv.conf(5)`: which name servers there are, and how they are asked.

use std::net::{SocketAddr, SocketAddrV6};
use std::time::Duration;

use hickory_resolver::proto::rr::Name;
use resolv_conf::ScopedIp;

/// As many name servers as glibc takes.
const MAX_SERVERS: usize = 3;
/// How many search domains are tried. glibc had 6 for a long time; Kubernetes allows 32.
const MAX_SEARCH: usize = 32;

/// How the name servers are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Config {
    pub servers: Vec<SocketAddr>,
    /// Domains in which a name is looked for.
    pub search: Vec<Name>,
    /// A name with as many dots is first looked for as it is.
    pub ndots: usize,
    /// How long one attempt with a server takes.
    pub timeout: Duration,
    pub attempts: usize,
    pub edns: bool,
    /// Only over TCP.
    pub tcp: bool,
    /// IPv6 addresses too.
    pub aaaa: bool,
}

impl Config {
    /// Reads the file. What it does not understand counts as not there. Without a name server in it, that is
    /// the one on this machine, as in glibc; without search domains, that is the domain of the machine's name.
    pub(super) fn parse(bytes: &[u8], port: u16) -> Self {
        let (file, _) = resolv_conf::Config::parse_with_errors(bytes);
        let mut servers: Vec<SocketAddr> =
            file.nameservers.iter().filter_map(|server| address(server, port)).take(MAX_SERVERS).collect();
        if servers.is_empty() {
            servers.push(([127, 0, 0, 1], port).into());
        }
        let mut search: Vec<String> = file.get_last_search_or_domain().map(ToString::to_string).collect();
        if file.get_search().is_none() && file.get_domain().is_none() {
            search.extend(own_domain());
        }
        let search = search.iter().filter_map(|domain| self::domain(domain)).take(MAX_SEARCH).collect();
        Self {
            servers,
            search,
            // The bounds are glibc's.
            ndots: file.ndots.min(15) as usize,
            timeout: Duration::from_secs(file.timeout.clamp(1, 30).into()),
            attempts: file.attempts.clamp(1, 5) as usize,
            edns: file.edns0,
            tcp: file.use_vc,
            aaaa: !file.no_aaaa,
        }
    }
}

fn address(server: &ScopedIp, port: u16) -> Option<SocketAddr> {
    match server {
        ScopedIp::V4(address) => Some((*address, port).into()),
        ScopedIp::V6(address, None) => Some((*address, port).into()),
        ScopedIp::V6(address, Some(scope)) => {
            let scope = scope.parse().ok().or_else(|| interface(scope))?;
            Some(SocketAddrV6::new(*address, port, 0, scope).into())
        }
    }
}

/// The number of a network interface.
fn interface(name: &str) -> Option<u32> {
    use rustix::net::{AddressFamily, SocketType, netdevice, socket};
    let socket = socket(AddressFamily::INET6, SocketType::DGRAM, None).ok()?;
    netdevice::name_to_index(&socket, name).ok()
}

/// A search domain. The root is none: a name is looked for as it is anyway.
fn domain(text: &str) -> Option<Name> {
    let mut domain = Name::from_ascii(text).ok()?;
    domain.set_fqdn(true);
    (!domain.is_root()).then_some(domain)
}

fn own_domain() -> Option<String> {
    let name = rustix::system::uname().nodename().to_str().ok()?.to_owned();
    name.split_once('.').map(|(_, domain)| domain.to_owned())
}

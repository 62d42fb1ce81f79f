//! Asks the name servers: one after the other, in the order of the file, over UDP and then TCP.
//!
//! The library makes, sends and reads the messages for one server. Which server and which name is asked next is decided
//! here, because the library asks the next server only when the first has used up all the time.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::select;
use futures::stream::FuturesUnordered;
use hickory_resolver::Resolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts, ServerOrderingStrategy,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RecordType};
use rustix::io::Errno;
use tokio::time::{Instant, timeout};

use super::config::Config;
use super::failure::Failure;
use super::limits::{ADDRESSES, Limits};
use super::sockets::{Connections, Errors};
use crate::shortage::is_short;

/// How long addresses of one family hold where the other's did not come. It is asked for again soon.
const HALF: Duration = Duration::from_secs(30);
/// How much of the library's texts is passed on.
const MAX_TEXT: usize = 120;

/// What the name servers say about a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Found {
        addresses: Vec<IpAddr>,
        ttl: Duration,
    },
    /// It has no addresses, or does not exist. The time is how long that holds, where they say so.
    None {
        exists: bool,
        ttl: Option<Duration>,
    },
}

/// The name servers.
pub(super) struct Servers {
    servers: Vec<Server>,
    search: Vec<Name>,
    ndots: usize,
    next_server: Duration,
}

impl Servers {
    /// Nobody is asked yet.
    pub(super) fn new(config: &Config, limits: Limits) -> Self {
        Self {
            servers: config
                .servers
                .iter()
                .filter_map(|&server| Server::new(server, config, limits))
                .collect(),
            search: config.search.clone(),
            ndots: config.ndots,
            next_server: limits.next_server,
        }
    }

    /// Asks about a name, as it is and in the search domains. The caller bounds the time.
    pub(super) async fn ask(&self, name: &str) -> Result<Answer, Failure> {
        let (mut exists, mut ttl, mut failed) = (false, None, None);
        for name in self.candidates(name)? {
            match self.ask_each(&name).await {
                Ok(Answer::None { exists: here, ttl: holds }) => {
                    exists |= here;
                    ttl = [ttl, holds].into_iter().flatten().min();
                }
                Ok(found @ Answer::Found { .. }) => return Ok(found),
                // The servers of one search domain may be broken. That is no reason to pass by the others.
                Err(failure @ Failure::Refused { .. }) => failed = Some(failure),
                Err(failure) => return Err(failure),
            }
        }
        failed.map_or(Ok(Answer::None { exists, ttl }), Err)
    }

    /// The names to ask about, in this order (`resolv.conf(5)`, `ndots`).
    fn candidates(&self, text: &str) -> Result<Vec<Name>, Failure> {
        let relative = Name::from_ascii(text).map_err(|_| Failure::NotAName)?;
        if relative.is_root() || text.starts_with('.') {
            return Err(Failure::NotAName);
        }
        if relative.is_fqdn() {
            return Ok(vec![relative]);
        }
        let mut plain = relative.clone();
        plain.set_fqdn(true);
        // A name that gets too long in a domain is not there.
        let mut names: Vec<Name> =
            self.search.iter().filter_map(|domain| relative.clone().append_domain(domain).ok()).collect();
        let has_dots = text.bytes().filter(|&byte| byte == b'.').count() >= self.ndots;
        names.insert(if has_dots { 0 } else { names.len() }, plain);
        Ok(names)
    }

    /// Asks the first server, and the next beside it where it does not answer soon. A server that fails is
    /// followed by the next at once. The first that knows has the last word, also where it knows that there is nothing.
    async fn ask_each(&self, name: &Name) -> Result<Answer, Failure> {
        let mut left = self.servers.iter();
        let mut asking: FuturesUnordered<_> =
            left.next().map(|server| server.ask(name)).into_iter().collect();
        let mut failure = None;
        loop {
            let answer = if left.len() == 0 {
                asking.next().await
            } else {
                timeout(self.next_server, asking.next()).await.unwrap_or_default()
            };
            match answer {
                Some(Ok(answer)) => return Ok(answer),
                Some(Err(why)) => failure = Some(why),
                None => {}
            }
            asking.extend(left.next().map(|server| server.ask(name)));
            if asking.is_empty() {
                return Err(failure.unwrap_or(Failure::Silent(self.next_server)));
            }
        }
    }
}

/// One name server.
struct Server {
    address: SocketAddr,
    resolver: Resolver<Connections>,
    errors: Errors,
    /// How long it is asked, in all attempts.
    patience: Duration,
    other_family: Duration,
    aaaa: bool,
}

impl Server {
    fn new(address: SocketAddr, config: &Config, limits: Limits) -> Option<Self> {
        let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
        let connections = connections.into_iter().skip(usize::from(config.tcp)).map(|mut connection| {
            connection.port = address.port();
            connection
        });
        let server = NameServerConfig::new(address.ip(), true, connections.collect());
        let servers = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
        let mut options = ResolverOpts::default();
        options.timeout = config.timeout;
        // It counts the attempts after the first.
        options.attempts = config.attempts - 1;
        options.edns0 = config.edns;
        // What follows is done here.
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        options.num_concurrent_reqs = 1;
        options.server_ordering_strategy = ServerOrderingStrategy::UserProvidedOrder;
        options.preserve_intermediates = false;
        let connections = Connections::new(address);
        let errors = connections.errors();
        let builder = Resolver::builder_with_config(servers, connections);
        let resolver = builder.with_options(options).build().ok()?;
        let patience = config.timeout * u32::try_from(config.attempts).unwrap_or(1);
        Some(Self {
            address,
            resolver,
            errors,
            patience: patience.min(limits.question),
            other_family: limits.other_family,
            aaaa: config.aaaa,
        })
    }

    /// Asks for IPv4 and IPv6 addresses at once.
    async fn ask(&self, name: &Name) -> Result<Answer, Failure> {
        let begun = Instant::now();
        let ask = |kind| self.resolver.lookup(name.clone(), kind);
        let read = |answer| self.read(answer, begun);
        if !self.aaaa {
            return read(ask(RecordType::A).await);
        }
        let (ipv4, ipv6) = (pin!(ask(RecordType::A)), pin!(ask(RecordType::AAAA)));
        let (first, other) = select(ipv4, ipv6).await.factor_first();
        let first = read(first);
        if !matches!(first, Ok(Answer::Found { .. })) {
            return both(first, read(other.await));
        }
        match timeout(self.other_family, other).await {
            Ok(other) => both(first, read(other)),
            Err(_) => both(first, Err(Failure::Silent(self.patience))),
        }
    }

    /// What the library says of a question that was asked then, in our words.
    fn read(&self, answer: Result<Lookup, NetError>, begun: Instant) -> Result<Answer, Failure> {
        let server = self.address;
        let seconds = |ttl: u32| Duration::from_secs(ttl.into());
        match answer {
            Ok(lookup) => {
                let records = lookup.answers();
                let addresses: Vec<IpAddr> =
                    records.iter().filter_map(|record| record.data.ip_addr()).take(ADDRESSES).collect();
                let ttl = records.iter().map(|record| record.ttl).min().map(seconds);
                Ok(match addresses.is_empty() {
                    true => Answer::None { exists: true, ttl },
                    false => Answer::Found { addresses, ttl: ttl.unwrap_or_default() },
                })
            }
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
                let exists = none.response_code != ResponseCode::NXDomain;
                Ok(Answer::None { exists, ttl: none.negative_ttl.map(seconds) })
            }
            Err(NetError::Dns(DnsError::ResponseCode(code))) => {
                Err(Failure::Refused { server, code: clipped(&code) })
            }
            Err(NetError::Timeout) => Err(Failure::Silent(self.patience)),
            Err(error @ (NetError::Io(_) | NetError::NoConnections)) => Err(match self.errors.since(begun) {
                Some(number) if is_shortage(number) => Failure::Shortage(number),
                Some(number) => {
                    Failure::Unreachable { server, why: clipped(&io::Error::from_raw_os_error(number)) }
                }
                None => Failure::Unreachable { server, why: clipped(&error) },
            }),
            Err(other) => Err(Failure::Refused { server, code: clipped(&other) }),
        }
    }
}

/// What two answers about the same name say together. Addresses of one family are enough.
fn both(one: Result<Answer, Failure>, other: Result<Answer, Failure>) -> Result<Answer, Failure> {
    match (one, other) {
        (Ok(Answer::Found { mut addresses, ttl }), Ok(Answer::Found { addresses: more, ttl: holds })) => {
            addresses.extend(more);
            Ok(Answer::Found { addresses, ttl: ttl.min(holds) })
        }
        (Ok(found @ Answer::Found { .. }), Ok(Answer::None { .. }))
        | (Ok(Answer::None { .. }), Ok(found @ Answer::Found { .. })) => Ok(found),
        (Ok(Answer::Found { addresses, ttl }), Err(_)) | (Err(_), Ok(Answer::Found { addresses, ttl })) => {
            Ok(Answer::Found { addresses, ttl: ttl.min(HALF) })
        }
        (Err(failure), _) | (_, Err(failure)) => Err(failure),
        (Ok(Answer::None { exists, ttl }), Ok(Answer::None { exists: here, ttl: holds })) => {
            Ok(Answer::None { exists: exists || here, ttl: [ttl, holds].into_iter().flatten().min() })
        }
    }
}

/// Whether it is this machine that has none left: descriptors, memory, buffers, ports.
fn is_shortage(number: i32) -> bool {
    let errno = Errno::from_raw_os_error(number);
    is_short(errno) || errno == Errno::ADDRNOTAVAIL
}

fn clipped(text: &dyn std::fmt::Display) -> String {
    text.to_string().chars().take(MAX_TEXT).collect()
}

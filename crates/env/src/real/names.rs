//! Finds the addresses of names: in the hosts file, in a cache, and by asking the name servers. No thread waits
//! for an answer, so a name server that is silent costs tasks and bytes only.
//!
//! ```text
//!   lookup ─► an address? ─► hosts file ─► cache ─► question ─► name servers
//!                                            ▲         │ one per host, shared by all who wait
//!                                            └─────────┘
//! ```
//!
//! It never asks about an address, or about a name in the hosts file, or about `localhost`.

mod cache;
mod config;
mod failure;
mod files;
mod hosts;
mod limits;
mod metrics;
mod order;
mod questions;
mod servers;
mod sockets;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::registry::Registry;
use tokio::time::Instant;
use url::Host;

use cache::{Cache, Held};
use failure::Failure;
use files::{Files, World};
use limits::Limits;
use metrics::Metrics;
use questions::Questions;

/// The files that say how names are looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameFiles {
    /// Names and their addresses, as in `hosts(5)`.
    pub hosts: PathBuf,
    /// The name servers, as in `resolv.conf(5)`.
    pub resolv_conf: PathBuf,
    /// The port of the name servers.
    pub port: u16,
}

impl Default for NameFiles {
    /// The machine's own files, and the port of the DNS.
    fn default() -> Self {
        Self { hosts: "/etc/hosts".into(), resolv_conf: "/etc/resolv.conf".into(), port: 53 }
    }
}

/// Looks names up. Clones share one cache and their questions.
#[derive(Clone)]
pub(super) struct Names(Arc<Inner>);

struct Inner {
    limits: Limits,
    files: Mutex<Files>,
    cache: Arc<Mutex<Cache>>,
    questions: Questions,
    metrics: Metrics,
}

impl Names {
    pub(super) fn new(files: NameFiles) -> Self {
        Self::with_limits(files, Limits::default())
    }

    fn with_limits(files: NameFiles, limits: Limits) -> Self {
        let cache = Arc::new(Mutex::new(Cache::new(limits)));
        let metrics = Metrics::default();
        Self(Arc::new(Inner {
            limits,
            files: Mutex::new(Files::new(files, limits)),
            questions: Questions::new(limits, Arc::clone(&cache), metrics.clone()),
            cache,
            metrics,
        }))
    }

    /// Puts the counters into a registry.
    pub(super) fn register(&self, registry: &mut Registry) {
        self.0.metrics.register(registry);
    }

    /// The addresses of a `host:port`, the one to be tried first at the front.
    pub(super) async fn lookup(&self, address: &str) -> io::Result<Vec<SocketAddr>> {
        Ok(self.find(address).await?)
    }

    async fn find(&self, address: &str) -> Result<Vec<SocketAddr>, Failure> {
        if let Ok(address) = address.parse() {
            return Ok(vec![address]);
        }
        let (host, port) = address.rsplit_once(':').ok_or(Failure::NotAName)?;
        let port = port.parse().map_err(|_| Failure::NotAName)?;
        // It reads numbers as browsers do (`127.1`, `0x7f.1`), so that no number is taken for a name.
        let found = match Host::parse(host).map_err(|_| Failure::NotAName)? {
            Host::Ipv4(address) => vec![address.into()],
            Host::Ipv6(address) => vec![address.into()],
            Host::Domain(name) => self.addresses(name).await?,
        };
        Ok(found.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
    }

    async fn addresses(&self, name: String) -> Result<Vec<IpAddr>, Failure> {
        let now = Instant::now();
        let world = self.world(now);
        let plain = name.trim_end_matches('.');
        if let Some(found) = world.hosts.of(plain) {
            return Ok(sorted(found.to_vec()));
        }
        if plain == "localhost" || plain.ends_with(".localhost") {
            return Ok(sorted(vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()]));
        }
        let held = self.cache().look(&name, now);
        match held {
            Held::Fresh { addresses, refresh } => {
                if refresh {
                    self.0.questions.refresh(&world.servers, name, false);
                }
                Ok(addresses)
            }
            Held::Failed(failure) => Err(failure),
            Held::Nothing { is_slow } => self.0.questions.ask(&world.servers, name, is_slow).await,
            Held::Failing { addresses, refresh } => {
                if refresh {
                    self.0.questions.refresh(&world.servers, name, true);
                }
                self.0.metrics.stale();
                Ok(addresses)
            }
            Held::Stale { addresses } => self.soon(&world, name, addresses).await,
        }
    }

    /// The answer to a question if it comes soon, and else the addresses that ran out.
    async fn soon(&self, world: &World, name: String, stale: Vec<IpAddr>) -> Result<Vec<IpAddr>, Failure> {
        let question = self.0.questions.ask(&world.servers, name.clone(), false);
        match tokio::time::timeout(self.0.limits.stale_after, question.clone()).await {
            Ok(Ok(addresses)) => return Ok(addresses),
            Ok(Err(failure)) if failure.is_answer() => return Err(failure),
            Ok(Err(_)) => {}
            // The first caller that it is too slow for has it go on without one.
            Err(_) if self.cache().slow(&name, Instant::now()) => self.0.questions.keep(question),
            Err(_) => {}
        }
        self.0.metrics.stale();
        Ok(stale)
    }

    /// What the files say, read anew where they changed.
    fn world(&self, now: Instant) -> Arc<World> {
        let (world, changed) = self.0.files.lock().unwrap_or_else(PoisonError::into_inner).look(now);
        if changed {
            // Other name servers may know other addresses.
            self.cache().expire(now);
        }
        world
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.0.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Names").field("limits", &self.0.limits).finish_non_exhaustive()
    }
}

fn sorted(mut addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    order::sort(&mut addresses);
    addresses
}

//! What the open files that this process may have are for.
//!
//! Each connection is an open file. Where all of them were used for calls, the API could take no connection, the
//! log could make no copy, and other nodes would take this one for lost. So each has a part of its own.

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The files of the log, of the state and of the search with their readers, copies on their way, timers, sockets that
/// ask for names, and what the runtime has of its own.
const FILES: usize = 64;
/// Connections of the API. Each may hold a head of 32 KiB; bodies have a bound of their own together.
const MOST_API: usize = 4096;
/// Connections with other nodes. Ten other nodes have some tens each.
const MOST_PEERS: usize = 1024;
/// Idle connections to targets. As many as the default of `dispatcher.max_concurrent`: a burst finds the
/// connections of the burst before it. One over TLS holds some 30 KiB.
const MOST_IDLE: usize = 1024;
/// The usual limit where there is none.
const MANY: u64 = 1 << 20;

/// The parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Descriptors {
    /// Connections of the API that are open at a time.
    pub api: usize,
    /// The same of other nodes.
    pub peers: usize,
    /// Attempts at once.
    pub slots: usize,
    /// Idle connections to targets.
    pub idle: usize,
}

impl Descriptors {
    /// Raises the limit of this process, and shares it out. `max_concurrent` is what was asked for.
    pub(super) fn take(max_concurrent: usize, registry: &mut Registry) -> Self {
        let limit = raise_limit();
        let parts = Self::share(usize::try_from(limit).unwrap_or(usize::MAX), max_concurrent);
        let Self { api, slots, idle, .. } = parts;
        if slots < max_concurrent {
            tracing::warn!(
                limit,
                slots,
                max_concurrent,
                "fewer attempts at once than dispatcher.max_concurrent: each takes an open file, and this process may \
                 have too few (ulimit -n; LimitNOFILE= of systemd)"
            );
        }
        tracing::info!(limit, slots, idle, api, "open files are shared out");
        let most = Gauge::<i64>::default();
        most.set(i64::try_from(limit).unwrap_or(i64::MAX));
        registry.register("max_open_files", "The limit on open files of this process", most);
        parts
    }

    /// A quarter for the API, an eighth for other nodes, and what is left for calls; of those, three of four may be
    /// under way and one idle.
    fn share(limit: usize, max_concurrent: usize) -> Self {
        let api = (limit / 4).clamp(1, MOST_API);
        let peers = (limit / 8).clamp(1, MOST_PEERS);
        let calls = limit.saturating_sub(FILES + api + peers);
        let idle = (calls / 4).min(MOST_IDLE);
        let slots = (calls - idle).clamp(1, max_concurrent.max(1));
        Self { api, peers, slots, idle }
    }
}

/// The usual limit of 1,024 is for programs that use `select(2)`. We may raise it to the hard limit without asking.
fn raise_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, ?limit, "the limit on open files stays as it is");
    }
    getrlimit(Resource::Nofile).current.unwrap_or(MANY)
}

#[cfg(test)]
mod tests {
    use super::Descriptors;

    #[test]
    fn nothing_is_given_away_twice() {
        for limit in [0, 20, 64, 128, 256, 1024, 4096, 65_536, 1 << 20, usize::MAX] {
            for asked in [1, 100, 1024, 100_000] {
                let Descriptors { api, peers, slots, idle } = Descriptors::share(limit, asked);
                assert!(slots >= 1 && slots <= asked && api >= 1 && peers >= 1, "{limit} {asked}");
                if limit >= 128 {
                    assert!(api + peers + slots + idle <= limit - super::FILES, "{limit} {asked}");
                }
            }
        }
        let usual = Descriptors { api: 4096, peers: 1024, slots: 1024, idle: 1024 };
        assert_eq!(Descriptors::share(1 << 20, 1024), usual);
        assert_eq!(Descriptors::share(256, 1024), Descriptors { api: 64, peers: 32, slots: 72, idle: 24 });
    }
}

//! The `chronos` binary that is tested, and what is made of it.

use std::net::SocketAddr;

use crate::{Cluster, Server, Setup, free_addresses};

/// The binary that is tested.
#[derive(Clone, Copy, Debug)]
pub struct Chronos(&'static str);

impl Chronos {
    /// The binary at this path: `Chronos::at(env!("CARGO_BIN_EXE_chronos"))`.
    #[must_use]
    pub const fn at(path: &'static str) -> Self {
        Self(path)
    }

    /// Where it is.
    #[must_use]
    pub const fn path(self) -> &'static str {
        self.0
    }

    /// How a server of it is to be started: with every key at its default, in a directory of its own, on
    /// free ports.
    #[must_use]
    pub fn setup(self) -> Setup {
        Setup::of(self)
            .key("server.http.address", &free_addresses(1)[0].to_string())
            .key("cluster.raft.address", "127.0.0.1:0")
    }

    /// Starts a server with every key at its default.
    pub async fn start(self) -> Server {
        self.setup().start().await
    }

    /// Starts a server with these keys.
    pub async fn with(self, keys: &[(&str, &str)]) -> Server {
        let set = |setup: Setup, (key, value): &(&str, &str)| setup.key(key, value);
        keys.iter().fold(self.setup(), set).start().await
    }

    /// The set-ups of `count` nodes, the first of which founds the cluster; none is started.
    #[must_use]
    pub fn cluster(self, count: usize) -> Cluster {
        let addresses = free_addresses(2 * count);
        let (raft, http) = addresses.split_at(count);
        self.cluster_at(raft, http)
    }

    /// The same for a test that is not about how fast a leader is replaced.
    #[must_use]
    pub fn calm_cluster(self, count: usize) -> Cluster {
        self.cluster(count).calm()
    }

    /// The set-ups of nodes that listen there, to each other and to clients.
    #[must_use]
    pub fn cluster_at(self, raft: &[SocketAddr], http: &[SocketAddr]) -> Cluster {
        Cluster::at(self, raft, http)
    }
}

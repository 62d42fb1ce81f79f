//! Several nodes on this machine: one cluster, each node a process of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use chronos_client::api::{ClusterNode, ClusterStatus};

use super::data_directory;
use super::server::{Server, free_addresses};
use crate::Result;

/// How long nodes that are ready may take until all of them vote.
const PATIENCE: Duration = Duration::from_secs(60);

/// A node that is to be started: who it is, where it listens, where its data lies.
pub struct Seat {
    directory: tempfile::TempDir,
    http: SocketAddr,
    settings: Vec<(&'static str, String)>,
}

/// The seats of a cluster, `n1`, `n2`, ... The first founds it and asks nobody, the others join.
pub fn seats(count: usize) -> Result<Vec<Seat>> {
    let mut raft = free_addresses(count * 2)?;
    let http = raft.split_off(count);
    let join: Vec<_> = raft.iter().map(|address| format!("\"{address}\"")).collect();
    let join = format!("[{}]", join.join(", "));
    let seat = |(n, (raft, http)): (usize, (SocketAddr, SocketAddr))| {
        let settings = vec![
            ("CHRONOS_CLUSTER__NODE_ID", name(n)),
            ("CHRONOS_CLUSTER__BOOTSTRAP", (n == 0).to_string()),
            ("CHRONOS_CLUSTER__RAFT__ADDRESS", raft.to_string()),
            ("CHRONOS_CLUSTER__RAFT__JOIN", if n == 0 { "[]".to_owned() } else { join.clone() }),
        ];
        Ok(Seat { directory: data_directory()?, http, settings })
    };
    raft.into_iter().zip(http).enumerate().map(seat).collect()
}

/// The name of a node, counted from 0.
pub fn name(n: usize) -> String {
    format!("n{}", n + 1)
}

impl Seat {
    /// Where its data lies.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Starts the node, and waits for nothing.
    pub fn spawn(&self) -> Result<Server> {
        Server::spawn(self.directory.path(), self.http, &self.settings)
    }
}

/// Running nodes, all of which vote. Killed with this value.
pub struct Nodes {
    /// In the order of their names. Before the seats: they end before their data goes.
    pub servers: Vec<Server>,
    _seats: Vec<Seat>,
}

impl Nodes {
    /// Starts so many, and waits until all of them vote.
    pub async fn start(count: usize) -> Result<Self> {
        let seats = seats(count)?;
        // Started together, as a person would; then waited for.
        let started = seats.iter().map(Seat::spawn).collect::<Result<Vec<_>>>()?;
        let mut servers = Vec::with_capacity(count);
        for server in started {
            servers.push(server.ready().await?);
        }
        until_all_vote(&servers).await?;
        Ok(Self { servers, _seats: seats })
    }
}

/// Waits until each of these nodes knows a leader and sees that all of them vote.
pub async fn until_all_vote(servers: &[Server]) -> Result<()> {
    let begun = Instant::now();
    for server in servers {
        loop {
            let status = server.api.cluster_status().await;
            if status.as_ref().is_ok_and(|status| is_whole(status, servers.len())) {
                break;
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("after {PATIENCE:?} not all nodes vote; one sees {status:?}").into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    Ok(())
}

/// Whether a cluster's status shows a leader and so many nodes, all there and with a vote.
fn is_whole(status: &ClusterStatus, count: usize) -> bool {
    let votes = |node: &ClusterNode| node.role != "learner" && node.reachable;
    status.nodes.len() == count && status.nodes.iter().all(votes) && status.leader.is_some()
}

//! Several nodes on this machine: one cluster, each node a process of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use chronos_client::api::{ClusterNode, ClusterStatus};

use super::data_directory;
use super::faults::{Disk, Mounted};
use super::server::{Server, free_addresses};
use crate::Result;

/// How long nodes that are ready may take until all of them vote.
const PATIENCE: Duration = Duration::from_secs(60);

/// A node that is to be started: who it is, where it listens, where its data lies.
pub struct Seat {
    /// What its data lies on, where that is a disk of its own. Before the directory, over which it is mounted.
    disk: Option<Mounted>,
    directory: tempfile::TempDir,
    raft: SocketAddr,
    http: SocketAddr,
    settings: Vec<(&'static str, String)>,
}

/// The seats of a cluster, `n1`, `n2`, ... The first founds it and asks nobody, the others join.
pub fn seats(count: usize) -> Result<Vec<Seat>> {
    seats_on(count, Disk::Usual)
}

/// The same, where the data of the first lies on a disk of this kind.
pub fn seats_on(count: usize, disk: Disk) -> Result<Vec<Seat>> {
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
        let directory = data_directory()?;
        let disk = if n == 0 { disk.mount(directory.path())? } else { None };
        Ok(Seat { disk, directory, raft, http, settings })
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
    seats: Vec<Seat>,
}

impl Nodes {
    /// Starts so many, and waits until all of them vote.
    pub async fn start(count: usize) -> Result<Self> {
        Self::start_on(seats(count)?).await
    }

    /// The same on these seats.
    pub async fn start_on(seats: Vec<Seat>) -> Result<Self> {
        // Started together, as a person would; then waited for.
        let started = seats.iter().map(Seat::spawn).collect::<Result<Vec<_>>>()?;
        let mut servers = Vec::with_capacity(started.len());
        for server in started {
            servers.push(server.ready().await?);
        }
        until_all_vote(&servers).await?;
        Ok(Self { servers, seats })
    }

    /// Kills a node as a crash would.
    pub fn kill(&mut self, n: usize) -> Result<()> {
        self.servers[n].end()
    }

    /// Starts a node that has ended, on the data that it had, and waits until it is ready.
    pub async fn revive(&mut self, n: usize) -> Result<()> {
        self.servers[n] = self.seats[n].spawn()?.ready().await?;
        Ok(())
    }

    /// Where the nodes listen for each other.
    pub fn raft(&self) -> impl Iterator<Item = SocketAddr> {
        self.seats.iter().map(|seat| seat.raft)
    }

    /// The disk of a node.
    pub fn disk(&self, n: usize) -> Result<&Mounted> {
        Ok(self.seats[n].disk.as_ref().ok_or("the node has no disk of its own")?)
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

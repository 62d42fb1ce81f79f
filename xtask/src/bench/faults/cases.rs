//! The faults, and what each does to a node.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use clap::ValueEnum;
use rustix::process::Signal;

use super::super::nodes::Nodes;
use super::disks::Disk;
use crate::Result;

/// How long a process is stopped, and how long a disk does nothing: longer than a node may be silent.
const AWAY: Duration = Duration::from_secs(9);
/// How long a disk stays full.
const FULL: Duration = Duration::from_secs(30);
/// The sockets that nobody uses.
const SOCKETS: usize = 1_024;

/// What happens to a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Fault {
    /// Nothing.
    None,
    /// The leader is killed, and comes back.
    KilledLeader,
    /// Another node is killed, and comes back.
    KilledFollower,
    /// The leader is restarted in order.
    RestartedLeader,
    /// The leader's process is stopped for 9 s, and goes on.
    PausedLeader,
    /// The same of another node.
    PausedFollower,
    /// 1,024 sockets are opened to the ports for other nodes, and not used. Then the leader is killed.
    Sockets,
    /// The leader's disk is full for 30 s.
    FullLeader,
    /// The leader's disk does nothing for 9 s.
    FrozenLeader,
    /// 4,000 jobs, half of them minutely, have missed two hours: some 250,000 runs.
    CatchUp,
}

impl Fault {
    /// All, the undisturbed cluster first.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::value_variants().iter().copied()
    }

    /// Its name, by which it is chosen.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// The node that it happens to, counted from 0. The first one leads.
    pub fn victim(self) -> Option<usize> {
        match self {
            Self::None | Self::CatchUp => None,
            Self::KilledFollower | Self::PausedFollower => Some(1),
            _ => Some(0),
        }
    }

    /// The disk that the first node is to have.
    pub fn disk(self) -> Disk {
        match self {
            Self::FullLeader => Disk::Small,
            Self::FrozenLeader => Disk::Freezable,
            _ => Disk::Usual,
        }
    }

    /// Makes it happen, waits until it is over, and has the cluster whole again.
    pub async fn happen(self, nodes: &mut Nodes) -> Result<()> {
        match self {
            Self::None | Self::CatchUp => {}
            Self::KilledLeader | Self::KilledFollower => {
                let victim = self.victim().unwrap_or_default();
                nodes.kill(victim)?;
                tokio::time::sleep(AWAY).await;
                nodes.revive(victim).await?;
            }
            Self::RestartedLeader => {
                nodes.servers[0].signal(Signal::TERM)?;
                nodes.servers[0].ended().await?;
                nodes.revive(0).await?;
            }
            Self::PausedLeader | Self::PausedFollower => {
                let victim = &nodes.servers[self.victim().unwrap_or_default()];
                victim.signal(Signal::STOP)?;
                tokio::time::sleep(AWAY).await;
                victim.signal(Signal::CONT)?;
            }
            Self::Sockets => {
                let sockets = nodes.raft().map(open_sockets).collect::<Result<Vec<_>>>()?;
                nodes.kill(0)?;
                tokio::time::sleep(AWAY).await;
                drop(sockets);
                nodes.revive(0).await?;
            }
            Self::FullLeader => {
                let filled = nodes.disk(0)?.fill()?;
                tokio::time::sleep(FULL).await;
                drop(filled);
            }
            Self::FrozenLeader => {
                let frozen = nodes.disk(0)?.freeze()?;
                tokio::time::sleep(AWAY).await;
                drop(frozen);
            }
        }
        Ok(())
    }
}

/// Connections to an address that say nothing. Those that are refused are none.
fn open_sockets(address: SocketAddr) -> Result<Vec<TcpStream>> {
    let connect = |_| TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok();
    Ok((0..SOCKETS).filter_map(connect).collect())
}

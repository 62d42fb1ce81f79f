//! Everything of Chronos that touches the world: the consensus, the clock, the network.
//!
//! [`Node`] is the door: a configuration goes in, a running node comes out.

mod cluster;
pub mod config;
mod dispatch;
mod http;
mod node;
mod proposer;
mod raft;
mod reassign;
mod retention;
mod scheduler;
mod spread;
mod store;
pub mod telemetry;

pub use node::{LeaveError, Node, StartError};

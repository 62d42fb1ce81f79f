//! Everything of Chronos that touches the world: the consensus, the clock, the network.
//!
//! [`Node`] is the door: a configuration goes in, a running node comes out.

pub mod config;
mod node;
pub mod telemetry;

pub use node::{LeaveError, Node, StartError};

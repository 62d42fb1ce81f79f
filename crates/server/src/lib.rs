//! A node of Chronos, made of its parts: the configuration, the telemetry, and the order of start and stop.
//!
//! A [`config::Config`] goes in, and a running [`Node`] comes out.

pub mod config;
mod node;
pub mod telemetry;

pub use node::{LeaveError, Node, StartError, local_token, restore};

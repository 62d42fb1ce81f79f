//! Several nodes: real processes on loopback, which are killed, stopped, removed and joined.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

#[path = "cluster/backup.rs"]
mod backup;
#[path = "cluster/forming.rs"]
mod forming;
#[path = "cluster/loss.rs"]
mod loss;
#[path = "cluster/members.rs"]
mod members;
#[path = "cluster/reads.rs"]
mod reads;

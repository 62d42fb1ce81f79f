//! The replicated log, and the state machine behind it.
//!
//! A command goes in through a [`Proposer`] and comes back as an outcome, once it is on the disks of a quorum and
//! applied here. Every change of the state goes to the sink given at the start, on every node, in log order.
//! [`Replica`] is the handle on all of it, with [`Membership`] (who belongs to the cluster) and [`Presence`] (who
//! is there); [`Store`] reads the state.
//!
//! No type of openraft or of rusqlite leaves this crate. It reads no clock of the world, and its threads begin only
//! through `chronos_env::Worker`.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests measure real time"))]

mod backfill;
mod clean;
mod comparison;
mod config;
mod directory;
mod error;
mod forms;
mod forward;
mod health;
mod keys;
mod lead;
mod leader;
mod lock;
mod log;
pub mod log_targets;
mod membership;
mod messages;
mod metrics;
mod network;
mod presence;
mod progress;
mod proposer;
mod raft;
mod replica;
mod salvage;
mod service;
mod start;
mod state;
mod status;
mod storage;
mod types;

#[cfg(test)]
mod tests;

pub use comparison::pace::ComparePace;
pub use config::{LogLimits, ReplicaConfig};
pub use error::{ChangeError, ProposeError, ReplicaError};
pub use membership::handle::Membership;
pub use messages::again::{answer_again, request_again};
pub use metrics::Metrics;
pub use presence::activity::Activity;
pub use presence::handle::Presence;
pub use presence::lease::{Lease, Tenure};
pub use presence::report::{MemberReport, NodeReport};
pub use presence::view::{PassedOver, View};
pub use proposer::{Admission, MAX_ROWS_TOGETHER, Proposer};
pub use replica::Replica;
pub use salvage::{Replayed, SalvageError, Salvaged, salvage};
pub use start::Dependencies;
pub use state::file::{Sink, StateChange};
pub use state::position::NOTE_PREFIX;
pub use state::reads::{QueryError, Store};
pub use status::{Leadership, MemberStatus, RaftStatus, Role};

//! One HTTP call to a target: connections, TLS, the egress guard on resolved addresses, redirects, and the
//! outcome. A test call is such a call outside any job.
//!
//! This crate knows nothing of executions, retry schedules or records. Its callers do.

mod client;
mod connect;
mod guard;
mod hop;
mod idle;
mod metrics;
mod send;
mod tester;
mod tls;
mod wire;

pub use client::{Client, ClientConfig, Outcome};
pub use guard::{Egress, Network};
pub use metrics::Metrics;
pub use tester::{TestOutcome, Tester};

//! One HTTP call to a target: connections, TLS, the egress guard on resolved addresses, redirects, and the
//! outcome. A test call is such a call outside any job.
//!
//! This crate knows nothing of executions, retry schedules or records. Its callers do.

mod client;
mod connect;
mod connection;
mod framing;
mod guard;
mod head;
mod hop;
mod laps;
mod metrics;
mod origin;
mod outcome;
mod pool;
mod received;
mod tester;
mod tls;
mod trusted;

pub use client::{Client, ClientConfig};
pub use guard::{Egress, Network};
pub use metrics::Metrics;
pub use outcome::{Outcome, Withheld};
pub use tester::{TestOutcome, Tester};

//! One HTTP call to a target: connections, TLS, the egress guard on resolved addresses, redirects, and the
//! outcome. A test call is such a call outside any job.
//!
//! This crate knows nothing of executions, retry schedules or records. Its callers do.

mod client;
mod connect;
mod guard;
mod tester;
mod tls;

pub use client::{Client, ClientConfig, Outcome};
pub use guard::{Egress, Network};
pub use tester::{TestOutcome, Tester};

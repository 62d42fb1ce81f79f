//! One HTTP call to a target: connections, TLS, the egress guard on resolved addresses, redirects, and
//! what came of it; and the test call, which is one outside any job.
//!
//! It knows nothing of executions, retries or records: those are its caller's. Other kinds of targets
//! will stand beside it.

mod client;
mod connect;
mod guard;
mod tester;
mod tls;

pub use client::{Client, ClientConfig, Outcome};
pub use guard::{Egress, Network};
pub use tester::{TestOutcome, Tester};

//! One HTTP call to a target: connections, TLS, the rules of egress on hosts and resolved addresses, the forward proxy,
//! redirects, signatures, and the outcome. A test call is such a call outside any job.
//!
//! This crate knows nothing of executions, retry schedules or records. Its callers do.

mod client;
mod connect;
mod connection;
mod egress;
mod framing;
mod head;
mod hop;
mod identity;
mod laps;
mod members;
mod metrics;
mod oauth;
mod origin;
mod outcome;
mod pool;
mod proxy;
mod received;
mod scrub;
mod signer;
mod tester;
mod tls;
mod trusted;

pub use client::{Client, ClientConfig};
pub use egress::{Egress, Mode, Network, Rule};
pub use metrics::Metrics;
pub use outcome::{Outcome, TokenFault, Withheld};
pub use proxy::{Proxy, Resolve};
pub use tester::{TestOutcome, Tester};

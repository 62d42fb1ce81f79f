//! Fires executions: holds each until its instant, applies the job's concurrency policy, calls the
//! webhook, and reports what came of it.
//!
//! One task owns all of it ([`Dispatcher`]); attempts run as tasks of their own and send back how
//! they ended. The dispatcher remembers nothing that a restart may not forget: what it owes is
//! what the state holds as unfinished for this node. It never decides *when* a job runs next.

mod capacity;
mod fence;
mod lane;
mod metrics;
mod owner;
mod prepared;
mod report;
mod timer;

pub use metrics::Metrics;
pub use owner::{Config, Dispatcher, Handle};

//! Fires executions: holds each until its instant, applies the job's concurrency policy, calls the
//! webhook, and reports what came of it.
//!
//! Two parts. `core` decides: events go in, actions come out, and it touches nothing else. `runtime`
//! is the task around it: it turns what happens into events and carries out the actions. The dispatcher
//! remembers nothing that a restart may not forget, because what a node owes is what the state holds as
//! unfinished for it. It never decides *when* a job runs next.

mod closed;
mod core;
mod metrics;
mod runtime;

pub use closed::Closed;
pub use metrics::Metrics;
pub use runtime::{Config, Dispatcher, Handle, Inbox};

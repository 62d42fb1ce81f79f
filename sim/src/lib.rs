//! The real server on a simulated network, in simulated time, on one thread: [`run`] takes a seed
//! and answers with what went wrong, and with a trace that the same seed gives again, byte for byte.
//!
//! `world/` is what the server takes for the world, `faults` what is done to it, `director` who does it, `client` and
//! `receiver` who stand at its two ends, `ledger` what they saw, `invariants/` what must hold.

mod client;
mod cluster;
mod counts;
mod director;
mod entropy;
mod evidence;
mod faults;
mod invariants;
mod ledger;
mod receiver;
mod run;
mod web;
mod witness;
mod world;

pub use chronos_env::Bug;
pub use counts::{Counts, KINDS};
pub use run::{Options, Report, run};
pub use witness::witness;

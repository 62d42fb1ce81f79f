//! The real server on a simulated network, in simulated time, on one thread. [`run`] takes a seed. It returns
//! what went wrong, and a trace that the same seed gives again, byte for byte.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `world` | the clock, disk, network and randomness that the server uses here |
//! | `cluster` | the nodes, their processes, and what a crash leaves of their files |
//! | `faults` | the plan of what is done to the cluster |
//! | `director` | carries the plan out, as a supervisor of the nodes and as their operators |
//! | `client`, `bulk`, `receiver` | the users of the API, and the target of the webhooks |
//! | `ledger` | what clients and receiver saw |
//! | `trouble` | what was wrong with whom, and when |
//! | `evidence` | what is left after a run |
//! | `outcomes` | what the load came to, for the counts |
//! | `invariants` | what must hold after a run |

mod bulk;
mod client;
mod cluster;
mod counts;
mod director;
mod entropy;
mod evidence;
mod faults;
mod invariants;
mod ledger;
mod outcomes;
mod receiver;
mod run;
mod trouble;
mod web;
mod witness;
mod world;

pub use chronos_env::Bug;
pub use counts::{Counts, KINDS};
pub use run::{Options, Report, run};
pub use witness::{SimTime, witness};

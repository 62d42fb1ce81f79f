//! The cluster's promises, counted: real processes under load, which are killed, restarted in turn
//! and cut off from each other.
//!
//! `CHRONOS_SEED=<n>` repeats a run's choices, `CHRONOS_RATE=<n>` sets how many jobs fire each
//! second, `CHRONOS_KILLS=<n>` how often the leader is killed, `CHRONOS_CUT=<n>` for how many seconds it
//! is cut off. Zeros are asserted; times are printed
//! (`--nocapture`). What cuts networks needs root and `ip`, so it runs with `-- --ignored` only.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../load/mod.rs"]
mod load;
#[path = "../support/mod.rs"]
mod support;

mod figures;
mod kills;
mod majority;
mod network;
mod partition;
mod rolling;
mod run;
mod slow;

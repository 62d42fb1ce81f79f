//! Promises that are counted: real processes under load, which are killed, restarted in turn, upgraded, cut off from
//! each other, and left without a disk. Zeros are asserted; times are printed (`--nocapture`).
//!
//! | variable | says |
//! | --- | --- |
//! | `CHRONOS_SEED` | repeats a run's choices. The operating system's own timing is not repeated, so a seed narrows a failure down and no more |
//! | `CHRONOS_KILLS` | how often a process, or the leader, is killed |
//! | `CHRONOS_RATE` | how many jobs fire each second on a cluster |
//! | `CHRONOS_CUT` | for how many seconds the leader is cut off |
//! | `CHRONOS_STATE_MB` | how large the state is that a node without data gets over a slow link |
//! | `CHRONOS_RETRY` | for how many seconds a client that is turned away asks again |
//! | `CHRONOS_PEER_TLS` | that the nodes speak TLS to each other |
//!
//! The test of an upgrade builds the next release (`chronos-next`) by itself.
//!
//! Each test keeps the machine busy, so they take turns ([`turn::begin`]). What cuts networks, and
//! what fills and freezes disks, needs root and tools of the system, so it runs with `-- --ignored` only.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a test asks the machine itself")]

mod crash;
mod failover;
mod turn;

use chronos_testkit::Chronos;

/// The binary under test.
const CHRONOS: Chronos = Chronos::at(env!("CARGO_BIN_EXE_chronos"));

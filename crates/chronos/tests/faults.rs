//! Bad luck: starts that cannot be, ends that nobody asked for, targets that hang, disks that fill.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

#[path = "faults/crash.rs"]
mod crash;
#[path = "faults/disk.rs"]
mod disk;
#[path = "faults/isolation.rs"]
mod isolation;
#[path = "faults/missed.rs"]
mod missed;
#[path = "faults/shutdown.rs"]
mod shutdown;
#[path = "faults/start.rs"]
mod start;

//! A node in this process, on a clock that a test sets.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod clock;

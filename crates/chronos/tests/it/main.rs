//! The real binary, through its API, its configuration and its signals: what it answers, what it sends, and
//! what it makes of bad luck.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod api;
mod cluster;
mod dev;
mod faults;
mod seed;
mod support;

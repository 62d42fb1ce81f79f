//! The real binary, through its API, its configuration and its signals: what it answers, what it sends, and
//! what it makes of bad luck.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a test asks the machine itself")]

mod access;
mod api;
mod cluster;
mod dev;
mod events;
mod faults;
mod leaks;
mod limits;
mod properties;
mod seed;
mod support;
mod teams;

//! One call to a target that does its worst, over a bare socket on loopback.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a test asks the machine itself")]

mod bounds;
mod connections;
mod egress;
mod idle;
mod names;
mod oauth;
mod phases;
mod proxy;
mod redirects;
mod requests;
mod responses;
mod secrets;
mod shortage;
mod support;
mod tls;
mod withheld;

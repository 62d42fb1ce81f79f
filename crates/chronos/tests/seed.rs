//! Every clause of `seed/webhooks.md`, and of the rulings on it (PRODUCT section 1), against the
//! real server and a programmable receiver. The examples are the seed's own, as they stand; only
//! their URLs are the receiver's.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

#[path = "seed/authentication.rs"]
mod authentication;
#[path = "seed/body.rs"]
mod body;
#[path = "seed/configuration.rs"]
mod configuration;
#[path = "seed/debugging.rs"]
mod debugging;
#[path = "seed/egress.rs"]
mod egress;
#[path = "seed/headers.rs"]
mod headers;
#[path = "seed/limits.rs"]
mod limits;
#[path = "seed/practices.rs"]
mod practices;
#[path = "seed/redirects.rs"]
mod redirects;
#[path = "seed/responses.rs"]
mod responses;
#[path = "seed/retries.rs"]
mod retries;
#[path = "seed/secrets.rs"]
mod secrets;
#[path = "seed/timeouts.rs"]
mod timeouts;
#[path = "seed/tls.rs"]
mod tls;

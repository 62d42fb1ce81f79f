//! Every clause of `seed/webhooks.md`, and of the rulings on it (PRODUCT section 1), against the
//! real server and a programmable receiver. The examples are the seed's own, as they stand; only
//! their URLs are the receiver's.

mod authentication;
mod body;
mod configuration;
mod debugging;
mod egress;
mod headers;
mod limits;
mod practices;
mod redirects;
mod responses;
mod retries;
mod secrets;
mod timeouts;
mod tls;

//! Every clause of `docs/webhooks.md`, and of "The rules in full" at its end, against the real server and a
//! programmable receiver. The examples are those of that page, as they stand; only their URLs are the receiver's.

mod authentication;
mod body;
mod configuration;
mod debugging;
mod egress;
mod headers;
mod limits;
mod oddities;
mod practices;
mod redirects;
mod responses;
mod retries;
mod secrets;
mod timeouts;
mod tls;

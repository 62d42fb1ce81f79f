//! What the integration tests stand on: the real `chronos` binary ([`Server`]) on one side, a
//! programmable target for its webhooks ([`Receiver`]) on the other, and a plain HTTP client
//! ([`Api`]) in between.
//!
//! Everything waits for something to happen, at most [`PATIENCE`]; nothing waits for time to pass.
#![allow(dead_code, unused_imports, reason = "each test binary uses its own part")]

mod answer;
mod api;
mod cluster;
mod jobs;
mod ports;
mod receiver;
mod server;
pub mod tls;

use std::future::Future;
use std::time::Duration;

pub use answer::{Answer, Gate};
pub use api::{Api, Reply};
pub use cluster::Cluster;
pub use jobs::{NEVER, manual, pasted};
pub use ports::free_addresses;
pub use receiver::{Call, Receiver, closed_port};
pub use serde_json::{Value, json};
pub use server::{Refused, Server, Setup};

/// How long anything is waited for before the test fails. Generous: it is no assertion on speed.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// The tool that makes network namespaces (Debian: `iproute2`).
pub const IP: &str = "/sbin/ip";
/// Its companion, which slows links.
pub const TC: &str = "/sbin/tc";
/// Between looks at something that can only be asked about.
const LOOK: Duration = Duration::from_millis(5);

/// Awaits within [`PATIENCE`], or fails with what was waited for.
pub async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

/// Asks again and again until the answer is there.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    soon(what, async {
        loop {
            if let Some(found) = ask().await {
                return found;
            }
            tokio::time::sleep(LOOK).await;
        }
    })
    .await
}

//! What tests, benchmarks and the simulation stand on: the real `chronos` binary (`Chronos`) on one side,
//! a programmable target for its webhooks (`Receiver`) on the other, a client of the API that judges what
//! it is answered (`Api`) in between; and a `load` whose promises are counted.
//!
//! Everything waits for something to happen, at most `PATIENCE`; nothing waits for time to pass. What is
//! not as it must be panics, for a test fails by panicking. It knows nothing of the server but its API, its
//! configuration keys and what it logs.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "tests stand outside of the world that they give to a node")]

mod api;
mod golden;
mod jobs;
pub mod load;
mod receiver;
mod records;
mod rows;

#[cfg(feature = "process")]
mod binary;
#[cfg(feature = "process")]
mod cluster;
#[cfg(feature = "process")]
mod log;
#[cfg(feature = "process")]
mod ports;
#[cfg(feature = "process")]
mod server;
#[cfg(feature = "process")]
mod setup;
#[cfg(feature = "process")]
pub mod tls;

use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use api::{Api, Reply};
#[cfg(feature = "process")]
pub use binary::Chronos;
#[cfg(feature = "process")]
pub use cluster::Cluster;
pub use golden::golden;
pub use jobs::{NEVER, manual, pasted};
#[cfg(feature = "process")]
pub use ports::{closed_port, free_addresses};
pub use receiver::{Answer, Call, Gate, Receiver};
pub use records::{Due, Records, instant};
pub use rows::plant;
pub use serde_json::{Value, json};
#[cfg(feature = "process")]
pub use server::Server;
#[cfg(feature = "process")]
pub use setup::{LogTo, Refused, Setup};

/// How long anything is waited for before the test fails. Generous: it is no assertion on speed.
pub const PATIENCE: Duration = Duration::from_secs(60);
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

/// Milliseconds since the Unix epoch.
#[must_use]
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock past 1970");
    i64::try_from(since.as_millis()).expect("a clock before the year 292 million")
}

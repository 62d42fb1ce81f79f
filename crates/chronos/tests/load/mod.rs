//! A load whose every acknowledged call and every delivery is noted, and the audit that holds what
//! is on record against them. What runs under the load, and how it is broken, is each test's own.
#![allow(dead_code, unused_imports, reason = "each test binary uses its own part")]

mod audit;
mod client;
mod dice;
mod receiver;
mod writer;

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

pub use audit::{Audit, Expected, Fault, instant, text};
pub use client::Client;
pub use dice::Dice;
pub use receiver::{Delivery, Receiver};
pub use writer::{Writer, Writes, stop};

/// Milliseconds since the Unix epoch.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock past 1970");
    i64::try_from(since.as_millis()).expect("a clock before the year 292 million")
}

/// An environment variable that is a number.
pub fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is {value:?}; expected a number")))
}

/// The job `firing-n`, which fires each second.
pub fn firing_job(n: usize, receiver: &Receiver) -> Value {
    json!({
        "name": format!("firing-{n}"),
        "description": "0",
        "schedule": "@every 1s",
        "missed_runs": "execute_all",
        "concurrency": "allow",
        "webhook": {"url": receiver.url(), "method": "POST", "body": "{\"id\": \"{{.ExecutionID}}\"}"},
    })
}

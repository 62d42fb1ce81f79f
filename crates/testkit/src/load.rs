//! A load whose every acknowledged call and every delivery is noted, and the audit that holds what is on
//! record against them. What runs under the load, and how it is broken, is each test's own.

mod audit;
mod client;
mod dice;
mod target;
mod writer;

use chronos_client::api::JobInput;
use serde_json::json;

pub use audit::{Audit, Expected, Fault};
pub use client::AnyNode;
pub use dice::Dice;
pub use target::{Delivery, Target};
pub use writer::{Seen, Writer, Writes, stop};

/// An environment variable that is a number.
#[must_use]
pub fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is {value:?}; expected a number")))
}

/// The name of a job that fires each second.
#[must_use]
pub fn firing(n: usize) -> String {
    format!("firing-{n}")
}

/// The job [`firing`] of this number.
#[must_use]
pub fn firing_job(n: usize, target: &Target) -> JobInput {
    input(json!({
        "name": firing(n),
        "description": "0",
        "schedule": "@every 1s",
        "missed_runs": "execute_all",
        "concurrency": "allow",
        "webhook": {"url": target.url(), "method": "POST", "body": "{\"id\": \"{{.ExecutionID}}\"}"},
    }))
}

/// A job as it is written in the documentation.
#[must_use]
pub fn input(job: serde_json::Value) -> JobInput {
    serde_json::from_value(job).unwrap()
}

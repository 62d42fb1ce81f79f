//! What jobs are made of: every policy, schedules of every kind, and targets of every kind.

use chronos_types::format_rfc3339;
use rand::RngExt as _;
use rand::rngs::SmallRng;
use serde_json::{Value, json};

use crate::receiver::{TARGETS, url};
use crate::world::{at_ms, since_start};

/// A schedule with its zone, which has several instants within a run: midnight in UTC is its begin.
pub(super) fn schedule(rng: &mut SmallRng) -> (String, &'static str) {
    let n = rng.random_range(1..6);
    match rng.random_range(0..10) {
        0..=4 => (format!("@every {n}s"), "UTC"),
        5 => (format!("*/{n} * * * * *"), "Europe/Berlin"),
        6 => (format!("{n}/{} * * * * *", n + 2), "UTC"),
        // The evening of the last day of the year there, and half past five there.
        7 => (format!("*/{n} 0-59 19 31 DEC *"), "America/New_York"),
        8 => (format!("{n}-59/{n} 30,31 5 1 1 ?"), "Asia/Kolkata"),
        _ => {
            let at = at_ms(since_start()) / 1_000 * 1_000 + rng.random_range(2..9) * 1_000;
            (format!("@at {}", format_rfc3339(at)), "UTC")
        }
    }
}

/// How runs overlap. As many jobs allow it as do not: only of those it is known which node fires them.
pub(super) fn concurrency(rng: &mut SmallRng) -> &'static str {
    ["allow", "allow", "allow", "forbid", "queue", "replace"][rng.random_range(0..6)]
}

/// Whether the runs of a job wait for a jitter: such a run is known to its node for much longer than others are.
pub(super) fn has_jitter(rng: &mut SmallRng) -> bool {
    rng.random_range(0..5) == 0
}

/// A job, but for what is known of it elsewhere.
pub(super) fn job(
    rng: &mut SmallRng,
    name: &str,
    (schedule, zone): &(String, &'static str),
    concurrency: &'static str,
    has_jitter: bool,
) -> Value {
    let missed_runs = ["execute_one", "execute_all", "ignore"][rng.random_range(0..3)];
    let (path, timeout_ms) = TARGETS[[0, 0, 1, 1, 2, 3][rng.random_range(0..6)]];
    json!({
        "name": name,
        "schedule": schedule,
        "timezone": zone,
        "webhook": {"url": url(path), "max_redirects": rng.random_range(0..3)},
        "timeout": format!("{timeout_ms}ms"),
        "retry_policy": {"max_attempts": 6, "initial_interval": "500ms", "max_interval": "2s"},
        "concurrency": concurrency,
        "jitter": if has_jitter { "7s" } else { "0s" },
        "missed_runs": missed_runs,
    })
}

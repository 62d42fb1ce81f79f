//! Times, to be printed. Nothing here is asserted.

use std::collections::HashMap;
use std::fmt;

use crate::load::{Delivery, instant, text};
use crate::run::Outage;
use crate::support::Value;

/// Milliseconds of many, in order.
pub struct Times(Vec<i64>);

impl Times {
    pub fn of(times: impl IntoIterator<Item = i64>) -> Self {
        let mut times: Vec<_> = times.into_iter().collect();
        times.sort_unstable();
        Self(times)
    }

    fn at(&self, percent: usize) -> i64 {
        self.0[(self.0.len() - 1) * percent / 100]
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return write!(f, "none");
        }
        let (median, late, last) = (self.at(50), self.at(99), self.at(100));
        write!(f, "{} of them, median {median} ms, p99 {late} ms, latest {last} ms", self.0.len())
    }
}

/// From the instant of each scheduled run to its first arrival, of those runs that are `wanted`.
pub fn lateness<'a>(
    records: impl IntoIterator<Item = &'a Value>,
    deliveries: &HashMap<String, Vec<Delivery>>,
    wanted: impl Fn(&Value, i64) -> bool,
) -> Times {
    let late = |record: &Value| {
        let time = instant(text(record, "scheduled_time"));
        let scheduled = text(record, "trigger") != "manual" && wanted(record, time);
        let first = scheduled.then(|| deliveries.get(text(record, "id"))).flatten()?.first()?;
        Some(first.at_ms - time)
    };
    Times::of(records.into_iter().filter_map(late))
}

/// Prints how long writes were refused, and how late runs were meanwhile.
pub fn print(outages: &[Outage], deliveries: &HashMap<String, Vec<Delivery>>) {
    let took = outages.iter().map(|outage| i64::try_from(outage.took.as_millis()).unwrap());
    println!("kill to first write taken: {}", Times::of(took));
    let during = |of_killed: bool| {
        Times::of(outages.iter().flat_map(|outage| {
            let wanted = |record: &Value, time: i64| {
                let killed = outage.killed.iter().any(|node| node == text(record, "node_id"));
                killed == of_killed && (outage.from..=outage.until).contains(&time)
            };
            lateness(&outage.owners, deliveries, wanted).0
        }))
    };
    println!("lateness in the outage, runs of nodes that live: {}", during(false));
    println!("lateness in the outage, runs of nodes that were killed: {}", during(true));
}

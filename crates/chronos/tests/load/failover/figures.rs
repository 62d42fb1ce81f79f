//! Times, to be printed. Nothing here is asserted.

use std::collections::HashMap;
use std::fmt;

use chronos_client::api::Execution;
use chronos_testkit::instant;
use chronos_testkit::load::Delivery;

use super::run::Outage;

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
    records: impl IntoIterator<Item = &'a Execution>,
    deliveries: &HashMap<String, Vec<Delivery>>,
    wanted: impl Fn(&Execution, i64) -> bool,
) -> Times {
    let late = |record: &Execution| {
        let scheduled_time = instant(&record.scheduled_time);
        let scheduled = record.trigger != "manual" && wanted(record, scheduled_time);
        let first = scheduled.then(|| deliveries.get(&record.id)).flatten()?.first()?;
        Some(first.at_ms - scheduled_time)
    };
    Times::of(records.into_iter().filter_map(late))
}

/// Prints how long writes were refused, and how late runs were meanwhile.
pub fn print(outages: &[Outage], deliveries: &HashMap<String, Vec<Delivery>>) {
    let took = outages.iter().map(|outage| i64::try_from(outage.took.as_millis()).unwrap());
    println!("kill to first write taken: {}", Times::of(took));
    let during = |of_killed: bool| {
        Times::of(outages.iter().flat_map(|outage| {
            let wanted = |record: &Execution, scheduled_time: i64| {
                let killed = outage.killed.contains(&record.node_id);
                killed == of_killed && (outage.from..=outage.until).contains(&scheduled_time)
            };
            lateness(&outage.owners, deliveries, wanted).0
        }))
    };
    println!("lateness in the outage, runs of nodes that live: {}", during(false));
    println!("lateness in the outage, runs of nodes that were killed: {}", during(true));
}

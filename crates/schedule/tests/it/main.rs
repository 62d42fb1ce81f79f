//! The schedule crate through its public interface: tables for the rules, naive oracles for everything else.

// A test that cannot unwrap has failed, which is what it should do.
#![allow(clippy::unwrap_used)]

mod descriptions;
mod dst;
mod every_and_at;
mod generate;
mod notes;
mod oracle;
mod properties;
mod refusals;
mod vixie;
mod zones;

use chronos_schedule::{Schedule, Zone};

/// Unix milliseconds of an RFC 3339 text, by jiff.
fn ms(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().expect(text).as_millisecond()
}

fn schedule(text: &str) -> Schedule {
    Schedule::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn zone(name: &str) -> Zone {
    Zone::parse(name).expect(name)
}

/// The runs after `after` are exactly these, walking back from each finds the one before, and counting them counts each.
#[track_caller]
fn check(expression: &str, zone_name: &str, after: &str, expected: &[&str]) {
    let (schedule, zone) = (schedule(expression), zone(zone_name));
    let mut at = ms(after);
    let mut before = None;
    for (number, expected) in (1..).zip(expected) {
        let next = schedule.next_after(&zone, 0, at).map(|next| zone.format_rfc3339(next));
        assert_eq!(
            next.as_deref(),
            Some(*expected),
            "{expression:?} in {zone_name} after {}",
            zone.format_rfc3339(at)
        );
        let next = ms(expected);
        let last = |until| schedule.last_between(&zone, 0, ms(after), until);
        assert_eq!(last(next), Some(next), "{expression:?} in {zone_name}: last until {expected}");
        assert_eq!(last(next - 1), before, "{expression:?} in {zone_name}: last before {expected}");
        let count = |until| schedule.count_between(&zone, 0, ms(after), until);
        let counts = (count(next - 1), count(next));
        assert_eq!(counts, (number - 1, number), "{expression:?} in {zone_name}: count until {expected}");
        (at, before) = (next, Some(next));
    }
    let mut visited = Vec::new();
    schedule.each_between(&zone, 0, ms(after), at, |run| visited.push(zone.format_rfc3339(run)));
    assert_eq!(visited, expected, "{expression:?} in {zone_name}: visited");
}

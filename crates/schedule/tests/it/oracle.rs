//! Naive oracles, written from the product's sentences and not from the code: walk every instant (real time), or map every
//! matching local time by jiff's own disambiguation (fixed), around the transitions of many zones.

use chronos_schedule::{Schedule, Zone};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use proptest::prelude::*;

use crate::generate::{Dense, Expression, expression};
use crate::zone;

const ZONES: [&str; 22] = [
    "UTC",
    "America/New_York",
    "America/Sao_Paulo",
    "America/St_Johns",
    "America/Caracas",
    "America/Nuuk",
    "Europe/Berlin",
    "Europe/Dublin",
    "Europe/London",
    "Europe/Moscow",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Asia/Gaza",
    "Asia/Kathmandu",
    "Asia/Pyongyang",
    "Asia/Tehran",
    "Antarctica/Troll",
    "Antarctica/Casey",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kwajalein",
    "Pacific/Kiritimati",
];

fn tz(zone: &Zone) -> TimeZone {
    TimeZoneDatabase::bundled().get(zone.name()).unwrap()
}

fn timestamp(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A zone and an instant that is mostly near one of its transitions, in whole minutes.
fn place(spread: i64) -> impl Strategy<Value = (Zone, i64)> {
    (0..ZONES.len(), 0..2_300_000_000i64, -spread..spread).prop_map(|(at, base, shift)| {
        let zone = zone(ZONES[at]);
        let near = tz(&zone).following(timestamp(base)).next().map_or(base, |t| t.timestamp().as_second());
        (zone, near.div_euclid(60) * 60 + shift)
    })
}

/// The runs in `(after, after + horizon]`, in seconds and in their order.
fn runs(expression: &Expression, tz: &TimeZone, after: i64, horizon: i64) -> Vec<i64> {
    let range = after + 1..=after + horizon;
    if expression.minute.starts_with_star() || expression.hour.starts_with_star() {
        let matches = |second: &i64| {
            let local = tz.to_datetime(timestamp(*second));
            matches_time(expression, local) && expression.matches_date(local.date())
        };
        range.filter(matches).collect()
    } else {
        let mut runs = fixed_runs(expression, tz, after, horizon);
        runs.retain(|run| range.contains(run));
        runs.sort_unstable();
        // Local times that share an instant are one run.
        runs.dedup();
        runs
    }
}

fn matches_time(expression: &Expression, local: DateTime) -> bool {
    expression.matches_time(local.hour() as u32, local.minute() as u32, local.second() as u32)
}

fn fixed_runs(expression: &Expression, tz: &TimeZone, after: i64, horizon: i64) -> Vec<i64> {
    let mut date = tz.to_datetime(timestamp(after - 2 * 86_400)).date();
    let end = tz.to_datetime(timestamp(after + horizon + 2 * 86_400)).date();
    let mut runs = Vec::new();
    while date <= end {
        if expression.matches_date(date) {
            for hour in &expression.hour.values {
                for minute in &expression.minute.values {
                    for second in expression.seconds() {
                        runs.push(fixed_run(tz, date.at(*hour as i8, *minute as i8, second as i8, 0)));
                    }
                }
            }
        }
        date = date.tomorrow().unwrap();
    }
    runs
}

fn fixed_run(tz: &TimeZone, local: DateTime) -> i64 {
    let at = |offset: jiff::tz::Offset| offset.to_timestamp(local).unwrap().as_second();
    match tz.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => at(offset),
        AmbiguousOffset::Fold { before, .. } => at(before),
        AmbiguousOffset::Gap { before, after } => {
            // The gap's end: the first instant with the new offset, by halving.
            let (mut old, mut new) = (at(after), at(before));
            assert_eq!((tz.to_offset(timestamp(old)), tz.to_offset(timestamp(new))), (before, after));
            while new - old > 1 {
                let middle = (old + new) / 2;
                if tz.to_offset(timestamp(middle)) == after { new = middle } else { old = middle }
            }
            new
        }
    }
}

fn judge(expression: &Expression, zone: &Zone, after: i64, horizon: i64) -> Result<(), TestCaseError> {
    let text = expression.text();
    let Ok(schedule) = Schedule::parse(&text) else {
        return Ok(());
    };
    let expected = runs(expression, &tz(zone), after, horizon);
    let until = after + horizon;
    let next = schedule.next_after(zone, 0, after * 1000).filter(|next| *next <= until * 1000);
    let last = schedule.last_between(zone, 0, after * 1000, until * 1000);
    let place = format!("{text} in {} after {}", zone.name(), zone.format_rfc3339(after * 1000));
    prop_assert_eq!(next.is_some(), last.is_some(), "{}", place);
    let found = next.zip(last).map(|(next, last)| (next / 1000, last / 1000));
    prop_assert_eq!(found, expected.first().copied().zip(expected.last().copied()), "{}", place);
    let count = schedule.count_between(zone, 0, after * 1000, until * 1000);
    prop_assert_eq!(count, expected.len() as u64, "{}", place);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn times_of_day(expression in expression(Dense::Times), (zone, after) in place(100_000)) {
        judge(&expression, &zone, after, 7200)?;
    }

    #[test]
    fn seconds(expression in expression(Dense::Seconds), (zone, after) in place(5000)) {
        judge(&expression, &zone, after, 1800)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_day_and_a_half(expression in expression(Dense::Times), (zone, after) in place(100_000)) {
        judge(&expression, &zone, after, 130_000)?;
    }

    /// Dates, day by day over sixty years.
    #[test]
    fn dates(expression in expression(Dense::Days), start in -100_000_000_000i64..100_000_000_000) {
        if let Ok(schedule) = Schedule::parse(&expression.text()) {
            let midnight = start.div_euclid(86_400) * 86_400;
            let mut date = TimeZone::UTC.to_datetime(timestamp(midnight)).date();
            let expected = (0..60 * 366).find_map(|days| {
                date = if days == 0 { date } else { date.tomorrow().unwrap() };
                expression.matches_date(date).then_some(midnight + days * 86_400)
            });
            let next = schedule.next_after(&Zone::utc(), 0, midnight * 1000 - 1);
            prop_assert_eq!(next.map(|ms| ms.div_euclid(86_400_000) * 86_400), expected, "{}", expression.text());
        }
    }
}

//! Schedules: a time, a time zone and a schedule, a line each. The runs ascend, and all ways to ask for them agree.

#![no_main]

use chronos_fuzz::{check_refusal, limit_memory};
use chronos_schedule::{MAX_LEN, ParseError, Schedule, Zone};
use chronos_types::parse_rfc3339;
use libfuzzer_sys::fuzz_target;

/// How many runs are looked at.
const RUNS: usize = 100;

fuzz_target!(|input: &str| {
    limit_memory(input.len());
    let mut lines = input.splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (after, zone, text) = (line(), line(), line());
    let after = parse_rfc3339(after).ok().or_else(|| after.parse().ok()).unwrap_or_default();
    let zone = Zone::parse(zone).unwrap_or_else(|error| {
        check_refusal(&error.to_string());
        Zone::utc()
    });
    match Schedule::parse(text) {
        Ok(schedule) => {
            has_one_meaning(&schedule, text);
            agrees(&schedule, &zone, after);
        }
        Err(error) => says_why(&error),
    }
});

fn says_why(error: &ParseError) {
    let message = error.to_string();
    check_refusal(&message);
    assert!(message.contains("expected"), "{message}");
    if let ParseError::Field { field, value, .. } = error {
        assert!(message.starts_with(&format!("{field}: {value:?} ")), "{message}");
    }
}

/// Blanks around a schedule mean nothing, nor does the case of a name. Whatever it is, it is said in words.
fn has_one_meaning(schedule: &Schedule, text: &str) {
    if text.len() + 2 <= MAX_LEN {
        assert_eq!(Schedule::parse(&format!(" {text}\t")).as_ref(), Ok(schedule));
    }
    if !text.contains('@') {
        assert_eq!(Schedule::parse(&text.to_ascii_uppercase()).as_ref(), Ok(schedule));
    }
    assert!(!schedule.describe().is_empty());
    schedule.warnings(text);
}

fn agrees(schedule: &Schedule, zone: &Zone, after: i64) {
    // It counts from before, from between and from behind the runs that are asked for.
    let anchor = after.saturating_add(after.wrapping_mul(31) % 100_000_000);
    let next = |at: &i64| schedule.next_after(zone, anchor, *at);
    let runs: Vec<i64> = std::iter::successors(next(&after), next).take(RUNS).collect();
    assert!(runs.first().is_none_or(|first| *first > after));
    assert!(runs.is_sorted_by(|run, next| run < next), "{runs:?}");
    let (Some(first), Some(last)) = (runs.first(), runs.last()) else { return };

    let mut each = Vec::new();
    schedule.each_between(zone, anchor, after, *last, |run| each.push(run));
    assert_eq!(each, runs);
    assert_eq!(schedule.count_between(zone, anchor, after, *last), runs.len() as u64);
    assert_eq!(schedule.last_between(zone, anchor, after, *last), Some(*last));
    let before = schedule.last_between(zone, anchor, after, last - 1);
    assert_eq!(before.as_ref(), runs.iter().rev().nth(1));

    let near = zone.near(*first, *last);
    for (run, next) in runs.iter().zip(&runs[1..]) {
        assert_eq!(schedule.next_after(&near, anchor, *run), Some(*next));
        assert_eq!(schedule.clock_change(&near, *run), schedule.clock_change(zone, *run));
        // Years of more than four digits, and those before the first one, are shown and not read.
        let shown = zone.format_rfc3339(*run);
        assert!(parse_rfc3339(&shown).is_ok_and(|read| read == *run) || !shown.starts_with(['0', '1', '2']));
    }
}

//! What is said of a schedule beside its runs: what is odd about it, and what changes of the clock do to a run.

use chronos_schedule::Warning;

use crate::{ms, schedule, zone};

const NEW_YORK: &str = "America/New_York"; // 2026-03-08 02:00 -> 03:00; 2026-11-01 02:00 -> 01:00
const LORD_HOWE: &str = "Australia/Lord_Howe"; // 2026-10-04 02:00 -> 02:30; 2026-04-05 02:00 -> 01:30
const APIA: &str = "Pacific/Apia"; // no 2011-12-30

/// The codes of the warnings of a schedule.
#[track_caller]
fn warnings(text: &str, expected: &[&str]) {
    let found = schedule(text).warnings(text);
    assert_eq!(found.iter().map(Warning::code).collect::<Vec<_>>(), expected, "{text}");
    assert!(found.iter().all(|warning| !warning.to_string().is_empty()));
}

#[test]
fn a_schedule_that_may_do_something_else_than_was_meant_is_warned_of() {
    warnings("30 9 * * 1-5", &[]);
    warnings("30 9 1,15 * *", &[]);
    warnings("30 9 1 * MON", &["day_or_weekday"]);
    warnings("30 9 L * 0", &["day_or_weekday"]);
    // Both must match, or one of them is every day.
    warnings("30 9 */2 * MON", &["uneven_step"]);
    warnings("30 9 1-31 * MON", &[]);
    warnings("30 9 1 * 0-6", &[]);
    warnings("30 9 1 * ?", &[]);

    warnings("0 0 * * *", &["midnight"]);
    warnings("@daily", &["midnight"]);
    warnings(" @weekly ", &["midnight"]);
    warnings("0 */6 * * *", &["midnight"]);
    warnings("@hourly", &[]);
    warnings("* * * * *", &[]);
    warnings("1 0 * * *", &[]);
    warnings("5 0 0 * * *", &[]);

    warnings("*/7 * * * *", &["uneven_step"]);
    warnings("*/15 * * * *", &[]);
    warnings("3/20 * * * *", &[]);
    warnings("0/25 * * * *", &["uneven_step"]);
    // It was meant to end there.
    warnings("0-30/7 * * * *", &[]);
    warnings("0,7,14 * * * *", &[]);
    warnings("*/40 * * * * *", &["uneven_step"]);
    warnings("30 */5,*/9 * * *", &["uneven_step", "uneven_step"]);
    warnings("30 5 1 */5 *", &["uneven_step"]);
    warnings("30 5 * * */2", &["uneven_step"]);
    warnings("30 5 */1 * *", &[]);
    warnings("@every 7m", &[]);
    warnings("@at 2026-01-01T00:00:00Z", &[]);

    let text = "*/7 * * * *";
    let said = schedule(text).warnings(text)[0].to_string();
    assert!(
        said.starts_with("*/7 in the field minute begins anew with each hour, whose 60 minutes"),
        "{said}"
    );
}

/// What is said of the runs after an instant, as far as something is.
#[track_caller]
fn changes(text: &str, zone_name: &str, after: &str, runs: usize, expected: &[(&str, &str, &str)]) {
    let (schedule, zone) = (schedule(text), zone(zone_name));
    let mut found = Vec::new();
    let mut at = ms(after);
    for _ in 0..runs {
        at = schedule.next_after(&zone, 0, at).expect("a run");
        if let Some(change) = schedule.clock_change(&zone, at) {
            found.push((zone.format_rfc3339(at), change.effect.as_str(), change.message));
        }
    }
    let told: Vec<_> = found.iter().map(|(run, effect, says)| (&run[..], *effect, &says[..])).collect();
    assert_eq!(told, expected, "{text} in {zone_name}");
}

#[test]
fn what_a_change_of_the_clock_does_to_a_run_is_said() {
    let forward = "the clock goes forward from 2026-03-08 02:00 to 2026-03-08 03:00";
    let back = "the clock goes back from 2026-11-01 02:00 to 2026-11-01 01:00";
    let moved =
        format!("2026-03-08 02:30 does not exist: {forward}. It runs at the first instant after that");
    let end = "2026-03-08T03:00:00-04:00";
    changes("30 2 * * *", NEW_YORK, "2026-03-06T00:00:00Z", 9, &[(end, "moved", &moved)]);
    changes("30 3 * * *", NEW_YORK, "2026-03-06T00:00:00Z", 9, &[]);
    changes("30 2 * * *", "UTC", "2026-03-06T00:00:00Z", 9, &[]);
    changes("@every 1h", NEW_YORK, "2026-03-06T00:00:00Z", 99, &[]);
    // Together with the one at the end of the gap.
    changes("30 2,3 * * *", NEW_YORK, "2026-03-08T06:00:00Z", 2, &[(end, "moved", &moved)]);

    let skipped = format!(
        "before this run, 2 local times from 2026-03-08 02:00 on do not exist: {forward}. Nothing runs at them"
    );
    let next = "2026-03-09T02:00:00-04:00";
    changes("*/30 2 * * *", NEW_YORK, "2026-03-08T00:00:00Z", 3, &[(next, "runs_skipped", &skipped)]);
    // It runs in every hour, and goes on as it did.
    changes("30 * * * *", NEW_YORK, "2026-03-08T00:00:00Z", 24, &[]);
    changes("*/5 * * * *", NEW_YORK, "2026-11-01T00:00:00Z", 99, &[]);

    let first = format!("2026-11-01 01:30 comes twice: {back}. It runs the first time only");
    changes(
        "30 1 * * *",
        NEW_YORK,
        "2026-10-30T00:00:00Z",
        5,
        &[("2026-11-01T01:30:00-04:00", "first_of_two", &first)],
    );
    let twice =
        |which| format!("2026-11-01 01:00 comes twice: {back}. It runs both times, and this is the {which}");
    changes(
        "0 */1 1 * * *",
        NEW_YORK,
        "2026-11-01T04:59:59Z",
        1,
        &[("2026-11-01T01:00:00-04:00", "runs_twice", &twice("first"))],
    );
    changes("*/30 1 * * *", NEW_YORK, "2026-11-02T00:00:00Z", 3, &[]);
    changes(
        "0 */30 1 * * *",
        NEW_YORK,
        "2026-11-01T05:59:59Z",
        1,
        &[("2026-11-01T01:00:00-05:00", "runs_twice", &twice("second"))],
    );
    // Half an hour moves the runs of every hour too.
    let forward = "the clock goes forward from 2026-10-04 02:00 to 2026-10-04 02:30";
    let skipped = format!("before this run, 2026-10-04 02:15 does not exist: {forward}. Nothing runs at it");
    changes(
        "15 * * * *",
        LORD_HOWE,
        "2026-10-03T15:00:00Z",
        3,
        &[("2026-10-04T03:15:00+11:00", "runs_skipped", &skipped)],
    );
    let forward = "the clock goes forward from 2011-12-30 00:00 to 2011-12-31 00:00";
    let moved =
        format!("2011-12-30 12:00 does not exist: {forward}. It runs at the first instant after that");
    changes("0 12 * * *", APIA, "2011-12-29T00:00:00Z", 4, &[("2011-12-31T00:00:00+14:00", "moved", &moved)]);
}

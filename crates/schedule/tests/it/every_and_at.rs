//! `@every` and `@at`.

use crate::{ms, schedule, zone};

#[test]
fn every_counts_from_its_anchor() {
    let (every, utc) = (schedule("@every 90s"), zone("UTC"));
    let next = |after| every.next_after(&utc, 1_000_500, after);
    assert_eq!(next(1_000_500), Some(1_090_500), "the anchor itself is not a run");
    assert_eq!(next(1_090_499), Some(1_090_500));
    assert_eq!(next(1_090_500), Some(1_180_500));
    assert_eq!(next(i64::MIN), Some(1_090_500));
    assert_eq!(next(0), Some(1_090_500));
    assert_eq!(next(i64::MAX), None);
    let last = |after, until| every.last_between(&utc, 1_000_500, after, until);
    assert_eq!(last(0, 1_090_499), None);
    assert_eq!(last(0, 1_090_500), Some(1_090_500));
    assert_eq!(last(1_090_500, 1_180_499), None);
    assert_eq!(last(i64::MIN, 1_000_500 + 90_000 * 1_000_000 + 1), Some(1_000_500 + 90_000 * 1_000_000));
    assert_eq!(last(i64::MIN, i64::MIN), None);
    let count = |after, until| every.count_between(&utc, 1_000_500, after, until);
    assert_eq!((count(0, 1_090_499), count(0, 1_090_500), count(1_090_500, 1_180_499)), (0, 1, 0));
    assert_eq!(count(1_000_500, 1_000_500 + 90_000 * 1_000_000 + 1), 1_000_000);
    assert_eq!((count(i64::MAX, i64::MIN), count(i64::MAX, i64::MAX)), (0, 0));
}

#[test]
fn every_reads_go_durations() {
    let period =
        |text: &str| schedule(&format!("@every {text}")).next_after(&zone("UTC"), 0, 0).unwrap() / 1000;
    for (text, seconds) in [
        ("1s", 1),
        ("90s", 90),
        ("1h30m", 5400),
        ("1.5h", 5400),
        (".5m", 30),
        ("1.m", 60),
        ("+5s", 5),
        ("2h45m30s", 9930),
        ("30s1h", 3630),
        ("1000ms", 1),
        ("500ms500ms", 1),
        ("0.5s500ms", 1),
        ("1000000us", 1),
        ("1000000\u{b5}s", 1),
        ("1000000\u{3bc}s", 1),
        ("1000000000ns", 1),
        ("0h1s", 1),
        ("1.000000000000000000000000s", 1),
        ("8760h", 31_536_000),
        ("2562047h47m16s", 9_223_372_036),
    ] {
        assert_eq!(period(text), seconds, "{text}");
    }
    assert_eq!(schedule("@every \t 90s "), schedule("@every 1m30s"));
}

#[test]
fn at_runs_once() {
    let (at, utc) = (schedule("@at 2026-11-23T10:00:00Z"), zone("UTC"));
    let instant = ms("2026-11-23T10:00:00Z");
    assert_eq!(at.as_once(), Some(instant));
    assert_eq!(at.next_after(&utc, 0, instant - 1), Some(instant));
    assert_eq!(at.next_after(&utc, 0, instant), None);
    assert_eq!(at.last_between(&utc, 0, i64::MIN, i64::MAX), Some(instant));
    assert_eq!(at.last_between(&utc, 0, instant, i64::MAX), None);
    assert_eq!(at.last_between(&utc, 0, 0, instant - 1), None);
    let count = |after, until| at.count_between(&utc, 0, after, until);
    assert_eq!((count(instant - 1, instant), count(instant, i64::MAX), count(0, instant - 1)), (1, 0, 0));
    assert_eq!(schedule("* * * * *").as_once(), None);
    assert_eq!(schedule("@every 1s").as_once(), None);
}

#[test]
fn at_reads_rfc_3339() {
    for (text, same) in [
        ("2026-11-23T10:00:00+01:00", "2026-11-23T09:00:00Z"),
        ("2026-11-23T10:00:00-05:30", "2026-11-23T15:30:00Z"),
        ("2026-11-23t10:00:00z", "2026-11-23T10:00:00Z"),
        ("2026-11-23T10:00:00-00:00", "2026-11-23T10:00:00Z"),
        ("2026-11-23T10:00:00.5Z", "2026-11-23T10:00:00.500Z"),
        ("2026-11-23T10:00:00.0129999Z", "2026-11-23T10:00:00.012Z"),
        ("2024-02-29T23:59:59Z", "2024-02-29T23:59:59Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2016-12-31T15:59:60-08:00", "2017-01-01T00:00:00Z"),
        ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
        ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
        ("9999-12-30T22:00:00.999Z", "9999-12-30T22:00:00.999Z"),
    ] {
        assert_eq!(schedule(&format!("@at {text}")).as_once(), Some(ms(same)), "{text}");
    }
}

/// jiff's calendar ends at 22:00 on 30 December, ours with the year, and no run comes after it.
#[test]
fn the_last_hours_of_the_year_9999_have_their_runs() {
    const END: i64 = 253_402_300_799_999;
    let hour = 3_600_000;
    let last = END + 1 - hour;
    for zone_name in ["UTC", "America/New_York", "Pacific/Kiritimati"] {
        let zone = zone(zone_name);
        for (text, anchor) in [("0 * * * *", 0), ("@every 1h", last - hour), ("@at 9999-12-31T23:00:00Z", 0)]
        {
            let schedule = schedule(text);
            assert_eq!(schedule.next_after(&zone, anchor, last - 1), Some(last), "{text} {zone_name}");
            assert_eq!(schedule.next_after(&zone, anchor, last), None, "{text} {zone_name}");
            assert_eq!(schedule.last_between(&zone, anchor, 0, i64::MAX), Some(last), "{text} {zone_name}");
        }
    }
    // Fixed times of day too, where the local year is another one by then.
    for (zone_name, expression, shown) in [
        ("America/New_York", "0 18 * * *", "9999-12-31T18:00:00-05:00"),
        ("UTC", "30 23 31 12 *", "9999-12-31T23:30:00Z"),
        ("Asia/Tokyo", "0 8 * * *", "+010000-01-01T08:00:00+09:00"),
    ] {
        let (schedule, zone) = (schedule(expression), zone(zone_name));
        let last = schedule.last_between(&zone, 0, 0, i64::MAX).unwrap();
        assert_eq!(zone.format_rfc3339(last), shown);
        assert_eq!(schedule.next_after(&zone, 0, last - 1), Some(last));
        assert_eq!(schedule.next_after(&zone, 0, last), None);
    }
}

#[test]
fn the_runs_of_a_century_are_counted_without_going_through_them() {
    let (from, until) = (ms("2000-01-01T00:00:00Z"), ms("2099-12-31T23:59:59Z"));
    let count = |text, name| schedule(text).count_between(&zone(name), from - 1, from - 1, until);
    // 100 years, 25 of them with a 29 February: 2100 is none of them.
    let days = 36_525;
    assert_eq!(count("* * * * * *", "UTC"), days * 86_400);
    assert_eq!(count("* * * * * *", "Europe/Berlin"), days * 86_400, "real time knows no gaps");
    assert_eq!(count("@daily", "UTC"), days);
    assert_eq!(count("30 2 * * *", "Europe/Berlin"), days, "in a gap and in a repeated hour once each");
    assert_eq!(count("0 0 29 2 *", "UTC"), 25);
    // It begins a second after its anchor, which is a millisecond before the century.
    assert_eq!(count("@every 1s", "UTC"), days * 86_400 - 1);
}

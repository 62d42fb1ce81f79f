//! The grammar and Vixie's rules, in UTC. 2026-01-01 is a Thursday.

use crate::{check, schedule};

/// Midnights (or times) as short as the table allows: `01-05` is `2026-01-05T00:00:00Z`.
#[track_caller]
fn dates(expression: &str, expected: &[&str]) {
    let expected: Vec<String> = expected.iter().map(|date| format!("2026-{date}T00:00:00Z")).collect();
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    check(expression, "UTC", "2025-12-31T23:59:59Z", &expected);
}

/// Times of 2026-01-01, then of later days as `+1 09:00`.
#[track_caller]
fn times(expression: &str, expected: &[&str]) {
    let full = |time: &&str| {
        let (day, time) = time.split_once(' ').map_or((0, *time), |(day, time)| (day.parse().unwrap(), time));
        let seconds = if time.len() == 5 { ":00" } else { "" };
        format!("2026-01-{:02}T{time}{seconds}Z", day + 1)
    };
    let expected: Vec<String> = expected.iter().map(full).collect();
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    check(expression, "UTC", "2025-12-31T23:59:59.999Z", &expected);
}

#[test]
fn minutes_hours_and_seconds() {
    times("* * * * *", &["00:00", "00:01", "00:02"]);
    times("*/20 * * * *", &["00:00", "00:20", "00:40", "01:00"]);
    times("5/20 * * * *", &["00:05", "00:25", "00:45", "01:05"]);
    times("59/20 0 * * *", &["00:59", "1 00:59"]);
    times("*/40 * * * *", &["00:00", "00:40", "01:00", "01:40"]);
    times("*/59 * * * *", &["00:00", "00:59", "01:00", "01:59"]);
    times("0 */23 * * *", &["00:00", "23:00", "1 00:00"]);
    times("10-12/59 8 * * *", &["08:10", "1 08:10"]);
    times("10-12 8 * * *", &["08:10", "08:11", "08:12", "1 08:10"]);
    times("10-20/4 8 * * *", &["08:10", "08:14", "08:18", "1 08:10"]);
    times("7-7/3 8 * * *", &["08:07", "1 08:07"]);
    times("1,3,2,2 8 * * *", &["08:01", "08:02", "08:03", "1 08:01"]);
    times("5,* 8 * * *", &["08:00", "08:01"]);
    times("007 08 * * *", &["08:07"]);
    times("0 9-17/4 * * *", &["09:00", "13:00", "17:00", "1 09:00"]);
    times("59 23 * * *", &["23:59", "1 23:59"]);
    times("30 0 9 * * *", &["09:00:30", "1 09:00:30"]);
    times("*/25 0 9 * * *", &["09:00:00", "09:00:25", "09:00:50", "1 09:00:00"]);
    times("* * * * * *", &["00:00:00", "00:00:01", "00:00:02"]);
    times("59 59 23 * * *", &["23:59:59", "1 23:59:59"]);
    times(" \t0\t 9 *  * *\t ", &["09:00"]);
}

#[test]
fn shorthands() {
    check("@yearly", "UTC", "2026-01-01T00:00:00Z", &["2027-01-01T00:00:00Z"]);
    assert_eq!(schedule("@annually"), schedule("@yearly"));
    dates("@monthly", &["01-01", "02-01", "03-01"]);
    dates("@weekly", &["01-04", "01-11"]);
    dates("@daily", &["01-01", "01-02"]);
    assert_eq!(schedule("@midnight"), schedule("@daily"));
    times("@hourly", &["00:00", "01:00"]);
    assert_eq!(schedule(" @daily\t"), schedule("0 0 * * *"));
}

#[test]
fn months_and_weekdays() {
    dates("0 0 1 feb *", &["02-01"]);
    dates("0 0 1 FEB,Apr-jun/2 *", &["02-01", "04-01", "06-01"]);
    dates("0 0 1 10/1 *", &["10-01", "11-01", "12-01"]);
    dates("0 0 * * 0", &["01-04", "01-11"]);
    dates("0 0 * * 7", &["01-04", "01-11"]);
    dates("0 0 * * sUn", &["01-04", "01-11"]);
    dates("0 0 * * 5-7", &["01-02", "01-03", "01-04", "01-09"]);
    dates("0 0 * * FRI-SUN", &["01-02", "01-03", "01-04", "01-09"]);
    dates("0 0 * * sat-7", &["01-03", "01-04", "01-10"]);
    dates("0 0 * * 0-7", &["01-01", "01-02", "01-03", "01-04", "01-05"]);
    dates("0 0 * * sun-tue", &["01-04", "01-05", "01-06", "01-11"]);
    dates("0 0 * * sun-sun", &["01-04", "01-11"]);
    dates("0 0 * * 7-7", &["01-04", "01-11"]);
    dates("0 0 * * mon-fri", &["01-01", "01-02", "01-05"]);
    dates("0 0 * * 1/2", &["01-02", "01-04", "01-05", "01-07"]);
    dates("0 0 * * thu/7", &["01-01", "01-08"]);
    dates("0 0 * * */3", &["01-03", "01-04", "01-07", "01-10"]);
    dates("0 0 * * */7", &["01-04", "01-11"]);
}

#[test]
fn either_day_unless_one_is_a_star() {
    dates("0 0 13 * 5", &["01-02", "01-09", "01-13", "01-16"]);
    dates("0 0 13 * *", &["01-13", "02-13"]);
    dates("0 0 13 * ?", &["01-13", "02-13"]);
    dates("0 0 ? * 5", &["01-02", "01-09"]);
    dates("0 0 ? * ?", &["01-01", "01-02"]);
    // `*/2` is a star: both must match.
    dates("0 0 */2 * 1", &["01-05", "01-19", "02-09", "02-23"]);
    dates("0 0 1,15 * */2", &["01-01", "01-15", "02-01", "02-15", "03-01", "03-15", "08-01"]);
    dates("0 0 *,5 * 1", &["01-05", "01-12"]);
    // A star that is not the first character is none.
    dates("0 0 5,* * 1", &["01-01", "01-02", "01-03"]);
    dates("0 0 1-31 * 1", &["01-01", "01-02", "01-03"]);
    dates("0 0 1-31/2 * 1", &["01-01", "01-03", "01-05", "01-07", "01-09", "01-11", "01-12"]);
    dates("0 0 13 * 0-7", &["01-01", "01-02"]);
    dates("0 0 31 2 1", &["02-02", "02-09", "02-16", "02-23"]);
}

#[test]
fn the_last_day_of_the_month() {
    dates("0 0 L * *", &["01-31", "02-28", "03-31", "04-30"]);
    dates("0 0 l 2 ?", &["02-28"]);
    dates("0 0 1,L * *", &["01-01", "01-31", "02-01", "02-28"]);
    dates("0 0 L,15-16 2 *", &["02-15", "02-16", "02-28"]);
    dates("0 0 30,L 2,4 *", &["02-28", "04-30"]);
    dates("0 0 L * 1", &["01-05", "01-12", "01-19", "01-26", "01-31", "02-02"]);
    dates("0 0 L * */7", &["05-31"]);
    check("0 0 L 2 *", "UTC", "2027-03-01T00:00:00Z", &["2028-02-29T00:00:00Z", "2029-02-28T00:00:00Z"]);
}

#[test]
fn sparse_schedules() {
    let day = |year: i32| format!("{year}-02-29T00:00:00Z");
    let check_years = |expression: &str, after: &str, years: &[i32]| {
        let expected: Vec<String> = years.iter().map(|year| day(*year)).collect();
        check(expression, "UTC", after, &expected.iter().map(String::as_str).collect::<Vec<_>>());
    };
    check_years("0 0 29 2 *", "2026-01-01T00:00:00Z", &[2028, 2032, 2036]);
    check_years("0 0 29 2 *", "2096-02-29T00:00:00Z", &[2104]);
    check_years("0 0 29 2 */7", "2026-01-01T00:00:00Z", &[2032, 2060, 2088, 2128]);
    check("0 0 31 * *", "UTC", "2026-01-31T00:00:00Z", &["2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z"]);
    check("0 0 31 2,3 *", "UTC", "2026-01-01T00:00:00Z", &["2026-03-31T00:00:00Z", "2027-03-31T00:00:00Z"]);
}

#[test]
fn the_next_run_is_later_than_after() {
    check("0 9 * * *", "UTC", "2026-01-01T08:59:59.999Z", &["2026-01-01T09:00:00Z"]);
    check("0 9 * * *", "UTC", "2026-01-01T09:00:00Z", &["2026-01-02T09:00:00Z"]);
    check("0 9 * * *", "UTC", "2026-01-01T09:00:00.001Z", &["2026-01-02T09:00:00Z"]);
    check("* * * * * *", "UTC", "1969-12-31T23:59:58.5Z", &["1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z"]);
    check("0 12 * * *", "UTC", "0001-01-01T00:00:00Z", &["0001-01-01T12:00:00Z"]);
}

#[test]
fn equal_by_what_they_match() {
    assert_eq!(schedule("0 9 * * 1-5"), schedule("0 0 9 ? * MON-FRI"));
    assert_ne!(schedule("0 9 1-31 * 1-5"), schedule("0 9 * * 1-5"));
    assert_ne!(schedule("0 0-23 * * *"), schedule("0 * * * *"));
}

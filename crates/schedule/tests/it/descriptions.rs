//! Plain English.

use std::collections::HashMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::generate::{Dense, expression};
use crate::{ms, schedule, zone};

#[test]
fn descriptions() {
    for (text, expected) in [
        ("* * * * *", "Every minute"),
        ("0-59 * * * *", "Every minute"),
        ("*/5 * * * *", "Every 5 minutes"),
        ("0,30 * * * *", "Every 30 minutes"),
        ("*/7 * * * *", "At every 7th minute from 0 through 56 past every hour"),
        ("*/40 * * * *", "At minutes 0 and 40 past every hour"),
        ("5 * * * *", "At minute 5 past every hour"),
        ("@hourly", "Every hour"),
        ("0 */2 * * *", "Every 2 hours"),
        ("30 */2 * * *", "At minute 30 past every 2nd hour from 0 through 22"),
        ("0 */12 * * *", "At 00:00 and 12:00"),
        ("0 */5 * * *", "At minute 0 past every 5th hour from 0 through 20"),
        ("0 9-17 * * *", "At minute 0 past hours 9 through 17"),
        ("*/5 9-17 * * *", "Every 5 minutes during hours 9 through 17"),
        ("* 9 * * *", "Every minute during hour 9"),
        ("0 9 * * 1-5", "At 09:00, Monday through Friday"),
        ("0 9,17 * * *", "At 09:00 and 17:00"),
        ("0,30 9,17 * * *", "At 09:00, 09:30, 17:00 and 17:30"),
        ("15 10 9 * * *", "At 09:10:15"),
        ("* * * * * *", "Every second"),
        ("*/10 * * * * *", "Every 10 seconds"),
        ("30 * * * * *", "At second 30 past every minute"),
        ("30 * 9 * * *", "At second 30 past every minute during hour 9"),
        ("30 0 * * * *", "At second 30 past minute 0 past every hour"),
        ("*/10 0 9 * * *", "Every 10 seconds during minute 0 past hour 9"),
        ("* * 9-11 * * *", "Every second during hours 9 through 11"),
        ("0,20 0 9 * * *", "At seconds 0 and 20 past minute 0 past hour 9"),
        ("1,2,5-9,30 * * * *", "At minutes 1, 2, 5 through 9 and 30 past every hour"),
        ("0 0 * * 0", "At 00:00, on Sunday"),
        ("0 0 * * 7,6", "At 00:00, on Saturday and Sunday"),
        ("0 0 * * 1,3,5", "At 00:00, on Monday, Wednesday and Friday"),
        ("0 0 * * 5-7", "At 00:00, Friday through Sunday"),
        ("0 0 * * 0-4", "At 00:00, Sunday through Thursday"),
        ("0 0 * * 1-3,6", "At 00:00, on Monday through Wednesday and Saturday"),
        ("0 0 * * 0-7", "At 00:00"),
        ("@monthly", "At 00:00, on day 1 of the month"),
        ("@yearly", "At 00:00, on day 1 of the month, in January"),
        ("0 0 1,15 * *", "At 00:00, on days 1 and 15 of the month"),
        ("0 0 L * *", "At 00:00, on the last day of the month"),
        (
            "0 0 1,15,L 1-3,6 *",
            "At 00:00, on days 1 and 15 and the last day of the month, in January through March and June",
        ),
        ("0 0 13 * 5", "At 00:00, on day 13 of the month or on Friday"),
        ("0 0 L * 1-5", "At 00:00, on the last day of the month or on Monday through Friday"),
        ("0 0 */2 * 1", "At 00:00, on every 2nd day from 1 through 31 of the month, but only on Monday"),
        (
            "0 0 1-31/2 * 1,2",
            "At 00:00, on every 2nd day from 1 through 31 of the month or on Monday or Tuesday",
        ),
        ("0 0 1-31 * 1", "At 00:00"),
        ("0 0 1-31 * */2", "At 00:00, on Tuesday, Thursday, Saturday and Sunday"),
        ("0 0 ? 2 *", "At 00:00, in February"),
        ("@every 90s", "Every 90 seconds"),
        ("@every 1s", "Every second"),
        ("@every 5m", "Every 5 minutes"),
        ("@every 1h30m", "Every 90 minutes"),
        ("@every 24h", "Every 24 hours"),
        ("@at 2026-11-23T11:00:00+01:00", "Once, at 2026-11-23T10:00:00Z"),
        ("@at 2026-11-23T10:00:00.5Z", "Once, at 2026-11-23T10:00:00.500Z"),
    ] {
        assert_eq!(schedule(text).describe(), expected, "{text}");
    }
}

/// A description says everything: schedules that are told alike run alike (in UTC, where nothing else matters).
#[test]
fn told_alike_run_alike() {
    let mut runner = TestRunner::deterministic();
    let utc = zone("UTC");
    let after = ms("2026-01-01T00:00:00Z");
    let mut told: HashMap<String, (String, Vec<i64>)> = HashMap::new();
    for dense in [Dense::Days, Dense::Times, Dense::Seconds] {
        let strategy = expression(dense);
        for _ in 0..3000 {
            let text = strategy.new_tree(&mut runner).unwrap().current().text();
            let Ok(schedule) = chronos_schedule::Schedule::parse(&text) else {
                continue;
            };
            let mut at = after;
            let runs: Vec<i64> = (0..100)
                .map_while(|_| {
                    at = schedule.next_after(&utc, 0, at)?;
                    Some(at)
                })
                .collect();
            let (other, other_runs) =
                told.entry(schedule.describe()).or_insert_with(|| (text.clone(), runs.clone()));
            assert_eq!(&runs, other_runs, "{text} and {other} are both {:?}", schedule.describe());
        }
    }
    assert!(told.len() > 1000);
}

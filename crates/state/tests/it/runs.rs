//! Runs with a request of their own, and how the time of a run was spent.

use chronos_state::{Command, Effect, Fire, MAX_ROWS, Outcome, Refusal, Reported, StoredOverrides, Trim};
use chronos_types::{
    Concurrency, DurationMs, ErrorKind, ExecutionId, JobSpec, Overrides, Phases, Status, Waited,
};

use crate::support::*;

fn manual(n: u8) -> ExecutionId {
    ExecutionId::manual(id_of("a"), 1200, [n; 10])
}

fn overrides(body: &str) -> StoredOverrides {
    StoredOverrides {
        body: Some(body.into()),
        headers: vec![("X-Day".into(), "monday".into())],
        sealed: None,
    }
}

fn allowing(name: &str) -> JobSpec {
    JobSpec { concurrency: Concurrency::Allow, ..spec(name) }
}

/// A world of version 2, and a job in it.
fn world() -> (World, chronos_state::JobRow) {
    let mut world = World::new();
    world.raise();
    let job = world.create_as(allowing("a"));
    (world, job)
}

fn kept(world: &World, id: ExecutionId) -> Option<Overrides> {
    let row = world.ask(|r| r.execution(id)).expect("it is on record");
    let asked = world.ask(|r| r.overrides(id)).transpose().expect("it can be read");
    assert_eq!((&row.overrides, row.invalid), (&asked, None));
    asked
}

#[test]
fn what_a_run_sends_of_its_own_is_kept_with_it_and_its_node_is_told() {
    let (mut world, job) = world();
    let (outcome, effects) = world.run(1200, overriding(trigger(&job, manual(1), None), overrides("mine")));
    let fire = fire_of(&effects);
    assert!(fire.overridden && matches!(outcome, Outcome::Execution(_)));
    assert_eq!(kept(&world, manual(1)), Some(overrides("mine").read().unwrap()));
    // Whatever becomes of it: also for another node, and after a restart.
    let moved = fire_of(&world.done(1250, reassign(&fire, NODE, "n2")));
    assert!(moved.overridden);
    let world = world.reopen();
    assert_eq!(world.ask(|r| r.open_fires(&node("n2"))), [moved]);
}

#[test]
fn a_retry_has_it_too_and_other_runs_have_none() {
    let (mut world, job) = world();
    let fire = fire_of(&world.run(1200, overriding(trigger(&job, manual(1), None), overrides("x"))).1);
    let retry = fire_of(&world.done(1300, report(&fire, failed(1, 1210, Some(5000)))));
    assert!(retry.overridden);
    let plain = fire_of(&world.run(1400, trigger(&job, manual(2), None)).1);
    assert!(!plain.overridden);
    assert_eq!(kept(&world, manual(2)), None);
}

#[test]
fn a_replay_sends_the_same_unless_something_else_is_given() {
    let (mut world, job) = world();
    world.run(1200, overriding(trigger(&job, manual(1), None), overrides("first")));
    let (_, effects) = world.run(1300, trigger(&job, manual(2), Some(manual(1))));
    assert!(fire_of(&effects).overridden);
    assert_eq!(kept(&world, manual(2)), kept(&world, manual(1)));
    let given = overriding(trigger(&job, manual(3), Some(manual(1))), overrides("second"));
    world.run(1400, given);
    assert_eq!(kept(&world, manual(3)), Some(overrides("second").read().unwrap()));
    // Also where the one that it repeats is gone.
    world.run(1500, cancel(manual(1)));
    let seqs = world.ask(|r| r.overfull_jobs(job.seq, 1, keep(0, u64::MAX))).trim;
    world.done(1600, Command::Trim(seqs));
    assert_eq!(world.ask(|r| r.execution(manual(1))), None);
    assert_eq!(kept(&world, manual(2)), Some(overrides("first").read().unwrap()));
}

#[test]
fn what_a_run_sends_is_forgotten_with_it_and_counts_among_the_rows() {
    let (mut world, job) = world();
    let count = u8::try_from(6).unwrap();
    for n in 1..=count {
        world.run(1200, overriding(trigger(&job, manual(n), None), overrides("x")));
        world.run(1200, cancel(manual(n)));
    }
    let rows = |world: &World| -> i64 {
        look(&world.path()).query_row("SELECT count(*) FROM overrides", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(rows(&world), 6);
    let trim =
        |executions| Command::Trim(Trim { executions, versions: vec![], jobs: vec![], keys_before: 0 });
    world.done(1300, trim(vec![1, 2]));
    assert_eq!((rows(&world), world.held(job.seq)), (4, 4));
    world.done(1400, delete(&job));
    let rest = world.ask(|r| r.overfull_jobs(job.seq, 1, keep(0, u64::MAX))).trim;
    world.done(1500, Command::Trim(rest));
    assert_eq!((rows(&world), world.ask(|r| r.find_job("a"))), (0, None));
    assert!(trim(vec![0; MAX_ROWS]).rows() <= MAX_ROWS);
}

#[test]
fn what_retention_names_is_forgotten_at_once_with_what_it_has_sent() {
    let (mut world, job) = world();
    for at in 1..=300_i64 {
        let id = ExecutionId::manual(job.job.id, at, at.to_be_bytes().repeat(2)[..10].try_into().unwrap());
        let run = overriding(trigger(&job, id, None), overrides("x"));
        let fire = fire_of(&world.run(at, run).1);
        world.done(at, report(&fire, failed(1, at, None)));
    }
    // Each is a failure, was asked for by hand and sent something of its own: four rows.
    let named = world.overfull(0, u64::MAX);
    assert_eq!(named.executions.len(), MAX_ROWS / 4);
    world.done(400, Command::Trim(named));
    assert_eq!(world.held(job.seq), 300 - 250);
}

#[test]
fn before_version_2_nothing_of_this_is_done() {
    let mut world = World::new();
    let job = world.create_as(allowing("a"));
    let not_followed = Refusal::VersionNotFollowed { follows: 1 };
    let run = overriding(trigger(&job, manual(1), None), overrides("x"));
    assert_eq!(world.refused(1200, run), not_followed);
    let fire = fire_of(&world.run(1200, trigger(&job, manual(1), None)).1);
    let timed =
        timed(delivered(1, 1210), Phases { body_ms: Some(1), ..Phases::default() }, Waited::default());
    assert_eq!(world.refused(1300, report(&fire, timed.clone())), not_followed);
    // A node says what the cluster's version has.
    let Command::Report(said) = report(&fire, timed) else { unreachable!("it reports") };
    world.done(1300, Command::Report(said.at_version(1)));
    let done = world.execution(manual(1));
    assert_eq!((done.status, done.attempt_log[0].phases), (Status::Success, None));
    // The kind of a failure, too.
    let fire = fire_of(&world.run(1400, trigger(&job, manual(2), None)).1);
    let mut kept = failed(1, 1410, None);
    if let Reported::Ended { failure: Some((kind, _)), .. } = &mut kept {
        *kind = ErrorKind::Secret;
    }
    assert_eq!(world.refused(1500, report(&fire, kept.clone())), not_followed);
    let Command::Report(said) = report(&fire, kept) else { unreachable!("it reports") };
    world.done(1500, Command::Report(said.at_version(1)));
    assert_eq!(world.execution(manual(2)).error_kind, Some(ErrorKind::Connect));
}

#[test]
fn how_the_time_of_each_attempt_was_spent_is_kept_and_waits_add_up() {
    let (mut world, job) = world();
    let fire = fire_of(&world.run(1200, trigger(&job, manual(1), None)).1);
    let first = Phases { dns_ms: Some(1), connect_ms: Some(2), ..Phases::default() };
    let second = Phases { first_byte_ms: Some(3), body_ms: Some(4), ..Phases::default() };
    let waited = |slot_ms, retry_after_ms| Waited { slot_ms, retry_after_ms, ..Waited::default() };
    let retry = world.done(1300, report(&fire, timed(failed(1, 1210, Some(5000)), first, waited(7, 100))));
    let waiting = world.execution(manual(1));
    assert_eq!((waiting.next_attempt_at, waiting.waited), (Some(5000), waited(7, 100)));
    world.done(5100, report(&fire_of(&retry), timed(delivered(2, 5001), second, waited(5, 0))));
    let done = world.execution(manual(1));
    let phases: Vec<_> = done.attempt_log.iter().map(|attempt| attempt.phases).collect();
    assert_eq!(phases, [Some(first), Some(second)]);
    assert_eq!((done.waited, done.next_attempt_at), (waited(12, 100), None));
}

#[test]
fn how_late_a_run_began_goes_by_when_it_was_to_fire() {
    let (mut world, job) = world();
    let jittered = world.create_as(JobSpec { jitter: DurationMs::from_secs(60), ..allowing("j") });
    let plan_at = |world: &mut World, job: &chronos_state::JobRow, fire_at| -> Fire {
        let step = with(run(job, 1000), |run| run.fire_at = fire_at);
        fire_of(&world.done(500, plan([step])))
    };
    let late = |world: &World, fire: &Fire| world.execution(fire.run.execution).lateness_ms;
    let on_time = plan_at(&mut world, &job, 1000);
    assert_eq!(late(&world, &on_time), None, "it has not begun");
    world.done(1010, report(&on_time, begun(1, 1003)));
    assert_eq!(late(&world, &on_time), Some(3));
    // Its retry does not count.
    world.done(1020, report(&on_time, failed(1, 1003, Some(9000))));
    world.done(9100, report(&on_time, delivered(2, 9050)));
    assert_eq!(late(&world, &on_time), Some(3));
    let spread = plan_at(&mut world, &jittered, 31_000);
    world.done(31_100, report(&spread, delivered(1, 31_004)));
    assert_eq!(late(&world, &spread), Some(4), "the jitter is no delay");
    let early = fire_of(&world.run(40_000, trigger(&job, manual(1), None)).1);
    world.done(40_100, report(&early, delivered(1, 39_990)));
    assert_eq!(late(&world, &early), Some(0), "clocks differ");
    let replay = fire_of(&world.run(50_000, trigger(&job, manual(2), Some(on_time.run.execution))).1);
    world.done(50_100, report(&replay, delivered(1, 50_007)));
    assert_eq!(late(&world, &replay), Some(7), "a replay is to fire when it is asked for");
}

#[test]
fn of_what_began_before_version_2_it_is_told_where_it_is_known() {
    let mut world = World::new();
    let job = world.create_as(allowing("a"));
    let jittered = world.create_as(JobSpec { jitter: DurationMs::from_secs(60), ..allowing("j") });
    let began = |world: &mut World, job: &chronos_state::JobRow, fire_at| {
        let step = with(run(job, 1000), |run| run.fire_at = fire_at);
        let fire = fire_of(&world.done(500, plan([step])));
        world.done(fire_at + 10, report(&fire, delivered(1, fire_at + 2)));
        fire.run.execution
    };
    let plain = began(&mut world, &job, 1000);
    let spread = began(&mut world, &jittered, 31_000);
    let replay = fire_of(&world.run(50_000, trigger(&job, manual(2), Some(plain))).1);
    world.done(50_100, report(&replay, delivered(1, 50_007)));
    let late = |id| world.execution(id).lateness_ms;
    assert_eq!([plain, spread, replay.run.execution].map(late), [Some(2), None, None]);
}

#[test]
fn the_last_success_before_an_execution_is_found() {
    let (mut world, job) = world();
    let at = |world: &mut World, at: i64, what| {
        let step = run(&world.job("a"), at);
        let fire = fire_of(&world.done(at - 500, plan([step])));
        world.done(at + 100, report(&fire, what));
        fire.run.execution
    };
    let first = at(&mut world, 1000, delivered(1, 1001));
    let changed = JobSpec { description: "changed".into(), ..allowing("a") };
    world.run(1500, put(job.job.id, Some(1), changed, Some(2000)));
    let failure = at(&mut world, 2000, failed(1, 2001, None));
    let again = at(&mut world, 3000, failed(1, 3001, None));
    let last = |before, most| world.ask(|r| r.last_success(job.seq, before, most));
    assert_eq!([first, failure, again].map(|id| last(id, 100)), [None, Some(1), Some(1)]);
    assert_eq!(last(again, 1), None, "one is looked at, and that failed");
}

#[test]
fn a_command_that_arrives_twice_changes_nothing_more() {
    let (mut world, job) = world();
    let command = overriding(trigger(&job, manual(1), None), overrides("x"));
    let first = world.run(1200, command.clone());
    let before = dump(&world.path());
    let (outcome, effects) = world.run(1200, command);
    assert_eq!((outcome, effects), (first.0, Vec::<Effect>::new()));
    assert_eq!(dump(&world.path()), before);
}

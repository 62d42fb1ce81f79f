//! The time of the cluster: a jump is noted and stays until somebody says that it is right; the time goes back by a
//! word alone, and what waits is computed anew.

use chronos_state::{
    Anew, Applied, Batch, ClockWord, ClusterTime, Command, DueAnew, Effect, Jump, Outcome, Refusal, SetBack,
};
use chronos_types::{ExecutionId, JobSpec, Millis};

use crate::support::*;

const HOUR: Millis = 3_600_000;
const DAY: Millis = 24 * HOUR;
/// Some time after 1970, so that there was a time before.
const BEGIN: Millis = 10 * DAY;

fn say(word: ClockWord) -> Command {
    Command::Clock(word)
}

fn time(world: &World) -> ClusterTime {
    world.ask(|r| r.cluster_time())
}

/// A state in which time has begun.
fn begun() -> World {
    let mut world = World::new();
    assert_eq!(time(&world), ClusterTime::default());
    world.done(BEGIN, say(ClockWord::Passes));
    world
}

#[test]
fn a_gap_of_more_than_a_day_is_a_jump_whatever_is_written_then() {
    let mut world = begun();
    assert_eq!(time(&world), ClusterTime { noted: BEGIN, ..ClusterTime::default() });
    world.done(BEGIN + DAY, say(ClockWord::Passes));
    assert_eq!(time(&world).jump, None, "a day is no jump");
    let jumped = BEGIN + 2 * DAY + 1;
    world.batch(&Batch { at: jumped, items: vec![put(id_of("a"), None, spec("a"), None).into()] });
    let jump = Jump { from: BEGIN + DAY, to: jumped };
    assert_eq!(time(&world), ClusterTime { noted: jumped, jump: Some(jump), back: None });
    // It stays, also over a restart, and a second one begins where the first did.
    let mut world = world.reopen();
    world.done(jumped + HOUR, say(ClockWord::Passes));
    assert_eq!(time(&world).jump, Some(jump));
    let again = jumped + 3 * DAY;
    world.done(again, say(ClockWord::Passes));
    assert_eq!(time(&world).jump, Some(Jump { from: BEGIN + DAY, to: again }));
    // What is said of another jump counts for nothing.
    world.done(again, say(ClockWord::Right { jumped_to: jumped }));
    assert!(time(&world).jump.is_some());
    world.done(again, say(ClockWord::Right { jumped_to: again }));
    assert_eq!(time(&world), ClusterTime { noted: again, ..ClusterTime::default() });
}

#[test]
fn the_time_is_set_back_by_a_word_alone_and_by_no_trifle() {
    let mut world = begun();
    // A batch of an earlier time, as a leader with a slow clock may propose it after an election, says nothing.
    world.done(BEGIN - HOUR, say(ClockWord::Passes));
    assert_eq!(time(&world).noted, BEGIN);
    let least_ms = 60_000;
    for at in [BEGIN, BEGIN + 1, BEGIN - least_ms + 1] {
        assert_eq!(world.refused(at, say(ClockWord::Back)), Refusal::ClockNotBehind { least_ms });
    }
    let ahead = BEGIN + 30 * DAY;
    world.done(ahead, say(ClockWord::Passes));
    world.done(BEGIN, say(ClockWord::Back));
    let back = SetBack { from: ahead, to: BEGIN };
    assert_eq!(time(&world), ClusterTime { noted: BEGIN, jump: None, back: Some(back) });
    // A manual run is of the time that it is now.
    let job = world.create("a");
    let execution = ExecutionId::manual(job.job.id, BEGIN, [1; 10]);
    world.run(BEGIN + 5, trigger(&job, execution, None));
    assert_eq!(world.execution(execution).scheduled_time, BEGIN + 5);
}

#[test]
fn what_waits_is_computed_anew_in_portions_that_can_be_repeated() {
    let mut world = begun();
    let ahead = BEGIN + 30 * DAY;
    let create = |world: &mut World, name: &str, at: Millis, due: Millis| {
        let job = JobSpec { name: spec(name).name, ..spec(name) };
        let command = match put(id_of(name), None, job, Some(due)) {
            Command::PutJob(mut put) => {
                put.created_at = at;
                Command::PutJob(put)
            }
            other => other,
        };
        world.run(at, command);
        world.job(name)
    };
    let old = create(&mut world, "old", BEGIN, ahead + 1_000);
    let young = create(&mut world, "young", ahead, ahead + 2_000);
    // A retry, a run by hand that has not begun, one that runs, and a planned one.
    let manual = |world: &mut World, n: u8| {
        let execution = ExecutionId::manual(old.job.id, ahead, [n; 10]);
        fire_of(&world.run(ahead, trigger(&old, execution, None)).1)
    };
    let (retries, waits, runs) = (manual(&mut world, 1), manual(&mut world, 2), manual(&mut world, 3));
    world.done(ahead, report(&retries, failed(1, ahead, Some(ahead + HOUR))));
    world.done(ahead, report(&runs, crate::support::begun(1, ahead)));
    let planned = fire_of(&world.done(ahead, plan([run(&old, ahead + 1_000)])));

    world.done(BEGIN, say(ClockWord::Back));
    let now = BEGIN + 10;
    let waiting = world.ask(|r| r.waiting_runs(None, now, 100));
    assert_eq!((waiting.found.len(), waiting.last), (2, None));
    let jobs = world.ask(|r| r.enabled_jobs(Default::default(), 100));
    assert_eq!(jobs.iter().map(|job| job.at).collect::<Vec<_>>(), [Some(ahead + 2_000); 2]);

    let due = |job: &chronos_state::JobDue, next_due| DueAnew {
        job: job.seq,
        version: job.version,
        from: job.at,
        next_due: Some(next_due),
    };
    let steps = vec![due(&jobs[0], BEGIN + 500), due(&jobs[1], BEGIN + 700)];
    let anew = Anew { to: BEGIN, due: steps, runs: waiting.found, done: false };
    let batch = Batch { at: now, items: vec![say(ClockWord::Anew(anew.clone())).into()] };
    let Applied { effects, changed, .. } = world.batch(&batch);
    assert!(effects.contains(&Effect::DueChanged));
    assert_eq!(changed, [old.seq, young.seq], "their schedules count from another instant");
    let fires = fires(&effects);
    let of = |fire: &chronos_state::Fire| (fire.run.execution, fire.fire_at, fire.attempt);
    let (one, two) = ((retries.run.execution, now, 2), (waits.run.execution, now, 1));
    assert_eq!(fires.iter().map(of).collect::<Vec<_>>(), [one, two]);
    assert_eq!((world.due("old"), world.due("young")), (Some(BEGIN + 500), Some(BEGIN + 700)));
    // A job from the time to come is one of now, so that its schedule counts from now.
    assert_eq!(world.job("old").job.created_at, BEGIN);
    assert_eq!((world.job("young").job.created_at, world.job("young").job.updated_at), (BEGIN, BEGIN));
    assert_eq!(world.job("young").job.id, young.job.id);
    // A planned run waits for its own instant.
    let open = world.ask(|r| r.open_fires(&node(NODE)));
    assert!(open.iter().any(|fire| fire.run == planned.run && fire.fire_at == ahead + 1_000), "{open:?}");

    // Repeated, or late: the jobs have moved on, and nothing waits.
    let before = dump(&world.path());
    let effects = world.done(now + 1, say(ClockWord::Anew(anew.clone())));
    assert_eq!(effects, []);
    assert_eq!(dump(&world.path()), before);
    world.done(now + 1, say(ClockWord::Anew(Anew { to: BEGIN, done: true, ..Anew::default() })));
    assert_eq!(time(&world).back, None);
    let back_again = DueAnew { from: Some(BEGIN + 500), next_due: Some(BEGIN), ..anew.due[0] };
    let late = Anew { due: vec![back_again], ..anew };
    assert_eq!(world.done(now + 2, say(ClockWord::Anew(late))), []);
    assert_eq!(world.due("old"), Some(BEGIN + 500));
}

#[test]
fn a_job_that_was_changed_since_is_not_computed_anew() {
    let mut world = begun();
    let ahead = BEGIN + 30 * DAY;
    world.run(ahead, put(id_of("a"), None, spec("a"), Some(ahead)));
    world.done(BEGIN, say(ClockWord::Back));
    let slower = JobSpec { schedule: "@every 9s".into(), ..spec("a") };
    world.run(BEGIN + 1, put(id_of("a"), Some(1), slower, Some(BEGIN + 9_000)));
    let job = world.job("a").seq;
    let due = DueAnew { job, version: 1, from: Some(ahead), next_due: Some(BEGIN + 1_000) };
    let anew = Anew { to: BEGIN, due: vec![due], ..Anew::default() };
    assert_eq!(world.run(BEGIN + 2, say(ClockWord::Anew(anew))).0, Outcome::Done);
    assert_eq!(world.due("a"), Some(BEGIN + 9_000));
}

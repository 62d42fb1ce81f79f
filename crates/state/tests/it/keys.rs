//! Idempotency keys: a request repeated is a request made once.

use chronos_state::{Batch, Command, Idempotency, JobSeq, Outcome, Proposal, Refusal, Trim};
use chronos_types::{Concurrency, ExecutionId, JobSpec};

use crate::support::*;

fn keyed(at: i64, key: &str, fingerprint: &str, command: Command) -> Batch {
    let idempotency = Some(Idempotency { key: key.into(), fingerprint: fingerprint.into() });
    Batch { at, items: vec![Proposal { idempotency, ..command.into() }] }
}

fn outcome(world: &mut World, batch: &Batch) -> (Outcome, usize) {
    let mut applied = world.batch(batch);
    (applied.outcomes.remove(0), applied.effects.len())
}

fn reused() -> Outcome {
    Outcome::Refused { refusal: Refusal::KeyReused }
}

#[test]
fn the_same_request_gets_the_same_answer_and_is_done_once() {
    let mut world = World::new();
    let create = |at, id| keyed(at, "k", "f", put(id_of(id), None, spec("a"), Some(1000)));
    let first = outcome(&mut world, &create(10, "x"));
    assert_eq!(
        first,
        (
            Outcome::Job {
                seq: JobSeq::new(1),
                id: id_of("x"),
                version: 1,
                at: CREATED_AT,
                next_due: Some(1000)
            },
            1
        )
    );
    let kept = dump(&world.path());
    // The repeat was given an id of its own before it met the first one's answer.
    assert_eq!(outcome(&mut world, &create(20, "y")), (first.0.clone(), 0));
    assert_eq!(dump(&world.path()), kept);
    // The answer is that of the first time, also when the job has moved on since.
    world.run(30, put(id_of("x"), Some(1), spec("b"), None));
    assert_eq!(outcome(&mut world, &create(40, "z")), (first.0, 0));
}

#[test]
fn the_key_of_another_request_is_refused() {
    let mut world = World::new();
    world.batch(&keyed(10, "k", "f", put(id_of("a"), None, spec("a"), None)));
    let other = keyed(20, "k", "g", put(id_of("b"), None, spec("b"), None));
    assert_eq!(outcome(&mut world, &other), (reused(), 0));
    assert_eq!(world.ask(|r| r.find_job("b")), None);
    // Another key is another request.
    let other = keyed(30, "K", "g", put(id_of("b"), None, spec("b"), None));
    assert!(matches!(outcome(&mut world, &other).0, Outcome::Job { .. }));
}

#[test]
fn a_refusal_is_not_remembered() {
    let mut world = World::new();
    let (job, fire) = world.with_run(JobSpec { concurrency: Concurrency::Forbid, ..spec("a") });
    let again = |at| keyed(at, "k", "f", trigger(&job, ExecutionId::manual(job.job.id, 1200, [1; 10]), None));
    let overlap = Outcome::Refused { refusal: Refusal::Overlap { unfinished: fire.run.execution } };
    assert_eq!(outcome(&mut world, &again(1100)).0, overlap);
    world.done(1150, report(&fire, delivered(1, 1000)));
    assert!(matches!(outcome(&mut world, &again(1200)).0, Outcome::Execution(_)));
}

#[test]
fn a_key_is_seen_by_the_commands_behind_it_in_its_batch() {
    let mut world = World::new();
    let mut batch = keyed(10, "k", "f", put(id_of("x"), None, spec("a"), None));
    batch.items.extend(keyed(10, "k", "f", put(id_of("y"), None, spec("a"), None)).items);
    let applied = world.batch(&batch);
    assert_eq!(applied.outcomes[0], applied.outcomes[1]);
}

#[test]
fn an_old_key_is_forgotten_and_no_younger_one() {
    let mut world = World::new();
    world.batch(&keyed(10, "old", "f", put(id_of("a"), None, spec("a"), None)));
    world.batch(&keyed(20, "new", "f", put(id_of("b"), None, spec("b"), None)));
    world.done(
        30,
        Command::Trim(Trim { executions: vec![], versions: vec![], jobs: vec![], keys_before: 20 }),
    );
    let taken = Outcome::Refused { refusal: Refusal::NameTaken { name: "a".into() } };
    assert_eq!(outcome(&mut world, &keyed(40, "old", "g", put(id_of("x"), None, spec("a"), None))).0, taken);
    assert_eq!(
        outcome(&mut world, &keyed(40, "new", "g", put(id_of("y"), None, spec("c"), None))).0,
        reused()
    );
}

#[test]
fn what_was_answered_can_be_asked_for() {
    let mut world = World::new();
    let answer = |world: &World, fingerprint: &str| {
        let key = Idempotency { key: "k".into(), fingerprint: fingerprint.into() };
        world.ask(|r| r.answer(&key))
    };
    assert_eq!(answer(&world, "f"), None);
    let first = outcome(&mut world, &keyed(10, "k", "f", put(id_of("x"), None, spec("a"), None))).0;
    assert_eq!(answer(&world, "f"), Some(first));
    assert_eq!(answer(&world, "g"), Some(reused()));
}

#[test]
fn an_answer_outlives_the_execution_that_it_is_about() {
    let mut world = World::new();
    let job = world.create("a");
    let run = ExecutionId::manual(job.job.id, 500, [1; 10]);
    let ask = keyed(500, "k", "f", trigger(&job, run, None));
    let mut applied = world.batch(&ask);
    let (first, fire) = (applied.outcomes.remove(0), fire_of(&applied.effects));
    assert_eq!(first, accepted(&job, &fire, None));
    world.done(600, report(&fire, delivered(1, 510)));
    world.done(700, delete(&job));
    world.done(800, Command::Trim(Trim { executions: world.aged(900, 9), ..nothing() }));
    assert_eq!(world.ask(|r| r.execution(run)), None);
    assert_eq!(world.ask(|r| r.version(job.seq, 1)), None, "the job went with it");
    assert_eq!(outcome(&mut world, &ask), (first, 0));
}

#[test]
fn a_version_that_an_answer_shows_stays_as_long_as_its_key() {
    let mut world = World::new();
    let created =
        world.batch(&keyed(0, "create", "f", put(id_of("a"), None, spec("a"), None))).outcomes.remove(0);
    assert!(matches!(created, Outcome::Job { version: 1, .. }), "{created:?}");
    let job = world.job("a");
    let changed = |n: u64| JobSpec { description: n.to_string(), ..spec("a") };
    for n in 1..=3 {
        let change = put(job.job.id, Some(n), changed(n), None);
        // Version 3 is the answer to a request with a key.
        let batch = keyed(10, "change", "f", change.clone());
        if n == 2 {
            world.batch(&batch)
        } else {
            world.batch(&Batch { at: 10, items: vec![change.into()] })
        };
    }
    let shown = |world: &World, version| world.ask(|r| r.job_version(job.seq, version));
    let everything = |world: &World| {
        let versions = (1..=4).map(|version| (job.seq, version)).collect();
        let jobs = vec![job.seq];
        Command::Trim(Trim { executions: world.aged(900, 9), versions, jobs, keys_before: 0 })
    };
    assert_eq!(world.overfull(0, 0).versions, [(job.seq, 2)]);
    world.done(20, delete(&job));
    assert_eq!(world.forgotten(), []);
    world.done(30, everything(&world));
    let then = shown(&world, 3).expect("it is shown").job;
    assert_eq!((then.version, then.updated_at, then.spec), (3, 10, Ok(changed(2))));
    assert_eq!(shown(&world, 1).map(|row| row.job.spec), Some(Ok(spec("a"))));
    assert_eq!(shown(&world, 2), None);
    // With its key it may go.
    world.done(40, Command::Trim(Trim { keys_before: 10, ..nothing() }));
    world.done(50, everything(&world));
    assert_eq!((shown(&world, 1), shown(&world, 3).is_some()), (None, true));
    world.done(60, Command::Trim(Trim { keys_before: 11, ..nothing() }));
    assert_eq!(world.forgotten(), [job.seq]);
    world.done(70, everything(&world));
    assert_eq!(shown(&world, 3), None);
}

fn nothing() -> Trim {
    Trim { executions: vec![], versions: vec![], jobs: vec![], keys_before: 0 }
}

//! Idempotency keys: a request repeated is a request made once.

use chronos_state::{Batch, Command, Idempotency, Outcome, Proposal, Refusal, Trim};
use chronos_types::{Concurrency, ExecutionId, JobSpec};

use crate::support::*;

fn keyed(at: i64, key: &str, fingerprint: &str, command: Command) -> Batch {
    let idempotency = Some(Idempotency { key: key.into(), fingerprint: fingerprint.into() });
    Batch { at, items: vec![Proposal { idempotency, command }] }
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
    assert_eq!(first, (Outcome::Job { id: id_of("x"), version: 1, at: CREATED_AT }, 1));
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
    assert!(matches!(outcome(&mut world, &again(1200)).0, Outcome::Execution { .. }));
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

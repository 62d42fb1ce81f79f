//! Coming runs that are skipped on request: as many as were asked for, whoever leads, and each is on record.

use chronos_state::{Batch, Effect, Fire, JobRow, PlanStep, Reported};
use chronos_types::{By, DurationMs, ExecutionId, JobSpec, Millis, Skip, Status, Trigger};

use crate::support::*;

fn raised() -> World {
    let mut world = World::new();
    world.raise();
    world
}

fn id(job: &JobRow, at: Millis) -> ExecutionId {
    ExecutionId::scheduled(job.job.id, at)
}

fn statuses<const N: usize>(world: &World, job: &JobRow, instants: [Millis; N]) -> [Status; N] {
    instants.map(|at| world.execution(id(job, at)).status)
}

/// What is left to be skipped, and the first of it.
fn left(world: &World) -> Option<(Skip, Option<Millis>)> {
    world.job("a").skips.map(|skips| (skips.skip, skips.next))
}

#[test]
fn exactly_so_many_runs_are_skipped_and_each_says_who_asked_for_it() {
    let mut world = raised();
    let job = world.create("a");
    let asked = by(1, Some("holiday"));
    world.run_by(500, skip(&job, Some(Skip::Count(2))), asked.clone());
    assert_eq!(left(&world), Some((Skip::Count(2), Some(1000))));
    let skips = world.job("a").skips.expect("skips");
    assert_eq!((skips.by, skips.at), (Some(asked.clone()), 500));

    let applied = world.batch(&Batch { at: 600, items: vec![plan([run(&job, 1000)]).into()] });
    assert_eq!((applied.effects, applied.ended), (vec![], vec![job.seq]), "it is over at once");
    assert_eq!(left(&world), Some((Skip::Count(1), Some(2000))));
    // Also across a restart, and where a plan comes twice.
    let mut world = world.reopen();
    world.done(700, plan([run(&job, 1000)]));
    let effects = world.done(1600, plan([run(&job, 2000), run(&job, 3000)]));
    assert_eq!(fire_of(&effects).run.execution, id(&job, 3000));
    assert_eq!(left(&world), None);
    assert_eq!(
        statuses(&world, &job, [1000, 2000, 3000]),
        [Status::Skipped, Status::Skipped, Status::Pending]
    );
    let skipped = world.execution(id(&job, 1000));
    assert_eq!(skipped.last_error.as_deref(), Some("skipped by request"));
    assert_eq!((skipped.error_kind, skipped.by, skipped.completed_at), (None, Some(asked), Some(600)));
    assert_eq!((skipped.attempts, skipped.started_at, skipped.missed), (0, None, None));
    assert_eq!(world.execution(id(&job, 3000)).by, Some(By::system()));
    assert_eq!(world.ask(|r| r.open_nodes()), [(node(NODE), 1)]);
    // They are none that began.
    assert_eq!(world.job("a").last_run, None);
}

#[test]
fn the_runs_before_an_instant_are_skipped_and_that_of_the_instant_runs() {
    let mut world = raised();
    let job = world.create("a");
    world.run(500, skip(&job, Some(Skip::Until(3000))));
    world.done(600, plan([run(&job, 1000)]));
    assert_eq!(left(&world), Some((Skip::Until(3000), Some(2000))));
    world.done(1600, plan([run(&job, 2000)]));
    assert_eq!(left(&world), Some((Skip::Until(3000), None)), "none is left of them");
    let effects = world.done(2600, plan([run(&job, 3000)]));
    assert_eq!(fire_of(&effects).run.execution, id(&job, 3000));
    assert_eq!(left(&world), None);
    assert_eq!(statuses(&world, &job, [1000, 2000]), [Status::Skipped; 2]);
}

#[test]
fn what_is_asked_for_last_is_what_is_skipped_and_it_can_be_taken_back() {
    let mut world = raised();
    let job = world.create("a");
    world.run(400, skip(&job, Some(Skip::Count(9))));
    world.run(500, skip(&job, Some(Skip::Count(1))));
    assert_eq!(left(&world), Some((Skip::Count(1), Some(1000))));
    world.run(500, skip(&job, Some(Skip::Until(9000))));
    assert_eq!(left(&world), Some((Skip::Until(9000), Some(1000))));
    world.done(600, plan([run(&job, 1000)]));
    let applied = world.batch(&Batch { at: 700, items: vec![skip(&job, None).into()] });
    assert_eq!((left(&world), applied.changed), (None, vec![job.seq]));
    let effects = world.done(1600, plan([run(&job, 2000)]));
    assert_eq!(fire_of(&effects).run.execution, id(&job, 2000));
    assert_eq!(statuses(&world, &job, [1000]), [Status::Skipped], "what was skipped stays so");
}

#[test]
fn runs_that_catch_up_count_and_instants_that_are_passed_over_do_not() {
    let mut world = raised();
    let job = world.create("a");
    world.run(500, skip(&job, Some(Skip::Count(1))));
    let missed = Some(missed(job.job.id, 1000, 3000, 1000));
    let caught_up = with(run(&job, 4000), |run| run.trigger = Trigger::CatchUp);
    world.done(9000, plan([PlanStep { from: 1000, missed, ..caught_up }]));
    assert_eq!(statuses(&world, &job, [4000]), [Status::Skipped]);
    assert_eq!(left(&world), None);
    assert_eq!(world.held(job.seq), 2);
}

#[test]
fn runs_that_nobody_scheduled_are_not_skipped() {
    let mut world = raised();
    let job = world.create("a");
    world.run(500, skip(&job, Some(Skip::Count(1))));
    let manual = ExecutionId::manual(job.job.id, 600, [1; 10]);
    world.run(600, trigger(&job, manual, None));
    assert_eq!(world.execution(manual).status, Status::Pending);
    assert_eq!(left(&world), Some((Skip::Count(1), Some(1000))));
}

#[test]
fn a_run_on_record_is_skipped_unless_it_is_to_fire_within_two_seconds() {
    let mut world = raised();
    let job = world.create_as(JobSpec { jitter: DurationMs::from_secs(60), ..spec("a") });
    let planned = |at: Millis, fire_at: Millis| with(run(&job, at), |run| run.fire_at = fire_at);
    let steps = [planned(1000, 5000), planned(2000, 40_000), planned(3000, 5001), planned(4000, 30_000)];
    world.done(500, plan(steps));
    // One is on its way; of the others those of the first instants are skipped.
    let (_, effects) = world.run_by(3000, skip(&job, Some(Skip::Count(2))), by(1, None));
    assert_eq!(effects, [Effect::Cancel(id(&job, 2000)), Effect::Cancel(id(&job, 3000))]);
    let expected = [Status::Pending, Status::Skipped, Status::Skipped, Status::Pending];
    assert_eq!(statuses(&world, &job, [1000, 2000, 3000, 4000]), expected);
    assert_eq!(world.execution(id(&job, 2000)).by, Some(by(1, None)));
    assert_eq!(left(&world), None);
    // Its node may have begun it all the same. What is over stays so.
    let fire = Fire { fire_at: 40_000, ..world.ask(|r| r.open_fires(&node(NODE)))[0].clone() };
    let late = Fire { run: chronos_state::RunRef { execution: id(&job, 2000), ..fire.run }, ..fire };
    world.done(3100, report(&late, Reported::Begun { attempt: 1, started_at: 3050 }));
    assert_eq!(statuses(&world, &job, [2000]), [Status::Skipped]);

    // Those before an instant, and the rest from there on: more come on record.
    world.run(3200, skip(&job, Some(Skip::Until(6000))));
    assert_eq!(statuses(&world, &job, [4000]), [Status::Skipped]);
    assert_eq!(left(&world), Some((Skip::Until(6000), Some(5000))));
}

#[test]
fn a_run_that_its_node_may_have_begun_is_not_skipped() {
    let mut world = raised();
    let job = world.create("a");
    world.done(500, plan([run(&job, 1000)]));
    // It is taken off the record, and its node has not said yet whether it had begun.
    let slower = JobSpec { schedule: "@every 2s".into(), ..spec("a") };
    world.run(600, put(id_of("a"), Some(1), slower, Some(1000)));
    let job = world.job("a");
    world.run(700, skip(&job, Some(Skip::Count(1))));
    let step = PlanStep { next_due: Some(3000), ..run(&job, 1000) };
    assert_eq!(fire_of(&world.done(800, plan([step]))).run.execution, id(&job, 1000));
    assert_eq!(left(&world), Some((Skip::Count(1), Some(3000))), "the next one is");
}

#[test]
fn skips_outlive_changes_of_the_job_and_go_with_it() {
    let mut world = raised();
    let job = world.create("a");
    world.run(500, skip(&job, Some(Skip::Count(1))));
    world.run(600, put(id_of("a"), Some(1), JobSpec { enabled: false, ..spec("a") }, None));
    assert_eq!(left(&world), Some((Skip::Count(1), None)), "it falls due at no instant");
    world.run(700, put_enabled(id_of("a"), 2, spec("a"), Some(2000)));
    world.run(800, pause(&world.job("a"), None, None));
    world.run(900, resume(&world.job("a"), Some(3000)));
    let job = world.job("a");
    world.done(1000, plan([run(&job, 3000)]));
    assert_eq!((statuses(&world, &job, [3000]), left(&world)), ([Status::Skipped], None));
    world.run(1100, skip(&job, Some(Skip::Count(7))));
    world.done(1200, delete(&job));
    let count: i64 =
        look(&world.path()).query_row("SELECT count(*) FROM skips", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 0);
}

#[test]
fn of_very_many_runs_on_record_a_skip_looks_at_the_oldest() {
    let mut world = raised();
    let job = world.create("a");
    let waits = |n: Millis| with(run(&job, n * 1000), |run| run.fire_at = 10_000_000);
    world.done(500, plan((1..=150).map(waits).collect::<Vec<_>>()));
    let (_, effects) = world.run(150_500, skip(&job, Some(Skip::Count(1_000))));
    assert_eq!(effects.len(), 100);
    assert_eq!(statuses(&world, &job, [1000, 100_000, 101_000]), {
        [Status::Skipped, Status::Skipped, Status::Pending]
    });
    assert_eq!(left(&world), Some((Skip::Count(900), Some(151_000))), "the rest come later");
}

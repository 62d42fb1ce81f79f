//! Operations: they go on in steps, each from where the last one ended, and do nothing twice.

use chronos_state::{
    Command, Cursor, Effect, Event, Filter, ItemError, KEPT_ERRORS, KEPT_OPERATIONS, MAX_OPERATIONS,
    OperationRow, OperationRun, OperationWord, Outcome, Refusal, Targets, Todo, TriggerRun,
};
use chronos_types::{Concurrency, EventType, ExecutionId, JobSpec, OperationId, Status, Trigger};

use crate::support::*;

fn id(number: u16) -> OperationId {
    OperationId::new(i64::from(number), [1; 10])
}

fn jobs() -> Targets {
    Targets::Jobs(Filter::new())
}

fn todo(command: Command) -> Todo {
    Todo::Do(Box::new(command))
}

fn not() -> Todo {
    Todo::Not(ItemError::Invalid("it is a test".into()))
}

/// A world of version 2, with an operation.
fn world(targets: Targets) -> World {
    let mut world = World::new();
    world.raise();
    world.run_by(10, begin_operation(id(1), targets), by(7, Some("as agreed")));
    world
}

fn row(world: &World) -> OperationRow {
    world.ask(|r| r.operation(id(1))).expect("an operation")
}

#[test]
fn there_is_none_before_the_version_that_brings_it() {
    let mut world = World::new();
    let refused = world.refused(10, begin_operation(id(1), jobs()));
    assert_eq!(refused, Refusal::VersionNotFollowed { follows: 1 });
    let job = world.create("a");
    let refused = world.refused(10, operation_run(&job, id(1), 10));
    assert_eq!(refused, Refusal::VersionNotFollowed { follows: 1 });
    assert_eq!(world.ask(|r| r.running_operations()), []);
    assert_eq!(world.ask(|r| r.operation(id(1))), None);
    assert_eq!(world.ask(operations), []);
}

#[test]
fn it_is_frozen_with_who_asked_for_it_and_made_once() {
    let mut world = world(jobs());
    let made = row(&world);
    assert_eq!(
        (made.created_at, made.by, made.cursor),
        (10, Some(by(7, Some("as agreed"))), Some(Cursor::Start))
    );
    let (outcome, _) =
        world.run_by(20, begin_operation(id(1), Targets::Executions(Filter::new())), by(8, None));
    assert_eq!(outcome, Outcome::Operation { id: id(1) });
    assert_eq!((row(&world).created_at, row(&world).spec), (10, made.spec));
    assert_eq!(world.ask(|r| r.running_operations()), [id(1)]);
}

#[test]
fn a_step_from_another_place_is_refused_and_does_nothing() {
    let mut world = world(jobs());
    let job = world.create("a");
    let step = |from| step_operation(id(1), from, vec![todo(operation_run(&job, id(1), 10)), not()], false);
    let first = step(Cursor::Start);
    let effects = world.done(20, first.clone());
    assert_eq!(fires(&effects).len(), 1);
    assert_eq!(row(&world).cursor, Some(Cursor::Named(2)));
    let places = [
        Cursor::Start,
        Cursor::Named(1),
        Cursor::Named(3),
        Cursor::Job(job.seq),
        Cursor::Instant(2),
        Cursor::Execution(ExecutionId::floor(0)),
    ];
    for place in places {
        assert_eq!(world.refused(30, step(place)), Refusal::OperationMovedOn, "{place:?}");
    }
    assert_eq!(world.refused(30, first), Refusal::OperationMovedOn, "the same step again");
    let found = row(&world);
    assert_eq!((found.done, found.refused), (1, 1));
    assert_eq!(
        world.refused(30, step_operation(id(2), Cursor::Start, vec![], true)),
        Refusal::NoSuchOperation
    );
}

#[test]
fn the_run_of_a_target_is_one_however_often_it_is_proposed() {
    let mut world = world(jobs());
    let job = world.create("a");
    let run = || todo(operation_run(&job, id(1), 10));
    let effects = world.done(20, step_operation(id(1), Cursor::Start, vec![run()], false));
    let fire = fire_of(&effects);
    assert!(fire.behind, "scheduled runs go before it");
    let effects = world.done(30, step_operation(id(1), Cursor::Named(1), vec![run()], true));
    assert_eq!(fires(&effects), []);
    let execution = world.execution(fire.run.execution);
    assert_eq!((execution.trigger, execution.operation), (Trigger::Manual, Some(id(1))));
    assert_eq!(execution.by, Some(by(7, Some("as agreed"))), "whoever asked for the operation");
    assert_eq!(world.ask(|r| executions(r, &Default::default(), None, 10)).items.len(), 1);
    // A node that starts is told the same, and once it has begun nobody goes before it any more.
    assert_eq!(world.ask(|r| r.open_fires(&node(NODE))), std::slice::from_ref(&fire));
    let effects = world.done(40, report(&fire, failed(1, 31, Some(500))));
    assert!(!fire_of(&effects).behind);
    assert!(!world.ask(|r| r.open_fires(&node(NODE)))[0].behind);
}

#[test]
fn what_is_over_takes_no_step_and_cannot_be_ended_again() {
    for is_cancelled in [false, true] {
        let mut world = world(jobs());
        let job = world.create("a");
        let end = if is_cancelled {
            Command::Operation(OperationWord::Cancel { id: id(1) })
        } else {
            step_operation(id(1), Cursor::Start, vec![], true)
        };
        world.run_by(20, end, by(9, Some("enough")));
        let found = row(&world);
        assert_eq!((found.ended_at, found.is_cancelled), (Some(20), is_cancelled));
        assert_eq!(found.cancelled_by, is_cancelled.then(|| by(9, Some("enough"))));
        let ended = Refusal::OperationEnded { cancelled: is_cancelled };
        let run = todo(operation_run(&job, id(1), 10));
        let from = found.cursor.expect("a place");
        assert_eq!(world.refused(30, step_operation(id(1), from, vec![run], false)), ended);
        assert_eq!(world.refused(30, Command::Operation(OperationWord::Cancel { id: id(1) })), ended);
        assert_eq!(world.ask(|r| r.running_operations()), []);
    }
}

#[test]
fn what_came_on_record_after_it_is_not_meant() {
    let mut world = World::new();
    world.raise();
    let job = world.create("a");
    let [before, after] = [1, 2].map(|number| ExecutionId::manual(job.job.id, 10, [number; 10]));
    world.run(10, trigger(&job, before, None));
    world.run(11, begin_operation(id(1), Targets::Executions(Filter::new())));
    world.run(12, trigger(&job, after, None));
    let replay = |original: ExecutionId| {
        let execution = ExecutionId::of_operation(job.job.id, 11, id(1), original.as_bytes());
        let operation = Some(OperationRun { id: id(1), backfill: None });
        let (job, replay_of) = (job.job.id, Some(original));
        todo(Command::Trigger(TriggerRun {
            job,
            execution,
            replay_of,
            node: node(NODE),
            overrides: None,
            operation,
        }))
    };
    let items = vec![replay(after), todo(cancel(after)), replay(before), todo(cancel(before))];
    let effects = world.done(20, step_operation(id(1), Cursor::Start, items, true));
    assert_eq!(fires(&effects).iter().map(|fire| fire.run.trigger).collect::<Vec<_>>(), [Trigger::Replay]);
    assert_eq!((row(&world).done, row(&world).refused), (2, 0), "neither done nor refused");
    assert_eq!([before, after].map(|id| world.execution(id).status), [Status::Cancelled, Status::Pending]);
}

#[test]
fn what_is_refused_is_counted_and_the_first_of_it_kept_with_its_reason() {
    let mut world = world(jobs());
    let forbid = world.create_as(JobSpec { concurrency: Concurrency::Forbid, ..spec("f") });
    let under_way = ExecutionId::manual(forbid.job.id, 10, [1; 10]);
    world.run(10, trigger(&forbid, under_way, None));
    let gone = world.create("gone");
    world.done(15, delete(&gone));
    let run = |job| todo(operation_run(job, id(1), 10));
    world.done(20, step_operation(id(1), Cursor::Start, vec![run(&forbid), run(&gone), not()], false));
    let errors = || world.ask(|r| r.operation_errors(id(1)));
    let found: Vec<_> = errors().into_iter().map(|item| (item.target, item.error)).collect();
    let overlap = Refusal::Overlap { unfinished: under_way };
    assert_eq!(
        found,
        [
            ("target 1".to_owned(), ItemError::Refused(overlap)),
            ("target 2".to_owned(), ItemError::Refused(Refusal::NoSuchJob)),
            ("target 3".to_owned(), ItemError::Invalid("it is a test".into())),
        ]
    );
    let many = (0..2 * KEPT_ERRORS).map(|_| not()).collect();
    world.done(30, step_operation(id(1), Cursor::Named(3), many, true));
    assert_eq!(world.ask(|r| r.operation_errors(id(1))).len() as u64, KEPT_ERRORS);
    assert_eq!(row(&world).refused, 2 * KEPT_ERRORS + 3);
}

#[test]
fn a_job_that_changed_since_has_the_rest_of_its_step_proposed_anew() {
    let mut world = world(jobs());
    let (a, b) = (world.create("a"), world.create("b"));
    let described = |name: &str, version| {
        let spec = JobSpec { description: "by the operation".into(), ..spec(name) };
        todo(put(id_of(name), Some(version), spec, Some(1000)))
    };
    world.run(
        15,
        put(b.job.id, Some(1), JobSpec { description: "meanwhile".into(), ..spec("b") }, Some(1000)),
    );
    let items = vec![described("a", 1), described("b", 1), todo(operation_run(&a, id(1), 10))];
    let effects = world.done(20, step_operation(id(1), Cursor::Start, items, true));
    assert_eq!(fires(&effects), []);
    let found = row(&world);
    assert_eq!((found.cursor, found.done, found.ended_at), (Some(Cursor::Named(1)), 1, None));
    let told = world.all_events().len();
    world.done(25, step_operation(id(1), Cursor::Named(1), vec![described("b", 1)], true));
    assert_eq!(world.all_events().len(), told, "it has not come further");
    world.done(30, step_operation(id(1), Cursor::Named(1), vec![described("b", 2)], true));
    assert_eq!((row(&world).done, row(&world).refused), (2, 0));
    assert_eq!(world.job("b").job.version, 3);
    assert_eq!(world.job("b").by, Some(by(7, Some("as agreed"))));
}

#[test]
fn it_pauses_jobs_as_whoever_asked_for_it_and_ends_pauses_of_jobs_as_they_are_then() {
    let mut world = world(jobs());
    let (a, b) = (world.create("a"), world.create("b"));
    let pauses = [&a, &b].map(|job| todo(pause(job, Some("they move"), Some(9_000))));
    world.done(20, step_operation(id(1), Cursor::Start, pauses.into(), false));
    let paused = world.job("a").paused.expect("a pause");
    assert_eq!((paused.at, paused.until, paused.by), (20, Some(9_000), Some(by(7, Some("as agreed")))));
    let described = JobSpec { description: "meanwhile".into(), ..spec("b") };
    world.run(25, put(b.job.id, Some(1), described, Some(1_000)));
    // The next instant of a job that was changed since is another one, so it is proposed anew.
    let resumes = vec![todo(resume(&a, Some(3_000))), todo(resume(&b, Some(3_000)))];
    world.done(30, step_operation(id(1), Cursor::Named(2), resumes, true));
    assert_eq!((row(&world).cursor, row(&world).done), (Some(Cursor::Named(3)), 3));
    let resumes = vec![todo(resume(&world.job("b"), Some(4_000)))];
    world.done(40, step_operation(id(1), Cursor::Named(3), resumes, true));
    assert_eq!((row(&world).done, row(&world).refused, row(&world).ended_at), (4, 0, Some(40)));
    let due = ["a", "b"].map(|name| (world.job(name).paused.is_some(), world.due(name)));
    assert_eq!(due, [(false, Some(3_000)), (false, Some(4_000))]);
}

#[test]
fn only_changes_of_jobs_and_runs_are_done_by_one() {
    let mut world = world(jobs());
    let raise = todo(Command::RaiseVersion { to: 2 });
    let nested = todo(step_operation(id(1), Cursor::Start, vec![], true));
    world.done(20, step_operation(id(1), Cursor::Start, vec![raise, nested, todo(Command::Portion)], false));
    assert_eq!((row(&world).done, row(&world).refused, row(&world).ended_at), (0, 3, None));
}

#[test]
fn the_instants_of_a_backfill_run_in_turn_beside_what_their_schedule_ran() {
    let spec = JobSpec { concurrency: Concurrency::Forbid, ..spec("f") };
    let mut world = World::new();
    world.raise();
    let (job, scheduled) = world.with_run(spec);
    let targets = Targets::Instants { job: job.job.id, from: 1000, to: 3000 };
    world.run_by(2_000, begin_operation(id(1), targets), by(7, None));
    let run = |at: i64| {
        let execution = ExecutionId::of_operation(job.job.id, 2_000, id(1), &at.to_be_bytes());
        let operation = Some(OperationRun { id: id(1), backfill: Some(at) });
        todo(Command::Trigger(TriggerRun {
            job: job.job.id,
            execution,
            replay_of: None,
            node: node("n2"),
            overrides: None,
            operation,
        }))
    };
    let effects = world.done(3_000, step_operation(id(1), Cursor::Start, vec![run(1000), run(2000)], true));
    let found = fires(&effects);
    let told: Vec<_> =
        found.iter().map(|fire| (fire.run.trigger, fire.run.scheduled_time, fire.fire_at)).collect();
    assert_eq!(told, [(Trigger::Backfill, 1000, 3_000), (Trigger::Backfill, 2000, 3_000)]);
    // One has the instant of the run that its schedule made, and each is another run.
    assert!(found.iter().all(|fire| fire.run.execution != scheduled.run.execution && fire.behind));
    assert!(found.iter().all(|fire| fire.node == scheduled.node), "where the job's others are");
    assert_eq!((row(&world).done, row(&world).refused), (2, 0), "none overlaps");
    // They are of nobody's schedule: a change of the job leaves them as they are.
    let (_, effects) =
        world.run(3_100, put(job.job.id, Some(1), JobSpec { enabled: false, ..job.job.spec.unwrap() }, None));
    let ends = |effect: &Effect| matches!(effect, Effect::Cancel(_) | Effect::Withdraw(_));
    assert!(!effects.iter().any(ends), "{effects:?}");
}

#[test]
fn so_many_are_under_way_and_so_many_are_kept() {
    let mut world = World::new();
    world.raise();
    let most = u16::try_from(MAX_OPERATIONS).unwrap();
    for number in 0..most {
        world.run(10, begin_operation(id(number), jobs()));
    }
    let refused = world.refused(10, begin_operation(id(most), jobs()));
    assert_eq!(refused, Refusal::TooManyOperations { most: MAX_OPERATIONS });
    // The first stays though it is the oldest: it is under way.
    for number in 1..most {
        world.done(11, step_operation(id(number), Cursor::Start, vec![not()], true));
    }
    let kept = u16::try_from(KEPT_OPERATIONS).unwrap();
    for number in most..kept + 50 {
        world.run(12, begin_operation(id(number), jobs()));
        world.done(13, step_operation(id(number), Cursor::Start, vec![not()], true));
    }
    let found = world.ask(operations);
    assert_eq!(found.len(), KEPT_OPERATIONS);
    assert_eq!(found.last().unwrap().0.id, id(0));
    assert_eq!(found[found.len() - 2].0.id, id(51));
    assert_eq!(world.ask(|r| r.operation(id(1))), None);
    assert_eq!(world.ask(|r| r.operation_errors(id(1))), []);
    for table in ["operations", "operation_progress"] {
        let count: usize = look(&world.path())
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))
            .unwrap();
        assert_eq!(count, KEPT_OPERATIONS, "{table}");
    }
    // Another node has the same, and the file is whole.
    world.reopen();
}

#[test]
fn whoever_listens_is_told_of_each_step() {
    let mut world = world(jobs());
    world.run_by(10, begin_operation(id(2), jobs()), by(7, None));
    let job = world.create("a");
    let run = todo(operation_run(&job, id(1), 10));
    world.done(20, step_operation(id(1), Cursor::Start, vec![not(), run.clone()], false));
    world.refused(30, step_operation(id(1), Cursor::Start, vec![not(), run], false));
    world.done(40, step_operation(id(1), Cursor::Named(2), vec![], true));
    world.run_by(50, Command::Operation(OperationWord::Cancel { id: id(2) }), by(7, None));
    let (operations, others): (Vec<_>, Vec<_>) =
        world.all_events().into_iter().partition(|told| matches!(told.event, Event::Operation(_)));
    let told = operations.iter().map(|told| match &told.event {
        Event::Operation(event) => (event.what, event.id, event.done, event.refused),
        other => panic!("{other:?}"),
    });
    let expected = [
        (EventType::OperationStarted, id(1), 0, 0),
        (EventType::OperationStarted, id(2), 0, 0),
        (EventType::OperationProgressed, id(1), 1, 1),
        (EventType::OperationDone, id(1), 1, 1),
        (EventType::OperationCancelled, id(2), 0, 0),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
    // What a step does is told before how far it has come.
    assert_eq!(others[1].event.what(), EventType::ExecutionTriggered);
    assert!(others[1].place < operations[2].place && others[1].at == operations[2].at);
}

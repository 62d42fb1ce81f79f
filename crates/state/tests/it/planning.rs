//! Plans: runs come on record once, and due instants move forward only.

use chronos_state::{Batch, Effect, JobSeq, PassedBy, PlanStep, Refusal};
use chronos_types::{ExecutionId, JobSpec, Missed, Status, Trigger};

use crate::support::*;

#[test]
fn a_planned_run_is_on_record_before_it_is_fired() {
    let mut world = World::new();
    let job = world.create("a");
    let planned = with(run(&job, 1000), |p| (p.fire_at, p.node) = (1250, node("n2")));
    let fire = fire_of(&world.done(500, plan([planned.clone()])));
    assert_eq!(
        (fire.run.execution, fire.run.job, fire.run.version),
        (planned.run.unwrap().execution, job.seq, 1)
    );
    assert_eq!((fire.run.scheduled_time, fire.fire_at, fire.attempt, fire.begun), (1000, 1250, 1, false));
    assert_eq!((fire.run.trigger, fire.node.as_str()), (Trigger::Schedule, "n2"));
    let row = world.ask(|r| r.execution(fire.run.execution)).unwrap();
    assert_eq!((row.job_seq, row.spec), (job.seq, job.job.spec));
    let execution = row.execution;
    assert_eq!((execution.job_id, execution.job_name.as_str()), (job.job.id, "a"));
    assert_eq!((execution.status, execution.attempts, execution.scheduled_time), (Status::Pending, 0, 1000));
    assert_eq!((execution.started_at, execution.completed_at, execution.response), (None, None, None));
    assert_eq!(world.ask(|r| r.open_fires(&node("n2"))), [fire]);
    assert_eq!(world.ask(|r| r.open_fires(&node(NODE))), []);
    // It is no run of the job yet.
    assert_eq!(world.job("a").last_run, None);
}

#[test]
fn what_a_plan_does_depends_on_where_the_job_stands() {
    let none = |due| (0, due);
    let one = |due| (1, due);
    let change = |f: fn(PlanStep) -> PlanStep| f;
    // The job is at version 2 and due at 2000; the run of 1000 is on record.
    let cases = [
        ("the next", change(|r| r), one(Some(3000))),
        ("planned from an older version", change(|r| PlanStep { version: 1, ..r }), none(Some(2000))),
        ("planned from a newer version", change(|r| PlanStep { version: 3, ..r }), none(Some(2000))),
        ("planned from where the job was before", change(|r| PlanStep { from: 1000, ..r }), none(Some(2000))),
        ("planned from where the job is not yet", change(|r| PlanStep { from: 3000, ..r }), none(Some(2000))),
        ("of another job", change(|r| PlanStep { job: JobSeq::new(99), ..r }), none(Some(2000))),
        ("standing still", change(|r| PlanStep { next_due: Some(2000), ..r }), none(Some(2000))),
        ("backwards", change(|r| PlanStep { next_due: Some(1999), ..r }), none(Some(2000))),
        ("by one millisecond", change(|r| PlanStep { next_due: Some(2001), ..r }), one(Some(2001))),
        ("the last", change(|r| PlanStep { next_due: None, ..r }), one(None)),
        ("passed over", passed_over, none(Some(3000))),
    ];
    for (say, change, wanted) in cases {
        let mut world = World::new();
        let (job, fire) = world.with_run(spec("a"));
        world.done(1000, report(&fire, begun(1, 1000)));
        world.run(1000, put(job.job.id, Some(1), spec("a"), None));
        let effects = world.done(1500, plan([change(run(&world.job("a"), 2000))]));
        assert_eq!((fires(&effects).len(), world.due("a")), wanted, "{say}");
    }
}

#[test]
fn a_plan_that_arrives_twice_changes_nothing() {
    let mut world = World::new();
    let job = world.create("a");
    let (first, second) = (run(&job, 1000), run(&job, 2000));
    assert_eq!(fires(&world.done(500, plan([first.clone(), first.clone()]))).len(), 1);
    let fire = fire_of(&world.done(1500, plan([second.clone()])));
    world.done(2000, report(&fire, delivered(1, 2000)));
    let before = dump(&world.path());
    for doubled in [plan([first.clone()]), plan([second.clone()]), plan([first, second])] {
        assert_eq!(world.done(2500, doubled), []);
    }
    assert_eq!(dump(&world.path()), before);
}

#[test]
fn a_due_instant_whose_execution_is_on_record_is_passed_without_another() {
    let mut world = World::new();
    let (job, fire) = world.with_run(spec("a"));
    // The change withdraws the run while its node is firing it: the record comes back.
    let each_second = chronos_types::JobSpec { schedule: "* * * * * *".into(), ..spec("a") };
    world.run(999, put(job.job.id, Some(1), each_second, Some(1000)));
    world.done(1000, report(&fire, begun(1, 999)));
    assert_eq!(world.due("a"), Some(1000));
    assert_eq!(world.done(1001, plan([run(&world.job("a"), 1000)])), []);
    assert_eq!((world.due("a"), world.execution(fire.run.execution).status), (Some(2000), Status::Running));
    assert_eq!(world.held(job.seq), 1);
}

#[test]
fn missed_instants_are_left_behind_in_one_step() {
    let mut world = World::new();
    let job = world.create("a");
    let caught = with(run(&job, 90_000), |planned| {
        planned.trigger = Trigger::CatchUp;
        planned.fire_at = 90_500;
    });
    let caught = PlanStep { from: 1000, ..caught };
    let fire = fire_of(&world.done(90_500, plan([caught])));
    assert_eq!((fire.run.scheduled_time, fire.run.trigger), (90_000, Trigger::CatchUp));
    assert_eq!(world.due("a"), Some(91_000));
    // A run that makes up for a missed instant is not withdrawn by a change.
    let (_, effects) = world.run(90_600, put(job.job.id, Some(1), spec("a"), None));
    assert_eq!(effects, [Effect::DueChanged]);
    assert_eq!(world.due("a"), Some(91_000));
}

#[test]
fn what_is_passed_over_is_one_entry_on_record() {
    let mut world = World::new();
    let job = world.create("a");
    let entry = missed(job.job.id, 1000, 89_000, 1000);
    let caught = with(run(&job, 90_000), |planned| planned.trigger = Trigger::CatchUp);
    let caught = PlanStep { from: 1000, missed: Some(entry.clone()), ..caught };
    let fire = fire_of(&world.done(90_500, plan([caught.clone()])));
    assert_eq!((fire.run.scheduled_time, world.held(job.seq)), (90_000, 2));
    // The newest first, and the entry has the place of its last instant.
    let rows = world.ask(|r| executions(r, &Default::default(), None, 9)).items;
    assert_eq!(
        rows.iter().map(|row| row.execution.id).collect::<Vec<_>>(),
        [fire.run.execution, entry.entry]
    );
    let shown = world.execution(entry.entry);
    let Missed { from, to, count, reason } = shown.missed.clone().unwrap();
    assert_eq!((from, to, count, reason.as_str()), (1000, 89_000, 89, "the policy says so"));
    assert_eq!((shown.status, shown.trigger, shown.attempts), (Status::Skipped, Trigger::Schedule, 0));
    assert_eq!((shown.scheduled_time, shown.started_at, shown.completed_at), (89_000, None, Some(90_500)));
    assert_eq!((shown.last_error.as_deref(), shown.error_kind), (Some("the policy says so"), None));
    assert_eq!((shown.job_id, shown.job_version), (job.job.id, 1));
    // It is no run: nobody fires it, and nothing ends it again.
    assert_eq!(world.ask(|r| r.open_fires(&node(NODE))), [fire]);
    assert_eq!(world.job("a").last_run, None);
    let over = Refusal::Finished { status: "skipped".into() };
    assert_eq!(world.refused(90_600, cancel(entry.entry)), over);
    // What arrives twice changes nothing.
    let before = dump(&world.path());
    assert_eq!(world.done(90_700, plan([caught])), []);
    assert_eq!(dump(&world.path()), before);
    // Where the time was set back, the same instants come again: those that were passed over may run now.
    let again = PlanStep { from: 91_000, ..run(&job, 89_000) };
    let again = PlanStep { missed: Some(entry.clone()), next_due: Some(92_000), ..again };
    assert_eq!(fire_of(&world.done(91_500, plan([again]))).run.scheduled_time, 89_000);
    assert_eq!((world.held(job.seq), world.execution(entry.entry)), (3, shown));
    chronos_state::check(&world.path()).unwrap();
}

#[test]
fn the_next_run_may_be_on_record_already() {
    let mut world = World::new();
    let job = world.create("a");
    let next = |world: &World, now| world.job("a").next_run(now);
    assert_eq!((next(&world, 0), next(&world, 5000)), (Some(1000), Some(1000)));
    let jittered = with(run(&job, 2000), |planned| planned.fire_at = 2400);
    let effects = world.done(500, plan([run(&job, 1000), jittered]));
    assert_eq!(world.due("a"), Some(3000));
    // Until it is to fire.
    for (now, wanted) in [(500, 1000), (999, 1000), (1000, 2000), (2399, 2000), (2400, 3000), (9000, 3000)] {
        assert_eq!(next(&world, now), Some(wanted), "at {now}");
    }
    // An attempt was begun, though its instant has not come by this clock; and one that is cancelled does not come.
    let fires = fires(&effects);
    world.done(900, report(&fires[0], begun(1, 1001)));
    assert_eq!(next(&world, 900), Some(2000));
    world.run(950, cancel(fires[1].run.execution));
    assert_eq!(next(&world, 950), Some(3000));
    // What is asked for by hand is not what the schedule brings.
    world.run(960, trigger(&job, ExecutionId::manual(job.job.id, 960, [1; 10]), None));
    assert_eq!(next(&world, 950), Some(3000));
    // The list of jobs says the same.
    world.done(970, plan([PlanStep { next_due: None, ..run(&job, 3000) }]));
    let listed = world.ask(|r| jobs(r, &Default::default(), None, 9)).items;
    assert_eq!((listed[0].next_run(2000), listed[0].next_run(3000)), (Some(3000), None));
}

#[test]
fn a_run_that_a_change_takes_away_is_no_next_run() {
    let changed = |change: &dyn Fn(JobSpec) -> (JobSpec, Option<i64>)| {
        let mut world = World::new();
        let (job, _) = world.with_run(spec("a"));
        let (changed, due) = change(spec("a"));
        world.run(600, put(job.job.id, Some(1), changed, due));
        world.job("a").next_run(600)
    };
    assert_eq!(changed(&|spec| (JobSpec { enabled: false, ..spec }, None)), None);
    let other = |spec| (JobSpec { schedule: "@every 7s".into(), ..spec }, Some(7000));
    assert_eq!(changed(&other), Some(7000));
    let renewed = |spec| (JobSpec { description: "x".into(), ..spec }, Some(1000));
    assert_eq!(changed(&renewed), Some(1000), "it runs the new version");
    // A change that is not done with its runs yet takes them away all the same.
    let mut world = World::new();
    let job = world.create("a");
    let count = i64::try_from(chronos_state::MAX_ROWS).unwrap() / 2 - 1;
    for portion in 0..2 {
        let seconds = portion * count + 1..=(portion + 1) * count;
        world.done(500, plan(seconds.map(|n| run(&job, n * 1000)).collect::<Vec<_>>()));
    }
    world.run(600, put(job.job.id, Some(1), JobSpec { enabled: false, ..spec("a") }, None));
    assert!(world.ask(|r| r.has_remainders()), "some are left");
    assert_eq!(world.job("a").next_run(600), None);
}

#[test]
fn a_deleted_or_disabled_job_is_not_planned() {
    let mut world = World::new();
    let (a, b) = (world.create("a"), world.create("b"));
    world.done(100, delete(&a));
    world.run(100, put(b.job.id, Some(1), JobSpec { enabled: false, ..spec("b") }, None));
    let runs = plan([run(&a, 1000), run(&b, 1000), run(&world.job("b"), 1000)]);
    assert_eq!(world.done(500, runs), []);
    assert_eq!(world.ask(|r| executions(r, &Default::default(), None, 9)).items, []);
}

#[test]
fn the_earliest_due_come_first() {
    let mut world = World::new();
    assert_eq!((world.ask(|r| r.first_due(&PassedBy::new())), world.due_jobs(i64::MAX, 9)), (None, vec![]));
    for (name, due) in
        [("a", Some(3000)), ("b", Some(1000)), ("c", None), ("d", Some(2000)), ("e", Some(1000))]
    {
        world.run(5, put(id_of(name), None, spec(name), due));
    }
    let names = |until, limit| {
        let due = world.due_jobs(until, limit);
        let name = |id| ["a", "b", "c", "d", "e"].into_iter().find(|name| id_of(name) == id).unwrap();
        due.iter().map(|d| name(d.id)).collect::<Vec<_>>().concat()
    };
    assert_eq!(world.ask(|r| r.first_due(&PassedBy::new())), Some(1000));
    for (until, limit, wanted) in
        [(999, 9, ""), (1000, 9, "be"), (2000, 9, "bed"), (9999, 9, "beda"), (9999, 3, "bed"), (9999, 0, "")]
    {
        assert_eq!(names(until, limit), wanted, "until {until}, at most {limit}");
    }
    // Behind a place: that of a job, and an instant with all of its jobs.
    let none = PassedBy::new();
    let b = world.due_jobs(1000, 1).remove(0);
    for (after, until, wanted) in [(b.place(), 9999, "eda"), ((1000, JobSeq::new(i64::MAX)), 2999, "d")] {
        let due = world.ask(|r| r.due(after, until, 9, &none)).jobs;
        let wanted: Vec<_> = wanted.chars().map(|name| id_of(&name.to_string())).collect();
        assert_eq!(due.iter().map(|d| d.id).collect::<Vec<_>>(), wanted, "after {after:?}");
    }
    for (after, wanted) in [(999, Some(1000)), (1000, Some(2000)), (3000, None)] {
        assert_eq!(world.ask(|r| r.first_due_after(after, &none)), wanted, "after {after}");
    }
    let (c, d) = (world.job("c").seq, world.job("d").seq);
    let those = |until| world.ask(|r| r.due_of(&[d, c, b.seq, JobSeq::new(99)], until, &none)).jobs;
    assert_eq!(those(2000).iter().map(|due| due.seq).collect::<Vec<_>>(), [d, b.seq]);
    assert_eq!(those(1999), std::slice::from_ref(&b));
    let first = world.due_jobs(1000, 1).remove(0);
    let job = world.job("b");
    assert_eq!((first.seq, first.id, first.version, first.created_at), (job.seq, job.job.id, 1, CREATED_AT));
    assert_eq!((first.at, first.times), (1000, job.job.spec.as_ref().unwrap().into()));
}

#[test]
fn what_is_unfinished_of_a_job_is_counted_up_to_a_number_and_its_end_is_told() {
    let mut world = World::new();
    let (job, other) = (world.create("a"), world.create("b"));
    let mut fires = Vec::new();
    for n in 1..=3 {
        fires.push(fire_of(&world.done(500, plan([run(&job, n * 1000)]))));
    }
    let open = |world: &World, most| world.ask(|r| r.count_open(job.seq, most));
    assert_eq!([0, 2, 3, 9].map(|most| open(&world, most)), [0, 2, 3, 3]);
    assert_eq!(world.ask(|r| r.count_open(other.seq, 9)), 0);
    let mut ended = |at, command| world.batch(&Batch { at, items: vec![command] }).ended;
    let cases = [
        (ended(1020, report(&fires[0], failed(1, 1000, Some(2500))).into()), vec![]),
        (ended(2520, report(&fires[0], delivered(2, 2500)).into()), vec![job.seq]),
        (ended(2530, report(&fires[0], delivered(2, 2500)).into()), vec![]),
        (ended(2540, cancel(fires[1].run.execution).into()), vec![job.seq]),
    ];
    for (found, wanted) in cases {
        assert_eq!(found, wanted);
    }
    assert_eq!(open(&world, 9), 1);
}

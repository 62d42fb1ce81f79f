//! Jobs: created, changed, disabled, deleted.

use chronos_state::{
    Batch, Command, Confirm, DeleteJob, Effect, EnabledName, JobSeq, Outcome, PassedBy, Refusal,
};
use chronos_types::{DurationMs, ExecutionId, JobSpec, Status};

use crate::support::*;

#[test]
fn a_job_reads_back_as_it_was_written() {
    let mut world = World::new();
    let wanted = JobSpec {
        description: "häufig".into(),
        timeout: Some(DurationMs::from_secs(5)),
        start_at: Some(-1),
        end_at: Some(9),
        tags: tags([("team", "a"), ("env", "")]),
        ..spec("a")
    };
    let (outcome, effects) = world.run(7, put(id_of("a"), None, wanted.clone(), Some(1000)));
    assert_eq!(
        outcome,
        Outcome::Job {
            seq: JobSeq::new(1),
            id: id_of("a"),
            version: 1,
            at: CREATED_AT,
            next_due: Some(1000)
        }
    );
    assert_eq!(effects, [Effect::DueChanged]);
    let row = world.job("a");
    assert_eq!(
        (row.job.created_at, row.job.updated_at, row.job.next_due),
        (CREATED_AT, CREATED_AT, Some(1000))
    );
    assert_eq!((row.job.version, row.last_run), (1, None));
    assert_eq!(row.job.spec, Ok(wanted));
    assert_eq!(world.job(&row.job.id.to_string()), row);
    assert_eq!(world.ask(|r| r.count_jobs()), (1, 0));
}

#[test]
fn a_job_is_confirmed_at_its_version_and_stays_as_it_is() {
    let mut world = World::new();
    let a = world.create("a");
    world.run(50, put(a.job.id, Some(1), spec("a"), None));
    let confirm = |job, version| Command::Confirm(Confirm { job, version, next_due: Some(3000) });
    let before = dump(&world.path());
    let (outcome, effects) = world.run(90, confirm(a.job.id, 2));
    let stands = Outcome::Job { seq: a.seq, id: a.job.id, version: 2, at: 90, next_due: Some(3000) };
    assert_eq!((outcome, effects), (stands, vec![]));
    assert_eq!(dump(&world.path()), before);
    assert_eq!(world.refused(91, confirm(a.job.id, 1)), Refusal::VersionMismatch { current: 2 });
    assert_eq!(world.refused(92, confirm(id_of("b"), 1)), Refusal::NoSuchJob);
}

#[test]
fn a_name_belongs_to_one_job() {
    let mut world = World::new();
    let a = world.create("a");
    let b = world.create("b");
    let taken = |name: &str| Refusal::NameTaken { name: name.into() };
    assert_eq!(world.refused(1, put(id_of("c"), None, spec("a"), None)), taken("a"));
    assert_eq!(world.refused(1, put(b.job.id, Some(1), spec("a"), None)), taken("a"));
    // Case tells names apart, and a job may keep its own.
    world.run(2, put(b.job.id, Some(1), spec("A"), None));
    world.run(2, put(a.job.id, Some(1), spec("a"), None));
    // A name that was given up is free again.
    world.create("b2");
    world.done(3, delete(&a));
    let (outcome, _) = world.run(4, put(id_of("new"), None, spec("a"), None));
    assert!(matches!(outcome, Outcome::Job { version: 1, .. }));
    assert_eq!(world.job("a").job.id, id_of("new"));
}

#[test]
fn a_change_is_made_from_the_version_in_force() {
    let mut world = World::new();
    let a = world.create("a");
    let next = JobSpec { description: "two".into(), ..spec("z") };
    let (outcome, effects) = world.run(50, put(a.job.id, Some(1), next.clone(), Some(2000)));
    assert_eq!(outcome, Outcome::Job { seq: a.seq, id: a.job.id, version: 2, at: 50, next_due: Some(2000) });
    assert_eq!(effects, [Effect::DueChanged]);
    let row = world.job("z");
    assert_eq!(
        (row.seq, row.job.created_at, row.job.updated_at, row.job.version),
        (a.seq, CREATED_AT, 50, 2)
    );
    assert_eq!(row.job.spec, Ok(next));
    assert_eq!(world.ask(|r| r.find_job("a")), None);
    for stale in [0, 1, 3] {
        let refusal = world.refused(60, put(a.job.id, Some(stale), spec("z"), None));
        assert_eq!(refusal, Refusal::VersionMismatch { current: 2 });
    }
    assert_eq!(world.refused(60, put(id_of("no"), Some(1), spec("n"), None)), Refusal::NoSuchJob);
}

#[test]
fn every_version_stays_readable() {
    let mut world = World::new();
    let a = world.create("a");
    let say = |n: u64| JobSpec { description: n.to_string(), ..spec("a") };
    for from in 1..5 {
        world.run(10 * i64::try_from(from).unwrap(), put(a.job.id, Some(from), say(from + 1), None));
    }
    let page = world.ask(|r| versions(r, a.seq, None, 3));
    let seen: Vec<_> = page
        .items
        .iter()
        .map(|v| (v.version, v.updated_at, v.spec.as_ref().unwrap().description.clone()))
        .collect();
    assert_eq!(seen, [(5, 40, "5".into()), (4, 30, "4".into()), (3, 20, "3".into())]);
    assert!(page.more);
    let page = world.ask(|r| versions(r, a.seq, Some(3), 3));
    assert_eq!(page.items.iter().map(|v| v.version).collect::<Vec<_>>(), [2, 1]);
    assert!(!page.more);
    for (version, found) in
        [(0, None), (1, Some("")), (4, Some("4")), (5, Some("5")), (6, None), (u64::MAX, None)]
    {
        let got = world.ask(|r| r.version(a.seq, version)).map(|v| v.spec.unwrap().description);
        assert_eq!(got.as_deref(), found, "version {version}");
    }
    // What the dispatcher asks, and with it the job's id.
    assert_eq!(
        world.ask(|r| r.spec(a.seq, 2)).map(|(id, s)| (id, s.unwrap().description)),
        Some((a.job.id, "2".into()))
    );
    assert_eq!(world.ask(|r| r.spec(a.seq, 9)), None);
}

#[test]
fn a_deleted_job_is_gone_and_its_executions_stay_readable() {
    let mut world = World::new();
    let (job, fire) = world.with_run(spec("a"));
    world.done(1000, report(&fire, delivered(1, 1000)));
    let before = world.ask(|r| r.execution(fire.run.execution)).unwrap();
    let wrong = Command::DeleteJob(DeleteJob { id: job.job.id, if_version: Some(2) });
    assert_eq!(world.refused(1100, wrong), Refusal::VersionMismatch { current: 1 });
    let effects = world.done(1100, Command::DeleteJob(DeleteJob { id: job.job.id, if_version: Some(1) }));
    assert_eq!(effects, []);
    assert_eq!(world.ask(|r| r.find_job("a")), None);
    assert_eq!(world.ask(|r| r.find_job(&job.job.id.to_string())), None);
    assert_eq!(world.ask(|r| jobs(r, &Default::default(), None, 9)).items, []);
    assert_eq!(world.ask(|r| r.first_due(&PassedBy::new())), None);
    assert_eq!(world.ask(|r| r.execution(fire.run.execution)).unwrap(), before);
    assert_eq!(world.refused(1200, delete(&job)), Refusal::NoSuchJob);
    assert_eq!(world.refused(1200, put(job.job.id, Some(1), spec("a"), None)), Refusal::NoSuchJob);
    assert_eq!(world.refused(1200, trigger(&job, ExecutionId::floor(9), None)), Refusal::NoSuchJob);
}

#[test]
fn deleting_withdraws_what_is_planned_and_ends_what_is_under_way() {
    let mut world = World::new();
    let (job, running) = world.with_run(spec("a"));
    world.done(1000, report(&running, begun(1, 1000)));
    let planned = fire_of(&world.done(1100, plan([run(&job, 2000)])));
    let effects = world.done(1500, delete(&job));
    let wanted = [Effect::Cancel(running.run.execution), Effect::Withdraw(planned.clone())];
    assert_eq!(effects, wanted);
    assert_eq!(world.ask(|r| r.execution(planned.run.execution)), None);
    let ended = world.execution(running.run.execution);
    assert_eq!((ended.status, ended.completed_at), (Status::Cancelled, Some(1500)));
    assert_eq!(ended.last_error.as_deref(), Some("the job was deleted"));
    assert_eq!(world.ask(|r| r.open_fires(&node(NODE))), []);
}

#[test]
fn disabling_withdraws_planned_runs_and_cancels_those_that_wait_out_their_jitter() {
    let mut world = World::new();
    let job = world.create("a");
    let late = |at, by| with(run(&job, at), |planned| planned.fire_at = at + by);
    let effects = world.done(500, plan([late(1000, 0), late(2000, 1000), late(3000, 900), late(4000, 900)]));
    let [running, pending, waiting, planned] = fires(&effects).try_into().unwrap();
    world.done(1000, report(&running, begun(1, 1000)));
    let off = JobSpec { enabled: false, ..spec("a") };
    // At 3000 the run of 3000 has come, and it still waits out its jitter; that of 2000 has just done so.
    let (_, effects) = world.run(3000, put(job.job.id, Some(1), off, None));
    let wanted =
        [Effect::Cancel(waiting.run.execution), Effect::Withdraw(planned.clone()), Effect::DueChanged];
    assert_eq!(effects, wanted);
    let ended = world.execution(waiting.run.execution);
    assert_eq!(
        (ended.status, ended.last_error.as_deref()),
        (Status::Cancelled, Some("the job was disabled"))
    );
    // What has begun, or must have by now, goes on.
    assert_eq!(world.execution(running.run.execution).status, Status::Running);
    assert_eq!(world.execution(pending.run.execution).status, Status::Pending);
    assert_eq!((world.due("a"), world.ask(|r| r.count_jobs())), (None, (0, 1)));
    // Enabling starts from where the proposer says, without a backlog.
    world.run(9000, put(job.job.id, Some(2), spec("a"), Some(10_000)));
    assert_eq!(world.due("a"), Some(10_000));
}

#[test]
fn a_change_that_leaves_the_instants_alone_goes_on_where_planning_stood() {
    let same = || JobSpec { description: "new".into(), ..spec("a") };
    let other = || JobSpec { schedule: "@every 2s".into(), ..spec("a") };
    let zone = || JobSpec { timezone: "Europe/Rome".into(), ..spec("a") };
    let bounded = || JobSpec { end_at: Some(99_000), ..spec("a") };
    // planned times, the change and its instant, the next due instant then, and those that run as the
    // job is now, or are withdrawn
    let cases = [
        ("nothing is planned", &[][..], same(), 100, Some(1000), &[][..], &[][..]),
        ("the proposer's clock is past the due instant", &[], same(), 1500, Some(1000), &[], &[]),
        ("one is planned and not begun", &[1000], same(), 600, Some(2000), &[1000], &[]),
        ("two are planned", &[1000, 2000], same(), 600, Some(3000), &[1000, 2000], &[]),
        ("the first of two has come", &[1000, 2000], same(), 1000, Some(3000), &[2000], &[]),
        ("another schedule", &[1000], other(), 600, Some(7777), &[], &[1000]),
        ("another zone", &[1000], zone(), 600, Some(7777), &[], &[1000]),
        ("another end", &[1000], bounded(), 600, Some(7777), &[], &[1000]),
    ];
    for (say, planned, change, at, due, renewed, withdrawn) in cases {
        let mut world = World::new();
        let job = world.create("a");
        for time in planned {
            world.done(500, plan([run(&job, *time)]));
        }
        let (_, effects) = world.run(at, put(job.job.id, Some(1), change, Some(7777)));
        assert_eq!(world.due("a"), due, "{say}");
        let fired = fires(&effects);
        assert_eq!(fired.iter().map(|fire| fire.run.scheduled_time).collect::<Vec<_>>(), renewed, "{say}");
        for fire in &fired {
            assert_eq!((fire.run.version, world.execution(fire.run.execution).job_version), (2, 2), "{say}");
        }
        let gone: Vec<_> = world.withdrawn().iter().map(|fire| fire.run.scheduled_time).collect();
        assert_eq!(gone, withdrawn, "{say}");
    }
}

#[test]
fn a_withdrawn_run_is_planned_again_under_its_own_id() {
    let mut world = World::new();
    let (job, first) = world.with_run(spec("a"));
    let other = JobSpec { schedule: "* * * * * *".into(), ..spec("a") };
    world.run(600, put(job.job.id, Some(1), other, Some(1000)));
    assert_eq!(world.ask(|r| r.execution(first.run.execution)), None);
    let again = fire_of(&world.done(700, plan([run(&world.job("a"), 1000)])));
    assert_eq!((again.run.execution, again.run.version, again.attempt), (first.run.execution, 2, 1));
    assert_eq!(world.due("a"), Some(2000));
}

#[test]
fn whoever_keeps_something_about_jobs_hears_which_were_changed() {
    let mut world = World::new();
    let (a, b) = (world.create("a"), world.create("b"));
    let changed = |world: &mut World, commands: Vec<Command>| {
        let items = commands.into_iter().map(Into::into).collect();
        world.batch(&Batch { at: 9, items }).changed
    };
    let new = put(id_of("c"), None, spec("c"), Some(1000));
    let disabled = put(a.job.id, Some(1), JobSpec { enabled: false, ..spec("a") }, None);
    let refused = put(a.job.id, Some(7), spec("a"), None);
    let all = changed(&mut world, vec![new, disabled, refused, delete(&b), plan([run(&b, 1000)])]);
    assert_eq!(all, [JobSeq::new(3), a.seq, b.seq]);
    // What is asked of each then.
    let c = world.job("c");
    let due = world.ask(|r| r.enabled_job(c.seq)).expect("it is enabled");
    assert_eq!(Some(&due), world.ask(|r| r.enabled_jobs(JobSeq::default(), 9)).first());
    assert_eq!((due.seq, due.id, due.at), (c.seq, c.job.id, Some(1000)));
    assert_eq!(
        world.ask(|r| r.enabled_name(c.seq)),
        Some(EnabledName { id: c.job.id, name: "c".to_owned(), skips: None })
    );
    for gone in [a.seq, b.seq, JobSeq::new(99)] {
        assert_eq!(world.ask(|r| r.enabled_job(gone)), None);
        assert_eq!(world.ask(|r| r.enabled_name(gone)), None);
    }
    assert_eq!(changed(&mut world, vec![delete(&b)]), [], "it is deleted already");
}

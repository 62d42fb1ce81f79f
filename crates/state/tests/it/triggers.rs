//! Runs that no schedule asked for, replays, and cancelling.

use chronos_state::{Command, Effect, Fire, MAX_ROWS, Outcome, Refusal};
use chronos_types::{Concurrency, ErrorKind, Execution, ExecutionId, JobSpec, Status, Trigger};

use crate::support::*;

fn manual(n: u8) -> ExecutionId {
    ExecutionId::manual(id_of("a"), 1200, [n; 10])
}

#[test]
fn a_triggered_run_is_on_record_and_fired_at_once() {
    let mut world = World::new();
    let job = world.create_as(JobSpec { enabled: false, ..spec("a") });
    let (outcome, effects) = world.run(1200, trigger(&job, manual(1), None));
    let fire = fire_of(&effects);
    assert_eq!(outcome, accepted(&job, &fire, None));
    assert_eq!((fire.run.scheduled_time, fire.fire_at, fire.run.trigger), (1200, 1200, Trigger::Manual));
    assert_eq!((fire.attempt, fire.run.version, fire.run.job), (1, 1, job.seq));
    let execution = world.execution(manual(1));
    assert_eq!((execution.status, execution.replay_of), (Status::Pending, None));
    assert_eq!(world.refused(1300, trigger(&ghost(&job), manual(2), None)), Refusal::NoSuchJob);
}

fn ghost(job: &chronos_state::JobRow) -> chronos_state::JobRow {
    let mut ghost = job.clone();
    ghost.job.id = id_of("ghost");
    ghost
}

#[test]
fn only_forbid_refuses_a_second_run() {
    // Whether the unfinished run of 1000 stands in the way of a manual one at 1200.
    for (concurrency, refuses) in [
        (Concurrency::Forbid, true),
        (Concurrency::Allow, false),
        (Concurrency::Replace, false),
        (Concurrency::Queue, false),
    ] {
        for (say, what) in [
            ("pending", None),
            ("running", Some(begun(1, 1000))),
            ("retrying", Some(failed(1, 1000, Some(5000)))),
        ] {
            let mut world = World::new();
            let (job, fire) = world.with_run(JobSpec { concurrency, ..spec("a") });
            if let Some(what) = what {
                world.done(1100, report(&fire, what));
            }
            if refuses {
                let refusal = world.refused(1200, trigger(&job, manual(1), None));
                assert_eq!(refusal, Refusal::Overlap { unfinished: fire.run.execution }, "{say}");
            } else {
                let (outcome, _) = world.run(1200, trigger(&job, manual(1), None));
                assert!(matches!(outcome, Outcome::Execution(_)), "{concurrency:?} {say}");
            }
        }
    }
}

#[test]
fn a_run_that_is_planned_but_not_due_does_not_stand_in_the_way() {
    let mut world = World::new();
    let (job, _) = world.with_run(JobSpec { concurrency: Concurrency::Forbid, ..spec("a") });
    let (outcome, _) = world.run(999, trigger(&job, manual(1), None));
    assert!(matches!(outcome, Outcome::Execution(_)));
}

#[test]
fn a_run_that_is_asked_for_goes_where_the_job_has_unfinished_runs() {
    for (concurrency, wanted) in [
        (Concurrency::Allow, "n2"),
        (Concurrency::Forbid, NODE),
        (Concurrency::Replace, NODE),
        (Concurrency::Queue, NODE),
    ] {
        let mut world = World::new();
        // Planned and not due: it is not in the way yet, and is to be judged by the node that runs the other.
        let (job, fire) = world.with_run(JobSpec { concurrency, ..spec("a") });
        let asked = fire_of(&world.run(900, trigger_at("n2", &job, manual(1))).1);
        assert_eq!(asked.node, node(wanted), "{concurrency:?}");
        assert_eq!(world.execution(manual(1)).node_id, node(wanted), "{concurrency:?}");
        // Where nothing is unfinished, it is the node that was asked.
        for fire in [&fire, &asked] {
            world.done(1100, report(fire, delivered(1, 1000)));
        }
        let (outcome, effects) = world.run(1200, trigger_at("n3", &job, manual(2)));
        let alone = fire_of(&effects);
        assert_eq!(alone.node, node("n3"), "{concurrency:?}");
        assert_eq!(outcome, accepted(&job, &alone, None), "{concurrency:?}");
    }
}

#[test]
fn a_replay_goes_where_the_job_has_unfinished_runs_too() {
    let mut world = World::new();
    let (job, fire) = world.with_run(JobSpec { concurrency: Concurrency::Queue, ..spec("a") });
    world.done(1100, report(&fire, delivered(1, 1000)));
    let first = fire_of(&world.run(1200, trigger_at("n2", &job, manual(1))).1);
    let replay = fire_of(&world.run(1300, trigger(&job, manual(2), Some(fire.run.execution))).1);
    assert_eq!((first.node, replay.node), (node("n2"), node("n2")));
    // What the one that repeats it repeats is the first of them.
    let again = fire_of(&world.run(1400, trigger(&job, manual(3), Some(manual(2)))).1);
    assert_eq!((again.run.scheduled_time, again.node), (1000, node("n2")));
}

#[test]
fn a_planned_run_goes_beside_what_was_asked_for_since_it_was_proposed() {
    for (beside, wanted) in [(true, "n2"), (false, NODE)] {
        let mut world = World::new();
        let job = world.create_as(JobSpec { concurrency: Concurrency::Queue, ..spec("a") });
        let proposed = with(run(&job, 1000), |run| run.beside = beside);
        world.run(400, trigger_at("n2", &job, manual(1)));
        let fire = fire_of(&world.done(500, plan([proposed])));
        assert_eq!(fire.node, node(wanted), "{beside}");
        assert_eq!(world.execution(fire.run.execution).node_id, node(wanted), "{beside}");
        // The next one is beside the first.
        let next = with(run(&job, 2000), |run| run.beside = true);
        assert_eq!(fire_of(&world.done(600, plan([next]))).node, node("n2"), "{beside}");
    }
}

#[test]
fn what_a_change_is_to_end_holds_nothing_though_it_is_not_ended_yet() {
    let mut world = World::new();
    let queue = JobSpec { concurrency: Concurrency::Queue, ..spec("a") };
    let job = world.create_as(queue.clone());
    let late = |at| with(run(&job, at), |run| (run.trigger, run.fire_at) = (Trigger::CatchUp, 90_000_000));
    let times = (1..).map(|second| second * 1000).take(MAX_ROWS + 1);
    world.done(500, plan(times.map(late).collect::<Vec<_>>()));
    world.run(600, put(job.job.id, Some(1), JobSpec { enabled: false, ..queue }, None));
    assert!(world.ask(|r| r.has_remainders()));
    let asked = fire_of(&world.run(700, trigger_at("n2", &job, manual(1))).1);
    assert_eq!(asked.node, node("n2"));
    // And what stays does.
    let next = fire_of(&world.run(800, trigger(&job, manual(2), None)).1);
    assert_eq!(next.node, node("n2"));
    world.done(900, Command::Portion);
    assert!(!world.ask(|r| r.has_remainders()));
}

#[test]
fn a_trigger_that_arrives_twice_is_one_run() {
    for concurrency in [Concurrency::Forbid, Concurrency::Allow] {
        let mut world = World::new();
        let job = world.create_as(JobSpec { concurrency, ..spec("a") });
        let first = world.run(500, trigger(&job, manual(1), None));
        let kept = dump(&world.path());
        let again = world.run(600, trigger(&job, manual(1), None));
        assert_eq!((&again.0, again.1.len()), (&first.0, 0), "{concurrency:?}");
        assert_eq!(dump(&world.path()), kept);
    }
}

#[test]
fn a_replay_runs_the_version_of_that_time() {
    let mut world = World::new();
    let (job, fire) = world.with_run(JobSpec { description: "old".into(), ..spec("a") });
    let other = world.create("b");
    world.done(1000, report(&fire, delivered(1, 1000)));
    world.run(1100, put(job.job.id, Some(1), JobSpec { description: "new".into(), ..spec("renamed") }, None));
    let (outcome, effects) = world.run(1200, trigger(&job, manual(1), Some(fire.run.execution)));
    let replay = fire_of(&effects);
    // It is called what it was called then.
    assert_eq!(outcome, accepted(&job, &replay, Some(fire.run.execution)));
    // "Process the day of the scheduled time" is to process the same day.
    assert_eq!(
        (replay.run.version, replay.run.trigger, replay.run.scheduled_time, replay.fire_at),
        (1, Trigger::Replay, 1000, 1200)
    );
    let row = world.ask(|r| r.execution(manual(1))).unwrap();
    assert_eq!(
        (row.spec.as_ref().unwrap().description.as_str(), row.execution.job_name.as_str()),
        ("old", "a")
    );
    assert_eq!((row.execution.job_version, row.execution.replay_of), (1, Some(fire.run.execution)));
    // Only what is on record for this very job can be repeated.
    for (job, original) in [(&job, manual(9)), (&other, fire.run.execution)] {
        assert_eq!(world.refused(1300, trigger(job, manual(2), Some(original))), Refusal::NoSuchExecution);
    }
}

#[test]
fn what_a_clock_days_ahead_planned_is_not_in_the_way_of_a_run_now() {
    const DAY: i64 = 86_400_000;
    for planned in [Trigger::Schedule, Trigger::CatchUp] {
        let mut world = World::new();
        let job = world.create_as(JobSpec { concurrency: Concurrency::Forbid, ..spec("a") });
        let mut step = run(&job, DAY);
        step.from = 1_000;
        step.run.as_mut().unwrap().trigger = planned;
        fire_of(&world.done(500, plan([step])));
        world.run(1_200, trigger(&job, manual(1), None));
        assert_eq!(world.execution(manual(1)).status, Status::Pending, "{planned:?}");
    }
}

#[test]
fn a_replay_keeps_to_the_policy_in_force() {
    let mut world = World::new();
    let (job, fire) = world.with_run(JobSpec { concurrency: Concurrency::Allow, ..spec("a") });
    world
        .run(1100, put(job.job.id, Some(1), JobSpec { concurrency: Concurrency::Forbid, ..spec("a") }, None));
    let refusal = world.refused(1200, trigger(&job, manual(1), Some(fire.run.execution)));
    assert_eq!(refusal, Refusal::Overlap { unfinished: fire.run.execution });
}

#[test]
fn the_node_of_a_replay_is_told_the_policy_in_force() {
    let mut world = World::new();
    let forbid = JobSpec { concurrency: Concurrency::Forbid, ..spec("a") };
    let (job, fire) = world.with_run(forbid.clone());
    assert_eq!(fire.policy, None, "its version says it");
    world.done(1100, report(&fire, delivered(1, 1000)));
    let policy = |concurrency| JobSpec { concurrency, ..forbid.clone() };
    world.run(1150, put(job.job.id, Some(1), policy(Concurrency::Queue), None));
    let replay = fire_of(&world.run(1200, trigger(&job, manual(1), Some(fire.run.execution))).1);
    assert_eq!((replay.run.version, replay.policy), (1, Some(Concurrency::Queue)));
    assert_eq!(world.ask(|r| r.open_fires(&node(NODE))), std::slice::from_ref(&replay));
    world.run(1250, put(job.job.id, Some(2), policy(Concurrency::Allow), None));
    let moved = fire_of(&world.done(1300, reassign(&replay, NODE, "n2")));
    assert_eq!((&moved.node, moved.policy), (&node("n2"), Some(Concurrency::Allow)));
    assert_eq!(world.ask(|r| r.open_fires(&node("n2"))), std::slice::from_ref(&moved));
    // Once it has begun, it keeps its turn.
    world.done(1400, report(&moved, begun(1, 1350)));
    assert_eq!(world.ask(|r| r.open_fires(&node("n2")))[0].policy, None);
}

#[test]
fn cancelling_ends_a_run_wherever_it_stands() {
    // what was said before; attempts, entries in the log, and the duration of the one cut off
    let cases = [
        ("pending", vec![], 0, 0, None),
        ("running", vec![begun(1, 1000)], 1, 1, Some(300)),
        ("made again", vec![begun(1, 1000), begun(1, 1200)], 1, 1, Some(100)),
        ("retrying", vec![failed(1, 1000, Some(5000))], 1, 1, None),
        ("running again", vec![failed(1, 1000, Some(1100)), begun(2, 1100)], 2, 2, Some(200)),
    ];
    for (say, before, attempts, entries, cut_off) in cases {
        let mut world = World::new();
        let (_, fire) = world.with_run(spec("a"));
        for what in before {
            world.done(1100, report(&fire, what));
        }
        assert_eq!(
            world.run(1300, cancel(fire.run.execution)).1,
            [Effect::Cancel(fire.run.execution)],
            "{say}"
        );
        let ended = world.execution(fire.run.execution);
        assert_eq!((ended.status, ended.completed_at), (Status::Cancelled, Some(1300)), "{say}");
        assert_eq!((ended.attempts, ended.attempt_log.len()), (attempts, entries), "{say}");
        assert_eq!(ended.last_error.as_deref(), Some("cancelled by request"), "{say}");
        if let Some(duration_ms) = cut_off {
            let last = ended.attempt_log.last().unwrap();
            assert_eq!((last.number, last.duration_ms), (attempts, duration_ms), "{say}");
            assert_eq!((last.error_kind, last.status_code), (Some(ErrorKind::Cancelled), None), "{say}");
        }
        // It is over: once is enough, and a delivery that was under way does not bring it back.
        let over = Refusal::Finished { status: "cancelled".into() };
        assert_eq!(world.refused(1400, cancel(fire.run.execution)), over, "{say}");
        world.done(1500, report(&Fire { attempt: 1, ..fire.clone() }, delivered(1, 1000)));
        assert_eq!(world.execution(fire.run.execution), ended, "{say}");
    }
}

#[test]
fn what_is_not_on_record_or_over_cannot_be_cancelled() {
    let mut world = World::new();
    let (_, fire) = world.with_run(spec("a"));
    assert_eq!(world.refused(1, cancel(manual(1))), Refusal::NoSuchExecution);
    world.done(1100, report(&fire, delivered(1, 1000)));
    assert_eq!(
        world.refused(1200, cancel(fire.run.execution)),
        Refusal::Finished { status: "success".into() }
    );
}

#[test]
fn the_answer_to_a_cancellation_says_of_what_and_when() {
    let mut world = World::new();
    let (job, fire) = world.with_run(spec("a"));
    world.done(1100, report(&fire, begun(1, 1000)));
    let (outcome, _) = world.run(1300, cancel(fire.run.execution));
    let Outcome::Execution(answer) = outcome else { panic!("{outcome:?}") };
    assert_eq!((answer.cancelled_at, answer.job, answer.run), (Some(1300), job.job.id, fire.run));
    let (told, recorded) = (Execution::from(answer), world.execution(fire.run.execution));
    // But for what it came to until then.
    let (attempts, attempt_log) = (recorded.attempts, recorded.attempt_log.clone());
    let Execution { started_at, lateness_ms, .. } = recorded;
    assert_eq!(Execution { attempts, attempt_log, started_at, lateness_ms, ..told }, recorded);
}

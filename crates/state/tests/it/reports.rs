//! Reports: what an attempt came to, whenever and however often it is said.

use std::slice;

use chronos_state::{Effect, Fire, JobSeq, Reported, RunRef};
use chronos_types::{Attempt, ErrorKind, Status};

use crate::support::*;

const STATUS_503: &str = "503 Service Unavailable";

fn logged(number: u32, started_at: i64, failed: bool) -> Attempt {
    Attempt {
        number,
        started_at,
        duration_ms: 10,
        status_code: Some(if failed { 503 } else { 200 }),
        error: failed.then(|| STATUS_503.to_owned()),
        error_kind: failed.then_some(ErrorKind::Status),
        phases: None,
    }
}

#[test]
fn a_run_goes_from_pending_to_running_to_success() {
    let mut world = World::new();
    let (_, fire) = world.with_run(spec("a"));
    assert_eq!(world.done(1001, report(&fire, begun(1, 1000))), []);
    let running = world.execution(fire.run.execution);
    assert_eq!((running.status, running.attempts, running.started_at), (Status::Running, 1, Some(1000)));
    assert_eq!(world.job("a").last_run, Some((Status::Running, 1000)));
    let effects = world.done(1020, report(&fire, delivered(1, 1000)));
    assert_eq!(effects, [Effect::Settled(fire.run.execution)]);
    let ended = world.execution(fire.run.execution);
    assert_eq!((ended.status, ended.attempts, ended.completed_at), (Status::Success, 1, Some(1010)));
    assert_eq!(ended.attempt_log, [logged(1, 1000, false)]);
    assert_eq!((ended.last_error, ended.error_kind), (None, None));
    assert_eq!(ended.response.and_then(|r| r.body).as_deref(), Some("ok"));
    assert_eq!(world.job("a").last_run, Some((Status::Success, 1000)));
    assert_eq!(world.ask(|r| r.open_fires(&node(NODE))), []);
}

#[test]
fn a_failure_arms_the_next_attempt_at_the_time_its_node_chose() {
    let mut world = World::new();
    let (_, fire) = world.with_run(spec("a"));
    let effects = world.done(1020, report(&fire, failed(1, 1000, Some(2500))));
    let next = Fire { fire_at: 2500, attempt: 2, begun: true, ..fire.clone() };
    assert_eq!(effects, [Effect::Fire(next.clone())]);
    assert_eq!(world.ask(|r| r.open_fires(&node(NODE))), [next]);
    let waiting = world.execution(fire.run.execution);
    assert_eq!((waiting.status, waiting.attempts, waiting.completed_at), (Status::Retrying, 1, None));
    assert_eq!(
        (waiting.last_error.as_deref(), waiting.error_kind),
        (Some(STATUS_503), Some(ErrorKind::Status))
    );

    world.done(2500, report(&fire, begun(2, 2500)));
    assert_eq!(world.execution(fire.run.execution).status, Status::Running);
    let effects = world.done(2520, report(&fire, failed(2, 2500, None)));
    assert_eq!(effects, [Effect::Settled(fire.run.execution)]);
    let ended = world.execution(fire.run.execution);
    assert_eq!((ended.status, ended.attempts, ended.started_at), (Status::Failed, 2, Some(1000)));
    assert_eq!(ended.completed_at, Some(2510));
    assert_eq!(ended.attempt_log, [logged(1, 1000, true), logged(2, 2500, true)]);
}

#[test]
fn a_word_that_comes_late_or_twice_changes_nothing() {
    let before: [(&str, &[Reported]); 3] = [
        ("delivered", &[delivered(1, 1000)]),
        ("given up", &[failed(1, 1000, None)]),
        ("skipped", &[Reported::Skipped { reason: "busy".into() }]),
    ];
    let late = [
        begun(1, 1000),
        begun(2, 3000),
        delivered(1, 1000),
        delivered(2, 3000),
        failed(1, 1000, Some(4000)),
        failed(2, 3000, None),
        Reported::Skipped { reason: "x".into() },
        Reported::Replaced { attempt: Some((2, 3000)) },
    ];
    for (say, reports) in before {
        let mut world = World::new();
        let (_, fire) = world.with_run(spec("a"));
        for what in reports {
            world.done(1100, report(&fire, what.clone()));
        }
        let kept = dump(&world.path());
        for what in &late {
            let effects = world.done(5000, report(&fire, what.clone()));
            // The node that speaks still learns that it is over.
            assert_eq!(effects, [Effect::Settled(fire.run.execution)], "{say}, then {what:?}");
            assert_eq!(dump(&world.path()), kept, "{say}, then {what:?}");
        }
    }
}

#[test]
fn a_word_about_an_attempt_that_ended_does_not_set_a_retry_back() {
    let mut world = World::new();
    let (_, fire) = world.with_run(spec("a"));
    let next = world.done(1100, report(&fire, failed(1, 1000, Some(2500))));
    let kept = dump(&world.path());
    assert_eq!(world.done(1200, report(&fire, begun(1, 1000))), []);
    for what in [failed(1, 1000, Some(9000)), failed(1, 1200, None)] {
        // Whoever made the attempt again is told which one comes next.
        assert_eq!(world.done(1200, report(&fire, what)), next);
    }
    assert_eq!(dump(&world.path()), kept);
}

#[test]
fn a_retry_of_a_node_whose_clock_is_ahead_waits_no_longer_than_it_was_to() {
    const DAY: i64 = 86_400_000;
    let mut world = World::new();
    let (_, fire) = world.with_run(spec("a"));
    let next = world.done(1_100, report(&fire, failed(1, 1_000 + DAY, Some(4_010 + DAY))));
    assert_eq!(fire_of(&next).fire_at, 4_100, "3 s from when it was known");
    // Clocks differ a little, and then the node's word counts.
    let next = fire_of(&world.done(4_200, report(&fire_of(&next), failed(2, 6_100, Some(9_000)))));
    assert_eq!(next.fire_at, 9_000);
}

#[test]
fn a_success_is_accepted_from_whoever_delivered_it() {
    let mut world = World::new();
    let (_, fire) = world.with_run(spec("a"));
    let other = Fire { node: node("n2"), ..fire.clone() };
    world.done(1100, report(&fire, failed(1, 1000, Some(2500))));
    // The same attempt was also made elsewhere, and arrived.
    assert_eq!(world.done(1200, report(&other, delivered(1, 1050))), [Effect::Settled(fire.run.execution)]);
    let ended = world.execution(fire.run.execution);
    assert_eq!((ended.status, ended.completed_at), (Status::Success, Some(1060)));
    assert_eq!(ended.attempt_log, [logged(1, 1000, true), logged(1, 1050, false)]);
    assert_eq!(world.ask(|r| r.open_fires(&node(NODE))), []);
}

#[test]
fn an_attempt_made_again_after_a_crash_keeps_its_number_and_the_first_start() {
    let mut world = World::new();
    let (_, fire) = world.with_run(spec("a"));
    world.done(1000, report(&fire, begun(1, 1000)));
    world.done(7000, report(&fire, begun(1, 6000)));
    world.done(7000, report(&fire, delivered(1, 6000)));
    let ended = world.execution(fire.run.execution);
    assert_eq!((ended.attempts, ended.started_at, ended.completed_at), (1, Some(1000), Some(6010)));
    assert_eq!(ended.attempt_log, [logged(1, 6000, false)]);
}

#[test]
fn a_skipped_run_says_why() {
    let mut world = World::new();
    let (_, fire) = world.with_run(spec("a"));
    let effects = world.done(1005, report(&fire, Reported::Skipped { reason: "one is running".into() }));
    assert_eq!(effects, [Effect::Settled(fire.run.execution)]);
    let ended = world.execution(fire.run.execution);
    assert_eq!((ended.status, ended.attempts, ended.completed_at), (Status::Skipped, 0, Some(1005)));
    assert_eq!((ended.started_at, ended.attempt_log), (None, vec![]));
    assert_eq!(
        (ended.last_error.as_deref(), ended.error_kind),
        (Some("one is running"), Some(ErrorKind::Overlap))
    );
    // It did not run.
    assert_eq!(world.job("a").last_run, None);
}

#[test]
fn a_replaced_run_logs_the_attempt_that_was_cut_off() {
    // what was said before, the attempt under way, attempts then, and how many are logged
    let cases = [
        ("pending", &[][..], None, 0, 0),
        ("an attempt nobody heard of", &[], Some((1, 1000)), 1, 1),
        ("running", &[begun(1, 1000)], Some((1, 1000)), 1, 1),
        ("waiting for a retry", &[failed(1, 1000, Some(3000))], None, 1, 1),
    ];
    for (say, before, attempt, attempts, entries) in cases {
        let mut world = World::new();
        let (_, fire) = world.with_run(spec("a"));
        for what in before {
            world.done(1000, report(&fire, what.clone()));
        }
        let effects = world.done(1300, report(&fire, Reported::Replaced { attempt }));
        assert_eq!(effects, [Effect::Settled(fire.run.execution)], "{say}");
        let ended = world.execution(fire.run.execution);
        assert_eq!((ended.status, ended.completed_at), (Status::Cancelled, Some(1300)), "{say}");
        assert_eq!((ended.attempts, ended.attempt_log.len()), (attempts, entries), "{say}");
        assert_eq!(ended.error_kind, Some(ErrorKind::Cancelled), "{say}");
        if attempt.is_some() {
            let cut = &ended.attempt_log[entries - 1];
            assert_eq!((cut.duration_ms, cut.error_kind), (300, Some(ErrorKind::Cancelled)), "{say}");
        }
    }
}

#[test]
fn a_delivery_whose_record_was_withdrawn_brings_the_record_back() {
    let off = chronos_types::JobSpec { enabled: false, ..spec("a") };
    for (what, status) in [
        (begun(1, 999), Status::Running),
        (delivered(1, 999), Status::Success),
        (failed(1, 999, Some(2000)), Status::Retrying),
        (failed(1, 999, None), Status::Failed),
        (Reported::Skipped { reason: "x".into() }, Status::Skipped),
    ] {
        let mut world = World::new();
        let (job, fire) = world.with_run(spec("a"));
        world.run(999, put(job.job.id, Some(1), off.clone(), None));
        assert_eq!(world.ask(|r| r.execution(fire.run.execution)), None);
        world.done(1000, report(&fire, what));
        let back = world.execution(fire.run.execution);
        assert_eq!((back.status, back.job_version, back.scheduled_time), (status, 1, 1000));
        assert_eq!(back.node_id, NODE);
        assert_eq!(world.held(job.seq), 1);
    }
}

#[test]
fn a_deleted_job_has_nothing_unfinished_even_when_a_withdrawn_delivery_comes_back() {
    for (what, status) in [
        (begun(1, 999), Status::Cancelled),
        (delivered(1, 999), Status::Success),
        (failed(1, 999, Some(2000)), Status::Cancelled),
        (failed(1, 999, None), Status::Failed),
    ] {
        let mut world = World::new();
        let (job, fire) = world.with_run(spec("a"));
        world.done(999, delete(&job));
        let effects = world.done(1000, report(&fire, what.clone()));
        assert_eq!(fires(&effects), [], "{what:?}");
        assert_eq!(world.execution(fire.run.execution).status, status, "{what:?}");
        assert_eq!(world.ask(|r| r.open_fires(&node(NODE))), [], "{what:?}");
    }
}

#[test]
fn a_withdrawn_run_that_had_not_begun_leaves_no_trace() {
    let mut world = World::new();
    let (job, fire) = world.with_run(spec("a"));
    world.done(999, delete(&job));
    assert_eq!(world.withdrawn(), slice::from_ref(&fire));
    // Nobody else's word counts, nor one about another version.
    let other = Fire { node: node("n2"), ..fire.clone() };
    let older = Fire { run: RunRef { version: 7, ..fire.run }, ..fire.clone() };
    for stranger in [&other, &older] {
        for what in [Reported::NotBegun, Reported::Unknown] {
            assert_eq!(world.done(1000, report(stranger, what)), []);
        }
    }
    assert_eq!(world.withdrawn(), slice::from_ref(&fire));
    // The job is remembered until the word comes: a call may still have to be put on record.
    assert!(world.forgotten().is_empty());
    world.done(1000, report(&fire, Reported::NotBegun));
    assert_eq!(world.withdrawn(), []);
    assert_eq!(world.ask(|r| r.execution(fire.run.execution)), None);
    assert_eq!(world.forgotten(), [job.seq]);
    // What nobody waits for any more is not brought back.
    assert_eq!(world.done(1100, report(&fire, delivered(1, 1000))), [Effect::Settled(fire.run.execution)]);
    assert_eq!(world.ask(|r| r.execution(fire.run.execution)), None);
}

#[test]
fn a_withdrawn_run_that_nobody_can_speak_for_stays_on_record() {
    let mut world = World::new();
    let (job, fire) = world.with_run(spec("a"));
    world.done(999, delete(&job));
    world.done(1000, report(&fire, Reported::Unknown));
    let back = world.execution(fire.run.execution);
    assert_eq!((back.status, back.attempts, back.completed_at), (Status::Cancelled, 0, Some(1000)));
    assert_eq!((back.node_id.as_str(), back.error_kind), (NODE, Some(ErrorKind::Cancelled)));
    assert!(back.last_error.is_some_and(|why| why.contains("not known whether the webhook was called")));
    assert_eq!(world.withdrawn(), []);
    assert_eq!(world.held(job.seq), 1);
}

#[test]
fn a_withdrawn_run_that_a_clock_days_ahead_planned_waits_for_nobody() {
    const FAR: i64 = 86_400_000;
    for is_due_again in [false, true] {
        let mut world = World::new();
        let job = world.create_as(spec("a"));
        let step = chronos_state::PlanStep { from: 1_000, ..run(&job, FAR) };
        let fire = fire_of(&world.done(500, plan([step])));
        let each_second = chronos_types::JobSpec { schedule: "* * * * * *".into(), ..spec("a") };
        world.run(600, put(job.job.id, Some(1), each_second, is_due_again.then_some(1_000)));
        assert_eq!(world.withdrawn(), slice::from_ref(&fire));
        assert_eq!(fires(&world.done(700, report(&fire, Reported::Unknown))), []);
        assert_eq!(world.withdrawn(), []);
        let found = world.ask(|r| r.execution(fire.run.execution)).map(|row| row.execution.status);
        // A record would keep it from being called when its time comes.
        assert_eq!(found, (!is_due_again).then_some(Status::Cancelled));
    }
}

#[test]
fn a_withdrawn_run_that_a_node_which_is_gone_may_have_begun_stays_on_record() {
    for (unsure, status) in [(true, Some(Status::Cancelled)), (false, None)] {
        let mut world = World::new();
        let (job, fire) = world.with_run(spec("a"));
        let taken = fire_of(&world.done(800, moved(&fire, NODE, "n2", unsure)));
        world.done(999, delete(&job));
        world.done(1000, report(&taken, Reported::NotBegun));
        let found = world.ask(|r| r.execution(fire.run.execution));
        assert_eq!(found.map(|row| row.execution.status), status, "{unsure}");
        assert_eq!(world.withdrawn(), []);
    }
}

#[test]
fn a_withdrawn_run_that_is_planned_anew_needs_no_word() {
    let mut world = World::new();
    let (job, fire) = world.with_run(spec("a"));
    let each_second = chronos_types::JobSpec { schedule: "* * * * * *".into(), ..spec("a") };
    world.run(600, put(job.job.id, Some(1), each_second, Some(1000)));
    let again = fire_of(&world.done(700, plan([run(&world.job("a"), 1000)])));
    assert_eq!(world.withdrawn(), []);
    for what in [Reported::NotBegun, Reported::Unknown] {
        assert_eq!(world.done(800, report(&fire, what)), []);
    }
    assert_eq!(world.execution(again.run.execution).status, Status::Pending);
    assert_eq!(world.ask(|r| r.open_fires(&node(NODE))), slice::from_ref(&again));
    // Withdrawn a second time, the word about the first is not about this one.
    world.run(900, put(job.job.id, Some(2), spec("a"), None));
    world.done(900, report(&fire, Reported::NotBegun));
    assert_eq!(world.withdrawn(), [again]);
}

#[test]
fn a_withdrawn_run_that_is_due_again_is_asked_for_once_more_and_never_in_the_way_of_the_plan() {
    for word in [Reported::NotBegun, Reported::Unknown] {
        let mut world = World::new();
        let (job, fire) = world.with_run(spec("a"));
        let taken = fire_of(&world.done(500, moved(&fire, NODE, "n2", true)));
        let each_second = chronos_types::JobSpec { schedule: "* * * * * *".into(), ..spec("a") };
        world.run(600, put(job.job.id, Some(1), each_second, Some(1000)));
        let asked = Fire { begun: true, ..taken };
        assert_eq!(world.withdrawn(), slice::from_ref(&asked));
        assert_eq!(world.done(700, report(&asked, word)), [Effect::Withdraw(asked.clone())]);
        assert_eq!(world.withdrawn(), [asked]);
        let again = fire_of(&world.done(700, plan([run(&world.job("a"), 1000)])));
        assert_eq!(again.run.execution, fire.run.execution);
        assert_eq!(world.execution(again.run.execution).status, Status::Pending);
        assert_eq!(world.withdrawn(), []);
        // Withdrawn once more, it is still not known whether it was called.
        world.run(900, put(job.job.id, Some(2), spec("a"), None));
        assert_eq!(world.withdrawn(), [Fire { begun: true, ..again.clone() }]);
        world.done(1000, report(&again, Reported::NotBegun));
        assert_eq!(world.execution(again.run.execution).status, Status::Cancelled);
    }
}

#[test]
fn an_attempt_that_was_begun_before_its_node_heard_of_a_change_shows_the_version_that_was_sent() {
    let mut world = World::new();
    let (job, fire) = world.with_run(spec("a"));
    let changed = chronos_types::JobSpec { description: "second".into(), ..spec("a") };
    world.run(999, put(job.job.id, Some(1), changed, Some(1000)));
    assert_eq!(world.execution(fire.run.execution).job_version, 2);
    world.done(1000, report(&fire, begun(1, 1000)));
    assert_eq!(world.execution(fire.run.execution).job_version, 1);
    let retry = fire_of(&world.done(1100, report(&fire, failed(1, 1000, Some(2000)))));
    assert_eq!(retry.run.version, 1, "as it began");
    assert_eq!(world.ask(|r| r.open_fires(&node(NODE))), [retry]);
}

#[test]
fn a_report_about_a_job_nobody_remembers_is_dropped() {
    let mut world = World::new();
    let (_, fire) = world.with_run(spec("a"));
    let before = dump(&world.path());
    let stray = Fire {
        run: RunRef { job: JobSeq::new(99), execution: chronos_types::ExecutionId::floor(5), ..fire.run },
        ..fire
    };
    assert_eq!(world.done(1000, report(&stray, delivered(1, 1000))), [Effect::Settled(stray.run.execution)]);
    assert_eq!(dump(&world.path()), before);
}

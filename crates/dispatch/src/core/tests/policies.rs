//! What a job's policy makes of a run that falls due while another is unfinished, and cancelling.

use chronos_state::Effect::{Cancel, Fire};
use chronos_types::Concurrency::{self, Allow, Forbid, Queue, Replace};
use chronos_types::Trigger;

use super::bench::{Bench, failure, fire, fire_at, id, retry, spec, success};

/// Job 1 has three executions, due one millisecond after the other: 11, 12, 13.
fn three(concurrency: Concurrency, slots: usize) -> (Bench, Vec<String>) {
    let mut bench = Bench::recovered(slots);
    bench.knows(1, 1, concurrency);
    bench.applied([Fire(fire(11)), Fire(fire_at(12, 1)), Fire(fire_at(13, 2))]);
    let first = bench.tick();
    let then = bench.after(1).into_iter().chain(bench.after(1));
    let all = first.into_iter().chain(then).collect();
    (bench, all)
}

#[test]
fn each_policy_does_what_its_name_says() {
    let skipped = |n: i64| [format!("{n} skipped"), "over skipped".into()].join(", ");
    for (policy, second, third, last) in [
        (Allow, "attempt 12#1 v1".into(), "attempt 13#1 v1".into(), ""),
        (Forbid, skipped(12), skipped(13), ""),
        (Queue, String::new(), skipped(13), ", attempt 12#1 v1"),
        (
            Replace,
            "abort 11, 11#1 replaced, over cancelled in 1, attempt 12#1 v1".into(),
            "abort 12, 12#1 replaced, over cancelled in 1, attempt 13#1 v1".into(),
            "-",
        ),
    ] {
        let (mut bench, all) = three(policy, 64);
        let steps = ["attempt 11#1 v1".into(), second, third].into_iter().filter(|step| !step.is_empty());
        assert_eq!(all.join(", "), steps.collect::<Vec<_>>().join(", "), "{policy:?}");
        let ended = bench.ended(11, 1, success()).join(", ");
        // What was replaced is over: the end of its attempt, which may be on its way, counts for nothing.
        let expected =
            if last == "-" { String::new() } else { format!("11#1 delivered, over success in 2{last}") };
        assert_eq!(ended, expected, "{policy:?}");
    }
}

#[test]
fn what_waits_for_a_retry_holds_its_jobs_place() {
    for (policy, second) in [(Forbid, "12 skipped, over skipped"), (Queue, ""), (Allow, "attempt 12#1 v1")] {
        let mut bench = Bench::recovered(64);
        bench.knows(1, 1, policy);
        bench.applied([Fire(fire(11)), Fire(fire_at(12, 1))]);
        bench.tick();
        assert_eq!(bench.ended(11, 1, failure(503)), ["11#1 failed, retry at 1010"]);
        assert_eq!(bench.after(1).join(", "), second, "{policy:?}");
    }
}

#[test]
fn what_is_replaced_while_it_waits_has_no_attempt_to_be_cut_off() {
    let mut bench = Bench::recovered(1);
    bench.knows(1, 1, Replace);
    bench.knows(2, 1, Allow);
    bench.applied([Fire(fire(2))]);
    assert_eq!(bench.tick(), ["attempt 2#1 v1"]);
    bench.applied([Fire(fire(11)), Fire(fire_at(12, 1))]);
    assert_eq!(bench.tick(), [""; 0], "11 waits for the only slot");
    assert_eq!(bench.after(1), ["11 replaced", "over cancelled"]);
    assert_eq!(bench.core.waiting().total(), 1);
    let last = bench.ended(2, 1, success());
    assert_eq!(last, ["2#1 delivered", "over success in 1", "attempt 12#1 v1"]);
}

#[test]
fn the_slot_of_what_is_replaced_goes_to_whoever_waits_for_one() {
    let mut bench = Bench::recovered(1);
    bench.knows(1, 1, Replace);
    bench.knows(2, 1, Allow);
    bench.applied([Fire(fire(11)), Fire(fire(21)), Fire(fire_at(12, 1))]);
    assert_eq!(bench.tick(), ["attempt 11#1 v1"]);
    let replaced = ["abort 11", "attempt 21#1 v1", "11#1 replaced", "over cancelled in 1"];
    assert_eq!(bench.after(1), replaced);
    assert_eq!(bench.ended(21, 1, success()), ["21#1 delivered", "over success in 0", "attempt 12#1 v1"]);
}

#[test]
fn cancelling_stops_an_execution_whatever_it_does() {
    // Running: its slot and its job's place go to the next.
    let (mut bench, _) = three(Queue, 64);
    assert_eq!(bench.applied([Cancel(id(11))]), ["abort 11", "over cancelled in 2", "attempt 12#1 v1"]);
    assert_eq!(bench.ended(11, 1, success()), [""; 0], "it was on its way");
    assert_eq!(bench.core.running(), 1);
    // In its job's lane.
    let (mut bench, _) = three(Queue, 64);
    assert_eq!(bench.applied([Cancel(id(12))]), ["over cancelled"]);
    assert_eq!(bench.ended(11, 1, success()), ["11#1 delivered", "over success in 2"]);
    // In line for a slot.
    let (mut bench, _) = three(Allow, 1);
    assert_eq!(bench.core.waiting().total(), 2);
    assert_eq!(bench.applied([Cancel(id(12))]), ["over cancelled"]);
    assert_eq!(bench.core.waiting().total(), 1);
    assert_eq!(bench.ended(11, 1, success()), ["11#1 delivered", "over success in 2", "attempt 13#1 v1"]);
    // Running, where another job waits for its slot.
    let mut bench = Bench::recovered(1);
    for job in [1, 2] {
        bench.knows(job, 1, Allow);
    }
    bench.applied([Fire(fire(1)), Fire(fire(2))]);
    assert_eq!(bench.tick(), ["attempt 1#1 v1"]);
    assert_eq!(bench.applied([Cancel(id(1))]), ["abort 1", "over cancelled in 0", "attempt 2#1 v1"]);
    // Before its instant, and while it waits for its specification.
    let mut bench = Bench::recovered(64);
    bench.applied([Fire(fire_at(1, 9_000)), Fire(fire(2))]);
    assert_eq!(bench.tick(), ["load 2v1"]);
    assert_eq!(bench.applied([Cancel(id(1)), Cancel(id(2))]), ["over cancelled", "over cancelled"]);
    assert_eq!(bench.loaded(&[(2, 1)], &[(2, 1)]), [""; 0]);
    assert_eq!(bench.after(9_000), [""; 0]);
    // Between two attempts, and when it is over.
    let mut bench = Bench::recovered(64);
    bench.knows(1, 1, Forbid);
    bench.applied([Fire(fire(11))]);
    bench.tick();
    bench.ended(11, 1, failure(500));
    bench.applied([Fire(retry(11, 2, 1_010))]);
    assert_eq!(bench.applied([Cancel(id(11))]), ["over cancelled in 0"]);
    assert_eq!(bench.applied([Cancel(id(11))]), [""; 0]);
    assert_eq!(bench.after(1_010), [""; 0]);
}

#[test]
fn missed_runs_follow_one_another_though_their_policy_forbids_overlap() {
    let mut bench = Bench::recovered(64);
    bench.knows_as(spec(1, Forbid), 1, 1);
    let missed = |n| {
        let mut fire = fire(n);
        fire.run.trigger = Trigger::CatchUp;
        Fire(fire)
    };
    bench.applied([missed(11), missed(12)]);
    assert_eq!(bench.tick(), ["attempt 11#1 v1"]);
    assert_eq!(bench.ended(11, 1, success()), ["11#1 delivered", "over success in 0", "attempt 12#1 v1"]);
}

#[test]
fn a_replay_goes_by_what_its_job_says_now_and_not_by_its_version() {
    for (then, now, expected) in [
        (Forbid, Allow, "attempt 12#1 v1"),
        (Forbid, Queue, ""),
        (Allow, Queue, ""),
        (Allow, Forbid, "12 skipped, over skipped"),
        (Queue, Replace, "abort 11, 11#1 replaced, over cancelled in 1, attempt 12#1 v1"),
    ] {
        let mut bench = Bench::recovered(64);
        bench.knows(1, 1, then);
        bench.applied([Fire(fire(11))]);
        bench.tick();
        let mut replay = fire_at(12, 1);
        (replay.run.trigger, replay.policy) = (Trigger::Replay, Some(now));
        bench.applied([Fire(replay)]);
        assert_eq!(bench.after(1).join(", "), expected, "{then:?}, and now {now:?}");
    }
}

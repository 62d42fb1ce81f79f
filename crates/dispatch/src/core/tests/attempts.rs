//! Attempts: retries, slots, and what shows while they are under way.

use std::time::Duration;

use chronos_state::Effect::{Fire, Settled};
use chronos_state::JobSeq;
use chronos_types::Concurrency::{Allow, Queue, Replace};
use chronos_types::{DurationMs, JobSpec, RetryPolicy, Trigger};

use super::bench::{Bench, failure, fire, fire_at, id, retry, spec, success, webhook};
use crate::core::Wake;

#[test]
fn a_retry_is_made_when_the_state_has_armed_it() {
    let mut bench = Bench::recovered(64);
    bench.knows(1, 1, Allow);
    bench.applied([Fire(fire(1))]);
    assert_eq!(bench.tick(), ["attempt 1#1 v1"]);
    assert_eq!(bench.ended(1, 1, failure(503)), ["1#1 failed, retry at 1010"]);
    assert_eq!(bench.after(1_010), [""; 0], "the record comes before the call");
    // The state tells it twice: when it was asked, and by an effect.
    bench.applied([Fire(retry(1, 2, 1_010)), Fire(retry(1, 2, 1_010))]);
    assert_eq!(bench.tick(), ["attempt 1#2 v1"]);
    assert_eq!(bench.ended(1, 1, success()), [""; 0], "the first attempt is over");
    assert_eq!(bench.ended(1, 2, failure(503)), ["1#2 failed, retry at 3020"]);
    bench.applied([Fire(retry(1, 3, 3_020))]);
    assert_eq!(bench.after(2_010), ["attempt 1#3 v1"]);
    assert_eq!(bench.ended(1, 3, failure(503)), ["1#3 failed", "over failed in 3020"]);
    assert_eq!(bench.applied([Settled(id(1))]), [""; 0]);
    assert_eq!(bench.core.closed().keep.len(), 0);
}

#[test]
fn a_retry_that_the_record_knows_takes_the_place_of_the_attempt_before_it() {
    // The node was started anew, and its log tells again of a run and of its first attempt; or the state does, when it is
    // asked.
    for is_told in [true, false] {
        let mut bench = Bench::new(64);
        bench.knows(1, 1, Queue);
        bench.applied([Fire(fire(11)), Fire(fire_at(12, 500))]);
        if is_told {
            bench.applied([Fire(retry(11, 2, 1_010))]);
        }
        bench.lift([retry(11, 2, 1_010), fire_at(12, 500)]);
        assert_eq!(bench.after(1_009), [""; 0], "{is_told}");
        assert_eq!(bench.after(1), ["attempt 11#2 v1"], "{is_told}");
        let ended = ["11#2 delivered", "over success in 0", "attempt 12#1 v1"];
        assert_eq!(bench.ended(11, 2, success()), ended);
    }
}

#[test]
fn a_last_failure_that_does_not_count_is_followed_by_the_retry_that_the_record_knows() {
    let mut bench = Bench::recovered(64);
    bench.knows(1, 1, Allow);
    bench.applied([Fire(fire(1))]);
    bench.tick();
    assert_eq!(bench.ended(1, 1, failure(404)), ["1#1 failed", "over failed in 0"]);
    // An earlier life of this node had reported the same attempt, and that arrived first.
    bench.applied([Fire(retry(1, 2, 1_010))]);
    assert_eq!(bench.after(1_010), ["attempt 1#2 v1"]);
}

#[test]
fn a_run_that_was_replaced_is_not_retried_for_a_failure_that_is_on_record_since() {
    let mut bench = Bench::recovered(64);
    bench.knows(1, 1, Replace);
    bench.applied([Fire(fire(11)), Fire(fire_at(12, 20))]);
    bench.tick();
    assert_eq!(bench.ended(11, 1, failure(503)), ["11#1 failed, retry at 1010"]);
    assert_eq!(bench.after(20), ["11 replaced", "over cancelled in 20", "attempt 12#1 v1"]);
    bench.applied([Fire(retry(11, 2, 1_010))]);
    assert_eq!(bench.ended(12, 1, success()), ["12#1 delivered", "over success in 0"]);
    assert_eq!(bench.after(1_010), [""; 0]);
}

#[test]
fn the_draw_moves_a_retry_within_its_jitter() {
    for (draw, at) in [(0.0, 510), (0.5, 1_010), (1.0, 1_510)] {
        let mut bench = Bench::recovered(64);
        let s = DurationMs::from_secs;
        let retry_policy = RetryPolicy::new(3, s(1), s(60), 2.0, 0.5).expect("a policy");
        bench.knows_as(JobSpec { retry_policy, ..spec(1, Allow) }, 1, 1);
        bench.applied([Fire(fire(1))]);
        bench.tick();
        let ended = bench.ended_with(1, 1, failure(500), draw);
        assert_eq!(ended, [format!("1#1 failed, retry at {at}")]);
    }
}

#[test]
fn another_nodes_delivery_ends_the_wait_for_a_retry() {
    let mut bench = Bench::recovered(64);
    bench.knows(1, 1, Allow);
    bench.applied([Fire(fire(1))]);
    bench.tick();
    bench.ended(1, 1, failure(500));
    bench.applied([Fire(retry(1, 2, 1_010))]);
    assert_eq!(bench.applied([Settled(id(1))]), [""; 0]);
    assert_eq!(bench.after(1_010), [""; 0]);
}

#[test]
fn targets_share_the_slots_and_one_that_is_slow_leaves_some_to_others() {
    let mut bench = Bench::recovered(4);
    for job in [1, 2] {
        bench.knows(job, 1, Allow);
    }
    // Nothing is kept back from targets that are known to answer.
    bench.answers(1);
    bench.answers(2);
    bench.applied([Fire(fire(11)), Fire(fire(12)), Fire(fire(13))]);
    assert_eq!(bench.tick(), ["attempt 11#1 v1", "attempt 12#1 v1"], "as many as are left free");
    bench.applied([Fire(fire(21)), Fire(fire(22))]);
    assert_eq!(bench.tick(), ["attempt 21#1 v1"]);
    assert_eq!((bench.core.running(), bench.core.waiting().total()), (3, 2));
    let ended = bench.ended(12, 1, success());
    assert_eq!(ended, ["12#1 delivered", "over success in 0", "attempt 13#1 v1"]);
    let ended = bench.ended(11, 1, success());
    assert_eq!(ended, ["11#1 delivered", "over success in 0", "attempt 22#1 v1"]);
}

#[test]
fn jobs_of_one_target_share_its_slots() {
    let mut bench = Bench::recovered(4);
    for job in [1, 2] {
        let webhook = webhook(&format!("http://shared/{job}"));
        bench.knows_as(JobSpec { webhook, ..spec(job, Allow) }, job, 1);
    }
    bench.answers(1);
    bench.applied([Fire(fire(11)), Fire(fire(12)), Fire(fire(21))]);
    assert_eq!(bench.tick(), ["attempt 11#1 v1", "attempt 12#1 v1"]);
}

#[test]
fn a_target_that_takes_its_time_gets_more_attempts() {
    let mut bench = Bench::recovered(1_000);
    bench.knows(1, 1, Allow);
    for n in 0..65 {
        let mut fire = fire(100 + n);
        fire.run.job = JobSeq::new(1);
        bench.applied([Fire(fire)]);
    }
    assert_eq!(bench.tick().len() + bench.tick().len(), 64);
    assert_eq!(bench.core.next_wake().look, Some(Duration::from_millis(20)));
    assert_eq!(bench.after(19), [""; 0]);
    assert_eq!(bench.after(1), ["attempt 164#1 v1"]);
}

#[test]
fn many_that_are_due_at_once_are_taken_up_in_several_steps() {
    for known in [true, false] {
        let mut bench = Bench::recovered(1_000);
        for n in 100..200 {
            if known {
                bench.knows(n, 1, Allow);
            }
            let mut fire = fire(n);
            fire.run.job = JobSeq::new(n);
            bench.applied([Fire(fire)]);
        }
        let steps: Vec<_> =
            std::iter::from_fn(|| bench.core.is_due(bench.now).then(|| bench.tick().len())).collect();
        // What is to be read is read at once, after the last step.
        assert_eq!(steps, if known { [64, 36] } else { [0, 1] });
    }
}

#[test]
fn attempts_that_take_long_show_as_running_together() {
    let mut bench = Bench::recovered(64);
    bench.knows(1, 1, Allow);
    bench.applied([Fire(fire(11)), Fire(fire_at(12, 40)), Fire(fire_at(13, 60))]);
    assert_eq!(bench.tick(), ["attempt 11#1 v1"]);
    assert_eq!(bench.after(40), ["attempt 12#1 v1"]);
    assert_eq!(bench.after(20), ["attempt 13#1 v1"]);
    let look = Some(Duration::from_millis(150));
    assert_eq!(bench.core.next_wake(), Wake { due: None, look });
    assert_eq!(bench.after(89), [""; 0]);
    assert_eq!(bench.after(1), ["11#1 is running", "12#1 is running"]);
    // What is over by then does not show.
    bench.ended(13, 1, success());
    assert_eq!(bench.after(1_000), [""; 0]);
    assert_eq!(bench.core.next_wake(), Wake { due: None, look: None });
}

#[test]
fn what_is_asked_for_now_does_not_wait_for_a_clock_that_went_back() {
    for (trigger, begins) in [(Trigger::Manual, true), (Trigger::Replay, true), (Trigger::Schedule, false)] {
        let mut bench = Bench::recovered(64);
        bench.knows(1, 1, Allow);
        let mut fire = fire_at(1, 60_000);
        fire.run.trigger = trigger;
        bench.applied([Fire(fire)]);
        assert_eq!(bench.tick().len(), usize::from(begins), "{trigger:?}");
    }
}

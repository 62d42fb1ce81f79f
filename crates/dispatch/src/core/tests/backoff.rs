//! The wait for a retry, and a clock that is set meanwhile.

use std::time::Duration;

use chronos_state::Effect::{Cancel, Fire};
use chronos_types::Concurrency::{Allow, Queue};

use super::bench::{Bench, failure, fire, fire_at, id, refused_token, retry, version};
use crate::core::Wake;

const HOUR: i64 = 3_600_000;

/// An attempt has failed after 10 ms, and another is due a second after that.
fn failed() -> Bench {
    let mut bench = Bench::recovered(64);
    bench.knows(1, 1, Allow);
    bench.knows(1, 2, Allow);
    bench.applied([Fire(fire(1))]);
    bench.tick();
    assert_eq!(bench.ended(1, 1, failure(503)), ["1#1 failed, retry at 1010"]);
    bench
}

#[test]
fn a_clock_that_is_set_makes_a_wait_neither_longer_nor_shorter() {
    for step in [-HOUR, 0, HOUR] {
        for armed_first in [true, false] {
            let mut bench = failed();
            if armed_first {
                bench.applied([Fire(retry(1, 2, 1_010))]);
            }
            bench.now.wall += step;
            bench.tick();
            bench.applied([Fire(retry(1, 2, 1_010))]);
            assert_eq!(bench.after(1_009), [""; 0], "{step}");
            let look = Some(Duration::from_millis(1_010));
            assert_eq!(bench.core.next_wake(), Wake { due: None, look }, "{step}");
            assert_eq!(bench.after(1), ["attempt 1#2 v1"], "{step}");
        }
    }
}

#[test]
fn a_job_that_changes_does_not_change_the_wait() {
    let mut bench = failed();
    bench.applied([Fire(retry(1, 2, 1_010))]);
    bench.now.wall -= HOUR;
    bench.applied([Fire(version(2, retry(1, 2, 1_010)))]);
    assert_eq!(bench.after(1_009), [""; 0]);
    assert_eq!(bench.after(1), ["attempt 1#2 v2"]);
}

#[test]
fn what_this_node_has_not_seen_fail_goes_by_the_clock() {
    // After a restart; and where the record has another instant than was reported here.
    let mut restarted = Bench::new(64);
    restarted.knows(1, 1, Allow);
    restarted.lift([retry(1, 2, 1_010)]);
    let mut elsewhere = failed();
    elsewhere.applied([Fire(retry(1, 3, 1_500))]);
    for (mut bench, at, number) in [(restarted, 1_010, 2), (elsewhere, 1_500, 3)] {
        bench.now.wall -= HOUR;
        assert_eq!(bench.after(at), [""; 0]);
        assert_eq!(bench.after(HOUR), [format!("attempt 1#{number} v1")]);
    }
}

#[test]
fn a_retry_does_not_begin_behind_the_fence() {
    let mut bench = failed();
    bench.applied([Fire(retry(1, 2, 1_010))]);
    bench.raise();
    assert_eq!(bench.after(2_000), [""; 0]);
    assert_eq!(bench.core.next_wake().look, None);
    assert_eq!(bench.lift([retry(1, 2, 1_010)]), ["fence lifted"]);
    assert_eq!(bench.tick(), ["attempt 1#2 v1"]);
}

#[test]
fn what_is_cancelled_before_its_time_is_not_held_for_long() {
    let mut bench = Bench::recovered(64);
    for round in 0..20 {
        for n in 0..1_000 {
            let n = 1_000 + round * 1_000 + n;
            bench.applied([Fire(fire_at(n, HOUR)), Cancel(id(n))]);
        }
        bench.tick();
        assert!(bench.core.pending() <= 1_024, "round {round}");
    }
}

#[test]
fn a_retry_that_is_due_sooner_once_the_time_was_set_back_keeps_its_place_in_its_job() {
    // This node has begun the wait, which goes on.
    let mut bench = Bench::recovered(64);
    bench.knows(1, 1, Queue);
    bench.applied([Fire(fire(11)), Fire(fire_at(12, 1))]);
    assert_eq!(bench.tick(), ["attempt 11#1 v1"]);
    assert_eq!(bench.ended(11, 1, failure(503)), ["11#1 failed, retry at 1010"]);
    bench.applied([Fire(retry(11, 2, 1_010))]);
    assert_eq!(bench.after(1), [""; 0], "12 waits for its turn");
    assert_eq!(bench.applied([Fire(retry(11, 2, 1))]), [""; 0]);
    assert_eq!(bench.after(1_008), [""; 0]);
    assert_eq!(bench.after(1), ["attempt 11#2 v1"]);
    // It has not: the run is due at once.
    let mut bench = Bench::new(64);
    bench.knows(1, 1, Queue);
    bench.lift([retry(11, 2, HOUR), fire_at(12, 1)]);
    assert_eq!(bench.after(1), [""; 0], "12 waits for its turn");
    assert_eq!(bench.applied([Fire(retry(11, 2, 1))]), [""; 0]);
    assert_eq!(bench.tick(), ["attempt 11#2 v1"]);
}

#[test]
fn a_token_that_the_target_refuses_is_replaced_once_whatever_the_policy_says() {
    let mut bench = Bench::recovered(64);
    bench.knows(1, 1, Allow);
    bench.applied([Fire(fire(1))]);
    bench.tick();
    // At once, where the policy has it wait for a second.
    assert_eq!(bench.ended(1, 1, refused_token()), ["1#1 failed, retry at 10"]);
    bench.applied([Fire(retry(1, 2, 10))]);
    assert_eq!(bench.after(10), ["attempt 1#2 v1"]);
    assert_eq!(bench.ended(1, 2, refused_token()), ["1#2 failed", "over failed in 10"]);

    // Also where the policy has no attempt left.
    let mut bench = Bench::new(64);
    bench.knows(1, 1, Allow);
    bench.lift([retry(1, 3, 0)]);
    assert_eq!(bench.tick(), ["attempt 1#3 v1"]);
    assert_eq!(bench.ended(1, 3, refused_token()), ["1#3 failed, retry at 10"]);
    bench.applied([Fire(retry(1, 4, 10))]);
    assert_eq!(bench.after(10), ["attempt 1#4 v1"]);
    assert_eq!(bench.ended(1, 4, failure(503)), ["1#4 failed", "over failed in 10"]);
}

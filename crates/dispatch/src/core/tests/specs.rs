//! Specifications: read ahead, read late, changed, or gone.

use chronos_state::Effect::Fire;
use chronos_types::Concurrency::Allow;

use super::bench::{Bench, fire, fire_at, success, version};

#[test]
fn what_is_due_soon_is_read_ahead_with_one_question() {
    let mut bench = Bench::recovered(64);
    bench.applied([Fire(fire_at(1, 4_999)), Fire(fire_at(2, 4_000)), Fire(fire_at(3, 5_000))]);
    bench.applied([Fire(fire_at(11, 4_999))]);
    assert_eq!(bench.tick(), ["load 1v1 2v1"], "the third has time");
    assert_eq!(bench.loaded(&[(1, 1), (2, 1)], &[(1, 1), (2, 1)]), [""; 0]);
    assert_eq!(bench.after(4_000), ["attempt 2#1 v1"]);
    bench.ended(2, 1, success());
    assert_eq!(bench.after(999), ["attempt 1#1 v1", "11 skipped", "over skipped"]);
    assert_eq!(bench.after(1), ["load 3v1"]);
    assert_eq!(bench.loaded(&[(3, 1)], &[(3, 1)]), ["attempt 3#1 v1"]);
}

#[test]
fn what_a_run_has_of_its_own_is_read_for_it_alone() {
    let mut bench = Bench::recovered(64);
    let own = |n| chronos_state::Fire { overridden: true, ..fire(n) };
    bench.knows(1, 1, Allow);
    bench.applied([Fire(fire(11)), Fire(own(12))]);
    assert_eq!(bench.tick(), ["attempt 11#1 v1", "load 1v1 for 12"]);
    assert_eq!(bench.loaded_for(12, 1, 1), ["attempt 12#1 v1"]);
    // Another one is read anew.
    bench.applied([Fire(own(13))]);
    assert_eq!(bench.tick(), ["load 1v1 for 13"]);
}

#[test]
fn a_version_that_was_read_is_not_read_again() {
    let mut bench = Bench::recovered(64);
    bench.applied([Fire(fire(11))]);
    assert_eq!(bench.tick(), ["load 1v1"]);
    assert_eq!(bench.loaded(&[(1, 1)], &[(1, 1)]), ["attempt 11#1 v1"]);
    bench.ended(11, 1, success());
    bench.applied([Fire(fire(12))]);
    assert_eq!(bench.tick(), ["attempt 12#1 v1"]);
}

#[test]
fn a_run_whose_version_is_gone_is_skipped() {
    let mut bench = Bench::recovered(64);
    bench.applied([Fire(fire(1)), Fire(fire(2))]);
    assert_eq!(bench.tick(), ["load 1v1 2v1"]);
    let loaded = bench.loaded(&[(1, 1), (2, 1)], &[(2, 1)]);
    assert_eq!(loaded, ["version gone 1", "1 skipped", "over skipped", "attempt 2#1 v1"]);
}

#[test]
fn a_run_whose_version_cannot_be_read_is_skipped_and_says_why() {
    let mut bench = Bench::recovered(8);
    bench.applied([Fire(fire(1)), Fire(fire(2))]);
    assert_eq!(bench.tick(), ["load 1v1 2v1"]);
    assert_eq!(
        bench.unreadable(1, 1, "it is no JSON"),
        ["version of 1: it is no JSON", "1 skipped", "over skipped"]
    );
    assert_eq!(bench.loaded(&[(2, 1)], &[(2, 1)]), ["attempt 2#1 v1"], "the other one runs");
}

#[test]
fn a_run_is_fired_as_its_job_is_then() {
    let mut bench = Bench::recovered(64);
    bench.applied([Fire(fire_at(1, 1_000))]);
    assert_eq!(bench.tick(), ["load 1v1"]);
    bench.applied([Fire(version(2, fire_at(1, 1_000)))]);
    assert_eq!(bench.tick(), ["load 1v2"]);
    assert_eq!(bench.after(1_000), [""; 0]);
    assert_eq!(bench.loaded(&[(1, 1)], &[(1, 1)]), [""; 0], "this is not what it runs");
    assert_eq!(bench.loaded(&[(1, 2)], &[(1, 2)]), ["attempt 1#1 v2"]);
    // What was planned from an older version comes to nothing.
    assert_eq!(bench.applied([Fire(fire_at(1, 1_000))]), [""; 0]);
    assert_eq!(bench.tick(), [""; 0]);
}

#[test]
fn what_is_read_behind_the_fence_begins_when_it_lifts() {
    let mut bench = Bench::recovered(64);
    bench.applied([Fire(fire(11)), Fire(fire_at(12, 1))]);
    assert_eq!(bench.after(1), ["load 1v1"]);
    bench.raise();
    assert_eq!(bench.loaded(&[(1, 1)], &[(1, 1)]), [""; 0]);
    assert_eq!(bench.tick(), [""; 0]);
    assert_eq!(bench.lift([fire(11), fire_at(12, 1)]), ["fence lifted"]);
    // The policy decides by what is open then: both are late, so one follows the other.
    assert_eq!(bench.after(10), ["attempt 11#1 v1"]);
    let ended = bench.ended(11, 1, success());
    assert_eq!(ended, ["11#1 delivered", "over success in 0", "attempt 12#1 v1"]);
}

#[test]
fn what_is_read_on_a_node_that_closes_does_not_begin() {
    let mut bench = Bench::recovered(64);
    bench.knows(2, 1, Allow);
    bench.applied([Fire(fire(1))]);
    assert_eq!(bench.tick(), ["load 1v1"]);
    bench.on(crate::core::Event::Close);
    assert_eq!(bench.loaded(&[(1, 1)], &[(1, 1)]), [""; 0]);
    bench.applied([Fire(fire(2))]);
    assert_eq!(bench.after(1_000), [""; 0]);
}

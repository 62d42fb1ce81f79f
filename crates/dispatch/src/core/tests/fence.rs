//! The fence: nothing begins while the node is cut off, nor before it knows what became of its runs.

use chronos_state::Effect::{Cancel, Fire, Settled};
use chronos_types::Concurrency::{Allow, Queue};

use super::bench::{Bench, OWN, fire, fire_at, id, on_node, retry, success};
use crate::core::Event;

#[test]
fn nothing_begins_behind_the_fence_and_what_is_still_ours_begins_when_it_lifts() {
    let mut bench = Bench::new(64);
    bench.knows(1, 1, Allow);
    assert_eq!(bench.raise(), [""; 0], "it is up");
    bench.applied([Fire(fire(11)), Fire(fire(12)), Fire(fire(13))]);
    bench.applied([Fire(on_node("two", fire(11)))]);
    assert_eq!(bench.after(1_000), [""; 0]);
    assert!(!bench.core.may_fire() && bench.core.next_wake().due.is_none());
    // The state says nothing of 13 any more, and speaks of one that was unknown here.
    assert_eq!(bench.lift([fire(12), fire(14)]), ["taken up 1", "fence lifted"]);
    assert!(bench.core.may_fire());
    assert_eq!(bench.tick(), ["attempt 12#1 v1", "attempt 14#1 v1"]);
    assert_eq!(bench.after(100_000), ["12#1 is running", "14#1 is running"]);
}

#[test]
fn what_is_under_way_when_the_fence_is_raised_ends_and_what_waits_for_it_is_held() {
    // One waits for its turn in its job, the other for a slot.
    for (concurrency, slots) in [(Queue, 64), (Allow, 1)] {
        let mut bench = Bench::recovered(slots);
        bench.knows(1, 1, concurrency);
        bench.applied([Fire(fire(11)), Fire(fire_at(12, 1))]);
        assert_eq!(bench.after(1), ["attempt 11#1 v1"]);
        assert_eq!(bench.raise(), ["stop catching up", "fence raised"]);
        assert_eq!(bench.raise(), [""; 0], "it is up");
        assert_eq!(bench.ended(11, 1, success()), ["11#1 delivered", "over success in 0"]);
        assert_eq!(bench.tick(), [""; 0]);
        assert_eq!(bench.lift([fire_at(12, 1)]), ["fence lifted", "attempt 12#1 v1"]);
    }
}

#[test]
fn a_try_to_lift_the_fence_that_was_overtaken_lifts_nothing() {
    let mut bench = Bench::new(64);
    assert_eq!(bench.begin_to_lift(), ["catch up"]);
    assert_eq!(bench.on(Event::Lease), [""; 0]);
    assert_eq!(bench.caught_up(), ["ask"]);
    bench.raise();
    assert_eq!(bench.begin_to_lift(), ["catch up"]);
    assert_eq!(bench.answer([fire(1)]), ["taken up 1"], "the answer counts, its round does not");
    assert!(!bench.core.may_fire());
    bench.raise();
    assert_eq!(bench.caught_up(), [""; 0], "nobody waits for this round");
    assert_eq!(bench.lift([fire(1)]), ["fence lifted"]);
}

#[test]
fn what_an_effect_says_after_a_question_is_newer_than_the_answer() {
    let mut bench = Bench::recovered(64);
    bench.knows(1, 1, Allow);
    bench.applied([Fire(fire(11)), Fire(fire(12)), Fire(fire(13))]);
    assert_eq!(bench.on(Event::StateReplaced), ["ask"]);
    bench.applied([Settled(id(11)), Fire(fire(14)), Fire(on_node("two", fire(12)))]);
    // The answer was on its way: it does not know of 14, and thinks that 11 and 12 are ours. It drops 13.
    assert_eq!(bench.answer([fire(11), fire(12)]), [""; 0]);
    assert_eq!(bench.tick(), ["attempt 14#1 v1"]);
    // With all questions answered, the next answer counts in full.
    assert_eq!(bench.on(Event::StateReplaced), ["ask"]);
    assert_eq!(bench.answer([fire(11), fire(12), fire(14)]), ["taken up 2"]);
    assert_eq!(bench.tick(), ["attempt 11#1 v1", "attempt 12#1 v1"]);
}

#[test]
fn an_attempt_under_way_goes_on_when_its_execution_goes_to_another_node() {
    let mut bench = Bench::recovered(64);
    bench.knows(1, 1, Queue);
    bench.applied([Fire(fire(11)), Fire(fire_at(12, 1)), Fire(fire_at(13, 2))]);
    assert_eq!(bench.after(2), ["attempt 11#1 v1", "13 skipped", "over skipped"]);
    bench.applied([Fire(on_node("two", fire(11))), Fire(on_node("two", fire_at(12, 1)))]);
    bench.applied([Fire(on_node(OWN, fire_at(14, 3)))]);
    assert_eq!(bench.after(1), [""; 0], "11 holds its job's place");
    assert_eq!(bench.ended(11, 1, success()), ["11#1 delivered", "over success in 1", "attempt 14#1 v1"]);
    assert_eq!(bench.applied([Settled(id(11))]), [""; 0]);
}

#[test]
fn what_comes_later_in_a_batch_undoes_what_comes_first() {
    let mut bench = Bench::recovered(64);
    bench.knows(1, 1, Queue);
    bench.applied([Fire(fire(11)), Fire(fire_at(12, 1))]);
    assert_eq!(bench.after(1), ["attempt 11#1 v1"]);
    let ended = bench.applied([Cancel(id(11)), Cancel(id(12))]);
    assert_eq!(ended, ["abort 11", "over cancelled in 0", "over cancelled"]);
    assert_eq!(bench.tick(), [""; 0]);
}

#[test]
fn what_had_begun_before_a_restart_is_made_again_and_holds_its_jobs_place() {
    let mut bench = Bench::new(64);
    bench.knows(1, 1, Queue);
    assert_eq!(bench.lift([fire_at(12, 0), retry(11, 2, 500)]), ["taken up 2", "fence lifted"]);
    assert_eq!(bench.tick(), [""; 0], "12 waits for 11, which waits for its retry");
    assert_eq!(bench.after(500), ["attempt 11#2 v1"]);
    assert_eq!(bench.ended(11, 2, success()), ["11#2 delivered", "over success in 0", "attempt 12#1 v1"]);
}

#[test]
fn what_a_clock_that_was_days_ahead_has_begun_is_made_again_at_once() {
    let mut bench = Bench::new(64);
    bench.knows(1, 1, Allow);
    let days = 22 * 86_400_000;
    bench.lift([chronos_state::Fire { begun: true, ..fire_at(11, days) }, fire_at(12, days)]);
    // What was not begun waits for its own instant, whoever planned it.
    assert_eq!(bench.tick(), ["attempt 11#1 v1"]);
}

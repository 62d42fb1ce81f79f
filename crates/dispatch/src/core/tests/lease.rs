//! The lease: it is over when its time is, also where nobody said so, and an attempt that it no longer covers is not
//! made.

use chronos_state::Effect::{Fire, Settled, Withdraw};
use chronos_types::Concurrency::{Allow, Queue};

use super::bench::{Bench, failure, fire, fire_at, id, on_node, retry, success};

/// For so long the process was stopped.
const STOPPED: i64 = 9_000;

/// A core with a retry and a run that fall due while the process is stopped.
fn stopped() -> Bench {
    let mut bench = Bench::recovered(64);
    bench.knows(1, 1, Allow);
    bench.applied([Fire(fire(11)), Fire(fire_at(12, 5_000))]);
    bench.tick();
    bench.ended(11, 1, failure(503));
    bench.applied([Fire(retry(11, 2, 1_010))]);
    bench
}

#[test]
fn nothing_begins_once_the_lease_is_over_though_nobody_has_said_so() {
    let mut bench = stopped();
    bench.lapse();
    assert_eq!(bench.after(STOPPED), ["stop catching up", "fence raised"]);
    assert!(!bench.core.may_fire());
    assert_eq!(bench.after(100), [""; 0]);
    bench.renew();
    assert_eq!(bench.tick(), ["catch up"]);
    assert_eq!(bench.caught_up(), ["ask"]);
    // The other one went to another node.
    assert_eq!(bench.answer([fire_at(12, 5_000)]), ["fence lifted"]);
    assert_eq!(bench.tick(), ["attempt 12#1 v1"]);
}

#[test]
fn a_lease_that_was_renewed_before_anybody_looked_is_another_one() {
    let mut bench = stopped();
    bench.renew();
    assert_eq!(bench.after(STOPPED), ["stop catching up", "fence raised", "catch up"]);
    // It ends again before the state is caught up with.
    bench.renew();
    assert_eq!(bench.tick(), ["stop catching up", "catch up"]);
    bench.rounds.remove(0);
    assert_eq!(bench.caught_up(), ["ask"]);
    assert_eq!(bench.answer([]), ["fence lifted"]);
    assert_eq!(bench.tick(), [""; 0]);
}

#[test]
fn an_attempt_that_was_withheld_is_made_if_the_run_is_this_nodes_still() {
    let mut bench = Bench::recovered(64);
    bench.knows(1, 1, Allow);
    bench.applied([Fire(fire(11)), Fire(fire(12)), Fire(fire(13))]);
    assert_eq!(bench.tick(), ["attempt 11#1 v1", "attempt 12#1 v1", "attempt 13#1 v1"]);
    bench.lapse();
    bench.now.wall += STOPPED;
    assert_eq!(bench.withheld(11, 1, false), ["stop catching up", "fence raised"]);
    assert_eq!(bench.withheld(12, 1, true), [""; 0]);
    assert_eq!((bench.core.running(), bench.core.taken().total()), (1, 1));
    // What had left goes on.
    assert_eq!(bench.ended(13, 1, success()), ["13#1 delivered", "over success in 9000"]);
    assert_eq!(bench.tick(), [""; 0]);
    assert_eq!(bench.lift([fire(11)]), ["fence lifted", "attempt 11#1 v1"]);
    assert_eq!(bench.after(10), [""; 0]);
    // It counts from the attempt that was made.
    assert_eq!(bench.ended(11, 1, success()), ["11#1 delivered", "over success in 10"]);
}

#[test]
fn what_is_heard_late_of_a_withheld_attempt_has_the_state_asked_again() {
    let mut bench = Bench::recovered(64);
    bench.knows(1, 1, Allow);
    bench.applied([Fire(fire(11)), Fire(fire(12)), Fire(fire(13))]);
    bench.tick();
    bench.raise();
    bench.applied([Fire(on_node("two", fire(11)))]);
    assert_eq!(bench.lift([fire(12), fire(13)]), ["fence lifted"], "all of them are under way");
    assert_eq!(bench.withheld(11, 1, false), [""; 0]);
    assert_eq!(bench.withheld(12, 1, false), [""; 0]);
    assert_eq!(bench.applied([]), [""; 0]);
    assert_eq!(bench.tick(), ["ask"], "about both at once");
    assert_eq!(bench.tick(), [""; 0]);
    assert_eq!(bench.answer([fire(12), fire(13)]), ["attempt 12#1 v1"]);
    assert_eq!(bench.after(50), [""; 0]);
    assert_eq!(bench.core.running(), 2);
}

#[test]
fn what_an_effect_says_of_a_withheld_attempt_counts_before_the_answer() {
    let mut bench = Bench::recovered(64);
    bench.knows(1, 1, Allow);
    bench.applied([Fire(fire(11)), Fire(fire(12)), Fire(fire(13))]);
    bench.tick();
    bench.raise();
    for n in [11, 12, 13] {
        bench.withheld(n, 1, false);
    }
    let effects = [Settled(id(11)), Fire(on_node("two", fire(12))), Fire(fire(13))];
    assert_eq!(bench.applied(effects), [""; 0]);
    assert_eq!(bench.lift([fire(13)]), ["fence lifted", "attempt 13#1 v1"]);
}

#[test]
fn a_withheld_attempt_keeps_its_place_in_its_job() {
    let mut bench = Bench::recovered(64);
    bench.knows(1, 1, Queue);
    bench.applied([Fire(fire(11)), Fire(fire_at(12, 1))]);
    assert_eq!(bench.after(1), ["attempt 11#1 v1"]);
    bench.raise();
    bench.withheld(11, 1, false);
    assert_eq!(bench.lift([fire(11), fire_at(12, 1)]), ["fence lifted", "attempt 11#1 v1"]);
    assert_eq!(bench.tick(), [""; 0]);
    assert_eq!(bench.ended(11, 1, success()), ["11#1 delivered", "over success in 0", "attempt 12#1 v1"]);
    // Where it went to another node, the next one goes.
    bench.applied([Settled(id(11)), Fire(fire_at(13, 2))]);
    bench.after(1);
    bench.raise();
    bench.withheld(12, 1, false);
    assert_eq!(bench.lift([fire_at(13, 2)]), ["fence lifted", "attempt 13#1 v1"]);
}

#[test]
fn where_another_node_made_the_withheld_attempt_the_next_one_waits_for_its_instant() {
    let mut bench = Bench::recovered(64);
    bench.knows(1, 1, Allow);
    bench.applied([Fire(fire(11))]);
    bench.tick();
    bench.raise();
    bench.withheld(11, 1, false);
    assert_eq!(bench.lift([retry(11, 2, 5_000)]), ["fence lifted"]);
    assert_eq!(bench.after(4_999), [""; 0]);
    assert_eq!(bench.after(1), ["attempt 11#2 v1"]);
}

#[test]
fn a_withheld_attempt_that_is_told_anew_keeps_its_place_in_its_job_once_the_run_has_begun() {
    // Another node made the attempt, and the next one is this node's; or another one began it, by another version.
    let mut newer = fire(11);
    (newer.run.version, newer.begun) = (2, true);
    for (told, begins) in [(retry(11, 2, 5_000), "attempt 11#2 v1"), (newer, "attempt 11#1 v2")] {
        let mut bench = Bench::recovered(64);
        bench.knows(1, 1, Queue);
        bench.knows(1, 2, Queue);
        bench.applied([Fire(fire(11)), Fire(fire_at(12, 1))]);
        bench.after(1);
        bench.raise();
        bench.withheld(11, 1, false);
        let mut said = bench.lift([told.clone(), fire_at(12, 1)]);
        said.extend(bench.after(5_000));
        assert_eq!(said, ["fence lifted", begins], "{told:?}");
    }
}

#[test]
fn of_a_withheld_run_that_is_withdrawn_it_is_said_whether_anything_was_sent() {
    for has_sent in [false, true] {
        let mut bench = Bench::recovered(64);
        bench.knows(1, 1, Allow);
        bench.applied([Fire(fire(11))]);
        bench.tick();
        assert_eq!(bench.applied([Withdraw(fire(11))]), [""; 0], "it is under way");
        bench.raise();
        bench.withheld(11, 1, has_sent);
        bench.begin_to_lift();
        bench.caught_up();
        let (at_once, later) = (bench.answer_withdrawn([], [fire(11)]), bench.after(2_000));
        if has_sent {
            assert_eq!((at_once, later), (vec!["fence lifted".to_owned()], vec!["11 unknown".to_owned()]));
        } else {
            assert_eq!((at_once.join(", "), later.len()), ("11 not begun, fence lifted".to_owned(), 0));
        }
    }
}

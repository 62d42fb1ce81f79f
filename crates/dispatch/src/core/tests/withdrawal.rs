//! Runs that are taken off the record before their instant, because their job changed or was deleted.

use chronos_state::Effect::{Fire, Withdraw};
use chronos_state::{Change, Effect, JobSeq, Remainder};
use chronos_types::Concurrency::Allow;

use super::bench::{Bench, START, failure, fire, fire_at, on_node, retry, success, version};
use crate::core::Event;

const DUE: i64 = 1_000;
/// When a node speaks of what it does not know, if nobody has planned it anew.
const TELL: i64 = DUE + 2_000;

fn started() -> Bench {
    let mut bench = Bench::new(64);
    bench.knows(1, 1, Allow);
    bench.knows(1, 2, Allow);
    bench
}

fn recovered() -> Bench {
    let mut bench = started();
    bench.lift([]);
    bench
}

#[test]
fn what_has_not_begun_is_told_at_once() {
    let mut bench = recovered();
    bench.applied([Fire(fire_at(11, DUE))]);
    assert_eq!(bench.applied([Withdraw(fire_at(11, DUE))]), ["11 not begun"]);
    // One that this node was never told of: it can be none of before, for that was all taken in.
    assert_eq!(bench.applied([Withdraw(fire_at(12, DUE))]), ["12 not begun"]);
    assert_eq!(bench.applied([Withdraw(on_node("two", fire_at(13, DUE)))]), [""; 0]);
    assert_eq!(bench.after(TELL), [""; 0]);
}

#[test]
fn what_has_begun_goes_on_and_is_reported() {
    let mut bench = recovered();
    bench.applied([Fire(fire(11)), Fire(fire(12))]);
    assert_eq!(bench.tick(), ["attempt 11#1 v1", "attempt 12#1 v1"]);
    assert_eq!(bench.ended(12, 1, failure(500)), ["12#1 failed, retry at 1010"]);
    assert_eq!(bench.applied([Withdraw(fire(11)), Withdraw(fire(12))]), [""; 0]);
    assert_eq!(bench.ended(11, 1, success()), ["11#1 delivered", "over success in 0"]);
    // The report brought it back on record, and the state arms the retry.
    bench.applied([Fire(retry(12, 2, 1_010))]);
    assert_eq!(bench.after(1_010), ["attempt 12#2 v1"]);
}

#[test]
fn what_may_have_begun_before_is_unknown_once_nobody_can_plan_it_anew() {
    // Held since before the fence was lifted.
    let mut held = started();
    held.applied([Fire(fire_at(11, DUE))]);
    held.lift([fire_at(11, DUE)]);
    assert_eq!(held.applied([Withdraw(fire_at(11, DUE))]), [""; 0]);

    // Withdrawn before that.
    let mut not_told = started();
    assert_eq!(not_told.begin_to_lift(), ["catch up"]);
    not_told.caught_up();
    assert_eq!(not_told.answer_withdrawn([], [fire_at(11, DUE)]), ["fence lifted"]);

    // Of a node that is gone and may have begun it.
    let mut unsure = recovered();
    let may_have_begun = chronos_state::Fire { begun: true, ..fire_at(11, DUE) };
    assert_eq!(unsure.applied([Fire(fire_at(11, DUE)), Withdraw(may_have_begun)]), [""; 0]);

    // Told of before the fence was lifted, though the state was asked for another reason since.
    let mut replaced = started();
    replaced.on(Event::StateReplaced);
    assert_eq!(replaced.answer([]), [""; 0]);
    assert_eq!(replaced.applied([Fire(fire_at(11, DUE)), Withdraw(fire_at(11, DUE))]), [""; 0]);
    assert_eq!(replaced.begin_to_lift(), ["catch up"]);
    replaced.caught_up();
    assert_eq!(replaced.answer_withdrawn([], [fire_at(11, DUE)]), ["fence lifted"]);

    for mut bench in [held, not_told, unsure, replaced] {
        assert_eq!(bench.after(TELL - 1), [""; 0]);
        assert_eq!(bench.after(1), ["11 unknown"]);
        assert_eq!(bench.after(TELL), [""; 0]);
    }
}

#[test]
fn what_is_late_already_may_still_be_planned_anew_for_a_while() {
    let mut bench = recovered();
    bench.after(10_000);
    let may_have_begun = chronos_state::Fire { begun: true, ..fire(11) };
    bench.applied([Withdraw(may_have_begun)]);
    assert_eq!(bench.after(1_999), [""; 0]);
    assert_eq!(bench.after(1), ["11 unknown"]);
}

#[test]
fn what_a_wrong_clock_planned_is_not_waited_for() {
    const MONTH: i64 = 30 * 86_400_000;
    // Told of while the clock was wrong still, or once it was set back.
    for wall in [START + MONTH, START] {
        let mut bench = started();
        bench.now.wall = wall;
        bench.lift([fire_at(11, MONTH)]);
        bench.applied([Withdraw(fire_at(11, MONTH))]);
        bench.now.wall = START;
        assert_eq!(bench.after(1_999), [""; 0]);
        assert_eq!(bench.after(1), ["11 unknown"]);
        assert_eq!(bench.after(TELL), [""; 0]);
    }
}

#[test]
fn what_waits_for_its_jitter_is_not_planned_anew_after_its_instant() {
    let mut bench = started();
    let jittered = chronos_state::Fire { fire_at: START + 3_600_000, ..fire_at(11, DUE) };
    bench.lift([jittered.clone()]);
    bench.applied([Withdraw(jittered)]);
    assert_eq!(bench.after(TELL - 1), [""; 0]);
    assert_eq!(bench.after(1), ["11 unknown"]);
}

#[test]
fn what_is_planned_anew_is_fired_in_its_new_version() {
    let mut bench = started();
    bench.lift([fire_at(11, DUE)]);
    bench.applied([Withdraw(fire_at(11, DUE))]);
    assert_eq!(bench.after(DUE), [""; 0]);
    bench.applied([Fire(version(2, fire_at(11, DUE)))]);
    assert_eq!(bench.tick(), ["attempt 11#1 v2"]);
    assert_eq!(bench.after(TELL), ["11#1 is running"]);
    assert_eq!(bench.ended(11, 1, success()), ["11#1 delivered", &format!("over success in {TELL}")]);
}

/// A job that was paused and goes on has the version that it had.
#[test]
fn what_is_planned_anew_in_the_same_version_is_fired_too() {
    let mut bench = started();
    bench.lift([fire_at(11, DUE)]);
    bench.applied([Withdraw(fire_at(11, DUE))]);
    bench.applied([Fire(fire_at(11, DUE))]);
    assert_eq!(bench.after(DUE), ["attempt 11#1 v1"]);
    assert_eq!(bench.ended(11, 1, success()), ["11#1 delivered", "over success in 0"]);
    assert_eq!(bench.after(TELL), [""; 0]);
}

#[test]
fn what_is_planned_anew_is_no_better_known_than_before() {
    let mut bench = started();
    bench.lift([fire_at(11, DUE)]);
    bench.applied([Withdraw(fire_at(11, DUE)), Fire(version(2, fire_at(11, DUE)))]);
    assert_eq!(bench.applied([Withdraw(version(2, fire_at(11, DUE)))]), [""; 0]);
    assert_eq!(bench.after(TELL), ["11 unknown"]);
}

/// A change of job 1 at the instant [`START`] has more runs than one command may end.
fn remains(change: Change) -> Effect {
    Effect::Remains(Remainder { job: JobSeq::new(1), nr: 1, change, at: START, after: 0, upto: 9 })
}

#[test]
fn what_a_change_is_yet_to_end_does_not_begin() {
    for (change, told) in [
        (Change::Delete, vec!["over cancelled", "12 not begun"]),
        (Change::Disable, vec!["over cancelled", "12 not begun"]),
        (Change::Pause, vec!["over cancelled", "12 not begun"]),
        (Change::Withdraw, vec!["12 not begun"]),
        (Change::Renew(2), vec![]),
    ] {
        let mut bench = recovered();
        // One that waits for its jitter, and one whose instant has not come; another job's is nobody's business.
        bench.knows(2, 1, Allow);
        bench.applied([
            Fire(chronos_state::Fire { fire_at: START + DUE, ..fire(11) }),
            Fire(fire_at(12, DUE)),
            Fire(fire_at(2, DUE)),
        ]);
        assert_eq!(bench.applied([remains(change)]), told, "{change:?}");
        let mut began = bench.after(DUE);
        began.sort_unstable();
        let stays = |id: &str| !told.iter().any(|told| told.starts_with(id));
        let mut expected = vec!["attempt 2#1 v1"];
        if change == Change::Withdraw || matches!(change, Change::Renew(_)) {
            expected.push("attempt 11#1 v1");
        }
        if stays("12") {
            expected.push("attempt 12#1 v1");
        }
        expected.sort_unstable();
        assert_eq!(began, expected, "{change:?}");
    }
}

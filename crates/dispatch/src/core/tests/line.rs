//! Lines for slots: who goes first, what a large request takes, and what comes of our own shortages.

use std::time::Duration;

use chronos_state::Effect::{Cancel, Fire};
use chronos_types::Concurrency::Allow;
use chronos_types::{Trigger, Waited};
use chronos_webhook::Outcome;

use super::bench::{Bench, failure, fire, fire_at, id, retry, shortage, success};
use crate::core::Event;

#[test]
fn what_is_due_goes_before_what_was_missed() {
    let mut bench = Bench::recovered(1);
    bench.knows(1, 1, Allow);
    bench.applied([Fire(fire_at(10, 100_000))]);
    assert_eq!(bench.after(100_000), ["attempt 10#1 v1"]);
    let mut missed = fire_at(11, 99_999);
    missed.run.trigger = Trigger::CatchUp;
    bench.applied([
        Fire(missed),
        Fire(fire_at(12, 0)),
        Fire(fire_at(13, 40_001)),
        Fire(fire_at(14, 100_000)),
    ]);
    bench.tick();
    let next = |bench: &mut Bench, n| bench.ended(n, 1, success()).pop().expect("the next");
    assert_eq!(next(&mut bench, 10), "attempt 13#1 v1");
    assert_eq!(next(&mut bench, 13), "attempt 14#1 v1");
    // By the time that it has a slot, another is late as well, and what is due goes before it.
    bench.applied([Fire(fire_at(15, 100_000)), Fire(fire_at(16, 160_000))]);
    bench.tick();
    bench.after(60_000);
    assert_eq!(next(&mut bench, 14), "attempt 16#1 v1");
    assert_eq!(next(&mut bench, 16), "attempt 12#1 v1");
    assert_eq!(next(&mut bench, 12), "attempt 11#1 v1");
    assert_eq!(next(&mut bench, 11), "attempt 15#1 v1");
}

#[test]
fn what_an_operation_asks_for_stands_behind_what_is_due_until_it_has_begun() {
    let mut bench = Bench::recovered(1);
    bench.knows(1, 1, Allow);
    bench.applied([Fire(fire(10))]);
    assert_eq!(bench.tick(), ["attempt 10#1 v1"]);
    let behind = |n| chronos_state::Fire { behind: true, ..fire(n) };
    bench.applied([Fire(behind(11)), Fire(behind(12)), Fire(fire(13)), Fire(fire(14))]);
    bench.tick();
    let next = |bench: &mut Bench, n| bench.ended(n, 1, success()).pop().expect("the next");
    for (ended, begun) in [(10, 13), (13, 14), (14, 11), (11, 12)] {
        assert_eq!(next(&mut bench, ended), format!("attempt {begun}#1 v1"));
    }
}

#[test]
fn a_report_says_what_its_attempt_waited_for() {
    let mut bench = Bench::recovered(1);
    bench.knows(1, 1, Allow);
    bench.applied([Fire(fire(11)), Fire(fire(12))]);
    assert_eq!(bench.tick(), ["attempt 11#1 v1"]);
    bench.after(30);
    bench.ended(11, 1, success());
    assert_eq!(bench.waited, Waited::default());
    bench.after(5);
    bench.ended(12, 1, Outcome { retry_after: Some(Duration::from_secs(9)), ..failure(503) });
    assert_eq!(bench.waited, Waited { slot_ms: 30, target_ms: 0, retry_after_ms: 9_000 });
    // The next attempt has waited for nothing of its own.
    bench.applied([Fire(retry(12, 2, 9_050))]);
    bench.after(9_050);
    bench.ended(12, 2, success());
    assert_eq!(bench.waited, Waited::default());
}

#[test]
fn what_leaves_the_line_leaves_nothing_behind() {
    let mut bench = Bench::recovered(1);
    bench.knows(1, 1, Allow);
    bench.applied([Fire(fire(11)), Fire(fire(12)), Fire(fire(13)), Fire(fire(14))]);
    assert_eq!(bench.tick(), ["attempt 11#1 v1"]);
    bench.applied([Cancel(id(13)), Cancel(id(12))]);
    assert_eq!(bench.core.waiting().total(), 1);
    assert_eq!(bench.ended(11, 1, success()).pop().expect("the next"), "attempt 14#1 v1");
    bench.ended(14, 1, success());
    assert_eq!((bench.core.waiting().total(), bench.core.taken().total()), (0, 0));
}

#[test]
fn requests_under_way_fit_into_64_mib() {
    let mut bench = Bench::recovered(1_024);
    let body = 256 << 10;
    for job in 1..=600 {
        bench.knows_body(job, body);
    }
    for job in 1..=600 {
        bench.answers(job);
    }
    bench.unread = 0;
    let mut begun = 0;
    for job in 1..=600 {
        bench.applied([Fire(fire(job * 10))]);
        begun += bench.tick().len();
    }
    assert!(begun * body <= 64 << 20 && begun > 150, "{begun}");
    assert_eq!(bench.unread, begun, "each reads its body now that it has a slot");
    // A small one finds a slot among them, and has all that it needs at hand.
    bench.knows(601, 1, Allow);
    bench.applied([Fire(fire(6_010))]);
    assert_eq!(bench.tick(), ["attempt 6010#1 v1"]);
    assert_eq!(bench.unread, begun);
    // What ends makes room.
    let ended = bench.ended(10, 1, success());
    assert_eq!(ended.iter().filter(|action| action.starts_with("attempt")).count(), 1, "{ended:?}");
}

#[test]
fn a_shortage_of_our_own_is_not_reported_and_the_attempt_is_made_again() {
    let mut bench = Bench::recovered(1);
    bench.knows(1, 1, Allow);
    bench.answers(1);
    bench.applied([Fire(fire(11)), Fire(fire(12)), Fire(fire(13))]);
    assert_eq!(bench.tick(), ["attempt 11#1 v1"]);
    let ended = bench.ended(11, 1, shortage("descriptors"));
    assert_eq!(ended, ["11 postponed: descriptors", "attempt 12#1 v1"]);
    // The clock may be set meanwhile.
    bench.now.wall -= 3_600_000;
    assert_eq!(bench.after(99), [""; 0]);
    assert_eq!(bench.ended(12, 1, shortage("ports")), ["12 postponed: ports", "attempt 13#1 v1"]);
    assert_eq!(bench.after(1), [""; 0], "it waits for a slot, before others");
    bench.applied([Fire(fire(14))]);
    bench.now.wall += 3_600_000;
    bench.tick();
    let ended = bench.ended(13, 1, success());
    assert_eq!(ended.last().expect("the next"), "attempt 11#1 v1", "the same attempt");
    assert_eq!(bench.ended(11, 1, success())[0], "11#1 delivered");
    // Cancelled while it waits to be made again, it is over.
    assert_eq!(bench.applied([Cancel(id(12))])[0], "over cancelled in 100");
    assert_eq!(bench.after(1_000), ["14#1 is running"]);
}

#[test]
fn slots_change_at_run_time() {
    let mut bench = Bench::recovered(1);
    bench.knows(1, 1, Allow);
    bench.answers(1);
    bench.applied([Fire(fire(11)), Fire(fire(12)), Fire(fire(13))]);
    assert_eq!(bench.tick(), ["attempt 11#1 v1"]);
    assert_eq!(bench.on(Event::Slots(4)), ["attempt 12#1 v1"]);
    assert_eq!(bench.on(Event::Slots(1)), [""; 0]);
    bench.ended(11, 1, success());
    assert_eq!((bench.core.running(), bench.core.slots()), (1, 1));
    assert_eq!(bench.ended(12, 1, success()).pop().expect("the next"), "attempt 13#1 v1");
}

#[test]
fn a_version_that_is_gone_when_its_attempt_has_a_slot_is_skipped() {
    let mut bench = Bench::recovered(1);
    bench.knows_body(1, 256 << 10);
    bench.applied([Fire(fire(11)), Fire(fire(12))]);
    assert_eq!(bench.tick(), ["attempt 11#1 v1"]);
    let gone = bench.gone(11);
    assert_eq!(gone, ["version gone 11", "11 skipped", "over skipped in 0", "attempt 12#1 v1"]);
}

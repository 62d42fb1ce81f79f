//! A node that is about to stop: what it keeps, and when it has stopped.

use std::collections::HashSet;
use std::time::Duration;

use chronos_state::Effect::{Fire, Settled};
use chronos_types::Concurrency::{Allow, Queue};
use chronos_types::{ExecutionId, Trigger};

use super::bench::{Bench, failure, fire, fire_at, id, retry, success};
use crate::core::Event;

fn ids<const N: usize>(numbers: [i64; N]) -> HashSet<ExecutionId> {
    numbers.into_iter().map(id).collect()
}

#[test]
fn a_node_that_closes_begins_nothing_and_keeps_what_others_may_not_fire_yet() {
    let mut bench = Bench::recovered(64);
    bench.knows(1, 1, Queue);
    bench.knows(2, 1, Allow);
    bench.knows(3, 1, Allow);
    bench.applied([Fire(fire(11)), Fire(fire_at(12, 1)), Fire(fire(21)), Fire(fire(31))]);
    bench.after(1);
    bench.ended(21, 1, failure(500));
    bench.ended(31, 1, success());
    bench.applied([Fire(fire_at(22, 9_000)), Fire(fire_at(13, 9_000))]);
    assert_eq!(bench.on(Event::Close), [""; 0]);
    // Under way; behind it; its outcome is not recorded. 22 may overlap 21, and goes to another node.
    assert_eq!(bench.core.closed().keep, ids([11, 12, 13, 21, 31]));
    assert!(!bench.core.may_fire() && !bench.core.is_stopped(bench.now));
    assert_eq!(bench.ended(11, 1, success()), ["11#1 delivered", "over success in 0"]);
    bench.applied([Fire(retry(21, 2, 2)), Fire(fire(23))]);
    assert_eq!(bench.after(60_000), [""; 0]);
    assert_eq!(bench.core.running(), 0);
}

#[test]
fn what_comes_while_a_node_closes_stays_until_it_may_begin_elsewhere() {
    let mut bench = Bench::recovered(64);
    bench.knows(1, 1, Queue);
    bench.applied([Fire(fire(11))]);
    bench.tick();
    bench.on(Event::Close);
    assert_eq!(bench.core.closed().keep, ids([11]));
    bench.applied([Fire(fire_at(12, 1))]);
    assert_eq!(bench.core.closed().keep, ids([11, 12]), "it would overlap with 11");
    bench.ended(11, 1, success());
    assert_eq!(bench.core.closed().keep, ids([11, 12]), "with it 11 would go, which is not on record");
    bench.applied([Settled(id(11))]);
    assert_eq!(bench.core.closed().keep, ids([]));
}

#[test]
fn what_may_begin_beside_a_replay_that_is_under_way_is_what_its_job_says_now() {
    for (then, now, kept) in [(Allow, Queue, ids([11, 12])), (Queue, Allow, ids([11]))] {
        let mut bench = Bench::recovered(64);
        bench.knows(1, 1, then);
        let mut replay = fire(11);
        (replay.run.trigger, replay.policy) = (Trigger::Replay, Some(now));
        bench.applied([Fire(replay)]);
        bench.tick();
        bench.on(Event::Close);
        bench.applied([Fire(fire_at(12, 1))]);
        assert_eq!(bench.core.closed().keep, kept, "{then:?}, and now {now:?}");
    }
}

#[test]
fn a_node_has_stopped_when_nothing_is_under_way() {
    let mut bench = Bench::recovered(64);
    bench.knows(1, 1, Allow);
    bench.applied([Fire(fire(11)), Fire(fire(12))]);
    bench.tick();
    let grace = Duration::from_secs(30);
    bench.on(Event::Stop { grace });
    assert_eq!(bench.core.stops_at(), Some(grace));
    assert!(!bench.core.is_stopped(bench.now));
    bench.ended(11, 1, success());
    assert!(!bench.core.is_stopped(bench.now));
    bench.ended(12, 1, failure(500));
    assert!(bench.core.is_stopped(bench.now));
}

#[test]
fn a_node_waits_no_longer_than_its_grace() {
    let mut bench = Bench::recovered(64);
    bench.knows(1, 1, Allow);
    bench.applied([Fire(fire(1))]);
    bench.tick();
    bench.on(Event::Stop { grace: Duration::from_secs(30) });
    bench.after(29_999);
    assert!(!bench.core.is_stopped(bench.now));
    assert_eq!(bench.core.next_wake().look, Some(Duration::from_secs(30)));
    bench.after(1);
    assert!(bench.core.is_stopped(bench.now));
}

#[test]
fn a_node_that_runs_has_not_stopped() {
    let bench = Bench::recovered(64);
    assert!(!bench.core.is_stopped(bench.now));
    assert_eq!(bench.core.stops_at(), None);
}

#[test]
fn what_may_have_begun_without_a_record_is_told() {
    let may = |bench: &Bench| [11, 12, 13].map(|n| bench.core.closed().may_have_begun(&id(n)));
    let mut bench = Bench::new(64);
    bench.on(Event::Close);
    assert_eq!(may(&bench), [true; 3], "it has not asked what it had before its start");

    let mut bench = Bench::new(64);
    bench.knows(1, 1, Allow);
    bench.lift([fire_at(11, 9_000)]);
    bench.applied([Fire(fire_at(12, 9_000)), Fire(fire(13))]);
    bench.tick();
    bench.on(Event::Close);
    assert_eq!(may(&bench), [true, false, true], "before its start; not begun; under way");
}

//! That the checks can fail: a run of three nodes as it should be, and one thing in it that should not be.

mod on_record;

use std::collections::BTreeMap;
use std::time::Duration;

use chronos_types::format_rfc3339;

use super::*;
use crate::evidence::NodeState;
use crate::faults::Fault;
use crate::ledger::{Asked, Created, Delivery, PauseRequest, Reply, Seen, Sets};
use crate::trouble::{Troubles, name};
use crate::world::at_ms;

const JOB: &str = "019b7000-0000-7000-8000-000000000001";

fn s(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// A run with a job of this policy.
fn seen(concurrency: &'static str) -> Seen {
    let created = Created {
        name: "job".to_owned(),
        concurrency,
        has_jitter: false,
        created: Asked { asked: s(0.0), answered: Some(s(0.0)) },
        first: Sets::default(),
        deleting: false,
        deleted: false,
        changes: Vec::new(),
        pauses: Vec::new(),
    };
    Seen {
        jobs: BTreeMap::from([(JOB.to_owned(), created)]),
        formed: Some(s(0.0)),
        settled: Some((s(40.0), s(50.0))),
        ..Seen::default()
    }
}

/// An attempt of the run that the schedule asks for at `scheduled` seconds. It is answered with success after a second.
fn delivery(at: f64, node: &str, scheduled: f64, attempt: u32) -> Delivery {
    Delivery {
        at: s(at),
        node: node.to_owned(),
        execution: format!("of {scheduled}"),
        job: JOB.to_owned(),
        attempt,
        scheduled: format_rfc3339(at_ms(s(scheduled))),
        trigger: "schedule".to_owned(),
        path: "/hook".to_owned(),
        reply: Reply { status: 200, late: s(1.0), is_sure: true },
    }
}

/// The names of the checks that find something wrong with what was delivered, under these faults.
fn wrong(mut seen: Seen, deliveries: &[Delivery], faults: &[(f64, Fault)]) -> Vec<&'static str> {
    seen.deliveries = deliveries.to_vec();
    let faults: Vec<_> = faults.iter().map(|(at, fault)| (s(*at), *fault)).collect();
    let troubles = Troubles::of(&faults, 3, s(30.0));
    let states = (0..3).map(|number| NodeState::of_nothing(name(number))).collect();
    let evidence = Evidence { seen: &seen, troubles, states };
    let of_deliveries = [
        "delivered_once",
        "cut_off_starts_nothing",
        "cancelled_starts_nothing",
        "overlap_is_forbidden",
        "paused_starts_nothing",
    ];
    let of_time = ["nobody_is_late", "everybody_fires"];
    let all = ALL.into_iter().filter(|(name, _)| of_deliveries.contains(name) || of_time.contains(name));
    all.filter(|(_, check)| !check(&evidence).is_empty()).map(|(name, _)| name).collect()
}

/// The node that fires the job, another one, and the number of the first.
fn nodes() -> (String, String, usize) {
    let own = nobody_is_late::home(JOB, 3).expect("a node");
    let number = (0..3).find(|number| name(*number) == own).expect("one of three");
    (own, name((number + 1) % 3), number)
}

#[test]
fn an_attempt_that_is_made_twice() {
    let (own, other, number) = nodes();
    let twice = [delivery(10.0, &own, 10.0, 1), delivery(16.5, &other, 10.0, 1)];
    assert_eq!(wrong(seen("queue"), &twice, &[]), ["delivered_once"]);
    let down = [(10.5, Fault::Crash { node: number, keeps: 100 })];
    assert_eq!(wrong(seen("queue"), &twice, &down), [""; 0]);
    // The node that went on with what others had made.
    let back = [delivery(10.0, &other, 10.0, 1), delivery(16.5, &own, 10.0, 1)];
    assert_eq!(wrong(seen("queue"), &back, &down), ["delivered_once"]);
}

#[test]
fn an_attempt_of_a_node_that_is_cut_off() {
    let (own, _, number) = nodes();
    let held = [(10.0, Fault::Hold { node: number }), (20.0, Fault::Release { node: number })];
    for (at, is_wrong) in [(14.9, false), (18.0, true), (20.1, false)] {
        let found = wrong(seen("queue"), &[delivery(at, &own, at, 1)], &held);
        assert_eq!(found == ["cut_off_starts_nothing"], is_wrong, "{at}: {found:?}");
    }
}

#[test]
fn an_attempt_of_what_was_cancelled() {
    let (own, _, number) = nodes();
    let cancelled = || {
        let cancelled = BTreeMap::from([("of 10".to_owned(), Some(s(9.0)))]);
        Seen { cancelled, ..seen("queue") }
    };
    let made = [delivery(10.0, &own, 10.0, 1)];
    assert_eq!(wrong(cancelled(), &made, &[]), ["cancelled_starts_nothing"]);
    let held = [(8.0, Fault::Hold { node: number })];
    assert_eq!(wrong(cancelled(), &made, &held), [""; 0]);
    // The leader that acknowledged it may be gone before it has told the others.
    let leader_ends = |at| [(at, Fault::Crash { node: (number + 1) % 3, keeps: 100 })];
    assert_eq!(wrong(cancelled(), &made, &leader_ends(9.05)), [""; 0]);
    assert_eq!(wrong(cancelled(), &made, &leader_ends(9.5)), ["cancelled_starts_nothing"]);
    let restarted =
        [(8.0, Fault::Crash { node: number, keeps: 100 }), (9.5, Fault::Restart { node: number })];
    assert_eq!(wrong(cancelled(), &made, &restarted), ["cancelled_starts_nothing"]);
}

/// A pause from 7.0 s on, acknowledged at 8.0 s.
fn pause(until: Option<f64>) -> PauseRequest {
    let asked = Asked { asked: s(7.0), answered: Some(s(8.0)) };
    PauseRequest { begins: true, until: until.map(s), asked }
}

#[test]
fn a_run_of_a_job_that_is_paused() {
    let (own, _, number) = nodes();
    let with = |requests: &[PauseRequest]| {
        let mut seen = seen("allow");
        seen.jobs.values_mut().for_each(|job| job.pauses = requests.to_vec());
        seen
    };
    let made = [delivery(10.0, &own, 10.0, 1)];
    assert_eq!(wrong(with(&[pause(None)]), &made, &[]), ["paused_starts_nothing"]);
    assert_eq!(wrong(with(&[pause(Some(11.0))]), &made, &[]), ["paused_starts_nothing"]);
    assert_eq!(wrong(with(&[pause(Some(9.5))]), &made, &[]), [""; 0]);
    // Somebody asks for its end, and may have got it.
    let resumed = PauseRequest { begins: false, until: None, asked: Asked { asked: s(9.0), answered: None } };
    assert_eq!(wrong(with(&[pause(None), resumed]), &made, &[]), [""; 0]);
    // Its node may not have heard of it.
    let held = [(7.5, Fault::Hold { node: number })];
    assert_eq!(wrong(with(&[pause(None)]), &made, &held), [""; 0]);
    // Nobody had planned this one.
    let later = [delivery(10.5, &own, 10.5, 1)];
    assert_eq!(wrong(with(&[pause(None)]), &later, &held), ["paused_starts_nothing"]);
}

#[test]
fn runs_that_overlap() {
    let (own, _, number) = nodes();
    let together = [delivery(10.0, &own, 10.0, 1), delivery(10.5, &own, 10.5, 1)];
    let between =
        [delivery(10.0, &own, 10.0, 1), delivery(12.0, &own, 12.0, 1), delivery(14.0, &own, 10.0, 2)];
    for (concurrency, under_way, waits) in
        [("forbid", true, true), ("queue", true, true), ("replace", false, true), ("allow", false, false)]
    {
        let finds =
            |deliveries: &[Delivery]| wrong(seen(concurrency), deliveries, &[]) == ["overlap_is_forbidden"];
        assert_eq!(finds(&together), under_way, "{concurrency}");
        assert_eq!(finds(&between), waits, "{concurrency}");
    }
    let down = [(10.2, Fault::Crash { node: number, keeps: 100 })];
    assert_eq!(wrong(seen("queue"), &together, &down), [""; 0]);
}

#[test]
fn a_run_that_is_late() {
    let (own, other, number) = nodes();
    let late = |by: f64, node: &str| [delivery(20.0 + by, node, 20.0, 1)];
    let is_late = ["nobody_is_late"];
    assert_eq!(wrong(seen("forbid"), &late(0.05, &own), &[]), [""; 0]);
    assert_eq!(wrong(seen("forbid"), &late(0.15, &own), &[]), is_late);
    // Its own node is well, and another one is not: it was planned ahead.
    let elsewhere = [(15.0, Fault::Hold { node: (number + 1) % 3 })];
    assert_eq!(wrong(seen("allow"), &late(0.9, &own), &elsewhere), [""; 0]);
    assert_eq!(wrong(seen("allow"), &late(1.1, &own), &elsewhere), is_late);
    // Its own node is not well: the run is given to another one.
    let here = [(15.0, Fault::Hold { node: number })];
    assert_eq!(wrong(seen("allow"), &late(8.4, &other), &here), [""; 0]);
    assert_eq!(wrong(seen("allow"), &late(8.6, &other), &here), is_late);
    // While a guest is there, runs are given away too.
    let with_guest = || Seen { guests: vec![(s(5.0), Some(s(15.0)))], ..seen("allow") };
    assert_eq!(wrong(with_guest(), &late(8.4, &own), &[]), [""; 0]);
    assert_eq!(wrong(with_guest(), &late(8.6, &own), &[]), is_late);
    assert_eq!(wrong(with_guest(), &late(9.0, &own), &elsewhere), [""; 0]);
    // A clock that is behind plans later.
    let by_clock = [elsewhere[0], (0.0, Fault::Clock { node: (number + 1) % 3, off_ms: -500 })];
    assert_eq!(wrong(seen("allow"), &late(1.4, &own), &by_clock), [""; 0]);
    assert_eq!(wrong(seen("allow"), &late(1.6, &own), &by_clock), is_late);
    // A run waits for the one before it, unless overlap is allowed.
    let [waits] = late(1.0, &own);
    let two = [delivery(19.5, &own, 19.5, 1), waits];
    assert_eq!(wrong(seen("forbid"), &two[1..], &[]), is_late);
    assert_eq!(wrong(seen("forbid"), &two, &[]), [""; 0]);
    // A cluster that has not all of its votes promises nothing.
    let not_formed = || Seen { formed: Some(s(9.0)), ..seen("allow") };
    assert_eq!(wrong(not_formed(), &late(1.1, &own), &elsewhere), [""; 0]);
    // Nothing is promised where a majority is not well.
    let both = [here[0], elsewhere[0]];
    assert_eq!(wrong(seen("allow"), &late(9.0, &name((number + 2) % 3)), &both), [""; 0]);
}

#[test]
fn a_node_that_is_passed_over() {
    let (own, other, _) = nodes();
    assert_eq!(wrong(seen("allow"), &[delivery(45.0, &own, 45.0, 1)], &[]), [""; 0]);
    assert_eq!(wrong(seen("allow"), &[delivery(45.0, &other, 45.0, 1)], &[]), ["everybody_fires"]);
}

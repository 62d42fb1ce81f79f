use std::io;

use chronos_env::{Clock, Timer};

use super::*;

/// Milliseconds since boot.
#[derive(Debug, Default)]
struct Hand(Mutex<u64>);

impl Clock for Hand {
    fn now_us(&self) -> i64 {
        0
    }

    fn since_boot(&self) -> Duration {
        ms(*lock(&self.0))
    }

    fn timer(&self) -> io::Result<Box<dyn Timer>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A lease of a second, and what sets its clock.
fn lease() -> (Lease, impl Fn(u64)) {
    let hand = Arc::<Hand>::default();
    let lease = Lease::new(Env::with_clock(hand.clone()), ms(1_000));
    (lease, move |at| *lock(&hand.0) = at)
}

#[test]
fn a_lease_is_over_by_itself() {
    let (lease, set) = lease();
    assert_eq!(lease.now(), None, "nothing is proven");
    set(100);
    lease.renew(ms(100));
    let first = lease.now().expect("it holds");
    set(1_099);
    assert!(lease.holds(first));
    set(1_100);
    assert!(!lease.holds(first));
    assert_eq!(lease.now(), None);
}

#[test]
fn a_lease_that_is_renewed_in_time_goes_on() {
    let (lease, set) = lease();
    lease.renew(ms(0));
    let first = lease.now().expect("it holds");
    for at in (500..10_000).step_by(500) {
        set(at);
        lease.renew(ms(at - 100));
        assert!(lease.holds(first), "at {at}");
    }
    // What comes late and proves less changes nothing.
    lease.renew(ms(1));
    assert!(lease.holds(first));
}

#[test]
fn a_lease_that_is_renewed_too_late_is_another_one() {
    let (lease, set) = lease();
    lease.renew(ms(0));
    let first = lease.now().expect("it holds");
    // The process was stopped, and nobody has looked since.
    set(9_000);
    lease.renew(ms(9_000));
    let second = lease.now().expect("it holds");
    assert!(first != second && !lease.holds(first));
}

#[test]
fn proof_that_comes_after_the_end_was_seen_begins_another_lease() {
    let (lease, set) = lease();
    lease.renew(ms(0));
    let first = lease.now().expect("it holds");
    set(1_200);
    assert_eq!(lease.now(), None);
    // It says that there was no gap. But whoever saw the end has given its runs up.
    lease.renew(ms(900));
    let second = lease.now().expect("it holds");
    assert_ne!(first, second);
}

#[test]
fn what_is_proven_of_before_a_stop_does_not_last_beyond_it() {
    let (lease, set) = lease();
    lease.renew(ms(0));
    set(9_000);
    lease.renew(ms(800));
    assert_eq!(lease.now(), None);
}

#[test]
fn the_only_voter_has_a_lease_without_end() {
    let (lease, set) = lease();
    lease.set_alone(true);
    let first = lease.now().expect("it holds");
    set(1_000_000);
    assert!(lease.holds(first));
    lease.renew(ms(999_900));
    lease.set_alone(false);
    assert!(lease.holds(first), "others joined, and it was proven before");
    set(2_000_000);
    lease.set_alone(true);
    assert!(!lease.holds(first) && lease.now().is_some(), "they had it meanwhile");
}

#[test]
fn a_node_whose_state_differs_has_no_lease_whatever_is_proven() {
    let (lease, set) = lease();
    lease.renew(ms(0));
    let first = lease.now().expect("it holds");
    let mut changes = lease.changes();
    lease.set_differs(true);
    assert!(changes.has_changed().expect("it is there") && changes.borrow_and_update().is_none());
    lease.renew(ms(100));
    lease.set_alone(true);
    assert!(lease.now().is_none() && !lease.holds(first));
    lease.set_alone(false);
    set(200);
    lease.set_differs(false);
    assert!(lease.now().is_some() && !lease.holds(first), "others had it meanwhile");
}

#[test]
fn a_node_that_is_being_removed_has_no_lease_whatever_is_proven() {
    let (lease, _) = lease();
    lease.renew(ms(0));
    let first = lease.now().expect("it holds");
    lease.set_removed(true);
    lease.renew(ms(100));
    assert!(lease.now().is_none() && !lease.holds(first));
    // Another leader has taken the removal back.
    lease.set_removed(false);
    assert!(lease.now().is_some() && !lease.holds(first), "others had it meanwhile");
}

#[test]
fn whoever_follows_is_told_of_each_change_once() {
    let (lease, set) = lease();
    let mut changes = lease.changes();
    let mut told = |told: Option<u64>, changed: bool| {
        assert_eq!(changes.has_changed().expect("it is there"), changed);
        assert_eq!(*changes.borrow_and_update(), told.map(Tenure));
    };
    told(None, false);
    lease.renew(ms(0));
    told(Some(1), true);
    set(500);
    lease.renew(ms(500));
    told(Some(1), false);
    set(5_000);
    told(Some(1), false);
    let _ = lease.now();
    told(None, true);
    lease.renew(ms(5_000));
    told(Some(2), true);
    set(9_000);
    lease.renew(ms(9_000));
    told(Some(3), true);
}

#[test]
fn a_leader_whose_machine_was_suspended_holds_its_lease_by_what_was_acknowledged_since() {
    let (lease, set) = lease();
    lease.acknowledged(Instant::now());
    assert_eq!(lease.now(), None, "nobody has marked how late it is");
    lease.mark();
    lease.acknowledged(Instant::now());
    let first = lease.now().expect("it holds");
    // For an hour. By tokio's clock a majority has just acknowledged it.
    set(3_600_000);
    lease.acknowledged(Instant::now());
    assert_eq!(lease.now(), None);
    lease.mark();
    lease.acknowledged(Instant::now());
    assert!(lease.now().is_some_and(|second| second != first));
}

#[test]
fn what_a_majority_acknowledged_before_a_suspension_is_as_old_as_it_is() {
    let begin = Instant::now();
    let mut marks = Marks::default();
    assert_eq!(marks.since_boot(begin), None);
    // Between the second and the third the machine was suspended for five seconds.
    for (at, since_boot) in [(10, 10), (20, 20), (30, 5_030), (40, 5_040)] {
        marks.note(begin + ms(at), ms(since_boot));
    }
    assert_eq!(marks.since_boot(begin + ms(9)), None);
    assert_eq!(marks.since_boot(begin + ms(29)), Some(ms(29)), "it may have been before the suspension");
    assert_eq!(marks.since_boot(begin + ms(29)), Some(ms(29)));
    assert_eq!(marks.since_boot(begin + ms(35)), Some(ms(5_035)));
    assert_eq!(marks.since_boot(begin + ms(90)), Some(ms(5_090)));
}

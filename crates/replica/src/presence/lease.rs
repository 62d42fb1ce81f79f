//! The lease of this node: how long others leave to it what is planned for it.
//!
//! It lasts for `reassign_after` from the newest instant at which it is proven that a leader heard this node (see
//! `followers`). Then it is over by itself, and nobody has to say so: this process may have been stopped or this
//! machine suspended, and go on in the middle of whatever it did. So whoever is about to fire asks the lease itself,
//! at that very instant, and the lease goes by a clock that counts both.
//!
//! A lease that is renewed after it was over is another one: what this node held may be others' by then.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chronos_env::Env;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::lock::lock;

/// Marks that are kept until a majority has acknowledged this node as its leader once more: of 16 seconds. While there
/// are so many, newer ones are not kept.
const MARKS: usize = 64;

/// Whether what is planned for this node is its own to fire. Cheap to clone; clones are of the same lease.
#[derive(Clone)]
pub struct Lease(Arc<Shared>);

/// One unbroken time for which a node has held its lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tenure(pub u64);

struct Shared {
    env: Env,
    lasts: Duration,
    standing: Mutex<Standing>,
    marks: Mutex<Marks>,
    /// The tenure as it was found last.
    found: watch::Sender<Option<Tenure>>,
}

#[derive(Default)]
struct Standing {
    /// The newest proven instant, since boot.
    proven: Option<Duration>,
    is_alone: bool,
    tenures: u64,
    /// Whether the last of them goes on, as it was found last.
    goes_on: bool,
}

impl Lease {
    /// A lease that lasts for so long from each renewal, by the clock of `env`. It begins with the first one.
    #[must_use]
    pub fn new(env: Env, lasts: Duration) -> Self {
        let (standing, marks, found) = (Mutex::default(), Mutex::default(), watch::Sender::new(None));
        Self(Arc::new(Shared { env, lasts, standing, marks, found }))
    }

    /// The tenure at this instant; none where the lease is over.
    #[must_use]
    pub fn now(&self) -> Option<Tenure> {
        self.with(|_| {})
    }

    /// Whether this tenure goes on at this instant.
    #[must_use]
    pub fn holds(&self, tenure: Tenure) -> bool {
        self.now() == Some(tenure)
    }

    /// Follows the tenure. A lease that is over shows here once somebody has asked for it.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<Option<Tenure>> {
        self.0.found.subscribe()
    }

    /// It is proven that a leader heard this node at this instant or later. It is counted since boot.
    pub fn renew(&self, proven: Duration) {
        self.with(|standing| standing.proven = standing.proven.max(Some(proven)));
    }

    /// Whether this node is the only voter of its cluster. Nobody else can lead then, so the lease has no end.
    pub fn set_alone(&self, is_alone: bool) {
        self.with(|standing| standing.is_alone = is_alone);
    }

    /// Notes how late it is on both clocks. Called again and again, so that what tokio's clock says can be read.
    pub(crate) fn mark(&self) {
        // The order counts: see `Marks::note`.
        let since_boot = self.0.env.since_boot();
        lock(&self.0.marks).note(Instant::now(), since_boot);
    }

    /// A majority acknowledged this node as its leader at this instant.
    pub(crate) fn acknowledged(&self, at: Instant) {
        let since_boot = lock(&self.0.marks).since_boot(at);
        if let Some(since_boot) = since_boot {
            self.renew(since_boot);
        }
    }

    /// Looks whether the lease holds, changes something, and looks again. What was over before is not taken up.
    fn with(&self, change: impl FnOnce(&mut Standing)) -> Option<Tenure> {
        let Shared { env, lasts, standing, found, .. } = &*self.0;
        let mut standing = lock(standing);
        // Only now: it may have taken time to get here.
        let now = env.since_boot();
        standing.goes_on &= standing.holds(*lasts, now);
        change(&mut standing);
        let holds = standing.holds(*lasts, now);
        if holds && !standing.goes_on {
            standing.tenures += 1;
        }
        standing.goes_on = holds;
        let tenure = holds.then_some(Tenure(standing.tenures));
        found.send_if_modified(|known| std::mem::replace(known, tenure) != tenure);
        tenure
    }
}

impl Standing {
    fn holds(&self, lasts: Duration, now: Duration) -> bool {
        self.is_alone || self.proven.is_some_and(|proven| now < proven.saturating_add(lasts))
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lease").field(&*self.0.found.borrow()).finish()
    }
}

/// Instants of a leader on both clocks. When a majority acknowledged it is known by tokio's, which stands still while
/// the machine is suspended.
#[derive(Debug, Default)]
struct Marks(VecDeque<(Instant, Duration)>);

impl Marks {
    /// An instant, and the time since boot as it was read before.
    fn note(&mut self, at: Instant, since_boot: Duration) {
        if self.0.len() < MARKS {
            self.0.push_back((at, since_boot));
        }
    }

    /// The time since boot at this instant, or an earlier one where the machine was suspended since the mark before it.
    /// None where no mark is as old.
    fn since_boot(&mut self, instant: Instant) -> Option<Duration> {
        while self.0.get(1).is_some_and(|(at, _)| *at <= instant) {
            self.0.pop_front();
        }
        let (at, since_boot) = self.0.front()?;
        Some(*since_boot + instant.checked_duration_since(*at)?)
    }
}

#[cfg(test)]
<<<<<<< ours
mod tests {
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
}
=======
mod tests;
>>>>>>> theirs

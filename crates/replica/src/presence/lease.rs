//! The lease of this node: how long others leave to it what is planned for it.
//!
//! It lasts for `reassign_after` from the newest instant at which it is proven that a leader heard this node (see
//! `followers`). Then it is over by itself, and nobody has to say so: this process may have been stopped or this
//! machine suspended, and go on in the middle of whatever it did. So whoever is about to fire asks the lease itself,
//! at that very instant, and the lease goes by a clock that counts both.
//!
//! A node whose state is not that of most nodes holds none: what is planned for it is not to be trusted. Nor does one
//! whose log has its removal: others get what it holds as soon as that is agreed on.
//!
//! A lease that is renewed after it was over is another one: what this node held may be others' by then.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chronos_env::{Bug, Env};
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
    differs: bool,
    is_removed: bool,
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

    /// Whether the state of this node is not that of most nodes. What is planned for it stands in that state, so the
    /// lease does not hold then, whatever is proven.
    pub(crate) fn set_differs(&self, differs: bool) {
        self.with(|standing| standing.differs = differs);
    }

    /// Whether this node's log has its own removal. Nobody waits for its lease once that is agreed on.
    pub(crate) fn set_removed(&self, is_removed: bool) {
        self.with(|standing| standing.is_removed = is_removed);
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
        let lasts = if env.has(Bug::NeverFences) { Duration::MAX } else { *lasts };
        let mut standing = lock(standing);
        // Only now: it may have taken time to get here.
        let now = env.since_boot();
        standing.goes_on &= standing.holds(lasts, now);
        change(&mut standing);
        let holds = standing.holds(lasts, now);
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
        let is_proven = || self.proven.is_some_and(|proven| now < proven.saturating_add(lasts));
        !self.differs && !self.is_removed && (self.is_alone || is_proven())
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
mod tests;

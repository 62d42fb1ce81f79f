//! How many attempts run at once, and whose.
//!
//! A target (scheme, host, port) belongs to one of three classes, by what it did of late ([`class`]), and
//! what it holds counts for the class that it belongs to now. Those that do not answer hold at most a half of
//! the slots together, and those that nobody knows a quarter. Within that a target may hold no more slots than
//! are still free: the dynamic threshold of Choudhury and Hahne (1998), made for buffers that switches share.
//! [`share`] has the numbers.
//!
//! And a target holds at most 64 attempts that have just begun. One that answers at once is served faster
//! over some connections than over five hundred; one that takes its time gets the others as soon as its
//! attempts are no longer fresh.
//!
//! A slot that is free goes to the target that holds the fewest, and among equals each has its turn. So nobody
//! who holds a slot gets another before all others have one, as far as they may. Nothing here walks through
//! all that wait: each step looks at one target in each class.

mod class;
mod line;
mod share;
mod target;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use chronos_types::ExecutionId;

use self::class::History;
pub(crate) use self::class::{ByClass, Class, Sign};
pub(super) use self::line::{LATE, Rank, Ticket, Waiter};
use self::share::Share;
pub(super) use self::target::Slot;
use self::target::{Standing, Target};
use super::recent::Recent;

/// Targets that are remembered while nothing of theirs is under way or waiting. At some 120 bytes each, this
/// is at most 2 MiB. One that is forgotten is unknown, as every target is after a start.
const REMEMBERED: usize = 16_384;

/// Whether an attempt has a slot.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It begins.
    Begins(Slot),
    /// It waits in line.
    Waits(Ticket, Lack),
}

/// Why an attempt waits in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    /// There were too few slots for the attempt of any target.
    Slot,
    /// Its target had as many attempts as it may have, or as its class may, and others could have begun.
    Target,
}

/// The slots.
#[derive(Debug)]
pub(super) struct Capacity {
    share: Share,
    /// The monotonic clock.
    now: Duration,
    /// Slots taken, by the class of the target now.
    taken: ByClass<usize>,
    /// Attempts that wait, likewise.
    waiting: ByClass<usize>,
    /// Targets with attempts under way or waiting.
    targets: HashMap<Arc<str>, Target>,
    /// What is known of the others.
    remembered: Recent<Arc<str>, History>,
    /// Those whose next attempt may begin as far as the target goes: by the slots that it would hold then,
    /// and by turn.
    ready: ByClass<BTreeMap<(usize, u64), Arc<str>>>,
    /// When to look at a target's class, though nothing happens.
    looks: BTreeSet<(Duration, Arc<str>)>,
    /// The last turn or ticket that was given out.
    last: u64,
    /// Of the unknown targets, the one that came last is next.
    newest: bool,
    /// Targets that were looked at to find the next one.
    #[cfg(test)]
    pub(super) examined: usize,
}

impl Capacity {
    pub(super) fn new(slots: usize) -> Self {
        Self {
            share: Share { slots },
            now: Duration::ZERO,
            taken: ByClass::default(),
            waiting: ByClass::default(),
            targets: HashMap::new(),
            remembered: Recent::within(REMEMBERED),
            ready: ByClass::default(),
            looks: BTreeSet::new(),
            last: 0,
            newest: false,
            #[cfg(test)]
            examined: 0,
        }
    }

    /// The clock went on: attempts that take too long by now put their targets into another class.
    pub(super) fn advance(&mut self, now: Duration) {
        self.now = now;
        while let Some((_, origin)) = self.looks.first().filter(|(at, _)| *at <= now) {
            let origin = Arc::clone(origin);
            self.change(&origin, |_| ());
        }
    }

    /// When the clock puts the next target into another class.
    pub(super) fn next_look(&self) -> Option<Duration> {
        self.looks.first().map(|(at, _)| *at)
    }

    /// There are so many slots from now on. Attempts under way keep theirs.
    pub(super) fn resize(&mut self, slots: usize) {
        self.share = Share { slots };
        let origins: Vec<_> = Class::ALL.iter().flat_map(|c| self.ready[*c].values().cloned()).collect();
        for origin in origins {
            self.change(&origin, |_| ());
        }
    }

    /// Takes a slot for an attempt, or puts it in line; says which.
    pub(super) fn enter(&mut self, origin: &Arc<str>, waiter: Waiter) -> Admission {
        let (share, now, taken) = (self.share, self.now, self.taken);
        let cost = share.cost(waiter.bytes);
        self.last += 1;
        let ticket = self.last;
        self.change(origin, |target| {
            let most = share.most(target.standing.class, &taken);
            if target.may_begin() && target.taken + cost <= most {
                return Admission::Begins(target.begin(waiter.id, cost, now));
            }
            target.wait(ticket, waiter);
            let is_full = cost > share.most(Class::Answering, &taken);
            Admission::Waits(ticket, if is_full { Lack::Slot } else { Lack::Target })
        })
    }

    /// An attempt has been under way for a while.
    pub(super) fn grow_old(&mut self, origin: &Arc<str>, slot: &mut Slot) {
        self.change(origin, |target| target.grow_old(slot));
    }

    /// Gives a slot back.
    pub(super) fn leave(&mut self, origin: &Arc<str>, id: ExecutionId, slot: Slot, sign: Sign) {
        let now = self.now;
        self.change(origin, |target| target.end(id, slot, sign, now));
    }

    /// Takes an attempt out of the line.
    pub(super) fn forget(&mut self, origin: &Arc<str>, ticket: Ticket) {
        self.change(origin, |target| target.line.remove(ticket));
    }

    /// Takes a slot for the next in line whose target may have one.
    pub(super) fn next(&mut self) -> Option<(ExecutionId, Slot)> {
        let (share, now) = (self.share, self.now);
        while let Some(origin) = self.pick() {
            self.last += 1;
            let turn = self.last;
            let begun = self.change(&origin, |target| {
                let cost = target.next_cost(share);
                target.line.grow_late(now);
                // Another may be first then. If that takes more slots, the target is looked at again.
                if target.next_cost(share) > cost { None } else { target.begin_first(share, turn, now) }
            });
            if begun.is_some() {
                return begun;
            }
        }
        None
    }

    /// The target that is next, if any may begin. Where the one that holds the fewest may not, no other of its
    /// class may.
    fn pick(&mut self) -> Option<Arc<str>> {
        if self.waiting.total() == 0 {
            return None;
        }
        let mut best: Option<((usize, u64), Class)> = None;
        for class in Class::ALL {
            #[cfg(test)]
            {
                self.examined += 1;
            }
            let Some((key, _)) = self.ready[class].first_key_value() else { continue };
            if key.0 <= self.share.most(class, &self.taken) && best.is_none_or(|(other, _)| *key < other) {
                best = Some((*key, class));
            }
        }
        let (key, class) = best?;
        // In a crowd of targets that nobody knows, and that may be dead, a new one is not to wait for all of
        // them: every second time it is the newest.
        let mut equals = self.ready[class].range(key..(key.0 + 1, 0));
        if class == Class::Unknown {
            self.newest = !self.newest;
        }
        let next = if class == Class::Unknown && !self.newest { equals.next_back() } else { equals.next() };
        next.map(|(_, origin)| Arc::clone(origin))
    }

    /// Attempts that wait for a slot.
    pub(super) fn waiting(&self) -> ByClass<usize> {
        self.waiting
    }

    /// Slots taken.
    pub(super) fn taken(&self) -> ByClass<usize> {
        self.taken
    }

    /// How many slots there are.
    pub(super) fn slots(&self) -> usize {
        self.share.slots
    }

    /// Changes something about a target, and counts it as it stands then.
    fn change<R>(&mut self, origin: &Arc<str>, change: impl FnOnce(&mut Target) -> R) -> R {
        let (share, now) = (self.share, self.now);
        let Self { targets, remembered, .. } = self;
        let target = targets.entry(Arc::clone(origin)).or_insert_with(|| {
            let mut target = Target::known_for(remembered.take(origin).unwrap_or_default());
            target.standing.class = target.history.class(None);
            target
        });
        let was = target.standing;
        let result = change(target);
        let is = target.stand(share, now);
        target.standing = is;
        if target.is_idle() {
            let history = target.history;
            targets.remove(origin);
            if !history.is_blank() {
                remembered.put(Arc::clone(origin), history, 1);
            }
        }
        self.count(origin, was, is);
        result
    }

    /// A target stood in one way, and stands in another now.
    fn count(&mut self, origin: &Arc<str>, was: Standing, is: Standing) {
        self.taken[was.class] -= was.taken;
        self.taken[is.class] += is.taken;
        self.waiting[was.class] -= was.waiting;
        self.waiting[is.class] += is.waiting;
        if (was.class, was.ready) != (is.class, is.ready) {
            if let Some(key) = was.ready {
                self.ready[was.class].remove(&key);
            }
            if let Some(key) = is.ready {
                self.ready[is.class].insert(key, Arc::clone(origin));
            }
        }
        if was.look_at != is.look_at {
            if let Some(at) = was.look_at {
                self.looks.remove(&(at, Arc::clone(origin)));
            }
            if let Some(at) = is.look_at {
                self.looks.insert((at, Arc::clone(origin)));
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! One target: its attempts under way, its line, and what it is known for.

use std::collections::BTreeSet;
use std::time::Duration;

use chronos_types::ExecutionId;

use super::class::{Class, History, Sign};
use super::line::{Line, Ticket, Waiter};
use super::share::Share;

/// Attempts of one target that have just begun. The bare client is fastest with 32 to 128 at once,
/// and half as fast with 512 (`cargo xtask bench burst`).
pub(super) const FRESH: usize = 64;

/// What an attempt under way holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// When it began, on the monotonic clock.
    pub(crate) begun: Duration,
    /// How many slots it takes.
    cost: usize,
    /// It has just begun.
    fresh: bool,
}

/// A target that has attempts under way or waiting.
#[derive(Debug, Default)]
pub(super) struct Target {
    pub(super) history: History,
    /// Slots taken.
    pub(super) taken: usize,
    fresh: usize,
    /// Attempts under way, by the time at which they began.
    under_way: BTreeSet<(Duration, ExecutionId)>,
    pub(super) line: Line,
    /// Of targets that hold as much, the one with the lowest number is next.
    pub(super) turn: u64,
    /// How it is counted now.
    pub(super) standing: Standing,
}

/// How a target is counted and found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) class: Class,
    pub(super) taken: usize,
    pub(super) waiting: usize,
    /// The slots that it would hold with its next attempt, and its turn, where that may begin as far as the
    /// target goes.
    pub(super) ready: Option<(usize, u64)>,
    /// When its class may be another, though nothing happens. It may be found that it is not.
    pub(super) look_at: Option<Duration>,
}

impl Default for Standing {
    fn default() -> Self {
        Self { class: Class::Unknown, taken: 0, waiting: 0, ready: None, look_at: None }
    }
}

impl Target {
    pub(super) fn known_for(history: History) -> Self {
        Self { history, ..Self::default() }
    }

    /// Whether an attempt may begin as far as the target goes, where nobody is in line.
    pub(super) fn may_begin(&self) -> bool {
        self.line.len() == 0 && self.fresh < FRESH
    }

    pub(super) fn begin(&mut self, id: ExecutionId, cost: usize, now: Duration) -> Slot {
        self.taken += cost;
        self.fresh += 1;
        self.under_way.insert((now, id));
        Slot { begun: now, cost, fresh: true }
    }

    pub(super) fn grow_old(&mut self, slot: &mut Slot) {
        self.fresh -= usize::from(slot.fresh);
        slot.fresh = false;
    }

    pub(super) fn end(&mut self, id: ExecutionId, mut slot: Slot, sign: Sign, now: Duration) {
        self.grow_old(&mut slot);
        self.taken -= slot.cost;
        self.under_way.remove(&(slot.begun, id));
        self.history.take_in(sign, now.saturating_sub(slot.begun));
    }

    /// Slots that the next in line takes.
    pub(super) fn next_cost(&self, share: Share) -> Option<usize> {
        self.line.first().map(|waiter| share.cost(waiter.bytes))
    }

    /// Begins the next in line.
    pub(super) fn begin_first(
        &mut self,
        share: Share,
        turn: u64,
        now: Duration,
    ) -> Option<(ExecutionId, Slot)> {
        let waiter = self.line.pop()?;
        self.turn = turn;
        Some((waiter.id, self.begin(waiter.id, share.cost(waiter.bytes), now)))
    }

    pub(super) fn wait(&mut self, ticket: Ticket, waiter: Waiter) {
        if self.line.len() == 0 {
            self.turn = ticket;
        }
        self.line.push(ticket, waiter);
    }

    /// How it is to be counted now. `look_at` may stay earlier than need be: to look is cheaper than to move
    /// it with each attempt.
    pub(super) fn stand(&self, share: Share, now: Duration) -> Standing {
        let oldest = self.under_way.first().map(|(begun, _)| *begun);
        let class = self.history.class(oldest.map(|begun| now.saturating_sub(begun)));
        let next = self.next_cost(share).filter(|_| self.fresh < FRESH);
        let ready = next.map(|cost| (self.taken + cost, self.turn));
        let late = oldest.map(|begun| begun + self.history.patience()).filter(|at| *at > now);
        let look_at = match (self.standing.look_at, late) {
            (Some(before), Some(late)) if now < before && before < late => Some(before),
            _ => late,
        };
        Standing { class, taken: self.taken, waiting: self.line.len(), ready, look_at }
    }

    /// Whether nothing is under way or waiting.
    pub(super) fn is_idle(&self) -> bool {
        self.under_way.is_empty() && self.line.len() == 0
    }
}

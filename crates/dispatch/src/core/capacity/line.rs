//! The line of one target: the attempts that wait for a slot.

use std::collections::BTreeMap;
use std::time::Duration;

use chronos_types::ExecutionId;

/// Which of those that wait for the same target goes first. What is due now is not to wait until all that
/// was missed is worked off. What was missed gets what is left over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// It had a slot, and could not begin for want of something else.
    Again,
    /// It is due now.
    Due,
    /// It was missed, or is late by more than a minute.
    Missed,
}

/// How late the others are at most.
pub(in crate::core) const LATE: Duration = Duration::from_secs(60);

/// The number of a place in a line. Who came first has the lower one.
pub(crate) type Ticket = u64;

/// An attempt that wants a slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiter {
    pub(crate) id: ExecutionId,
    pub(crate) rank: Rank,
    /// When it will be late by more than a minute, on the monotonic clock.
    pub(crate) late_from: Duration,
    /// Bytes of its request.
    pub(crate) bytes: usize,
}

/// A line. Whoever leaves it early is found by the ticket.
#[derive(Debug, Default)]
pub(super) struct Line(BTreeMap<(Rank, Ticket), Waiter>);

impl Line {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn push(&mut self, ticket: Ticket, waiter: Waiter) {
        self.0.insert((waiter.rank, ticket), waiter);
    }

    /// Takes out the one with this ticket. It may have become late.
    pub(super) fn remove(&mut self, ticket: Ticket) {
        let ranks = [Rank::Again, Rank::Due, Rank::Missed];
        ranks.into_iter().find_map(|rank| self.0.remove(&(rank, ticket)));
    }

    /// Who is next.
    pub(super) fn first(&self) -> Option<&Waiter> {
        self.0.first_key_value().map(|(_, waiter)| waiter)
    }

    /// Takes who is next.
    pub(super) fn pop(&mut self) -> Option<Waiter> {
        self.0.pop_first().map(|(_, waiter)| waiter)
    }

    /// Those that are late by now make way for what is due. Each is moved once, and those that come later have
    /// waited for less.
    pub(super) fn grow_late(&mut self, now: Duration) {
        while let Some(((_, ticket), waiter)) = self
            .0
            .range((Rank::Due, 0)..(Rank::Missed, 0))
            .next()
            .filter(|(_, waiter)| waiter.late_from <= now)
        {
            let (ticket, waiter) = (*ticket, *waiter);
            self.0.remove(&(Rank::Due, ticket));
            self.push(ticket, Waiter { rank: Rank::Missed, ..waiter });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(line: &mut Line) -> Vec<i64> {
        std::iter::from_fn(|| line.pop()).map(|waiter| i64::from(waiter.id.as_bytes()[5])).collect()
    }

    fn line(waiters: &[(i64, Rank, u64)]) -> Line {
        let mut line = Line::default();
        for ((n, rank, late_from), ticket) in waiters.iter().zip(1..) {
            let late_from = Duration::from_secs(*late_from);
            line.push(ticket, Waiter { id: ExecutionId::floor(*n), rank: *rank, late_from, bytes: 0 });
        }
        line
    }

    #[test]
    fn what_is_due_goes_before_what_was_missed_and_else_who_came_first() {
        use Rank::{Again, Due, Missed};
        let all = [(1, Missed, 0), (2, Due, 60), (3, Missed, 0), (4, Due, 61), (5, Again, 60)];
        assert_eq!(order(&mut line(&all)), [5, 2, 4, 1, 3]);
        let mut later = line(&all);
        later.grow_late(Duration::from_secs(59));
        assert_eq!(later.first().map(|waiter| waiter.rank), Some(Again));
        later.grow_late(Duration::from_secs(60));
        assert_eq!(order(&mut later), [5, 4, 1, 2, 3]);
        let mut left = line(&all);
        left.grow_late(Duration::from_secs(60));
        for ticket in [2, 3, 5, 5] {
            left.remove(ticket);
        }
        assert_eq!(order(&mut left), [4, 1]);
    }
}

//! Whether attempts may begin: not while this node does not hold its lease, and not until it knows what became of its
//! executions while it did not.

use chronos_replica::Tenure;

/// The fence. It is up at the start, for a node that was away does not know what it owes either.
#[derive(Debug)]
pub(super) struct Fence {
    state: State,
    round: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// Others may be firing what was planned for this node.
    Up,
    /// The lease holds. What a leader had agreed on with the others before may not be applied here yet.
    Lifting(Tenure),
    /// Attempts may begin, for as long as this tenure goes on.
    Down(Tenure),
}

/// One try to lift the fence. Whatever belongs to an earlier one comes to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Round(u64);

impl Fence {
    pub(super) fn new() -> Self {
        Self { state: State::Up, round: 0 }
    }

    pub(super) fn is_down(&self) -> bool {
        self.tenure().is_some()
    }

    /// The tenure under which attempts may begin.
    pub(super) fn tenure(&self) -> Option<Tenure> {
        if let State::Down(tenure) = self.state { Some(tenure) } else { None }
    }

    /// Whether it is down, or being lifted, by a tenure that is over.
    pub(super) fn is_outlived(&self, lease: Option<Tenure>) -> bool {
        match self.state {
            State::Up => false,
            State::Lifting(tenure) | State::Down(tenure) => lease != Some(tenure),
        }
    }

    /// The lease is over.
    pub(super) fn raise(&mut self) {
        self.state = State::Up;
        self.round += 1;
    }

    /// The lease holds. Answers the round in which the state is to be caught up with, where that has not begun.
    pub(super) fn begin_to_lift(&mut self, tenure: Tenure) -> Option<Round> {
        if self.state != State::Up {
            return None;
        }
        self.state = State::Lifting(tenure);
        Some(Round(self.round))
    }

    /// Whether a round is the one under way.
    pub(super) fn is_lifting(&self, round: Round) -> bool {
        matches!(self.state, State::Lifting(_)) && self.round == round.0
    }

    /// What is open as of this round was taken in. Says whether attempts may begin again.
    pub(super) fn lift(&mut self, round: Round) -> bool {
        match self.state {
            State::Lifting(tenure) if self.round == round.0 => {
                self.state = State::Down(tenure);
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Tenure = Tenure(1);

    #[test]
    fn nothing_begins_before_the_state_is_caught_up_with() {
        let mut fence = Fence::new();
        assert!(!fence.is_down());
        let round = fence.begin_to_lift(ONE).expect("a round");
        assert_eq!(fence.begin_to_lift(ONE), None, "one is under way");
        assert!(!fence.is_down());
        assert!(fence.lift(round) && fence.is_down());
        assert_eq!(fence.tenure(), Some(ONE));
        assert_eq!(fence.begin_to_lift(ONE), None, "it is down");
    }

    #[test]
    fn a_round_that_was_overtaken_lifts_nothing() {
        let mut fence = Fence::new();
        let first = fence.begin_to_lift(ONE).expect("a round");
        fence.raise();
        assert!(!fence.is_lifting(first) && !fence.lift(first));
        let second = fence.begin_to_lift(ONE).expect("a round");
        assert!(!fence.lift(first) && !fence.is_down());
        assert!(fence.lift(second) && fence.is_down());
        fence.raise();
        assert!(!fence.is_down());
    }

    #[test]
    fn another_tenure_is_no_reason_to_be_down() {
        let mut fence = Fence::new();
        let outlived = |fence: &Fence| [None, Some(ONE), Some(Tenure(2))].map(|now| fence.is_outlived(now));
        assert_eq!(outlived(&fence), [false; 3]);
        let round = fence.begin_to_lift(ONE).expect("a round");
        assert_eq!(outlived(&fence), [true, false, true]);
        fence.lift(round);
        assert_eq!(outlived(&fence), [true, false, true]);
    }
}

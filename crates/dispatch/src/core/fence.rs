//! Whether attempts may begin: not while this node is cut off from the cluster, and not until it
//! knows what became of its executions meanwhile.

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
    /// A leader is heard. What it had agreed on with the others may not be applied here yet.
    Lifting,
    /// Attempts may begin.
    Down,
}

/// One try to lift the fence. Whatever belongs to an earlier one comes to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Round(u64);

impl Fence {
    pub(super) fn new() -> Self {
        Self { state: State::Up, round: 0 }
    }

    pub(super) fn is_down(&self) -> bool {
        self.state == State::Down
    }

    /// The node is cut off.
    pub(super) fn raise(&mut self) {
        self.state = State::Up;
        self.round += 1;
    }

    /// The node is not cut off. Answers the round in which the state is to be caught up with, where
    /// that has not begun.
    pub(super) fn begin_to_lift(&mut self) -> Option<Round> {
        if self.state != State::Up {
            return None;
        }
        self.state = State::Lifting;
        Some(Round(self.round))
    }

    /// Whether a round is the one under way.
    pub(super) fn is_lifting(&self, round: Round) -> bool {
        self.state == State::Lifting && self.round == round.0
    }

    /// What is open as of this round was taken in. Says whether attempts may begin again.
    pub(super) fn lift(&mut self, round: Round) -> bool {
        let lifted = self.is_lifting(round);
        if lifted {
            self.state = State::Down;
        }
        lifted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_begins_before_the_state_is_caught_up_with() {
        let mut fence = Fence::new();
        assert!(!fence.is_down());
        let round = fence.begin_to_lift().expect("a round");
        assert_eq!(fence.begin_to_lift(), None, "one is under way");
        assert!(!fence.is_down());
        assert!(fence.lift(round) && fence.is_down());
        assert_eq!(fence.begin_to_lift(), None, "it is down");
    }

    #[test]
    fn a_round_that_was_overtaken_lifts_nothing() {
        let mut fence = Fence::new();
        let first = fence.begin_to_lift().expect("a round");
        fence.raise();
        assert!(!fence.is_lifting(first) && !fence.lift(first));
        let second = fence.begin_to_lift().expect("a round");
        assert!(!fence.lift(first) && !fence.is_down());
        assert!(fence.lift(second) && fence.is_down());
        fence.raise();
        assert!(!fence.is_down());
    }
}

//! How fast the states are gone through.

use std::time::Duration;

/// How fast the leader has the states gone through. Not for operators: tests and the simulation have less patience.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComparePace {
    /// Between two pieces. Each takes the thread that all of the log waits for a millisecond or two, and the log an
    /// entry of some hundred bytes. By this a state of 1 GiB takes some two hours.
    pub step: Duration,
    /// Between two rounds. A small state is one piece, and an idle cluster should not write all the time.
    pub rest: Duration,
}

impl Default for ComparePace {
    fn default() -> Self {
        Self { step: Duration::from_secs(2), rest: Duration::from_secs(30) }
    }
}

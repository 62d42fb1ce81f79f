//! Stamps: instants that a follower sends with its answers, and that its leader sends back.

use std::time::Duration;

use chronos_env::Env;
use serde::{Deserialize, Serialize};

/// An instant on the clock of one node, for that node alone to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stamp {
    /// Tells the starts of a node apart: each counts from its own beginning.
    incarnation: u64,
    after_us: u64,
}

impl Stamp {
    /// Whether the same start of a node has made both.
    pub(crate) fn is_of_start(&self, other: &Self) -> bool {
        self.incarnation == other.incarnation
    }

    /// Whether the same start of a node has made both, and this one no earlier.
    pub(crate) fn is_since(&self, other: &Self) -> bool {
        self.is_of_start(other) && self.after_us >= other.after_us
    }
}

/// Makes stamps, and reads those that come back. It goes by the clock of the lease (see `lease`).
#[derive(Debug)]
pub(crate) struct StampClock {
    incarnation: u64,
    env: Env,
    begin: Duration,
}

impl StampClock {
    /// `incarnation` is drawn anew for each start.
    pub(crate) fn new(incarnation: u64, env: Env) -> Self {
        let begin = env.since_boot();
        Self { incarnation, env, begin }
    }

    /// A stamp of now.
    pub(crate) fn now(&self) -> Stamp {
        let after = self.env.since_boot().saturating_sub(self.begin);
        let after_us = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
        Stamp { incarnation: self.incarnation, after_us }
    }

    /// When this stamp was made, since boot; none for one of an earlier start.
    pub(crate) fn read(&self, stamp: Stamp) -> Option<Duration> {
        let after = Duration::from_micros(stamp.after_us);
        (stamp.incarnation == self.incarnation).then(|| self.begin.checked_add(after)).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_by_the_start_that_made_it() {
        let env = Env::real();
        let clock = StampClock::new(1, env.clone());
        let before = env.since_boot();
        let stamp = clock.now();
        let after = env.since_boot();
        let read = clock.read(stamp).expect("its own");
        assert!((before.saturating_sub(Duration::from_micros(1))..=after).contains(&read));
        let other = StampClock::new(2, env);
        assert_eq!(other.read(stamp), None);
        assert!(clock.now().is_since(&stamp) && !stamp.is_since(&Stamp { after_us: u64::MAX, ..stamp }));
        assert!(!other.now().is_since(&Stamp { after_us: 0, ..stamp }));
    }
}

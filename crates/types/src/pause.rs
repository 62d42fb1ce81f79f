//! What stands beside a job's specification: a pause, and coming runs that are to be skipped.

use crate::{By, Millis, Note};

/// A job is paused: nothing falls due meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Who paused it, or gave the pause another end or reason since, where that is known.
    pub by: Option<By>,
    /// Since when it is paused.
    pub at: Millis,
    /// Why, where they said so. It has the bounds of a note.
    pub reason: Option<Note>,
    /// It ends by itself at this instant, if at any. What falls due at the instant itself runs.
    pub until: Option<Millis>,
}

impl Pause {
    /// Whether it is over by itself.
    #[must_use]
    pub fn is_over(&self, now: Millis) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// The most runs that are skipped by their number.
pub const MAX_SKIPPED: u32 = 1_000;

/// Which coming runs are skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// So many of them, from 1 to [`MAX_SKIPPED`].
    Count(u32),
    /// Those that are scheduled for an instant before this one.
    Until(Millis),
}

impl Skip {
    /// Whether a run that is scheduled for this instant, and comes next, is skipped.
    #[must_use]
    pub fn takes(self, scheduled_time: Millis) -> bool {
        match self {
            Self::Count(left) => left > 0,
            Self::Until(until) => scheduled_time < until,
        }
    }
}

/// Coming runs of a job that are skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skips {
    /// Who asked for that, where it is known.
    pub by: Option<By>,
    /// When they did.
    pub at: Millis,
    /// Which runs they are. A count is of those that are left.
    pub skip: Skip,
    /// The instant of the first of them, where the job falls due.
    pub next: Option<Millis>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_at_an_instant_does_not_reach_it() {
        let pause = Pause { by: None, at: 0, reason: None, until: Some(100) };
        assert_eq!((pause.is_over(99), pause.is_over(100)), (false, true));
        assert!(!Pause { until: None, ..pause }.is_over(i64::MAX));
        assert_eq!((Skip::Until(100).takes(99), Skip::Until(100).takes(100)), (true, false));
        assert_eq!((Skip::Count(1).takes(i64::MAX), Skip::Count(0).takes(0)), (true, false));
    }
}

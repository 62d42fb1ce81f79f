//! [`Class`]: by what it did of late, a target belongs to one of three classes.

use std::ops::{Index, IndexMut};
use std::time::Duration;

/// A target whose attempt has taken so long does not answer, whatever its usual time is. It is far more than
/// a target takes that is well, and a class that is judged wrongly costs others no more than that.
const SLOW: Duration = Duration::from_secs(1);
/// And so many times its usual time: one that takes minutes is given minutes.
const TIMES_USUAL: u32 = 4;
/// An answer quicker than the usual time brings that down by a part in so many.
const EASE: u32 = 64;

/// How a target does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// Its last attempt was answered, and none under way takes much longer than usual.
    Answering,
    /// It has not been called yet, or not for a long time.
    Unknown,
    /// Its last attempt timed out, or one under way takes much longer than usual.
    NotAnswering,
}

impl Class {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Answering, Self::Unknown, Self::NotAnswering];

    /// Its name, as metrics show it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Answering => "answering",
            Self::Unknown => "unknown",
            Self::NotAnswering => "not_answering",
        }
    }
}

/// One value for each class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ByClass<T>([T; 3]);

impl<T> Index<Class> for ByClass<T> {
    type Output = T;

    fn index(&self, class: Class) -> &T {
        &self.0[class as usize]
    }
}

impl<T> IndexMut<Class> for ByClass<T> {
    fn index_mut(&mut self, class: Class) -> &mut T {
        &mut self.0[class as usize]
    }
}

impl ByClass<usize> {
    /// All together.
    pub(crate) fn total(&self) -> usize {
        self.0.iter().sum()
    }
}

/// What the end of an attempt says of its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// It answered, whatever it said, after so many milliseconds.
    Answered(u64),
    /// It did not answer in time.
    TimedOut,
    /// It failed otherwise, or was cut off. That says nothing where it was over soon.
    Failed,
    /// It was not called.
    NotCalled,
}

/// What is known of a target's answers.
///
/// The usual time is that of the slowest answer, and comes down slowly with each quicker one. A mean would
/// be wrong for a host with one slow path among many quick ones: each call of the slow one would make the
/// host look dead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct History {
    /// Whether it answered the last time. Nothing where it was not asked yet.
    answered: Option<bool>,
    usual_ms: u32,
}

impl History {
    /// An attempt that has taken so long takes much longer than usual.
    pub(super) fn patience(self) -> Duration {
        SLOW.max(Duration::from_millis(self.usual_ms.into()) * TIMES_USUAL)
    }

    /// An attempt ended after it had been under way for `age`.
    pub(super) fn take_in(&mut self, sign: Sign, age: Duration) {
        match sign {
            Sign::Answered(took_ms) => {
                let took = u32::try_from(took_ms).unwrap_or(u32::MAX);
                self.answered = Some(true);
                self.usual_ms = took.max(self.usual_ms - self.usual_ms.saturating_sub(took) / EASE);
            }
            Sign::TimedOut => self.answered = Some(false),
            // It was waited for in vain, though nobody says so.
            Sign::Failed if age >= self.patience() => self.answered = Some(false),
            // What ends at once holds no slot, and who refuses a connection may have answered before.
            Sign::Failed | Sign::NotCalled => {}
        }
    }

    /// The class of a target whose oldest attempt has been under way for so long.
    pub(super) fn class(self, oldest: Option<Duration>) -> Class {
        match self.answered {
            _ if oldest.is_some_and(|age| age >= self.patience()) => Class::NotAnswering,
            None => Class::Unknown,
            Some(true) => Class::Answering,
            Some(false) => Class::NotAnswering,
        }
    }

    /// Whether there is anything to remember.
    pub(super) fn is_blank(self) -> bool {
        self.answered.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn after(signs: &[Sign]) -> History {
        let mut history = History::default();
        for sign in signs {
            history.take_in(*sign, MS);
        }
        history
    }

    #[test]
    fn a_target_is_what_it_did_last() {
        use Class::{Answering, NotAnswering, Unknown};
        use Sign::{Answered, Failed, NotCalled, TimedOut};
        for (signs, class) in [
            (&[][..], Unknown),
            (&[Failed, NotCalled][..], Unknown),
            (&[Answered(5)][..], Answering),
            (&[Answered(5), Failed, NotCalled][..], Answering),
            (&[TimedOut][..], NotAnswering),
            (&[TimedOut, Failed, NotCalled][..], NotAnswering),
            (&[Answered(5), TimedOut][..], NotAnswering),
            (&[TimedOut, Answered(5)][..], Answering),
        ] {
            assert_eq!(after(signs).class(None), class, "{signs:?}");
        }
    }

    #[test]
    fn what_is_cut_off_after_a_long_wait_was_not_answered() {
        let mut history = after(&[Sign::Answered(5)]);
        history.take_in(Sign::NotCalled, SLOW);
        assert_eq!(history.class(None), Class::Answering);
        history.take_in(Sign::Failed, SLOW);
        assert_eq!(history.class(None), Class::NotAnswering);
    }

    #[test]
    fn patience_follows_the_slowest_answer_and_comes_down_slowly() {
        assert_eq!(after(&[]).patience(), SLOW);
        assert_eq!(after(&[Sign::Answered(3)]).patience(), SLOW);
        let minutes = after(&[Sign::Answered(180_000)]);
        assert_eq!(minutes.patience(), Duration::from_secs(720));
        assert_eq!(minutes.class(Some(Duration::from_secs(719))), Class::Answering);
        assert_eq!(minutes.class(Some(Duration::from_secs(720))), Class::NotAnswering);
        let mut mixed = minutes;
        // One slow path among a hundred quick ones.
        for _ in 0..80 {
            mixed.take_in(Sign::Answered(10), MS);
        }
        assert!(mixed.patience() > Duration::from_secs(180), "{mixed:?}");
        for _ in 0..500 {
            mixed.take_in(Sign::Answered(10), MS);
        }
        assert_eq!(mixed.patience(), SLOW);
    }
}

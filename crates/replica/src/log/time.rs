//! The time of the log: the earliest instant that the next batch may have.

use std::sync::Mutex;

use chronos_state::Batch;
use chronos_types::Millis;

use crate::lock::lock;

/// The greatest instant of any batch that this node has appended or applied, since the time was last set back.
///
/// A batch is noted when it is appended, and again when it is applied, which may be long after. So each is noted
/// with its place in the log: what comes late says nothing about batches behind it, of which one may have set the
/// time back.
#[derive(Debug)]
pub(crate) struct LogTime(Mutex<Known>);

#[derive(Debug)]
struct Known {
    /// The index of the last batch that was noted.
    index: u64,
    at: Millis,
    /// Where the time was last set back, and what it was before: until that is applied, it may be undone.
    back: Option<(u64, Millis)>,
}

impl LogTime {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Known { index: 0, at: Millis::MIN, back: None }))
    }

    /// The time.
    pub(crate) fn now(&self) -> Millis {
        lock(&self.0).at
    }

    /// A batch stands at this place of the log.
    pub(crate) fn note(&self, index: u64, batch: &Batch) {
        let mut known = lock(&self.0);
        if index > known.index {
            if batch.sets_back() {
                known.back = Some((index, known.at));
            }
            known.index = index;
            known.at = after(known.at, batch);
        }
    }

    /// The entries behind this place are gone. Others come there.
    pub(crate) fn truncate(&self, index: u64) {
        let mut known = lock(&self.0);
        known.index = known.index.min(index);
        if let Some((_, before)) = known.back.take_if(|(back, _)| *back > index) {
            known.at = known.at.max(before);
        }
    }

    /// The state stands at this place, where it was this time.
    pub(crate) fn set(&self, index: u64, at: Millis) {
        *lock(&self.0) = Known { index, at, back: None };
    }
}

/// What the time is after a batch.
pub(crate) fn after(before: Millis, batch: &Batch) -> Millis {
    if batch.sets_back() { batch.at } else { before.max(batch.at) }
}

#[cfg(test)]
mod tests {
    use chronos_state::{ClockWord, Command};

    use super::*;

    fn batch(at: Millis) -> Batch {
        Batch { at, items: Vec::new() }
    }

    fn back(at: Millis) -> Batch {
        Batch { at, items: vec![Command::Clock(ClockWord::Back).into()] }
    }

    #[test]
    fn the_time_goes_back_at_one_place_of_the_log_whenever_its_batches_are_applied() {
        let time = LogTime::new();
        let log = [(1, batch(900)), (2, batch(1_000)), (3, back(50)), (4, batch(60))];
        for (index, batch) in &log {
            time.note(*index, batch);
        }
        assert_eq!(time.now(), 60);
        // They are applied.
        for (index, batch) in &log {
            time.note(*index, batch);
            assert_eq!(time.now(), 60, "{index}");
        }
        // Another leader's entry takes the place of the last.
        time.truncate(3);
        time.note(4, &batch(55));
        assert_eq!(time.now(), 60, "it is no earlier than what was there");
        time.note(5, &batch(70));
        assert_eq!(time.now(), 70);
        time.note(6, &back(20));
        assert_eq!(time.now(), 20);
        time.truncate(5);
        assert_eq!(time.now(), 70, "it was not set back");
        time.set(9, 2_000);
        time.note(8, &batch(3_000));
        assert_eq!(time.now(), 2_000);
    }
}

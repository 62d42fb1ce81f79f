//! [`Marks`]: since when entries wait.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Entries that come within this time of each other are noted as one.
const STEP: Duration = Duration::from_millis(10);
/// So many marks are kept. Where there are as many, more entries are noted with the last of them: it is as if they had
/// waited for longer.
const MOST: usize = 1_024;

/// Entries that wait, each with the instant since when.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// The last index of some entries, and since when the first of them waits. Both rise.
    queue: VecDeque<(u64, Instant)>,
    /// The first index that was not reached.
    reached: u64,
}

impl Marks {
    /// Entries up to this one wait from this instant on, but for those that were reached already.
    pub(super) fn add(&mut self, index: u64, at: Instant) {
        if index < self.reached {
            return;
        }
        let is_full = self.queue.len() >= MOST;
        match self.queue.back_mut() {
            Some((last, _)) if *last >= index => {}
            Some((last, since)) if is_full || at.saturating_duration_since(*since) < STEP => *last = index,
            _ => self.queue.push_back((index, at)),
        }
    }

    /// Entries up to this one wait no more.
    pub(super) fn reach(&mut self, index: u64) {
        self.reached = self.reached.max(index + 1);
        while self.queue.front().is_some_and(|(last, _)| *last <= index) {
            self.queue.pop_front();
        }
    }

    /// Entries behind this one are gone, and were never reached; without one, all.
    pub(super) fn cut(&mut self, after: Option<u64>) {
        let next = after.map_or(0, |after| after + 1);
        self.reached = self.reached.min(next);
        while let Some((_, since)) = self.queue.pop_back_if(|(last, _)| *last >= next) {
            // Some of those that were noted together may remain.
            let before = self.queue.back().map_or(self.reached, |(last, _)| last + 1);
            if let Some(after) = after.filter(|after| *after >= before) {
                self.queue.push_back((after, since));
            }
        }
    }

    /// How long the first of them has waited; zero where none does.
    pub(super) fn age(&self, now: Instant) -> Duration {
        self.queue.front().map_or(Duration::ZERO, |(_, since)| now.saturating_duration_since(*since))
    }

    /// How many entries wait.
    pub(super) fn missing(&self) -> u64 {
        self.queue.back().map_or(0, |(last, _)| last + 1 - self.reached)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(begin: Instant, ms: u64) -> Instant {
        begin + Duration::from_millis(ms)
    }

    #[test]
    fn the_first_that_waits_is_known_however_many_come() {
        let begin = Instant::now();
        let mut marks = Marks::default();
        for n in 0..10_000 {
            marks.add(n, at(begin, 20 * n));
        }
        assert_eq!(marks.queue.len(), MOST);
        assert_eq!(marks.age(at(begin, 200_000)), Duration::from_secs(200));
        marks.reach(500);
        assert_eq!(marks.age(at(begin, 200_000)), Duration::from_millis(200_000 - 501 * 20));
        // Those that were noted with another one count as old as it is, until all of them are reached.
        marks.reach(9_998);
        assert_eq!(marks.age(at(begin, 200_000)), Duration::from_millis(200_000 - 1_023 * 20));
        marks.reach(9_999);
        assert_eq!((marks.age(at(begin, 200_000)), marks.missing()), (Duration::ZERO, 0));
    }

    #[test]
    fn of_entries_that_were_noted_together_those_that_stay_wait_on() {
        let begin = Instant::now();
        let mut marks = Marks::default();
        marks.reach(2);
        marks.add(4, begin);
        marks.add(9, at(begin, 3));
        marks.cut(Some(5));
        assert_eq!((marks.missing(), marks.age(at(begin, 8))), (3, Duration::from_millis(8)));
        marks.cut(Some(2));
        assert_eq!((marks.missing(), marks.age(at(begin, 8))), (0, Duration::ZERO));
        marks.add(3, at(begin, 20));
        marks.cut(None);
        assert_eq!((marks.missing(), marks.reached), (0, 0));
        marks.add(0, begin);
        assert_eq!(marks.missing(), 1);
    }
}

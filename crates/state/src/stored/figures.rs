//! Figures of what was done in a stretch of time: how often, how late, and how long.

use chronos_types::{ErrorKind, Status, Trigger};

use super::code::Code;
use super::histogram::{self, BUCKETS};
use super::tally::Tally;
use crate::error::StateError;

/// The numbers that a tally of figures counts under. They are on the disk for ever.
const STATUS: u16 = 0;
const TRIGGER: u16 = 64;
/// Attempts that failed, by the kind of their error.
const ERROR_KIND: u16 = 128;
/// Attempts that succeeded.
const SUCCEEDED: u16 = 192;
/// Instants that were passed over.
const MISSED: u16 = 193;
const LATENESS: u16 = 256;
const DURATION: u16 = 768;

/// What was done in a stretch of time. It counts what came on record in it, and what is trimmed later stays counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    pub(crate) tally: Tally,
    /// The greatest lateness, in milliseconds.
    pub(crate) lateness_max: u64,
    /// The longest duration, in milliseconds.
    pub(crate) duration_max: u64,
}

/// What can be told of many lengths of time, in milliseconds. Percentiles are off by a sixteenth at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lengths {
    /// What half of them do not exceed.
    pub p50: u64,
    /// What 95 in a hundred do not exceed.
    pub p95: u64,
    /// What 99 in a hundred do not exceed.
    pub p99: u64,
    /// The greatest.
    pub max: u64,
}

impl Figures {
    /// An execution is over.
    pub(crate) fn ended(&mut self, status: Status, trigger: Trigger) {
        self.tally.add(number(STATUS, status), 1);
        self.tally.add(number(TRIGGER, trigger), 1);
    }

    /// An attempt is over. None is a success.
    pub(crate) fn attempt(&mut self, failure: Option<ErrorKind>) {
        self.tally.add(failure.map_or(SUCCEEDED, |kind| number(ERROR_KIND, kind)), 1);
    }

    /// Instants were passed over.
    pub(crate) fn pass_over(&mut self, count: u64) {
        self.tally.add(MISSED, count);
    }

    /// The first attempt of a run began so late.
    pub(crate) fn late(&mut self, lateness: u64) {
        self.tally.add(LATENESS + histogram::bucket(lateness), 1);
        self.lateness_max = self.lateness_max.max(lateness);
    }

    /// The attempt that succeeded took so long.
    pub(crate) fn took(&mut self, duration: u64) {
        self.tally.add(DURATION + histogram::bucket(duration), 1);
        self.duration_max = self.duration_max.max(duration);
    }

    /// Adds those of another stretch.
    pub fn add(&mut self, other: &Self) {
        self.tally.add_all(&other.tally);
        self.lateness_max = self.lateness_max.max(other.lateness_max);
        self.duration_max = self.duration_max.max(other.duration_max);
    }

    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tally.is_empty()
    }

    /// How many executions ended with a status. Entries of instants that were passed over are not among the skipped ones.
    #[must_use]
    pub fn executions(&self, status: Status) -> u64 {
        self.tally.of(number(STATUS, status))
    }

    /// How many executions of a trigger ended.
    #[must_use]
    pub fn triggered(&self, trigger: Trigger) -> u64 {
        self.tally.of(number(TRIGGER, trigger))
    }

    /// How many attempts failed, by the kind of their error.
    #[must_use]
    pub fn failed_attempts(&self, kind: ErrorKind) -> u64 {
        self.tally.of(number(ERROR_KIND, kind))
    }

    /// How many attempts succeeded.
    #[must_use]
    pub fn successful_attempts(&self) -> u64 {
        self.tally.of(SUCCEEDED)
    }

    /// How many instants were passed over.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.tally.of(MISSED)
    }

    /// How late the first attempts of runs began that the schedule asked for.
    #[must_use]
    pub fn lateness(&self) -> Option<Lengths> {
        lengths(self.tally.from(LATENESS, BUCKETS), self.lateness_max)
    }

    /// How long the attempts took that succeeded.
    #[must_use]
    pub fn duration(&self) -> Option<Lengths> {
        lengths(self.tally.from(DURATION, BUCKETS), self.duration_max)
    }

    /// Reads what stands in columns.
    pub(crate) fn read(tally: &[u8], lateness_max: i64, duration_max: i64) -> Result<Self, StateError> {
        let length = |max: i64| u64::try_from(max).unwrap_or_default();
        let (lateness_max, duration_max) = (length(lateness_max), length(duration_max));
        Ok(Self { tally: Tally::read(tally)?, lateness_max, duration_max })
    }
}

fn number(first: u16, value: impl Code) -> u16 {
    // Every value has a code, and there are fewer than 64 of each kind.
    first + u16::try_from(value.code()).unwrap_or(63).min(63)
}

fn lengths(buckets: impl Iterator<Item = (u16, u64)> + Clone, max: u64) -> Option<Lengths> {
    let of = |of_100| histogram::percentile(buckets.clone(), of_100).map(|length| length.min(max));
    Some(Lengths { p50: of(50)?, p95: of(95)?, p99: of(99)?, max })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_tell_what_they_were_told() {
        let mut figures = Figures::default();
        assert!(figures.is_empty() && figures.lateness().is_none());
        for (status, trigger) in [
            (Status::Success, Trigger::Schedule),
            (Status::Failed, Trigger::Manual),
            (Status::Success, Trigger::Manual),
        ] {
            figures.ended(status, trigger);
        }
        figures.attempt(None);
        figures.attempt(Some(ErrorKind::Dns));
        figures.pass_over(86_400);
        (1..=100).for_each(|lateness| figures.late(lateness));
        figures.took(7);
        let mut twice = Figures::default();
        twice.add(&figures);
        twice.took(9);
        twice.add(&figures);
        assert_eq!((twice.executions(Status::Success), twice.executions(Status::Failed)), (4, 2));
        assert_eq!((twice.triggered(Trigger::Manual), twice.triggered(Trigger::Replay)), (4, 0));
        assert_eq!((twice.successful_attempts(), twice.failed_attempts(ErrorKind::Dns)), (2, 2));
        assert_eq!(twice.missed(), 172_800);
        assert_eq!(twice.lateness(), Some(Lengths { p50: 49, p95: 91, p99: 99, max: 100 }));
        assert_eq!(twice.duration(), Some(Lengths { p50: 7, p95: 9, p99: 9, max: 9 }));
        let bytes = twice.tally.to_bytes();
        assert_eq!(Figures::read(&bytes, 100, 9).ok(), Some(twice));
    }

    #[test]
    fn kinds_of_counts_do_not_meet() {
        let places = [STATUS, TRIGGER, ERROR_KIND, SUCCEEDED];
        assert!(places.windows(2).all(|two| two[1] - two[0] >= 64));
        assert!(Status::ORDER.len() < 64 && Trigger::ORDER.len() < 64 && ErrorKind::ORDER.len() < 64);
        const { assert!(MISSED < LATENESS && LATENESS + BUCKETS <= DURATION) };
    }
}

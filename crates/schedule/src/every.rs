//! `@every`: a period in whole seconds that is counted from an anchor. So it never drifts, and no time zone matters.

use chronos_types::ExactDuration;

use crate::error::ParseError;
use crate::zone::{MAX_MS, MIN_MS};

/// A period, at least one second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Every {
    seconds: u64,
}

/// Nanoseconds of a second.
const SECOND: u64 = 1_000_000_000;

impl Every {
    /// Parses a duration of whole seconds.
    pub(crate) fn parse(text: &str) -> Result<Every, ParseError> {
        let refuse = |why: String| ParseError::Every { value: text.to_owned(), why };
        let ExactDuration { nanos, is_cut } =
            ExactDuration::parse(text).map_err(|error| refuse(error.to_string()))?;
        if nanos < SECOND {
            return Err(refuse("is shorter than a second".to_owned()));
        }
        if is_cut || !nanos.is_multiple_of(SECOND) {
            return Err(refuse("is not a whole number of seconds".to_owned()));
        }
        Ok(Every { seconds: nanos / SECOND })
    }

    /// The first `anchor + k * period` (`k >= 1`) later than `after`.
    pub(crate) fn next_after(self, anchor: i64, after: i64) -> Option<i64> {
        let (anchor, after) = (i128::from(anchor), i128::from(after.max(MIN_MS - 1)));
        let period = self.period_ms();
        let passed = (after - anchor).max(0) / period;
        let run = i64::try_from(anchor + (passed + 1) * period).ok()?;
        (run <= MAX_MS).then_some(run)
    }

    /// The last `anchor + k * period` (`k >= 1`) at or before `until`.
    pub(crate) fn last_until(self, anchor: i64, until: i64) -> Option<i64> {
        let (anchor, until) = (i128::from(anchor), i128::from(until.min(MAX_MS)));
        let period = self.period_ms();
        let passed = (until - anchor).max(0) / period;
        let run = i64::try_from(anchor + passed * period).ok()?;
        (passed > 0 && run >= MIN_MS).then_some(run)
    }

    /// How many `anchor + k * period` (`k >= 1`) are later than `after` and not later than `until`.
    pub(crate) fn count_between(self, anchor: i64, after: i64, until: i64) -> u64 {
        let (anchor, period) = (i128::from(anchor), self.period_ms());
        let passed = |at: i64| (i128::from(at.clamp(MIN_MS - 1, MAX_MS)) - anchor).max(0) / period;
        u64::try_from(passed(until) - passed(after)).unwrap_or(0)
    }

    /// Visits each of them, in their order.
    pub(crate) fn each_between(self, anchor: i64, after: i64, until: i64, mut visit: impl FnMut(i64)) {
        let Some(first) = self.next_after(anchor, after) else { return };
        // Longer than all of time is as long.
        let (until, period) = (until.min(MAX_MS), i64::try_from(self.period_ms()).unwrap_or(i64::MAX));
        let runs = std::iter::successors(Some(first), |run| run.checked_add(period));
        runs.take_while(|run| *run <= until).for_each(&mut visit);
    }

    pub(crate) fn describe(self) -> String {
        let (count, unit) = match self.seconds {
            s if s % 3600 == 0 => (s / 3600, "hour"),
            s if s % 60 == 0 => (s / 60, "minute"),
            s => (s, "second"),
        };
        match count {
            1 => format!("Every {unit}"),
            _ => format!("Every {count} {unit}s"),
        }
    }

    fn period_ms(self) -> i128 {
        i128::from(self.seconds) * 1000
    }
}

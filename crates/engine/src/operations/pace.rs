//! [`Pace`]: how many targets of an operation have their turn now. Pure: it is told the time.

use std::time::Duration;

use chronos_state::{BulkAction, OperationSpec};
use tokio::time::Instant;

/// The longest that the targets of one step take at their rate. The next step follows when they are through.
const TOGETHER: Duration = Duration::from_millis(200);
/// So many targets have room in a step.
const MOST: usize = 100;

/// When the next target of an operation has its turn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    next: Instant,
}

/// How long it takes from one target of an operation to the next, at least.
pub(super) fn interval(spec: &OperationSpec) -> Duration {
    let second = Duration::from_secs(1);
    let by_rate = spec.per_second.map_or(Duration::ZERO, |rate| second / rate.max(1));
    let by_spread = match spec.action {
        BulkAction::Replay { spread_ms } => {
            let micros = u128::from(spread_ms) * 1_000 / u128::from(spec.count.max(1));
            Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
        }
        _ => Duration::ZERO,
    };
    by_rate.max(by_spread)
}

impl Pace {
    /// The first target has its turn at once.
    pub(super) fn new(now: Instant) -> Self {
        Self { next: now }
    }

    /// How many have their turn.
    pub(super) fn allows(&self, interval: Duration, now: Instant) -> usize {
        if now < self.next {
            return 0;
        }
        let together = TOGETHER.as_micros().checked_div(interval.as_micros()).unwrap_or(u128::MAX);
        usize::try_from(together).unwrap_or(usize::MAX).clamp(1, MOST)
    }

    /// So many had their turn. What was late is not made up for in a hurry.
    pub(super) fn took(&mut self, count: usize, interval: Duration, now: Instant) {
        let begin = self.next.max(now.checked_sub(TOGETHER).unwrap_or(now));
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.next = begin + interval.saturating_mul(count);
    }

    /// Nobody has their turn before that.
    pub(super) fn wait(&mut self, until: Instant) {
        self.next = self.next.max(until);
    }

    /// When somebody has their turn.
    pub(super) fn next(&self) -> Instant {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use chronos_state::{Filter, Targets};

    use super::*;

    fn spec(per_second: Option<u32>, spread_ms: u64, count: u64) -> OperationSpec {
        let action = BulkAction::Replay { spread_ms };
        let targets = Targets::Executions(Filter::new());
        OperationSpec { action, targets, per_second, count, exact: true, scope: None }
    }

    /// How many have their turn in so long, if it is looked each time that somebody has, `late` after that.
    fn count(interval: Duration, seconds: u64, late: Duration) -> usize {
        let begin = Instant::now();
        let (mut pace, mut count) = (Pace::new(begin), 0);
        loop {
            let now = pace.next() + late;
            if now >= begin + Duration::from_secs(seconds) {
                return count;
            }
            let allowed = pace.allows(interval, now);
            assert!((1..=MOST).contains(&allowed));
            pace.took(allowed, interval, now);
            assert_eq!(pace.allows(interval, pace.next() - Duration::from_micros(1)), 0);
            count += allowed;
        }
    }

    #[test]
    fn so_many_have_their_turn_in_a_second() {
        for rate in [1, 3, 50, 1_000] {
            let interval = interval(&spec(Some(rate), 0, 9));
            for late in [0, 5] {
                let found = count(interval, 60, Duration::from_millis(late));
                let expected = 60 * rate as usize;
                assert!((expected * 99 / 100..=expected + MOST).contains(&found), "{rate}: {found}");
            }
        }
    }

    #[test]
    fn what_was_late_is_not_made_up_for() {
        let (begin, interval) = (Instant::now(), Duration::from_millis(20));
        let mut pace = Pace::new(begin);
        let now = begin + Duration::from_secs(3_600);
        assert_eq!(pace.allows(interval, now), 10);
        pace.took(10, interval, now);
        assert!(pace.next() >= now);
    }

    #[test]
    fn a_spread_is_kept_and_the_slower_of_two_rates_counts() {
        assert_eq!(interval(&spec(None, 0, 9)), Duration::ZERO);
        assert_eq!(interval(&spec(Some(50), 600_000, 600)), Duration::from_secs(1));
        assert_eq!(interval(&spec(Some(50), 1_000, 600)), Duration::from_millis(20));
        assert_eq!(interval(&spec(Some(50), 1_000, 0)), Duration::from_secs(1));
        // Without a rate a step takes as many as have room.
        assert_eq!(Pace::new(Instant::now()).allows(Duration::ZERO, Instant::now()), MOST);
    }
}

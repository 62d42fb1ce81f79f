//! [`Pace`]: how long a member takes to apply what its leader has applied.

use std::time::Duration;

use tokio::time::Instant;

/// How long a member takes to apply what its leader has applied. It is measured in rounds: where the leader stands
/// when one begins, the member must come, and then the next one begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// How many entries the member must have applied for this round to end.
    target: u64,
    since: Instant,
    /// How long the round before took.
    last: Option<Duration>,
    /// Entries that the leader has applied and the member has not.
    behind: u64,
}

impl Pace {
    /// Of a member whose leader has applied so many entries.
    pub(crate) fn new(leader: u64, now: Instant) -> Self {
        Self { target: leader, since: now, last: None, behind: leader }
    }

    /// The member has applied so many entries, and its leader so many.
    pub(crate) fn note(&mut self, applied: u64, leader: u64, now: Instant) {
        self.behind = leader.saturating_sub(applied);
        if applied >= self.target {
            // What has everything lags by nothing, however long ago it was heard from.
            let took =
                if self.behind > 0 { now.saturating_duration_since(self.since) } else { Duration::ZERO };
            self.last = Some(took);
            (self.target, self.since) = (leader, now);
        }
    }

    /// Entries that the leader has applied and the member has not.
    pub(crate) fn behind(&self) -> u64 {
        self.behind
    }

    /// How far behind it is in time, as far as the rounds show: of a member that has ended no round yet, this is how
    /// long it has been trying to.
    pub(crate) fn lag(&self, now: Instant) -> Duration {
        let under_way =
            if self.behind > 0 { now.saturating_duration_since(self.since) } else { Duration::ZERO };
        self.last.unwrap_or_default().max(under_way)
    }

    /// Whether it has come to where the leader was, and goes on within this time.
    pub(crate) fn keeps_up(&self, within: Duration, now: Instant) -> bool {
        self.last.is_some() && self.lag(now) <= within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// What the leader has applied by then, a thousand entries a second, and how a member fares that has applied so
    /// many at each of these seconds.
    fn after(applied: &[u64]) -> (Pace, Instant) {
        let begin = Instant::now();
        let mut pace = Pace::new(10_000, begin);
        let mut now = begin;
        for (second, applied) in (0..).zip(applied) {
            now = begin + Duration::from_secs(second);
            pace.note(*applied, 10_000 + 1_000 * second, now);
        }
        (pace, now)
    }

    #[test]
    fn who_joins_keeps_up_once_it_has_come_to_where_the_leader_was_and_goes_on_so() {
        let cases: &[(&[u64], u64, bool)] = &[
            (&[0], 0, false),
            (&[0, 0, 4_000], 2, false),
            // It has come to where the leader was when it began, and that took three seconds.
            (&[0, 0, 4_000, 11_000], 3, false),
            (&[0, 0, 4_000, 11_000, 13_500], 1, true),
            // It stops.
            (&[10_000, 11_000, 12_000, 12_000, 12_000, 12_000], 2, false),
            // It goes on, and is always two seconds behind.
            (&[10_000, 11_000, 11_000, 11_000, 12_000, 13_000], 2, false),
            (&[10_000, 11_000, 12_000], 0, true),
        ];
        for (applied, lag, keeps_up) in cases {
            let (pace, now) = after(applied);
            assert_eq!(pace.lag(now).as_secs(), *lag, "{applied:?}: {pace:?}");
            assert_eq!(pace.keeps_up(SECOND, now), *keeps_up, "{applied:?}: {pace:?}");
        }
    }

    #[test]
    fn nobody_lags_where_there_is_nothing_to_apply() {
        let begin = Instant::now();
        let mut pace = Pace::new(7, begin);
        pace.note(7, 7, begin);
        assert!(pace.keeps_up(SECOND, begin + 60 * SECOND));
        assert_eq!(pace.lag(begin + 60 * SECOND), Duration::ZERO);
    }
}

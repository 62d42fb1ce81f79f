//! How long nothing is forgotten for its age after the time jumped.

use std::time::Duration;

use chronos_state::Jump;
use chronos_types::{Millis, format_rfc3339};
use tokio::time::Instant;

/// So long an operator has to see that the clock is wrong. It is counted by the clock that nobody sets.
const LASTS: Duration = Duration::from_secs(24 * 3_600);

/// Clocks that differ by more than this are wrong.
const AHEAD_MS: i64 = 600_000;

/// Knows since when this process has known of a jump. After a restart it counts anew.
#[derive(Debug, Default)]
pub(super) struct Suspension {
    since: Option<(Jump, Instant)>,
}

impl Suspension {
    /// Takes in which jump is on record. Answers where the time went, once the suspension has lasted long enough.
    pub(super) fn follow(&mut self, jump: Option<Jump>, now: Instant) -> Option<Millis> {
        let Some(jump) = jump else {
            if self.since.take().is_some() {
                tracing::info!("records are forgotten for their age again");
            }
            return None;
        };
        let since = match self.since {
            Some((known, since)) if known == jump => since,
            _ => {
                tracing::warn!("{}", why_suspended(jump));
                self.since.insert((jump, now)).1
            }
        };
        (now.saturating_duration_since(since) >= LASTS).then_some(jump.to)
    }
}

/// Says what is suspended, since when, and until what.
pub(crate) fn why_suspended(Jump { from, to }: Jump) -> String {
    let hours = to.saturating_sub(from) / 3_600_000;
    format!(
        "nothing is forgotten for its age: the cluster's time jumped from {} to {}, by {hours} hours. This ends once \
         the leader has run for 24 hours since, or when you say that the time is right or set it back: \
         POST /api/v1/cluster/clock, or chronos cluster clock",
        format_rfc3339(from),
        format_rfc3339(to)
    )
}

/// Says that the cluster's time is ahead of a clock, where it is by more than the clocks of nodes may differ.
pub(crate) fn why_ahead(noted: Millis, clock: Millis) -> Option<String> {
    let ahead = noted.saturating_sub(clock);
    (ahead > AHEAD_MS).then(|| {
        format!(
            "the cluster's time, {}, is {} minutes ahead of this node's clock: what was planned by it waits until then. \
             If the clock is right, have the time set back: POST /api/v1/cluster/clock with {{\"time\": \"set_back\"}}, \
             or chronos cluster clock set-back",
            format_rfc3339(noted),
            ahead / 60_000
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lasts_a_day_of_uptime_and_begins_anew_with_each_jump() {
        let (one, two) = (Jump { from: 1, to: 2_000_000_000 }, Jump { from: 1, to: 3_000_000_000 });
        let begin = Instant::now();
        let mut suspension = Suspension::default();
        let second = Duration::from_secs(1);
        for (jump, after, expected) in [
            (None, Duration::ZERO, None),
            (Some(one), Duration::ZERO, None),
            (Some(one), LASTS - second, None),
            (Some(two), LASTS - second, None),
            // It has jumped again.
            (Some(two), LASTS, None),
            (Some(two), LASTS * 2 - second, Some(two.to)),
            (None, LASTS * 2, None),
            (Some(two), LASTS * 3, None),
        ] {
            assert_eq!(suspension.follow(jump, begin + after), expected, "{jump:?} after {after:?}");
        }
    }
}

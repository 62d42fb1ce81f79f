//! [`AgreedTime`]: the time that a leader goes by.

use std::sync::Mutex;
use std::time::Duration;

use chronos_state::CLOCKS_DIFFER_MS;
use chronos_types::Millis;

use crate::lock::lock;

/// The time that a leader among others goes by. It is that of its own clock. But where the clock was set, the time
/// goes on as before until the clocks were compared again: what is written down with a time never goes back, and due
/// instants that were passed over do not come again.
///
/// The clock that tells the two apart counts the time in which this machine was suspended (`Env::since_boot`): else the
/// right time would count as set, each time that a machine goes on.
#[derive(Debug, Default)]
pub(crate) struct AgreedTime(Mutex<Option<Agreed>>);

#[derive(Clone, Copy, Debug)]
struct Agreed {
    /// When that was, since the boot.
    at: Duration,
    wall_ms: Millis,
    /// Since when the clock is known to say something else.
    set_at: Option<Duration>,
}

impl Agreed {
    /// The time now, by the clock that nobody sets.
    fn goes_on(&self, now: Duration) -> Millis {
        let passed = i64::try_from(now.saturating_sub(self.at).as_millis()).unwrap_or(i64::MAX);
        self.wall_ms.saturating_add(passed)
    }

    fn is_left(&self, now: Duration, wall_ms: Millis) -> bool {
        wall_ms.abs_diff(self.goes_on(now)) > CLOCKS_DIFFER_MS.unsigned_abs()
    }
}

impl AgreedTime {
    /// By what is known of the others' clocks, this node's may count, and says `wall_ms`. It takes `patience` until
    /// the clocks were compared since this one was set.
    pub(crate) fn agree(&self, now: Duration, wall_ms: Millis, patience: Duration) {
        let mut known = lock(&self.0);
        let agreed = Agreed { at: now, wall_ms, set_at: None };
        *known = match *known {
            Some(before) if before.is_left(now, wall_ms) => {
                let set_at = before.set_at.unwrap_or(now);
                let is_compared = now.saturating_sub(set_at) >= patience;
                Some(if is_compared { agreed } else { Agreed { set_at: Some(set_at), ..before } })
            }
            _ => Some(agreed),
        };
    }

    /// The clock, which says `wall_ms`, is not that of most nodes. Where it is what was agreed on, that was wrong too, and
    /// does not go on once the clock is put right.
    pub(crate) fn doubt(&self, now: Duration, wall_ms: Millis) {
        lock(&self.0).take_if(|agreed| !agreed.is_left(now, wall_ms));
    }

    /// This node does not lead, or has nobody to compare its clock with.
    pub(crate) fn forget(&self) {
        *lock(&self.0) = None;
    }

    /// The time, where this node's clock says `wall_ms`.
    pub(crate) fn time(&self, now: Duration, wall_ms: Millis) -> Millis {
        match *lock(&self.0) {
            Some(agreed) if agreed.is_left(now, wall_ms) => agreed.goes_on(now),
            _ => wall_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_counts_once_it_was_compared() {
        const DAY: i64 = 86_400_000;
        let agreed = AgreedTime::default();
        let at = Duration::from_millis;
        let agree = |ms, wall| agreed.agree(at(ms), wall, Duration::from_secs(1));
        assert_eq!(agreed.time(at(0), DAY), DAY, "there is nobody to compare it with");
        agree(0, 1_000);
        // It goes a little faster.
        assert_eq!(agreed.time(at(500), 1_600), 1_600);
        agree(1_000, 3_900);
        assert_eq!(agreed.time(at(1_100), 4_050), 4_050);
        // It is set, and nobody has looked since.
        assert_eq!(agreed.time(at(1_200), DAY), 4_100);
        agree(1_300, DAY);
        agree(2_200, DAY + 900);
        assert_eq!(agreed.time(at(2_250), DAY + 950), 5_150, "what is known of the others is older");
        agree(2_300, DAY + 1_000);
        assert_eq!(agreed.time(at(2_400), DAY + 1_100), DAY + 1_100, "the others say so too");
        assert_eq!(agreed.time(at(2_400), 0), DAY + 1_100, "nor does it go back at once");
        agreed.forget();
        assert_eq!(agreed.time(at(2_400), 0), 0);
    }
    #[test]
    fn a_time_that_most_clocks_contradict_does_not_go_on() {
        const DAY: i64 = 86_400_000;
        let (agreed, at) = (AgreedTime::default(), Duration::from_millis);
        let agree = |ms, wall| agreed.agree(at(ms), wall, Duration::from_secs(1));
        agree(0, DAY);
        agreed.doubt(at(10), DAY + 10);
        agree(20, 1_000);
        assert_eq!(agreed.time(at(30), 1_010), 1_010);
        // A clock that was set since is another one than what was agreed on.
        agreed.doubt(at(40), DAY);
        assert_eq!(agreed.time(at(50), DAY), 1_030);
    }
}

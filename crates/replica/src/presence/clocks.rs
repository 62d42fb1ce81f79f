//! The clocks of the members: how far each is from the leader's, and what most of them agree on.

use std::time::Duration;

use chronos_state::CLOCKS_DIFFER_MS;

/// A reading that took longer says little.
const SURE_MS: i64 = 250;

/// How far the clock of a member is ahead of this node's, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offset {
    pub ms: i64,
    /// By at most so much this may be wrong.
    pub error_ms: i64,
}

impl Offset {
    /// Of a clock that said `theirs` within the last `round_trip`, where this node's says `ours` now.
    pub(crate) fn of(theirs: i64, ours: i64, round_trip: Duration) -> Self {
        let half = i64::try_from(round_trip.as_millis() / 2).unwrap_or(i64::MAX);
        Self { ms: theirs.saturating_sub(ours.saturating_sub(half)), error_ms: half.saturating_add(1) }
    }

    /// Whether it comes of a short journey.
    pub(crate) fn is_sure(self) -> bool {
        self.error_ms <= SURE_MS
    }

    /// How far the clock is ahead of one that is so far ahead of this node's.
    pub(crate) fn from(self, other: i64) -> i64 {
        self.ms.saturating_sub(other)
    }

    /// Whether the clock certainly differs from one that is so far ahead of this node's.
    pub(crate) fn is_off(self, other: i64) -> bool {
        self.from(other).saturating_abs().saturating_sub(self.error_ms) > CLOCKS_DIFFER_MS
    }
}

/// What the clocks of more than half of so many voters agree on: how far that is ahead of this node's clock. `heard`
/// are the voters whose clocks are known. Nothing where no majority agrees: then nobody can tell who is right.
pub(crate) fn majority(heard: &[Offset], voters: usize) -> Option<i64> {
    let mut sorted: Vec<i64> = heard.iter().map(|offset| offset.ms).collect();
    sorted.sort_unstable();
    // If more than half agree, the one in the middle is among them.
    let middle = *sorted.get(sorted.len().checked_sub(1)? / 2)?;
    let agree = heard.iter().filter(|offset| !offset.is_off(middle)).count();
    (agree * 2 > voters).then_some(middle)
}

/// Whether any two of these clocks certainly differ.
pub(crate) fn differ(heard: &[Offset]) -> bool {
    let apart = |one: &Offset, other: &Offset| {
        let error_ms = one.error_ms.saturating_add(other.error_ms);
        Offset { error_ms, ..*one }.is_off(other.ms)
    };
    heard.iter().any(|one| heard.iter().any(|other| apart(one, other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offsets(ms: &[i64]) -> Vec<Offset> {
        ms.iter().map(|ms| Offset { ms: *ms, error_ms: 50 }).collect()
    }

    #[test]
    fn most_clocks_are_right_and_without_a_majority_nobody_knows() {
        const DAY: i64 = 86_400_000;
        let cases: &[(&[i64], usize, Option<i64>)] = &[
            (&[0], 1, Some(0)),
            (&[0, 10, 40], 3, Some(10)),
            // The leader is a day ahead of the two others.
            (&[0, -DAY, -DAY - 30], 3, Some(-DAY)),
            (&[0, 20, DAY], 3, Some(20)),
            // One of three is not heard from.
            (&[0, 20], 3, Some(0)),
            (&[0, 5_000], 3, None),
            (&[0, 5_000], 2, None),
            (&[0, 5_000, 10_000], 3, None),
            (&[0, 0, DAY, DAY], 4, None),
            (&[0], 3, None),
            (&[], 3, None),
        ];
        for (heard, voters, expected) in cases {
            assert_eq!(majority(&offsets(heard), *voters), *expected, "{heard:?} of {voters}");
        }
    }

    #[test]
    fn a_clock_is_off_only_where_no_slow_journey_explains_it() {
        let at = |theirs, ms| Offset::of(theirs, 1_000_000, Duration::from_millis(ms));
        assert_eq!(at(1_000_000, 100), Offset { ms: 50, error_ms: 51 });
        for (theirs, ms, is_off) in [
            (1_000_000, 0, false),
            (1_002_000, 0, false),
            (1_002_003, 0, true),
            (997_000, 0, true),
            // It said this five seconds ago, or just now.
            (997_000, 5_000, false),
            (i64::MAX, 100, true),
            (i64::MIN, 100, true),
        ] {
            assert_eq!(at(theirs, ms).is_off(0), is_off, "{theirs} within {ms} ms");
        }
    }

    #[test]
    fn clocks_differ_by_more_than_their_readings_may_be_wrong() {
        assert!(!differ(&offsets(&[0, 2_000])));
        assert!(differ(&offsets(&[0, 10, 5_000])));
        assert!(!differ(&offsets(&[0])));
    }
}

//! The instants of batches.

use chronos_state::{ClockWord, Command, Proposal};
use chronos_types::Millis;

/// The time is set back where the leader's clock is at least this far behind it. The state notes the time in steps
/// of a minute, and refuses to set it back by less.
const BACK_LEAST_MS: i64 = 120_000;

/// The instant of a batch, where the clock says `now` and the batch before is of `last`. It is never earlier than
/// that of the batch before, though the clock goes back, unless a command sets the time back.
pub(super) fn instant(now: Millis, last: Millis, items: &[Proposal]) -> Millis {
    let sets_back = || items.iter().any(|item| matches!(item.command, Command::Clock(ClockWord::Back)));
    if now < last.saturating_sub(BACK_LEAST_MS) && sets_back() { now } else { now.max(last) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_goes_back_only_where_a_command_says_so_and_by_no_trifle() {
        let word = |word| vec![Proposal::from(Command::Clock(word))];
        let (back, passes) = (word(ClockWord::Back), word(ClockWord::Passes));
        let last = 10_000_000;
        for (now, items, expected) in [
            (last + 1, &passes, last + 1),
            (last + 1, &back, last + 1),
            (5, &passes, last),
            (5, &back, 5),
            (last - BACK_LEAST_MS, &back, last),
            (last - BACK_LEAST_MS - 1, &back, last - BACK_LEAST_MS - 1),
        ] {
            assert_eq!(instant(now, last, items), expected, "{now} {items:?}");
        }
        assert_eq!(instant(7, Millis::MIN, &back), 7);
    }
}

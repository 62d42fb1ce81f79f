//! What a search for dates needs beyond [`chronos_types::calendar`], and searches in bit sets.

use chronos_types::calendar::days_in_month;

/// The first and the last local year that a schedule looks at. The first is that of jiff's calendar. East of Greenwich
/// the year 10000 has begun when the year 9999 ends in UTC.
pub(crate) const YEARS: std::ops::RangeInclusive<i64> = -9999..=10_000;

/// The most days that the month ever has: 29 for February.
pub(crate) fn longest_month(month: u32) -> u32 {
    days_in_month(2000, month)
}

/// Weekday of a day, 0 is Sunday.
pub(crate) fn weekday(days: i64) -> u32 {
    (days + 4).rem_euclid(7) as u32
}

/// The lowest member that is at least `from`.
pub(crate) fn at_least(set: u64, from: u32) -> Option<u32> {
    let rest = set & u64::MAX.checked_shl(from)?;
    (rest != 0).then(|| rest.trailing_zeros())
}

/// The highest member that is at most `to`.
pub(crate) fn at_most(set: u64, to: u32) -> Option<u32> {
    let rest = set & (u64::MAX >> 63u32.saturating_sub(to));
    (rest != 0).then(|| 63 - rest.leading_zeros())
}

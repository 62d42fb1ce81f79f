//! Instants: milliseconds since the Unix epoch, and their RFC 3339 text.

use crate::calendar::{DAY, civil_from_days, days_from_civil, days_in_month};

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Millis = i64;

/// 0000-01-01T00:00:00Z: RFC 3339 has no earlier year.
const FIRST: Millis = -62_167_219_200_000;
/// 9999-12-31T23:59:59.999Z: RFC 3339 has no later one. No run is later.
pub const LAST_INSTANT: Millis = 253_402_300_799_999;

/// What is wrong with the text of a time, as the end of a sentence that begins with the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeError {
    /// Not of the shape.
    #[error("is not written as YYYY-MM-DDTHH:MM:SS with Z or an offset")]
    Shape,
    /// Nothing follows the time of day.
    #[error("lacks an offset (Z, or such as +01:00)")]
    NoOffset,
    /// The offset is beyond 23:59.
    #[error("has an offset that does not exist")]
    Offset,
    /// The month does not have the day, or there is no such month.
    #[error("has a date that does not exist")]
    Date,
    /// Such as 24:00:00, or second 60 where there is no leap second.
    #[error("has a time of day that does not exist")]
    TimeOfDay,
    /// Before the year 0000 in UTC, or after the year 9999.
    #[error("is beyond the calendar")]
    Range,
}

/// RFC 3339 in UTC with three digits of a second, so that instants sort as their texts do.
#[must_use]
pub fn format_rfc3339(ms: Millis) -> String {
    if !(FIRST..=LAST_INSTANT).contains(&ms) {
        // No instant that was parsed lies there. One that has no year is shown as a number.
        return format!("{ms}ms");
    }
    let (second, millis) = (ms.div_euclid(1_000), ms.rem_euclid(1_000));
    let (year, month, day) = civil_from_days(second.div_euclid(DAY));
    let of_day = second.rem_euclid(DAY);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// Parses a time as RFC 3339, section 5.6, has it. Digits past the millisecond are dropped.
///
/// `T` and `Z` may be lower case, and the offset is required. Second 60 is a leap second: it is taken where
/// there can be one (23:59:60 UTC), and it means the instant after it, as in POSIX time. What is taken can be
/// written in UTC again: the instants from 0000-01-01T00:00:00Z to 9999-12-31T23:59:59.999Z.
///
/// # Errors
/// What is wrong with the text.
pub fn parse_rfc3339(text: &str) -> Result<Millis, TimeError> {
    let (date, time, mut rest) = date_and_time(text).ok_or(TimeError::Shape)?;
    let millis = match rest.one_of(b".") {
        Some(_) => rest.fraction().ok_or(TimeError::Shape)?,
        None => 0,
    };
    let offset = rest.offset()?;
    let (year, month, day) = date;
    if !(1..=12).contains(&month) || !(1..=days_in_month(year, month)).contains(&day) {
        return Err(TimeError::Date);
    }
    let (hour, minute, second) = time;
    let is_leap = second == 60;
    if hour > 23 || minute > 59 || second > 60 {
        return Err(TimeError::TimeOfDay);
    }
    let of_day = i64::from(hour * 3_600 + minute * 60 + second);
    let at = days_from_civil(year, month, day) * DAY + of_day - offset;
    if is_leap && at.rem_euclid(DAY) != 0 {
        return Err(TimeError::TimeOfDay);
    }
    let at = at * 1_000 + millis;
    if (FIRST..=LAST_INSTANT).contains(&at) { Ok(at) } else { Err(TimeError::Range) }
}

/// Year, month and day.
type Date = (i64, u32, u32);
/// Hour, minute and second.
type TimeOfDay = (u32, u32, u32);

/// A date, a time of day, and what follows them. Neither of the two has been looked at yet.
fn date_and_time(text: &str) -> Option<(Date, TimeOfDay, Reader<'_>)> {
    let mut rest = Reader(text.as_bytes());
    let year = i64::from(rest.two()? * 100 + rest.two()?);
    let month = rest.one_of(b"-").and_then(|_| rest.two())?;
    let day = rest.one_of(b"-").and_then(|_| rest.two())?;
    let hour = rest.one_of(b"Tt").and_then(|_| rest.two())?;
    let minute = rest.one_of(b":").and_then(|_| rest.two())?;
    let second = rest.one_of(b":").and_then(|_| rest.two())?;
    Some(((year, month, day), (hour, minute, second), rest))
}

/// What of the text is not read yet.
struct Reader<'t>(&'t [u8]);

impl Reader<'_> {
    fn one_of(&mut self, wanted: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        if !wanted.contains(first) {
            return None;
        }
        self.0 = rest;
        Some(*first)
    }

    fn digit(&mut self) -> Option<u32> {
        self.one_of(b"0123456789").map(|digit| u32::from(digit - b'0'))
    }

    fn two(&mut self) -> Option<u32> {
        Some(self.digit()? * 10 + self.digit()?)
    }

    /// One digit or more, as milliseconds.
    fn fraction(&mut self) -> Option<i64> {
        let mut millis = i64::from(self.digit()?) * 100;
        let mut unit = 10;
        while let Some(digit) = self.digit() {
            millis += i64::from(digit) * unit;
            unit /= 10;
        }
        Some(millis)
    }

    /// The offset from UTC in seconds, with which the text ends.
    fn offset(&mut self) -> Result<i64, TimeError> {
        if self.0.is_empty() {
            return Err(TimeError::NoOffset);
        }
        let sign = self.one_of(b"Zz+-").ok_or(TimeError::Shape)?;
        let mut seconds = 0;
        if matches!(sign, b'+' | b'-') {
            let hours = self.two().ok_or(TimeError::Shape)?;
            let minutes = self.one_of(b":").and_then(|_| self.two()).ok_or(TimeError::Shape)?;
            if hours > 23 || minutes > 59 {
                return Err(TimeError::Offset);
            }
            seconds = i64::from(hours * 3_600 + minutes * 60);
        }
        if !self.0.is_empty() {
            return Err(TimeError::Shape);
        }
        Ok(if sign == b'-' { -seconds } else { seconds })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    #[test]
    fn a_time_is_read_and_written_in_utc() {
        for (text, expected) in [
            ("2026-11-23T10:00:00Z", "2026-11-23T10:00:00.000Z"),
            ("2026-11-23T10:00:00.25+02:00", "2026-11-23T08:00:00.250Z"),
            ("2026-11-23T10:00:00-05:30", "2026-11-23T15:30:00.000Z"),
            ("2026-11-23T10:00:00-00:00", "2026-11-23T10:00:00.000Z"),
            ("2026-11-23t10:00:00z", "2026-11-23T10:00:00.000Z"),
            ("2026-11-23T10:00:00.0129999999999999999999999999999999Z", "2026-11-23T10:00:00.012Z"),
            ("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"),
            ("2024-02-29T23:59:59Z", "2024-02-29T23:59:59.000Z"),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"),
            ("2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00.500Z"),
            ("2016-12-31T15:59:60-08:00", "2017-01-01T00:00:00.000Z"),
            ("2017-01-01T05:29:60+05:30", "2017-01-01T00:00:00.000Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000Z"),
            ("0000-01-01T00:00:00-23:59", "0000-01-01T23:59:00.000Z"),
            ("0000-12-31T23:59:60Z", "0001-01-01T00:00:00.000Z"),
            ("9999-12-30T22:00:01Z", "9999-12-30T22:00:01.000Z"),
            ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
            ("9999-12-31T21:59:00.9999+23:59", "9999-12-30T22:00:00.999Z"),
        ] {
            assert_eq!(parse_rfc3339(text).map(format_rfc3339), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_time_is_refused() {
        for (text, error) in [
            ("", TimeError::Shape),
            ("tomorrow", TimeError::Shape),
            ("2026-11-23", TimeError::Shape),
            ("2026-11-23 10:00:00Z", TimeError::Shape),
            ("2026-11-23_10:00:00Z", TimeError::Shape),
            ("20261123T100000Z", TimeError::Shape),
            ("2026-11-23T10:00Z", TimeError::Shape),
            ("2026-11-23T10:00:00.Z", TimeError::Shape),
            ("2026-11-23T10:00:00,5Z", TimeError::Shape),
            ("2026-11-23T10:00:00 Z", TimeError::Shape),
            (" 2026-11-23T10:00:00Z", TimeError::Shape),
            ("2026-11-23T10:00:00Z ", TimeError::Shape),
            ("2026-11-23T10:00:00+01", TimeError::Shape),
            ("2026-11-23T10:00:00+0100", TimeError::Shape),
            ("2026-11-23T10:00:00+01:00:00", TimeError::Shape),
            ("2026-11-23T10:00:00\u{2212}01:00", TimeError::Shape),
            ("2026-11-23T10:00:00Z[UTC]", TimeError::Shape),
            ("+002026-11-23T10:00:00Z", TimeError::Shape),
            ("-0001-11-23T10:00:00Z", TimeError::Shape),
            ("10000-01-01T00:00:00Z", TimeError::Shape),
            ("2026-11-23T10:00:00", TimeError::NoOffset),
            ("2026-11-23T10:00:00.5", TimeError::NoOffset),
            ("2026-11-23T10:00:00+24:00", TimeError::Offset),
            ("2026-11-23T10:00:00-00:60", TimeError::Offset),
            ("2026-02-29T10:00:00Z", TimeError::Date),
            ("1900-02-29T10:00:00Z", TimeError::Date),
            ("2026-00-01T10:00:00Z", TimeError::Date),
            ("2026-13-01T10:00:00Z", TimeError::Date),
            ("2026-01-00T10:00:00Z", TimeError::Date),
            ("2026-04-31T10:00:00Z", TimeError::Date),
            ("2026-01-01T24:00:00Z", TimeError::TimeOfDay),
            ("2026-01-01T10:60:00Z", TimeError::TimeOfDay),
            ("2026-01-01T10:00:60Z", TimeError::TimeOfDay),
            ("2026-01-01T10:00:61Z", TimeError::TimeOfDay),
            ("2026-01-01T23:59:60+01:00", TimeError::TimeOfDay),
            ("2026-01-01T23:59:61Z", TimeError::TimeOfDay),
            ("0000-01-01T00:00:00+00:01", TimeError::Range),
            ("9999-12-31T23:59:60Z", TimeError::Range),
            ("9999-12-31T23:59:59-00:01", TimeError::Range),
            ("9999-12-31T23:59:59-23:59", TimeError::Range),
        ] {
            assert_eq!(parse_rfc3339(text), Err(error), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(11), failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_prints_parses_back(ms in prop_oneof![FIRST..=LAST_INSTANT, 0..4_000_000_000_000i64]) {
            prop_assert_eq!(parse_rfc3339(&format_rfc3339(ms)), Ok(ms));
        }

        #[test]
        fn instants_sort_as_their_texts_do(
            ms in FIRST..=LAST_INSTANT, other in prop_oneof![FIRST..=LAST_INSTANT, 0..2_000i64],
        ) {
            for other in [other, (ms + other % 2_000).clamp(FIRST, LAST_INSTANT)] {
                prop_assert_eq!(format_rfc3339(ms).cmp(&format_rfc3339(other)), ms.cmp(&other));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(?s).{0,100}") {
            let _ = parse_rfc3339(&text);
        }

        #[test]
        fn what_jiff_reads_otherwise_is_a_leap_second(
            text in "[0-9]{4}-[01][0-9]-[0-3][0-9][Tt][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,9})?([Zz]|[-+][0-2][0-9]:[0-6][0-9])"
        ) {
            if let Ok(ms) = parse_rfc3339(&text) {
                prop_assert!((FIRST..=LAST_INSTANT).contains(&ms));
                // jiff knows neither our leap seconds nor the last hours of the year 9999.
                if &text[17..19] != "60" && ms <= jiff::Timestamp::MAX.as_millisecond() {
                    let second = text.parse::<jiff::Timestamp>().expect("jiff takes it").as_nanosecond();
                    prop_assert_eq!(i128::from(ms), second.div_euclid(1_000_000));
                }
            }
        }
    }
}

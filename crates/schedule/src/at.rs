//! `@at`: one instant, written as RFC 3339, section 5.6.

use crate::calendar::{DAY, days_from_civil, days_in_month};
use crate::error::ParseError;
use crate::zone::{MAX_MS, MIN_MS};

/// The instant in Unix milliseconds; digits beyond milliseconds are dropped.
///
/// As RFC 3339 has it, `T` and `Z` may be lower case, the offset is required, and second 60 is a leap second: it is accepted
/// where one can be (23:59:60 UTC) and means, as in POSIX time, the instant after it.
pub(crate) fn parse(text: &str) -> Result<i64, ParseError> {
    let refuse = |why: &str| ParseError::At { value: text.to_owned(), why: why.to_owned() };
    let mut rest = Reader { text: text.as_bytes() };
    let shape = || refuse("is not written as YYYY-MM-DDTHH:MM:SS with Z or an offset");
    let parts = (|| {
        let year = rest.number(4)?;
        rest.one_of(b"-")?;
        let month = rest.number(2)?;
        rest.one_of(b"-")?;
        let day = rest.number(2)?;
        rest.one_of(b"Tt")?;
        let hour = rest.number(2)?;
        rest.one_of(b":")?;
        let minute = rest.number(2)?;
        rest.one_of(b":")?;
        let second = rest.number(2)?;
        Some((year, month, day, hour, minute, second))
    })();
    let (year, month, day, hour, minute, second) = parts.ok_or_else(shape)?;
    let millis = if rest.one_of(b".").is_some() { rest.fraction().ok_or_else(shape)? } else { 0 };
    let offset = match rest.one_of(b"Zz+-") {
        None if rest.text.is_empty() => {
            return Err(refuse("lacks an offset (Z, or such as +01:00)"));
        }
        None => return Err(shape()),
        Some(b'Z' | b'z') => 0,
        Some(sign) => {
            let hours = rest.number(2).ok_or_else(shape)?;
            rest.one_of(b":").ok_or_else(shape)?;
            let minutes = rest.number(2).ok_or_else(shape)?;
            if hours > 23 || minutes > 59 {
                return Err(refuse("has an offset that does not exist"));
            }
            (hours * 3600 + minutes * 60) * if sign == b'-' { -1 } else { 1 }
        }
    };
    if !rest.text.is_empty() {
        return Err(shape());
    }
    if !(1..=12).contains(&month) || day < 1 || day > i64::from(days_in_month(year, month as u32)) {
        return Err(refuse("has a date that does not exist"));
    }
    let at_second =
        days_from_civil(year, month as u32, day as u32) * DAY + hour * 3600 + minute * 60 + second - offset;
    let leap_second = second == 60 && at_second.rem_euclid(DAY) == 0;
    if hour > 23 || minute > 59 || (second > 59 && !leap_second) {
        return Err(refuse("has a time of day that does not exist"));
    }
    let at = at_second * 1000 + millis;
    if (MIN_MS..=MAX_MS).contains(&at) { Ok(at) } else { Err(refuse("is beyond the calendar")) }
}

struct Reader<'t> {
    text: &'t [u8],
}

impl Reader<'_> {
    fn one_of(&mut self, wanted: &[u8]) -> Option<u8> {
        let (first, rest) = self.text.split_first()?;
        if !wanted.contains(first) {
            return None;
        }
        self.text = rest;
        Some(*first)
    }

    fn digit(&mut self) -> Option<i64> {
        Some(i64::from(self.one_of(b"0123456789")? - b'0'))
    }

    fn number(&mut self, width: u32) -> Option<i64> {
        (0..width).try_fold(0, |n, _| Some(n * 10 + self.digit()?))
    }

    /// One digit or more, the first three kept.
    fn fraction(&mut self) -> Option<i64> {
        let mut millis = self.digit()? * 100;
        let mut unit = 10;
        while let Some(digit) = self.digit() {
            millis += digit * unit;
            unit /= 10;
        }
        Some(millis)
    }
}

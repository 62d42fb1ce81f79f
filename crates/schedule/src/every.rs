//! `@every`: a period in whole seconds, counted from an anchor, so it never drifts and never knows a time zone.

use crate::error::ParseError;
use crate::zone::{MAX_MS, MIN_MS};

/// A period, at least one second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Every {
    seconds: u64,
}

/// Go's longest `time.Duration`, about 292 years, in whole seconds.
const MAX_SECONDS: u64 = i64::MAX as u64 / NANOS as u64;

/// Nanoseconds of a second.
const NANOS: u128 = 1_000_000_000;

/// Fractions are summed in units of 10^-18 ns: exact for 18 digits of any unit, and the longest duration fits a u128.
const FRACTION_DIGITS: usize = 18;
const FRACTION: u128 = 10u128.pow(FRACTION_DIGITS as u32);

impl Every {
    /// Parses a Go duration (<https://pkg.go.dev/time#ParseDuration>): decimal numbers, each with its unit.
    pub(crate) fn parse(text: &str) -> Result<Every, ParseError> {
        let refuse = |why: &str| ParseError::Every { value: text.to_owned(), why: why.to_owned() };
        if text.starts_with('-') {
            return Err(refuse("is negative"));
        }
        let mut rest = text.strip_prefix('+').unwrap_or(text);
        if rest.is_empty() {
            return Err(refuse("is not a duration"));
        }
        let mut total: u128 = 0;
        while !rest.is_empty() {
            let number = take(&mut rest, |b| b.is_ascii_digit() || b == b'.');
            let unit = take(&mut rest, |b| !b.is_ascii_digit() && b != b'.');
            let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
            if whole.len() + fraction.len() == 0 || fraction.contains('.') {
                return Err(refuse("is not a duration"));
            }
            let unit = match unit {
                "h" => 3600 * NANOS,
                "m" => 60 * NANOS,
                "s" => NANOS,
                "ms" => 1_000_000,
                "us" => 1000,
                "ns" => 1,
                "" => return Err(refuse("has a number without a unit (h, m or s)")),
                unit => {
                    return Err(refuse(&format!("has the unknown unit {unit:?} (h, m and s are known)")));
                }
            };
            let (kept, dropped) = fraction.split_at(fraction.len().min(FRACTION_DIGITS));
            if dropped.bytes().any(|b| b != b'0') {
                return Err(refuse("is not a whole number of seconds"));
            }
            total = digits(whole)
                .and_then(|whole| whole.checked_mul(FRACTION))
                .and_then(|whole| whole.checked_add(digits(&format!("{kept:0<FRACTION_DIGITS$}"))?))
                .and_then(|number| number.checked_mul(unit))
                .and_then(|part| total.checked_add(part))
                .ok_or_else(|| refuse("is longer than 292 years"))?;
        }
        let second = NANOS * FRACTION;
        match u64::try_from(total / second) {
            Ok(0) => Err(refuse("is shorter than a second")),
            Ok(seconds) if seconds <= MAX_SECONDS && total.is_multiple_of(second) => Ok(Every { seconds }),
            Ok(seconds) if seconds <= MAX_SECONDS => Err(refuse("is not a whole number of seconds")),
            _ => Err(refuse("is longer than 292 years")),
        }
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

fn take<'t>(rest: &mut &'t str, part: impl Fn(u8) -> bool) -> &'t str {
    let end = rest.bytes().position(|b| !part(b)).unwrap_or(rest.len());
    let (taken, left) = rest.split_at(end);
    *rest = left;
    taken
}

/// A number of digits only (none is 0); `None` where it is too large.
fn digits(text: &str) -> Option<u128> {
    text.bytes().try_fold(0u128, |n, b| n.checked_mul(10)?.checked_add(u128::from(b - b'0')))
}

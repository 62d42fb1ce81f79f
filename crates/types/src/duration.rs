//! Durations as users write them: Go style strings such as `1h30m` or `500ms`.

use std::fmt;

/// A non-negative duration in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct DurationMs(u64);

impl DurationMs {
    /// The longest duration taken: a hundred years of 365 days.
    pub const MAX: DurationMs = DurationMs(100 * 365 * 86_400_000);

    /// From milliseconds, capped at [`DurationMs::MAX`].
    #[must_use]
    pub const fn from_millis(ms: u64) -> Self {
        if ms > Self::MAX.0 { Self::MAX } else { Self(ms) }
    }

    /// From whole seconds, capped at [`DurationMs::MAX`].
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self::from_millis(secs.saturating_mul(1000))
    }

    /// Milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Milliseconds as a signed number, for arithmetic with instants.
    #[must_use]
    pub const fn as_i64(self) -> i64 {
        self.0.cast_signed()
    }

    /// As the standard library's type.
    #[must_use]
    pub const fn as_std(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0)
    }
}

impl fmt::Display for DurationMs {
    /// Go's own form, shortened: `1h30m`, `10s`, `1.5s`, `250ms`, `0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0;
        if ms == 0 {
            return f.write_str("0s");
        }
        if ms < 1000 {
            return write!(f, "{ms}ms");
        }
        let (hours, minutes, rest) = (ms / 3_600_000, ms / 60_000 % 60, ms % 60_000);
        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if minutes > 0 {
            write!(f, "{minutes}m")?;
        }
        if rest > 0 {
            let fraction = rest % 1000;
            if fraction == 0 {
                write!(f, "{}s", rest / 1000)?;
            } else {
                let digits = format!("{fraction:03}");
                write!(f, "{}.{}s", rest / 1000, digits.trim_end_matches('0'))?;
            }
        }
        Ok(())
    }
}

/// Parses a Go style duration: one or more `<decimal><unit>` with the units `ns`, `us`, `µs`,
/// `ms`, `s`, `m` and `h`. Fractions of a millisecond round up, so that nothing positive becomes
/// zero.
///
/// # Errors
/// One sentence saying what is wrong with `text`.
pub fn parse_duration(text: &str) -> Result<DurationMs, String> {
    let expected = "expected a duration such as \"30s\", \"1h30m\" or \"500ms\"";
    if text.starts_with('-') {
        return Err(format!("{text:?} is negative; {expected}"));
    }
    if text == "0" {
        return Ok(DurationMs(0));
    }
    if text.is_empty() || text.len() > 64 {
        return Err(format!("{:?} is not a duration; {expected}", clip(text)));
    }
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Err(format!("{text:?} has no unit; {expected}"));
    }
    let mut nanos: u128 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let unit_len = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_len);
        let scale: u128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return Err(format!("{text:?} is not a duration; {expected}")),
        };
        let value =
            decimal(number, scale).ok_or_else(|| format!("{text:?} is not a duration; {expected}"))?;
        nanos = nanos.saturating_add(value);
        rest = tail;
    }
    let ms = nanos.div_ceil(1_000_000);
    if ms > u128::from(DurationMs::MAX.0) {
        return Err(format!("{text:?} is too long; at most 876000h (a hundred years)"));
    }
    u64::try_from(ms).map(DurationMs).map_err(|_| format!("{text:?} is too long"))
}

/// `number * scale` for a plain decimal such as `1.5`, or nothing when it is not one.
fn decimal(number: &str, scale: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty())
        || fraction.contains('.')
        || whole.len() > 20
        || fraction.len() > 20
    {
        return None;
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let part: u128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let divisor = 10u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    whole.checked_mul(scale)?.checked_add(part.checked_mul(scale)?.div_ceil(divisor))
}

/// The start of a text, for quoting in an error.
pub(crate) fn clip(text: &str) -> &str {
    match text.char_indices().nth(80) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_parse_and_print() {
        for (text, ms, printed) in [
            ("1h30m", 5_400_000, "1h30m"),
            ("500ms", 500, "500ms"),
            ("90s", 90_000, "1m30s"),
            ("1.5s", 1_500, "1.5s"),
            ("1m0.05s", 60_050, "1m0.05s"),
            (".5h", 1_800_000, "30m"),
            ("1ns", 1, "1ms"),
            ("720h", 2_592_000_000, "720h"),
            ("0s", 0, "0s"),
            ("0", 0, "0s"),
        ] {
            let got = parse_duration(text).expect(text);
            assert_eq!((got.as_millis(), got.to_string().as_str()), (ms, printed), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_duration_is_refused() {
        for (text, say) in [
            ("", "not a duration"),
            ("30", "no unit"),
            ("-5s", "negative"),
            ("5 s", "not a duration"),
            ("5d", "not a duration"),
            ("s", "not a duration"),
            ("1.2.3s", "not a duration"),
            ("9999999999h", "too long"),
        ] {
            let error = parse_duration(text).expect_err(text);
            assert!(error.contains(say), "{text}: {error}");
        }
    }
}

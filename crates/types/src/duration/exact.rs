//! The grammar of durations, which is Go's: <https://pkg.go.dev/time#ParseDuration>.

use crate::clip;

/// The longest `time.Duration` of Go: 292 years.
const MAX_NANOS: u64 = i64::MAX.cast_unsigned();

/// A duration as it is written, before it is rounded to what its field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExactDuration {
    /// Whole nanoseconds, at most 2^63 - 1.
    pub nanos: u64,
    /// Whether the text has digits below a nanosecond that do not count here.
    pub is_cut: bool,
}

/// What is wrong with the text of a duration, as the end of a sentence that begins with the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DurationError {
    /// Nothing of the shape.
    #[error("is not a duration")]
    Shape,
    /// Only `0` may stand alone.
    #[error("has a number without a unit")]
    NoUnit,
    /// None of the six units.
    #[error("has the unknown unit {unit:?} (the units are h, m, s, ms, us and ns)")]
    UnknownUnit {
        /// What stands where the unit should; its start, if it is long.
        unit: String,
    },
    /// It has a minus sign. Go takes one, and no field of ours does.
    #[error("is negative")]
    Negative,
    /// Beyond 2^63 - 1 nanoseconds.
    #[error("is longer than 292 years")]
    TooLong,
}

impl ExactDuration {
    /// Parses an optional sign and one or more decimal numbers, each with its unit: `ns`, `us` (or `µs`, with
    /// U+00B5 or U+03BC), `ms`, `s`, `m` or `h`. Digits may be missing before the point or after it. `0`
    /// needs no unit.
    ///
    /// Each number counts in whole nanoseconds, as in Go. Go rounds its fractions to a floating-point number
    /// first; here they are exact.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, DurationError> {
        let is_of_number = |c: char| c.is_ascii_digit() || c == '.';
        let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
        if rest.is_empty() {
            return Err(DurationError::Shape);
        }
        let (mut nanos, mut is_cut) = (0u64, false);
        if rest == "0" {
            rest = "";
        }
        while !rest.is_empty() {
            let (number, tail) = rest.split_at(rest.find(|c| !is_of_number(c)).unwrap_or(rest.len()));
            let (unit, tail) = tail.split_at(tail.find(is_of_number).unwrap_or(tail.len()));
            let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
            if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
                return Err(DurationError::Shape);
            }
            let unit = nanos_of(unit)?;
            let (part, cut) = fraction_of(fraction, unit);
            nanos = nanos.saturating_add(integer(whole).saturating_mul(unit)).saturating_add(part);
            is_cut |= cut;
            rest = tail;
        }
        if text.starts_with('-') {
            Err(DurationError::Negative)
        } else if nanos > MAX_NANOS {
            Err(DurationError::TooLong)
        } else {
            Ok(Self { nanos, is_cut })
        }
    }
}

fn nanos_of(unit: &str) -> Result<u64, DurationError> {
    match unit {
        "ns" => Ok(1),
        "us" | "\u{b5}s" | "\u{3bc}s" => Ok(1_000),
        "ms" => Ok(1_000_000),
        "s" => Ok(1_000_000_000),
        "m" => Ok(60_000_000_000),
        "h" => Ok(3_600_000_000_000),
        "" => Err(DurationError::NoUnit),
        _ => Err(DurationError::UnknownUnit { unit: clip(unit).into_owned() }),
    }
}

/// A number that has only digits; no digits are 0. One that is too large saturates, which is too long in any
/// unit.
fn integer(digits: &str) -> u64 {
    digits.bytes().fold(0, |n: u64, digit| n.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
}

/// The whole part of `unit * 0.digits`, and whether there is more of it. From the last digit to the first,
/// so that any number of digits is exact in numbers below ten units.
fn fraction_of(digits: &str, unit: u64) -> (u64, bool) {
    digits.bytes().rev().fold((0, false), |(part, is_cut), digit| {
        let tenths = part + u64::from(digit - b'0') * unit;
        (tenths / 10, is_cut || !tenths.is_multiple_of(10))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    const HOUR: u64 = 3_600_000_000_000;

    #[test]
    fn what_go_takes_is_taken_with_its_value() {
        let long = format!("{}5.{}s", "0".repeat(100), "0".repeat(100));
        for (text, nanos, is_cut) in [
            ("0", 0, false),
            ("+0", 0, false),
            ("0s", 0, false),
            ("5s", 5_000_000_000, false),
            ("+5s", 5_000_000_000, false),
            ("5.0s", 5_000_000_000, false),
            ("5.s", 5_000_000_000, false),
            (".5s", 500_000_000, false),
            (long.as_str(), 5_000_000_000, false),
            ("10ns", 10, false),
            ("11us", 11_000, false),
            ("12\u{b5}s", 12_000, false),
            ("12\u{3bc}s", 12_000, false),
            ("13ms", 13_000_000, false),
            ("15m", HOUR / 4, false),
            ("16h", 16 * HOUR, false),
            ("3h30m", HOUR / 2 * 7, false),
            ("10.5s4m", 250_500_000_000, false),
            ("1h2m3s4ms5us6ns", 3_723_004_005_006, false),
            ("0.100000000000000000000h", HOUR / 10, false),
            ("52763797000ns", 52_763_797_000, false),
            ("9007199254.740993ms", 9_007_199_254_740_993, false),
            ("9223372036854775807ns", MAX_NANOS, false),
            ("9223372036854775.807us", MAX_NANOS, false),
            ("2562047h47m16.854775807s", MAX_NANOS, false),
            ("0.830103483285477580700h", 2_988_372_539_827, true),
            // Go's floating point makes these 20 minutes.
            ("0.3333333333333333333h", 1_199_999_999_999, true),
            ("0.33333333333333333333333333333333334h", HOUR / 3, true),
            ("0.9ns0.9ns", 0, true),
            ("1.0000000000000000000000000000001h", HOUR, true),
        ] {
            assert_eq!(ExactDuration::parse(text), Ok(ExactDuration { nanos, is_cut }), "{text}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused_and_so_is_a_minus() {
        let unknown = |unit: &str| DurationError::UnknownUnit { unit: unit.to_owned() };
        let endless = format!("{}h", "9".repeat(1_000));
        for (text, error) in [
            ("", DurationError::Shape),
            ("-", DurationError::Shape),
            ("+", DurationError::Shape),
            ("++5s", DurationError::Shape),
            (" 5s", DurationError::Shape),
            ("s", DurationError::Shape),
            (".", DurationError::Shape),
            (".s", DurationError::Shape),
            ("+.s", DurationError::Shape),
            ("1.2.3s", DurationError::Shape),
            ("1..s", DurationError::Shape),
            ("3", DurationError::NoUnit),
            ("00", DurationError::NoUnit),
            ("0.", DurationError::NoUnit),
            ("1h30", DurationError::NoUnit),
            ("1s0", DurationError::NoUnit),
            ("5d", unknown("d")),
            ("5 s", unknown(" s")),
            ("5s ", unknown("s ")),
            ("5S", unknown("S")),
            ("1h-30m", unknown("h-")),
            ("1e3s", unknown("e")),
            ("\u{665}s", DurationError::Shape),
            ("5\u{ff53}", unknown("\u{ff53}")),
            ("-5s", DurationError::Negative),
            ("-0", DurationError::Negative),
            ("-9223372036854775808ns", DurationError::Negative),
            ("9223372036854775808ns", DurationError::TooLong),
            ("9223372036854775.808us", DurationError::TooLong),
            ("2562047h47m16.854775808s", DurationError::TooLong),
            ("18446744073709551616ns", DurationError::TooLong),
            (endless.as_str(), DurationError::TooLong),
        ] {
            assert_eq!(ExactDuration::parse(text), Err(error), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(11), failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_of_its_letters_is_read_or_refused(text in "[-+0-9.hmsunµμd ]{0,100}") {
            if let Ok(exact) = ExactDuration::parse(&text) {
                prop_assert!(exact.nanos <= MAX_NANOS);
            }
        }

        #[test]
        fn nanoseconds_written_out_are_read(nanos in 0..=MAX_NANOS) {
            let text = format!("{}h{}m{}s", nanos / HOUR, nanos / (HOUR / 60) % 60, nanos / 1_000_000_000 % 60);
            let text = format!("{text}{}.{:06}ms", nanos / 1_000_000 % 1_000, nanos % 1_000_000);
            prop_assert_eq!(ExactDuration::parse(&text), Ok(ExactDuration { nanos, is_cut: false }));
        }
    }
}

//! Durations as users write them: Go style strings such as `1h30m` or `500ms`.

mod exact;

use std::fmt;

use crate::clip::clip_to;

pub use exact::{DurationError, ExactDuration};

/// What is quoted of a text that is no duration. None is longer.
const MAX_QUOTED: usize = 80;

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

/// Parses a duration as [`ExactDuration`] does. Fractions of a millisecond round up, so that nothing positive
/// becomes zero.
///
/// # Errors
/// One sentence saying what is wrong with `text`.
pub fn parse_duration(text: &str) -> Result<DurationMs, String> {
    let too_long =
        || format!("{:?} is too long; expected at most 876000h (a hundred years)", clip_to(text, MAX_QUOTED));
    let exact = ExactDuration::parse(text).map_err(|error| match error {
        DurationError::TooLong => too_long(),
        error => {
            format!(
                "{:?} {error}; expected a duration such as \"30s\", \"1h30m\" or \"500ms\"",
                clip_to(text, MAX_QUOTED)
            )
        }
    })?;
    let ms = (exact.nanos + u64::from(exact.is_cut)).div_ceil(1_000_000);
    if ms > DurationMs::MAX.0 { Err(too_long()) } else { Ok(DurationMs(ms)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

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
            ("1.h", 3_600_000, "1h"),
            ("+5s", 5_000, "5s"),
            ("1ns", 1, "1ms"),
            ("0.1ns", 1, "1ms"),
            ("720h", 2_592_000_000, "720h"),
            ("876000h", DurationMs::MAX.as_millis(), "876000h"),
            ("0s", 0, "0s"),
            ("0", 0, "0s"),
            ("+0", 0, "0s"),
        ] {
            let got = parse_duration(text).expect(text);
            assert_eq!((got.as_millis(), got.to_string().as_str()), (ms, printed), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_duration_is_refused() {
        for (text, say) in [
            ("", "not a duration"),
            ("30", "\"30\" has a number without a unit; expected a duration such as \"30s\""),
            ("-5s", "negative"),
            ("5 s", "the unknown unit \" s\""),
            ("5d", "the unknown unit \"d\""),
            ("s", "not a duration"),
            ("1.2.3s", "not a duration"),
            ("9999999999h", "too long"),
            ("876000h1ns", "too long; expected at most 876000h"),
        ] {
            let error = parse_duration(text).expect_err(text);
            assert!(error.contains(say), "{text}: {error}");
        }
        let long = parse_duration(&"x".repeat(1_000)).expect_err("no duration");
        assert!(long.len() < 200, "{long}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(11), failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_prints_parses_back(ms in prop_oneof![0..100_000u64, 0..=DurationMs::MAX.as_millis()]) {
            let duration = DurationMs::from_millis(ms);
            prop_assert_eq!(parse_duration(&duration.to_string()), Ok(duration));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(?s).{0,100}") {
            let _ = parse_duration(&text);
        }
    }
}

//! Which part of the time to come is asked for, and whether it can be answered. Pure: it is told the time.

use std::fmt;

use chronos_types::{DurationMs, Invalid, Millis, clip, format_rfc3339};

use crate::timetable::AHEAD;

/// So many counts are in an answer at most.
const MAX_COUNTS: i64 = 2_000;
/// Where no other is asked for.
const DEFAULT_STEP: i64 = 3_600;
/// Clocks of clients may be ahead by so many seconds: they too can ask for all that is promised.
const GRACE: i64 = 60;

/// A value that a client gave, and how it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked<T> {
    /// As it was written.
    pub text: String,
    /// What it means.
    pub value: T,
}

impl<T> fmt::Display for Asked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", clip(&self.text))
    }
}

/// What is to be counted, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DensityRange {
    from: i64,
    to: i64,
    step: i64,
}

impl DensityRange {
    /// Reads what is to be counted, where it is `now`. `from` is now where it is not given, `to` two days from now, and
    /// `step` an hour. A part of a second is counted with all of it.
    ///
    /// # Errors
    /// What is wrong with `from`, `to` and `step`.
    pub fn of(
        from: Option<&Asked<Millis>>,
        to: Option<&Asked<Millis>>,
        step: Option<&Asked<DurationMs>>,
        now: Millis,
    ) -> Result<Self, Invalid> {
        let mut invalid = Invalid::default();
        let ahead = now.div_euclid(1000).saturating_add(AHEAD).saturating_mul(1000);
        let (begin, end) = (or(from, now), or(to, ahead));
        if let Some(to) = to.filter(|to| to.value > ahead.saturating_add(GRACE * 1000)) {
            let ahead = format_rfc3339(ahead);
            invalid.add("to", format!("{to} is more than 48h ahead; expected a time up to {ahead}"));
        } else if let Some(from) = from.filter(|from| from.value > end) {
            let end = format_rfc3339(end);
            invalid.add("from", format!("{from} is after the end at {end}; expected an earlier time"));
        }
        let length = step.map_or(DEFAULT_STEP * 1000, |step| step.value.as_i64());
        let (from, to, seconds) = (begin.div_euclid(1000), ceil(end), length / 1000);
        if let Some(step) = step.filter(|_| length == 0 || length % 1000 != 0) {
            let why = "is not a whole number of seconds; expected a duration such as \"1m\", at least \"1s\"";
            invalid.add("step", format!("{step} {why}"));
        } else if invalid.is_empty() && ceil_div(to - from, seconds) > MAX_COUNTS {
            let (count, least) = (ceil_div(to - from, seconds), ceil_div(to - from, MAX_COUNTS));
            let (given, least) =
                (step.map_or("\"1h\" (it was omitted)".to_owned(), Asked::to_string), in_words(least));
            let why = format!("gives {count} counts; expected at most {MAX_COUNTS}, so at least {least:?}");
            invalid.add("step", format!("{given} {why}"));
        }
        invalid.into_result()?;
        Ok(Self { from, to, step: seconds })
    }

    /// The first instant.
    #[must_use]
    pub fn from(&self) -> Millis {
        self.from * 1000
    }

    /// The instant behind the last one.
    #[must_use]
    pub fn to(&self) -> Millis {
        self.to * 1000
    }

    /// How long each step is.
    #[must_use]
    pub fn step(&self) -> DurationMs {
        duration(self.step)
    }

    pub(super) fn seconds(&self) -> (i64, i64) {
        (self.from, self.to)
    }

    /// When each step begins.
    pub(super) fn starts(&self) -> impl Iterator<Item = i64> + use<> {
        let Self { from, to, step } = *self;
        (0..ceil_div(to - from, step)).map(move |number| from + number * step)
    }
}

/// Which runs are to be listed: from one instant on up to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunsRange {
    pub(super) from: Millis,
    pub(super) to: Millis,
}

impl RunsRange {
    /// Reads which runs are to be listed, where it is `now`. `from` is now where it is not given, and `to` the end of all
    /// time.
    ///
    /// # Errors
    /// `from` is after `to`.
    pub fn of(
        from: Option<&Asked<Millis>>,
        to: Option<&Asked<Millis>>,
        now: Millis,
    ) -> Result<Self, Invalid> {
        match (from, to) {
            (Some(from), Some(to)) if from.value > to.value => {
                let why = format!("{from} is after `to`, {to}; expected that time or an earlier one");
                Err(Invalid::one("from", why))
            }
            _ => Ok(Self { from: or(from, now), to: or(to, Millis::MAX) }),
        }
    }
}

fn or(asked: Option<&Asked<Millis>>, other: Millis) -> Millis {
    asked.map_or(other, |asked| asked.value)
}

/// The second that begins at an instant, or the next one.
fn ceil(at: Millis) -> i64 {
    at.saturating_add(999).div_euclid(1000)
}

fn ceil_div(seconds: i64, by: i64) -> i64 {
    seconds.saturating_add(by - 1).div_euclid(by)
}

fn duration(seconds: i64) -> DurationMs {
    DurationMs::from_secs(seconds.max(0).cast_unsigned())
}

fn in_words(seconds: i64) -> String {
    duration(seconds).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-23T10:00:00.500Z";

    fn at(text: &str) -> Millis {
        chronos_types::parse_rfc3339(text).expect(text)
    }

    fn asked(text: &str) -> Option<Asked<Millis>> {
        (!text.is_empty()).then(|| Asked { text: text.to_owned(), value: at(text) })
    }

    fn density(from: &str, to: &str, step: &str) -> Result<DensityRange, Invalid> {
        let length = |text: &str| chronos_types::parse_duration(text).expect("a duration");
        let step = (!step.is_empty()).then(|| Asked { text: step.to_owned(), value: length(step) });
        DensityRange::of(asked(from).as_ref(), asked(to).as_ref(), step.as_ref(), at(NOW))
    }

    #[test]
    fn what_is_counted_is_read_in_whole_seconds() {
        for (from, to, step, expected) in [
            ("", "", "", ("2026-11-23T10:00:00Z", "2026-11-25T10:00:00Z", 3_600, 48)),
            ("2026-11-23T11:00:00Z", "2026-11-23T12:00:00Z", "1m", {
                ("2026-11-23T11:00:00Z", "2026-11-23T12:00:00Z", 60, 60)
            }),
            ("2026-11-23T11:00:00.999Z", "2026-11-23T11:00:10.001Z", "7s", {
                ("2026-11-23T11:00:00Z", "2026-11-23T11:00:11Z", 7, 2)
            }),
            // The past has no runs to come, and may be asked for.
            ("2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z", "1h", {
                ("2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z", 3_600, 24)
            }),
            ("2026-11-23T11:00:00Z", "2026-11-23T11:00:00Z", "", {
                ("2026-11-23T11:00:00Z", "2026-11-23T11:00:00Z", 3_600, 0)
            }),
            // The clock of the client is ahead.
            ("", "2026-11-25T10:01:00Z", "24h", ("2026-11-23T10:00:00Z", "2026-11-25T10:01:00Z", 86_400, 3)),
            ("2026-11-23T11:00:00Z", "2026-11-23T11:33:20Z", "1s", {
                ("2026-11-23T11:00:00Z", "2026-11-23T11:33:20Z", 1, 2_000)
            }),
        ] {
            let range = density(from, to, step).unwrap_or_else(|error| panic!("{from} {to} {step}: {error}"));
            let (begin, end, seconds, count) = expected;
            assert_eq!((range.from(), range.to()), (at(begin), at(end)), "{from} {to} {step}");
            assert_eq!((range.step(), range.starts().count()), (DurationMs::from_secs(seconds), count));
        }
    }

    #[test]
    fn what_cannot_be_counted_is_refused_with_the_value_and_what_was_expected() {
        for (from, to, step, says) in [
            ("2026-11-24T00:00:00Z", "2026-11-23T23:00:00Z", "", {
                "from: \"2026-11-24T00:00:00Z\" is after the end at 2026-11-23T23:00:00.000Z; expected an earlier time"
            }),
            ("2026-11-26T00:00:00Z", "", "", {
                "from: \"2026-11-26T00:00:00Z\" is after the end at 2026-11-25T10:00:00.000Z; expected an earlier time"
            }),
            ("", "2026-11-25T10:01:01Z", "", {
                "to: \"2026-11-25T10:01:01Z\" is more than 48h ahead; expected a time up to 2026-11-25T10:00:00.000Z"
            }),
            ("", "", "1m", {
                "step: \"1m\" gives 2880 counts; expected at most 2000, so at least \"1m27s\""
            }),
            (
                "2000-01-01T00:00:00Z",
                "",
                "",
                "step: \"1h\" (it was omitted) gives 235810 counts; expected at most 2000, so",
            ),
            (
                "",
                "",
                "0s",
                "step: \"0s\" is not a whole number of seconds; expected a duration such as \"1m\"",
            ),
            ("", "", "1500ms", "step: \"1500ms\" is not a whole number of seconds"),
        ] {
            let refused = density(from, to, step).expect_err(says).to_string();
            assert!(refused.contains(says), "{refused}");
        }
    }

    #[test]
    fn runs_are_listed_from_now_on_unless_it_is_said_otherwise() {
        let range = |from, to| RunsRange::of(asked(from).as_ref(), asked(to).as_ref(), at(NOW));
        assert_eq!(range("", ""), Ok(RunsRange { from: at(NOW), to: Millis::MAX }));
        let (from, to) = ("2026-11-24T00:00:00Z", "2030-01-01T00:00:00Z");
        assert_eq!(range(from, to), Ok(RunsRange { from: at(from), to: at(to) }));
        let refused = range(to, from).expect_err("from is after to").to_string();
        assert_eq!(
            refused,
            format!("from: {to:?} is after `to`, {from:?}; expected that time or an earlier one")
        );
    }
}

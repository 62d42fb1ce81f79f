//! Which part of the past figures are asked of, and in which steps. Pure: it is told the time.

use chronos_state::Reader;
use chronos_types::{DurationMs, Invalid, Millis, format_rfc3339};

use crate::upcoming::Asked;

/// So many steps are in an answer at most.
const MAX_STEPS: Millis = 2_000;
/// Where no step is asked for, the shortest of these that makes no more steps than [`GOOD_STEPS`].
const STEPS: [Millis; 5] = [5 * MINUTE, 15 * MINUTE, 60 * MINUTE, 6 * 60 * MINUTE, DAY];
const GOOD_STEPS: Millis = 300;
/// The range where none is asked for.
const DEFAULT_RANGE: Millis = DAY;
const MINUTE: Millis = 60_000;
const DAY: Millis = 24 * 60 * MINUTE;

/// A range of time in whole steps, counted from 1970 on: so a day is one of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FiguresRange {
    from: Millis,
    to: Millis,
    step: Millis,
    level: Millis,
}

impl FiguresRange {
    /// Reads what is asked for, where it is `now`: a day up to now, if nothing is said. It begins and ends with a step, so
    /// both ends are moved outwards. Where figures of all jobs are asked for from a time of which shorter stretches than an
    /// hour or a day are not kept any more, steps are made of those.
    ///
    /// # Errors
    /// What is wrong with `from`, `to` and `step`.
    pub fn of(
        from: Option<&Asked<Millis>>,
        to: Option<&Asked<Millis>>,
        step: Option<&Asked<DurationMs>>,
        of_all: bool,
        now: Millis,
    ) -> Result<Self, Invalid> {
        let mut invalid = Invalid::default();
        let end = to.map_or_else(|| from.map_or(now, |from| from.value.max(now)), |to| to.value);
        let begin = from.map_or(end.saturating_sub(DEFAULT_RANGE), |from| from.value);
        if let Some(from) = from.filter(|from| from.value > end) {
            let end = format_rfc3339(end);
            invalid.add("from", format!("{from} is after the end at {end}; expected an earlier time"));
        }
        let shortest = Reader::figures_steps()[0].0;
        let asked = step.map(|step| step.value.as_i64());
        if let (Some(step), Some(length)) = (step, asked)
            && (length == 0 || length % shortest != 0)
        {
            let why = "is no multiple of 5m; expected a duration such as \"5m\", \"1h\" or \"24h\"";
            invalid.add("step", format!("{step} {why}"));
        }
        invalid.into_result()?;
        let kept = if of_all { kept_at(begin, now) } else { shortest };
        let length = asked.unwrap_or_else(|| good_step(end.saturating_sub(begin)));
        let length = ceil(length, kept);
        let (from, to) = (begin.saturating_sub(begin.rem_euclid(length)), ceil(end, length));
        let count = to.saturating_sub(from) / length;
        if count > MAX_STEPS {
            let least = ceil((end.saturating_sub(begin)) / (MAX_STEPS - 1) + 1, kept);
            let (given, least) = (in_words(length), in_words(least));
            let why = format!("gives {count} steps; expected at most {MAX_STEPS}, so at least \"{least}\"");
            return Err(Invalid::one("step", format!("\"{given}\" {why}")));
        }
        Ok(Self { from, to, step: length, level: level_of(length, kept) })
    }

    /// The first instant.
    #[must_use]
    pub fn from(&self) -> Millis {
        self.from
    }

    /// The instant behind the last one.
    #[must_use]
    pub fn to(&self) -> Millis {
        self.to
    }

    /// How long each step is.
    #[must_use]
    pub fn step(&self) -> DurationMs {
        duration(self.step)
    }

    pub(super) fn step_ms(&self) -> Millis {
        self.step
    }

    /// The length of the stretches that the steps are put together of.
    pub(super) fn level(&self) -> Millis {
        self.level
    }
}

/// The shortest stretches that are still kept of an instant.
fn kept_at(at: Millis, now: Millis) -> Millis {
    let [.., (longest, _)] = Reader::figures_steps();
    let still = |(_, kept): &(Millis, Millis)| at >= now.saturating_sub(*kept);
    Reader::figures_steps().into_iter().find(still).map_or(longest, |(length, _)| length)
}

/// The longest stretches that are not shorter than `kept` and of which a step is made.
fn level_of(step: Millis, kept: Millis) -> Millis {
    let levels = Reader::figures_steps().into_iter().rev().map(|(length, _)| length);
    levels.filter(|length| step % length == 0).find(|length| *length >= kept).unwrap_or(kept)
}

/// A step for a range of this length.
fn good_step(range: Millis) -> Millis {
    let good = STEPS.into_iter().find(|step| range / step <= GOOD_STEPS);
    good.unwrap_or_else(|| ceil(range / GOOD_STEPS, DAY))
}

/// The first multiple that is not less.
fn ceil(value: Millis, of: Millis) -> Millis {
    value.saturating_add(of - 1).div_euclid(of).saturating_mul(of)
}

fn duration(ms: Millis) -> DurationMs {
    DurationMs::from_millis(ms.max(0).cast_unsigned())
}

fn in_words(ms: Millis) -> String {
    duration(ms).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-23T10:02:00.500Z";

    fn at(text: &str) -> Millis {
        chronos_types::parse_rfc3339(text).expect(text)
    }

    fn range(from: &str, to: &str, step: &str, of_all: bool) -> Result<FiguresRange, Invalid> {
        let time = |text: &str| (!text.is_empty()).then(|| Asked { text: text.to_owned(), value: at(text) });
        let length = |text: &str| chronos_types::parse_duration(text).expect("a duration");
        let step = (!step.is_empty()).then(|| Asked { text: step.to_owned(), value: length(step) });
        FiguresRange::of(time(from).as_ref(), time(to).as_ref(), step.as_ref(), of_all, at(NOW))
    }

    #[test]
    fn a_range_is_moved_outwards_to_whole_steps() {
        for (from, to, step, expected) in [
            ("", "", "", ("2026-11-22T10:00:00Z", "2026-11-23T10:05:00Z", "5m", 300_000)),
            ("2026-11-23T08:01:00Z", "2026-11-23T09:00:00Z", "", {
                ("2026-11-23T08:00:00Z", "2026-11-23T09:00:00Z", "5m", 300_000)
            }),
            ("2026-11-23T08:01:00Z", "2026-11-23T09:59:00Z", "1h", {
                ("2026-11-23T08:00:00Z", "2026-11-23T10:00:00Z", "1h", 3_600_000)
            }),
            ("2026-11-23T08:01:00Z", "2026-11-23T09:59:00Z", "10m", {
                ("2026-11-23T08:00:00Z", "2026-11-23T10:00:00Z", "10m", 300_000)
            }),
            // Of this time no five minutes are kept any more.
            ("2026-11-20T08:00:00Z", "2026-11-20T09:30:00Z", "5m", {
                ("2026-11-20T08:00:00Z", "2026-11-20T10:00:00Z", "1h", 3_600_000)
            }),
            ("2026-11-20T08:00:00Z", "2026-11-20T09:30:00Z", "90m", {
                ("2026-11-20T08:00:00Z", "2026-11-20T10:00:00Z", "2h", 3_600_000)
            }),
            ("2026-10-24T00:00:00Z", "", "", {
                ("2026-10-24T00:00:00Z", "2026-11-23T12:00:00Z", "6h", 3_600_000)
            }),
            ("2026-06-01T00:00:00Z", "", "", {
                ("2026-06-01T00:00:00Z", "2026-11-24T00:00:00Z", "24h", 86_400_000)
            }),
            ("2026-06-01T00:00:00Z", "", "1h", {
                ("2026-06-01T00:00:00Z", "2026-11-24T00:00:00Z", "24h", 86_400_000)
            }),
            ("", "2026-11-23T08:00:00Z", "24h", {
                ("2026-11-22T00:00:00Z", "2026-11-24T00:00:00Z", "24h", 86_400_000)
            }),
            // Nothing was done yet.
            ("2026-11-24T00:00:00Z", "", "", {
                ("2026-11-24T00:00:00Z", "2026-11-24T00:00:00Z", "5m", 300_000)
            }),
        ] {
            let found =
                range(from, to, step, true).unwrap_or_else(|error| panic!("{from} {to} {step}: {error}"));
            let (begin, end, step, level) = expected;
            assert_eq!((found.from(), found.to()), (at(begin), at(end)), "{from} {to} {step}");
            assert_eq!((found.step().to_string().as_str(), found.level()), (step, level), "{from} {to}");
        }
        let wide = range("1970-01-01T00:00:00Z", "9999-01-01T00:00:00Z", "", true).expect("a range");
        assert!((wide.to() - wide.from()) / wide.step_ms() <= GOOD_STEPS + 1);
        // Of one job all that is on record is there.
        let found = range("2026-11-20T08:00:00Z", "2026-11-20T09:30:00Z", "5m", false).expect("a range");
        assert_eq!(found.step().to_string(), "5m");
    }

    #[test]
    fn what_cannot_be_told_is_refused_with_the_value_and_what_was_expected() {
        for (from, to, step, says) in [
            ("2026-11-23T09:00:00Z", "2026-11-23T08:00:00Z", "", {
                "from: \"2026-11-23T09:00:00Z\" is after the end at 2026-11-23T08:00:00.000Z; expected an earlier time"
            }),
            ("", "", "0s", "step: \"0s\" is no multiple of 5m; expected a duration such as"),
            ("", "", "7m", "step: \"7m\" is no multiple of 5m"),
            ("2000-01-01T00:00:00Z", "", "24h", {
                "step: \"24h\" gives 9824 steps; expected at most 2000, so at least \"120h\""
            }),
        ] {
            let refused = range(from, to, step, true).expect_err(says).to_string();
            assert!(refused.contains(says), "{refused}");
        }
        let refused = range("2026-01-01T00:00:00Z", "", "5m", false).expect_err("too many").to_string();
        assert!(refused.contains("step: \"5m\" gives 94"), "{refused}");
    }

    #[test]
    fn the_least_step_that_is_named_is_taken() {
        for from in ["2000-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2013-03-03T03:03:03Z"] {
            let refused = range(from, "", "24h", true).expect_err(from).to_string();
            let least = refused.split("at least \"").nth(1).and_then(|rest| rest.split('"').next());
            assert!(range(from, "", least.expect("a step"), true).is_ok(), "{refused}");
        }
    }
}

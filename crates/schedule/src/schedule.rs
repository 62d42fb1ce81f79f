//! A schedule: cron, `@every` or `@at`.

use chronos_types::parse_rfc3339;

use crate::cron::Cron;
use crate::dst::{self, ClockChange};
use crate::error::{MAX_LEN, ParseError};
use crate::every::Every;
use crate::warnings::{self, Warning};
use crate::zone::Zone;
use crate::{describe, eval};

/// A parsed schedule: cron, `@every` or `@at`.
///
/// Two schedules are equal if they match the same: `0 9 * * 1-5` equals `0 0 9 ? * MON-FRI`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Cron(Cron),
    Every(Every),
    /// Unix milliseconds.
    At(i64),
}

impl Schedule {
    /// Parses an expression of at most [`MAX_LEN`] bytes. Blanks around it are ignored. All of it is ASCII, but for
    /// the unit `µs` of `@every`.
    ///
    /// A cron expression that can never fire is refused. An `@at` in the past is accepted, because this crate has no clock.
    pub fn parse(text: &str) -> Result<Schedule, ParseError> {
        if text.len() > MAX_LEN {
            return Err(ParseError::TooLong { len: text.len() });
        }
        let text = text.trim_matches([' ', '\t']);
        if !text.starts_with("@every")
            && let Some(found) = text.chars().find(|c| !c.is_ascii())
        {
            return Err(ParseError::NonAscii { found });
        }
        if text.is_empty() {
            return Err(ParseError::Empty);
        }
        let kind =
            if text.starts_with('@') { Kind::parse_at_sign(text)? } else { Kind::Cron(Cron::parse(text)?) };
        Ok(Schedule { kind })
    }

    /// The first instant later than `after_ms`. `None` if there is none: an `@at` has passed, or the calendar ends.
    ///
    /// `@every` counts from `anchor_ms`: its runs are `anchor + k * period` with `k >= 1`. The other kinds ignore it.
    pub fn next_after(&self, zone: &Zone, anchor_ms: i64, after_ms: i64) -> Option<i64> {
        match &self.kind {
            Kind::Cron(cron) => Some(eval::next_after(cron, zone, after_ms.div_euclid(1000))? * 1000),
            Kind::Every(every) => every.next_after(anchor_ms, after_ms),
            Kind::At(at) => (*at > after_ms).then_some(*at),
        }
    }

    /// The latest instant that is later than `after_ms` and not later than `until_ms`.
    ///
    /// The search goes backwards from `until_ms`, so it costs the same for one run in between as for a billion.
    pub fn last_between(&self, zone: &Zone, anchor_ms: i64, after_ms: i64, until_ms: i64) -> Option<i64> {
        let last = match &self.kind {
            Kind::Cron(cron) => eval::last_until(cron, zone, until_ms.div_euclid(1000))? * 1000,
            Kind::Every(every) => every.last_until(anchor_ms, until_ms)?,
            Kind::At(at) => *at,
        };
        (after_ms < last && last <= until_ms).then_some(last)
    }

    /// How many instants are later than `after_ms` and not later than `until_ms`.
    ///
    /// They are not gone through one by one: the work grows with the months and the changes of the clock in between, and
    /// not with the instants.
    pub fn count_between(&self, zone: &Zone, anchor_ms: i64, after_ms: i64, until_ms: i64) -> u64 {
        if until_ms <= after_ms {
            return 0;
        }
        match &self.kind {
            Kind::Cron(cron) => {
                eval::count_between(cron, zone, after_ms.div_euclid(1000), until_ms.div_euclid(1000))
            }
            Kind::Every(every) => every.count_between(anchor_ms, after_ms, until_ms),
            Kind::At(at) => u64::from(after_ms < *at && *at <= until_ms),
        }
    }

    /// Visits each instant that is later than `after_ms` and not later than `until_ms`, in their order. One costs some
    /// nanoseconds.
    pub fn each_between(
        &self,
        zone: &Zone,
        anchor_ms: i64,
        after_ms: i64,
        until_ms: i64,
        mut visit: impl FnMut(i64),
    ) {
        if until_ms <= after_ms {
            return;
        }
        match &self.kind {
            Kind::Cron(cron) => {
                let (after, until) = (after_ms.div_euclid(1000), until_ms.div_euclid(1000));
                eval::each_between(cron, zone, after, until, |second| visit(second * 1000));
            }
            Kind::Every(every) => every.each_between(anchor_ms, after_ms, until_ms, visit),
            Kind::At(at) if after_ms < *at && *at <= until_ms => visit(*at),
            Kind::At(_) => {}
        }
    }

    /// What a change of the local clock does to the run at this instant, which must be one of the schedule's; none
    /// where it does nothing. `@every` and `@at` know no local clock.
    pub fn clock_change(&self, zone: &Zone, run_ms: i64) -> Option<ClockChange> {
        match &self.kind {
            Kind::Cron(cron) => dst::change(cron, zone, run_ms.div_euclid(1000)),
            Kind::Every(_) | Kind::At(_) => None,
        }
    }

    /// What is odd about the schedule, which was parsed from this text.
    pub fn warnings(&self, text: &str) -> Vec<Warning> {
        match &self.kind {
            Kind::Cron(cron) => warnings::of(cron, text),
            Kind::Every(_) | Kind::At(_) => Vec::new(),
        }
    }

    /// Plain English, such as `At 09:00, Monday through Friday`.
    pub fn describe(&self) -> String {
        match &self.kind {
            Kind::Cron(cron) => describe::cron(cron),
            Kind::Every(every) => every.describe(),
            Kind::At(at) => format!("Once, at {}", Zone::utc().format_rfc3339(*at)),
        }
    }

    /// The instant of `@at`, in Unix milliseconds.
    pub fn as_once(&self) -> Option<i64> {
        match self.kind {
            Kind::At(at) => Some(at),
            _ => None,
        }
    }
}

impl Kind {
    fn parse_at_sign(text: &str) -> Result<Kind, ParseError> {
        let (word, rest) = match text.split_once([' ', '\t']) {
            Some((word, rest)) => (word, rest.trim_matches([' ', '\t'])),
            None => (text, ""),
        };
        let cron = match word {
            "@every" => return Ok(Kind::Every(Every::parse(rest)?)),
            "@at" => return Ok(Kind::At(parse_at(rest)?)),
            _ if !rest.is_empty() => {
                return Err(ParseError::UnknownShorthand { word: text.to_owned() });
            }
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            _ => {
                return Err(ParseError::UnknownShorthand { word: word.to_owned() });
            }
        };
        Ok(Kind::Cron(Cron::parse(cron)?))
    }
}

/// The instant of `@at`.
fn parse_at(text: &str) -> Result<i64, ParseError> {
    parse_rfc3339(text).map_err(|error| ParseError::At { value: text.to_owned(), why: error.to_string() })
}

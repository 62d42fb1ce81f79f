//! When a job runs: cron expressions, `@every` and `@at`, in any IANA time zone, across daylight saving.
//!
//! A text is parsed once into a [`Schedule`] (32 bytes of bit sets), which then answers which instant comes next. All
//! instants are Unix milliseconds. The crate is pure: it never asks the time, never reads the machine's time zone database
//! and keeps no state, so every node computes the same.
//!
//! ```
//! use chronos_schedule::{Schedule, Zone};
//!
//! let schedule = Schedule::parse("0 9 * * 1-5")?;
//! let zone = Zone::parse("America/New_York")?;
//! let next = schedule.next_after(&zone, 0, 1_795_435_200_000).unwrap();
//! assert_eq!(zone.format_rfc3339(next), "2026-11-23T09:00:00-05:00");
//! assert_eq!(schedule.describe(), "At 09:00, Monday through Friday");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | what it knows |
//! | --- | --- |
//! | `fields` | the six fields of cron: their names and ranges |
//! | `field` | the grammar of one of them |
//! | `cron` | six bit sets, and the local times they match |
//! | `calendar` | days, months, leap years |
//! | `zone` | offsets and transitions |
//! | `eval` | which instants the local times are: the daylight saving rules |
//! | `every`, `at` | the two schedules that are not cron |
//! | `describe` | plain English |

mod at;
mod calendar;
mod cron;
mod describe;
mod error;
mod eval;
mod every;
mod field;
mod fields;
mod zone;

pub use error::{MAX_LEN, ParseError};
pub use fields::Field;
pub use zone::{Zone, ZoneError, tz_release};

use cron::Cron;
use every::Every;

/// A parsed schedule: cron, `@every` or `@at`.
///
/// Compared by what they match and not by their text: `0 9 * * 1-5` equals `0 0 9 ? * MON-FRI`.
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
    /// Parses an expression of at most [`MAX_LEN`] ASCII bytes; blanks around it are ignored.
    ///
    /// A cron expression that can never fire is refused too. An `@at` in the past is not: this crate has no clock.
    pub fn parse(text: &str) -> Result<Schedule, ParseError> {
        if text.len() > MAX_LEN {
            return Err(ParseError::TooLong { len: text.len() });
        }
        if let Some(found) = text.chars().find(|c| !c.is_ascii()) {
            return Err(ParseError::NonAscii { found });
        }
        let text = text.trim_matches([' ', '\t']);
        if text.is_empty() {
            return Err(ParseError::Empty);
        }
        let kind =
            if text.starts_with('@') { Kind::parse_at_sign(text)? } else { Kind::Cron(Cron::parse(text)?) };
        Ok(Schedule { kind })
    }

    /// The first instant strictly later than `after_ms`; `None` if there is none (a passed `@at`, or the calendar's end).
    ///
    /// `anchor_ms` is where `@every` counts from: its runs are `anchor + k * period` with `k >= 1`. The others ignore it.
    pub fn next_after(&self, zone: &Zone, anchor_ms: i64, after_ms: i64) -> Option<i64> {
        match &self.kind {
            Kind::Cron(cron) => Some(eval::next_after(cron, zone, after_ms.div_euclid(1000))? * 1000),
            Kind::Every(every) => every.next_after(anchor_ms, after_ms),
            Kind::At(at) => (*at > after_ms).then_some(*at),
        }
    }

    /// The latest instant that is later than `after_ms` and not later than `until_ms`.
    ///
    /// Searches backwards from `until_ms`, so it costs the same whether one run lies between or a billion.
    pub fn last_between(&self, zone: &Zone, anchor_ms: i64, after_ms: i64, until_ms: i64) -> Option<i64> {
        let last = match &self.kind {
            Kind::Cron(cron) => eval::last_until(cron, zone, until_ms.div_euclid(1000))? * 1000,
            Kind::Every(every) => every.last_until(anchor_ms, until_ms)?,
            Kind::At(at) => *at,
        };
        (after_ms < last && last <= until_ms).then_some(last)
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
            "@at" => return Ok(Kind::At(at::parse(rest)?)),
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

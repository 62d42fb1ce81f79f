//! A cron expression as bit sets, and a search for the *local* times that it matches, forwards and backwards.
//!
//! This module knows the calendar but no time zone and no instant: a local time is a count of seconds since
//! 1970-01-01T00:00:00 on the wall clock. `eval` maps it to instants.
//!
//! The day rule is Vixie cron's (crontab(5), and `DOM_STAR`/`DOW_STAR` in its `entry.c`): if day-of-month or day-of-week
//! starts with a star, a day must match both; else either is enough.

use chronos_types::calendar::{DAY, civil_from_days, days_from_civil, days_in_month};

use crate::calendar::{YEARS, at_least, at_most, longest_month, weekday};
use crate::error::ParseError;
use crate::field::{Field, LAST_DAY};

/// Bit sets, 32 bytes in all. Bit `v` stands for value `v`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cron {
    pub(crate) seconds: u64,
    pub(crate) minutes: u64,
    pub(crate) hours: u32,
    /// Bits 1 to 31; bit 0 is `L`.
    pub(crate) days: u32,
    /// Bits 1 to 12.
    pub(crate) months: u16,
    /// Bits 0 (Sunday) to 6.
    pub(crate) weekdays: u8,
    /// Whether a day must match both day-of-month and day-of-week; otherwise one of them is enough.
    pub(crate) both_days: bool,
    /// Whether minute or hour starts with `*`. Then the schedule follows real time.
    pub(crate) real_time: bool,
}

impl Cron {
    /// Parses 5 fields, or 6 with leading seconds, separated by spaces and tabs.
    pub(crate) fn parse(text: &str) -> Result<Cron, ParseError> {
        let [second, minute, hour, day, month, weekday] = Field::split(text)?;
        let star = |field: &str| field.starts_with('*');
        let day_star = |field: &str| star(field) || field == "?";
        let cron = Cron {
            seconds: Field::Second.parse(second)?,
            minutes: Field::Minute.parse(minute)?,
            hours: Field::Hour.parse(hour)? as u32,
            days: Field::DayOfMonth.parse(day)? as u32,
            months: Field::Month.parse(month)? as u16,
            weekdays: Field::DayOfWeek.parse(weekday)? as u8,
            both_days: day_star(day) || day_star(weekday),
            real_time: star(minute) || star(hour),
        };
        if cron.can_fire() {
            Ok(cron)
        } else {
            Err(ParseError::NeverFires { days: day.to_owned(), months: month.to_owned() })
        }
    }

    /// Whether the schedule can ever fire. No field is empty, and every date of the calendar (29 February too) falls on
    /// every weekday within 400 years. So only a day-of-month that none of the months has can stop a schedule from
    /// firing, and only if that day is required.
    fn can_fire(&self) -> bool {
        !self.both_days
            || self.days & 1 << LAST_DAY != 0
            || (1..=12).any(|month| {
                self.months & 1 << month != 0 && at_most(u64::from(self.days), longest_month(month)).is_some()
            })
    }

    /// The first matching local time that is at or after `from`.
    pub(crate) fn next_local(&self, from: i64) -> Option<i64> {
        let days = from.div_euclid(DAY);
        let (mut year, mut month, day) = civil_from_days(days);
        let mut set = self.month_days(year, month);
        if set & 1 << day != 0
            && let Some(time) = self.next_time(from.rem_euclid(DAY) as u32)
        {
            return Some(days * DAY + i64::from(time));
        }
        let mut from_day = day + 1;
        loop {
            if let Some(day) = at_least(set, from_day) {
                let time = self.next_time(0)?;
                return Some(days_from_civil(year, month, day) * DAY + i64::from(time));
            }
            from_day = 1;
            month = match at_least(u64::from(self.months), month + 1) {
                Some(month) => month,
                None => {
                    year += 1;
                    self.months.trailing_zeros()
                }
            };
            if year > *YEARS.end() {
                return None;
            }
            set = self.month_days(year, month);
        }
    }

    /// The last matching local time that is at or before `to`.
    pub(crate) fn prev_local(&self, to: i64) -> Option<i64> {
        let days = to.div_euclid(DAY);
        let (mut year, mut month, day) = civil_from_days(days);
        let mut set = self.month_days(year, month);
        if set & 1 << day != 0
            && let Some(time) = self.prev_time(to.rem_euclid(DAY) as u32)
        {
            return Some(days * DAY + i64::from(time));
        }
        let mut to_day = day - 1;
        loop {
            if let Some(day) = at_most(set, to_day) {
                let time = self.prev_time(DAY as u32 - 1)?;
                return Some(days_from_civil(year, month, day) * DAY + i64::from(time));
            }
            to_day = 31;
            month = match at_most(u64::from(self.months), month - 1) {
                Some(month) => month,
                None => {
                    year -= 1;
                    self.months.ilog2()
                }
            };
            if year < *YEARS.start() {
                return None;
            }
            set = self.month_days(year, month);
        }
    }

    /// How many local times match from `from` on up to `to`.
    pub(crate) fn count_local(&self, from: i64, to: i64) -> u64 {
        if from > to {
            return 0;
        }
        let (first, last) = (from.div_euclid(DAY), to.div_euclid(DAY));
        let whole = self.times_before(DAY as u32);
        let mut count = self.count_days(first, last) * whole;
        // The first and the last of these days are not whole.
        if self.count_days(first, first) == 1 {
            count -= self.times_before(from.rem_euclid(DAY) as u32);
        }
        if self.count_days(last, last) == 1 {
            count -= whole - self.times_before(to.rem_euclid(DAY) as u32 + 1);
        }
        count
    }

    /// Visits the local times that match from `from` on up to `to`, in their order.
    pub(crate) fn each_local(&self, from: i64, to: i64, mut visit: impl FnMut(i64)) {
        let (first, last) = (from.div_euclid(DAY), to.div_euclid(DAY));
        for days in first..=last {
            if self.count_days(days, days) == 0 {
                continue;
            }
            let midnight = days * DAY;
            let mut time = if days == first { from.rem_euclid(DAY) as u32 } else { 0 };
            while time < DAY as u32
                && let Some(found) = self.next_time(time)
                && midnight + i64::from(found) <= to
            {
                visit(midnight + i64::from(found));
                time = found + 1;
            }
        }
    }

    /// How many days match from `first` on up to `last`.
    fn count_days(&self, first: i64, last: i64) -> u64 {
        let (mut year, mut month, mut day) = civil_from_days(first);
        let (mut at, mut count) = (first, 0);
        while at <= last {
            let len = days_in_month(year, month);
            let until = len.min(day + u32::try_from(last - at).unwrap_or(len));
            let within = (2 << until) - (1 << day);
            count += u64::from((self.month_days(year, month) & within).count_ones());
            at += i64::from(len - day) + 1;
            (year, month, day) = if month == 12 { (year + 1, 1, 1) } else { (year, month + 1, 1) };
        }
        count
    }

    /// The matching days of one month, bits 1 to 31; empty if the month itself does not match.
    fn month_days(&self, year: i64, month: u32) -> u64 {
        if self.months & 1 << month == 0 {
            return 0;
        }
        let len = days_in_month(year, month);
        let mut days = u64::from(self.days);
        if days & 1 << LAST_DAY != 0 {
            days |= 1 << len;
        }
        // The week, rotated so that bit 0 is the weekday of the first, then repeated five times.
        let first = weekday(days_from_civil(year, month, 1));
        let week = u64::from(self.weekdays);
        let week = (week >> first | week << (7 - first)) & 0x7f;
        let by_weekday = (week | week << 7 | week << 14 | week << 21 | week << 28) << 1;
        let both = if self.both_days { days & by_weekday } else { days | by_weekday };
        both & ((2 << len) - 2)
    }

    /// How many seconds of the day before `time` match.
    fn times_before(&self, time: u32) -> u64 {
        let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
        let below = |set: u64, value: u32| u64::from((set & ((1 << value) - 1)).count_ones());
        let hours = u64::from(self.hours);
        let a_minute = u64::from(self.seconds.count_ones());
        let an_hour = u64::from(self.minutes.count_ones()) * a_minute;
        let mut count = below(hours, hour) * an_hour;
        if hours & 1 << hour != 0 {
            count += below(self.minutes, minute) * a_minute;
            if self.minutes & 1 << minute != 0 {
                count += below(self.seconds, second);
            }
        }
        count
    }

    /// The first matching second of the day that is at or after `from`.
    fn next_time(&self, from: u32) -> Option<u32> {
        let (hour, minute, second) = (from / 3600, from / 60 % 60, from % 60);
        let hours = u64::from(self.hours);
        if hours & 1 << hour != 0 {
            if self.minutes & 1 << minute != 0
                && let Some(second) = at_least(self.seconds, second)
            {
                return Some(hour * 3600 + minute * 60 + second);
            }
            if let Some(minute) = at_least(self.minutes, minute + 1) {
                return Some(hour * 3600 + minute * 60 + self.seconds.trailing_zeros());
            }
        }
        let hour = at_least(hours, hour + 1)?;
        Some(hour * 3600 + self.minutes.trailing_zeros() * 60 + self.seconds.trailing_zeros())
    }

    /// The last matching second of the day that is at or before `to`.
    fn prev_time(&self, to: u32) -> Option<u32> {
        let (hour, minute, second) = (to / 3600, to / 60 % 60, to % 60);
        let hours = u64::from(self.hours);
        if hours & 1 << hour != 0 {
            if self.minutes & 1 << minute != 0
                && let Some(second) = at_most(self.seconds, second)
            {
                return Some(hour * 3600 + minute * 60 + second);
            }
            if let Some(minute) = minute.checked_sub(1).and_then(|to| at_most(self.minutes, to)) {
                return Some(hour * 3600 + minute * 60 + self.seconds.ilog2());
            }
        }
        let hour = hour.checked_sub(1).and_then(|to| at_most(hours, to))?;
        Some(hour * 3600 + self.minutes.ilog2() * 60 + self.seconds.ilog2())
    }
}

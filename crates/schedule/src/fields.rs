//! The six fields of a cron expression: what each is called, its range, and the names of its values.

use std::fmt;

/// A field of a cron expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// 0 to 59, the optional first field.
    Second,
    /// 0 to 59.
    Minute,
    /// 0 to 23.
    Hour,
    /// 1 to 31, or `L` for the last day.
    DayOfMonth,
    /// 1 to 12, or JAN to DEC.
    Month,
    /// 0 to 7 (0 and 7 are Sunday), or SUN to SAT.
    DayOfWeek,
}

pub(crate) const SUNDAY_AGAIN: u32 = 7;
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl Field {
    /// The lowest and the highest number of the field.
    pub(crate) fn range(self) -> (u32, u32) {
        match self {
            Field::Second | Field::Minute => (0, 59),
            Field::Hour => (0, 23),
            Field::DayOfMonth => (1, 31),
            Field::Month => (1, 12),
            Field::DayOfWeek => (0, SUNDAY_AGAIN),
        }
    }

    pub(crate) fn names(self) -> &'static [&'static str] {
        match self {
            Field::Month => &MONTHS,
            Field::DayOfWeek => &WEEKDAYS,
            _ => &[],
        }
    }

    pub(crate) fn expected(self) -> &'static str {
        match self {
            Field::Second | Field::Minute => "0-59, * or lists, ranges and steps of them",
            Field::Hour => "0-23, * or lists, ranges and steps of them",
            Field::DayOfMonth => "1-31, L, *, ? or lists, ranges and steps of them",
            Field::Month => "1-12, JAN-DEC, * or lists, ranges and steps of them",
            Field::DayOfWeek => "0-7 (0 and 7 are Sunday), SUN-SAT, *, ? or lists, ranges and steps of them",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Field::Second => "second",
            Field::Minute => "minute",
            Field::Hour => "hour",
            Field::DayOfMonth => "day-of-month",
            Field::Month => "month",
            Field::DayOfWeek => "day-of-week",
        })
    }
}

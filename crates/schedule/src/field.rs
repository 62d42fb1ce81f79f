//! The fields of a cron expression: their names, and the values that each may have.

use std::fmt;

use crate::error::ParseError;

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

/// In a day-of-month set, the bit that stands for `L`; day 0 does not exist.
pub(crate) const LAST_DAY: u32 = 0;

/// Sunday as the last day of a week.
pub(crate) const SUNDAY_AGAIN: u32 = 7;
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl Field {
    /// All of them, in the order in which an expression has them.
    pub(crate) const ALL: [Field; 6] =
        [Field::Second, Field::Minute, Field::Hour, Field::DayOfMonth, Field::Month, Field::DayOfWeek];

    /// The texts of the six fields of an expression, which leaves the seconds away or not.
    pub(crate) fn split(text: &str) -> Result<[&str; 6], ParseError> {
        let mut fields = [""; 6];
        let mut found = 0;
        for field in text.split([' ', '\t']).filter(|field| !field.is_empty()) {
            if let Some(slot) = fields.get_mut(found) {
                *slot = field;
            }
            found += 1;
        }
        match found {
            5 => {
                fields.rotate_right(1);
                fields[0] = "0";
                Ok(fields)
            }
            6 => Ok(fields),
            _ => Err(ParseError::FieldCount { found, text: text.to_owned() }),
        }
    }

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

    /// The names of its values, from the lowest on; empty if it has numbers only.
    pub(crate) fn names(self) -> &'static [&'static str] {
        match self {
            Field::Month => &MONTHS,
            Field::DayOfWeek => &WEEKDAYS,
            _ => &[],
        }
    }

    /// What may stand in it, in words.
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

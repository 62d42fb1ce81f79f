//! What is odd about a cron schedule: it is one, and may not do what whoever wrote it thinks.

use std::fmt;

use crate::cron::Cron;
use crate::field::Field;

/// Bits 1 to 31.
const ALL_DAYS: u32 = u32::MAX - 1;
const ALL_WEEKDAYS: u8 = (1 << 7) - 1;
const ALL_HOURS: u32 = (1 << 24) - 1;

/// Something odd about a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// Day of month and day of week are both restricted, and either is enough.
    DayOrWeekday,
    /// It runs at midnight, when many others do.
    Midnight,
    /// A step does not divide what its field counts.
    UnevenStep {
        /// The field.
        field: Field,
        /// What stands in it, such as `*/7`.
        item: String,
        /// The step.
        step: u32,
    },
}

impl Warning {
    /// A name that stays the same from release to release.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Warning::DayOrWeekday => "day_or_weekday",
            Warning::Midnight => "midnight",
            Warning::UnevenStep { .. } => "uneven_step",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::DayOrWeekday => f.write_str(
                "day of month and day of week are both restricted, and either is enough: it runs on the days of the one \
                 and on those of the other. Begin one of the two with * where both must match",
            ),
            Warning::Midnight => f.write_str(
                "it runs at 00:00, when many other schedules do. Another minute, or a jitter, keeps it out of the crowd",
            ),
            Warning::UnevenStep { field, item, step } => {
                let (whole, size) = match field {
                    Field::Second => ("minute", "60 seconds"),
                    Field::Minute => ("hour", "60 minutes"),
                    Field::Hour => ("day", "24 hours"),
                    Field::DayOfMonth => ("month", "28 to 31 days"),
                    Field::Month => ("year", "12 months"),
                    Field::DayOfWeek => ("week", "7 days"),
                };
                write!(
                    f,
                    "{item} in the field {field} begins anew with each {whole}, whose {size} are no multiple of {step}: \
                     the last distance of each {whole} is another one"
                )
            }
        }
    }
}

/// What is odd about a cron schedule that was parsed from this text.
pub(crate) fn of(cron: &Cron, text: &str) -> Vec<Warning> {
    let mut found = Vec::new();
    if !cron.both_days && cron.days & ALL_DAYS != ALL_DAYS && cron.weekdays != ALL_WEEKDAYS {
        found.push(Warning::DayOrWeekday);
    }
    if cron.hours & 1 != 0 && cron.hours != ALL_HOURS && (cron.minutes, cron.seconds) == (1, 1) {
        found.push(Warning::Midnight);
    }
    // A shorthand has no fields, and no steps.
    if let Ok(fields) = Field::split(text) {
        for (field, text) in Field::ALL.into_iter().zip(fields) {
            found.extend(text.split(',').filter_map(|item| uneven(field, item)));
        }
    }
    found
}

/// A step to the end of the field that does not come round evenly. One within a range was meant to end with it.
fn uneven(field: Field, item: &str) -> Option<Warning> {
    let (range, step) = item.split_once('/')?;
    let step = step.parse().ok().filter(|step: &u32| *step > 0)?;
    let divides = match field {
        Field::Second | Field::Minute => 60 % step == 0,
        Field::Hour => 24 % step == 0,
        Field::Month => 12 % step == 0,
        Field::DayOfWeek => 7 % step == 0,
        Field::DayOfMonth => step == 1,
    };
    (!divides && !range.contains('-')).then(|| Warning::UnevenStep { field, item: item.to_owned(), step })
}

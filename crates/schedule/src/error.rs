//! What can be wrong with the text of a schedule, told to the person who wrote it.

use thiserror::Error;

use crate::field::Field;

/// The longest schedule that is read, in bytes.
pub const MAX_LEN: usize = 1024;

/// Why a schedule was refused. `Display` names the field, quotes the value and says what was expected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The text has only blanks.
    #[error(
        "the schedule is empty; expected a cron expression, an @ shorthand, @every <duration> or @at <RFC 3339 time>"
    )]
    Empty,
    /// Longer than [`MAX_LEN`] bytes.
    #[error("the schedule has {len} bytes; expected at most {max}", max = MAX_LEN)]
    TooLong {
        /// Length of the text in bytes.
        len: usize,
    },
    /// A character outside ASCII.
    #[error("the schedule contains {found:?}; expected ASCII only")]
    NonAscii {
        /// The first such character.
        found: char,
    },
    /// The expression does not have five or six fields.
    #[error(
        "{text:?} has {found} field{s}; expected 5 (minute hour day-of-month month day-of-week), or 6 with leading seconds",
        s = if *found == 1 { "" } else { "s" }
    )]
    FieldCount {
        /// How many blank-separated fields there are.
        found: usize,
        /// The expression.
        text: String,
    },
    /// A bad value in one cron field.
    #[error("{field}: {value:?} {why}; expected {expected}", expected = field.expected())]
    Field {
        /// Which field.
        field: Field,
        /// The list item that is wrong; the whole field if an item is empty.
        value: String,
        /// What is wrong with it.
        why: String,
    },
    /// Every field is good, yet no date satisfies them all.
    #[error(
        "day-of-month: {days:?} does not occur in month {months:?}, so the schedule can never fire; expected a day \
         that one of the months has"
    )]
    NeverFires {
        /// The day-of-month field.
        days: String,
        /// The month field.
        months: String,
    },
    /// An `@word` that is not known.
    #[error(
        "{word:?} is not a known shorthand; expected @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly, \
         @every <duration> or @at <RFC 3339 time>"
    )]
    UnknownShorthand {
        /// The word, or the whole text where the word is known and something follows it.
        word: String,
    },
    /// A bad `@every` duration.
    #[error(
        "@every: {value:?} {why}; expected a duration of whole seconds, at least 1s, such as \"90s\" or \"1h30m\""
    )]
    Every {
        /// The duration text.
        value: String,
        /// What is wrong with it.
        why: String,
    },
    /// A bad `@at` time.
    #[error("@at: {value:?} {why}; expected an RFC 3339 time such as \"2026-11-23T10:00:00Z\"")]
    At {
        /// The time text.
        value: String,
        /// What is wrong with it.
        why: String,
    },
}

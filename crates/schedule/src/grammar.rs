//! The grammar of one cron field: its lists, ranges, steps and names.
//!
//! A field is read into a bit set, with bit `v` for value `v`. Reading a field never looks at another one.

use crate::error::ParseError;
use crate::field::{Field, LAST_DAY, SUNDAY_AGAIN};

impl Field {
    /// Reads the whole field. Sunday is always bit 0.
    pub(crate) fn parse(self, text: &str) -> Result<u64, ParseError> {
        let (min, max) = self.range();
        let mut set = 0;
        if text == "?" && matches!(self, Field::DayOfMonth | Field::DayOfWeek) {
            set = span(min, max, 1);
        } else {
            for item in text.split(',') {
                if item.is_empty() {
                    return Err(self.refuse(text, "has an empty list item"));
                }
                set |= self.item(item)?;
            }
        }
        if self == Field::DayOfWeek {
            set = (set | set >> SUNDAY_AGAIN) & 0x7f;
        }
        Ok(set)
    }

    fn item(self, item: &str) -> Result<u64, ParseError> {
        if self == Field::DayOfMonth && item.eq_ignore_ascii_case("l") {
            return Ok(1 << LAST_DAY);
        }
        let (min, max) = self.range();
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(self.step(item, step)?)),
            None => (item, None),
        };
        let (low, high) = if range == "*" {
            (min, max)
        } else if let Some((low, high)) = range.split_once('-') {
            let low = self.value(item, low)?;
            // FRI-SUN is no reversed range, because Sunday is 7 at the end of a range.
            let high = match self.value(item, high)? {
                0 if self == Field::DayOfWeek && low > 0 && high.eq_ignore_ascii_case("sun") => SUNDAY_AGAIN,
                high => high,
            };
            if low > high {
                return Err(self.refuse(item, "is a reversed range"));
            }
            (low, high)
        } else {
            let low = self.value(item, range)?;
            (low, if step.is_some() { max } else { low })
        };
        Ok(span(low, high, step.unwrap_or(1)))
    }

    fn value(self, item: &str, text: &str) -> Result<u32, ParseError> {
        let (min, max) = self.range();
        if let Some(at) = self.names().iter().position(|name| text.eq_ignore_ascii_case(name)) {
            return Ok(min + at as u32);
        }
        match number(text) {
            Some(value) if (min..=max).contains(&value) => Ok(value),
            Some(_) => Err(self.refuse(item, "is out of range")),
            None if text.is_empty() => Err(self.refuse(item, "lacks a value")),
            None if text == "?" => Err(self.refuse(item, "uses ?, which only stands for a whole day field")),
            None if self.names().is_empty() => Err(self.refuse(item, "is not a number")),
            None => Err(self.refuse(item, "is not a number or a three-letter name")),
        }
    }

    fn step(self, item: &str, text: &str) -> Result<u32, ParseError> {
        let (_, max) = self.range();
        match number(text) {
            Some(0) => Err(self.refuse(item, "has step 0, a step is at least 1")),
            // Whoever writes `*/90` wants 90 minutes, and would get the start of every hour.
            Some(step) if step > max => Err(self
                .refuse(item, &format!("has a step that leads out of the field, a step is at most {max}"))),
            Some(step) => Ok(step),
            None => Err(self.refuse(item, "has a step that is not a number")),
        }
    }

    fn refuse(self, value: &str, why: &str) -> ParseError {
        ParseError::Field { field: self, value: value.to_owned(), why: why.to_owned() }
    }
}

/// A number that has only digits. One too large for `u32` saturates: it is out of any range, as a value and as a step.
fn number(text: &str) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(text.bytes().fold(0u32, |n, b| n.saturating_mul(10).saturating_add(u32::from(b - b'0'))))
}

fn span(low: u32, high: u32, step: u32) -> u64 {
    (low..=high).step_by(step as usize).fold(0, |set, value| set | 1 << value)
}

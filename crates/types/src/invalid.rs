//! Every bad field of one input, gathered so that the user hears of all of them at once.

use std::fmt;

/// One bad field: its path (`webhook.url`) and what was expected of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Dotted path from the top of the input; empty for the input as a whole.
    pub field: String,
    /// What is wrong with the value, and what was expected.
    pub message: String,
}

/// So many bad fields are listed, and the rest are counted: nobody mends more at once, and an input of a mebibyte
/// can have a hundred thousand.
const MAX_LISTED: usize = 100;

/// The bad fields of one input; empty while none was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invalid {
    listed: Vec<FieldError>,
    more: usize,
}

impl Invalid {
    /// Notes a bad field.
    pub fn add(&mut self, field: impl Into<String>, message: impl fmt::Display) {
        if self.listed.len() == MAX_LISTED {
            self.more += 1;
        } else {
            self.listed.push(FieldError { field: field.into(), message: message.to_string() });
        }
    }

    /// Keeps a good value and notes a bad one.
    pub fn check<T, E: fmt::Display>(&mut self, field: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.add(field, error)).ok()
    }

    /// One bad field as an error of its own.
    #[must_use]
    pub fn one(field: &str, message: impl fmt::Display) -> Self {
        let mut invalid = Self::default();
        invalid.add(field, message);
        invalid
    }

    /// `Ok` when no bad field was found.
    ///
    /// # Errors
    /// The gathered fields.
    pub fn into_result(self) -> Result<(), Invalid> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }

    /// The first hundred bad fields, in the order found.
    #[must_use]
    pub fn fields(&self) -> &[FieldError] {
        &self.listed
    }

    /// How many more there are.
    #[must_use]
    pub fn more(&self) -> usize {
        self.more
    }

    /// Whether no bad field was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.listed.iter().enumerate() {
            let gap = if index == 0 { "" } else { "; " };
            write!(f, "{gap}{}: {}", error.field, error.message)?;
        }
        if self.more > 0 { write!(f, "; and {} more", self.more) } else { Ok(()) }
    }
}

impl std::error::Error for Invalid {}

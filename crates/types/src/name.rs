//! Job names.

use std::fmt;

use crate::clip;

/// A job's name: 1 to 255 of ASCII letters, digits, `-`, `_`, `.` and `:`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobName(String);

/// Why a text is not a job name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a job name; expected 1 to 255 of letters, digits, '-', '_', '.' and ':'")]
pub struct NameError(String);

impl JobName {
    /// Parses a name.
    ///
    /// # Errors
    /// The text has another character, or is empty or too long.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':');
        if (1..=255).contains(&text.len()) && text.bytes().all(good) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError(clip(text).into_owned()))
        }
    }

    /// Takes a text without a check: a name on record, which the rules of its time allowed.
    #[must_use]
    pub fn unchecked(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_their_alphabet() {
        for good in ["a", "nightly-backup", "team:a.b_C", &"x".repeat(255)] {
            assert_eq!(JobName::parse(good).expect(good).as_str(), good);
        }
        for bad in ["", "a b", "a/b", "ä", "a\n", &"x".repeat(256)] {
            assert!(JobName::parse(bad).is_err(), "{bad:?}");
        }
    }
}

//! Job names.

use std::fmt;

use crate::clip;

/// A job's name: 1 to 255 of ASCII letters, digits, `-`, `_`, `.` and `:`, and neither `.` nor `..`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobName(String);

/// Why a text is not a job name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a job name; expected 1 to 255 of letters, digits, '-', '_', '.' and ':', not '.' or '..'"
)]
pub struct NameError(String);

impl JobName {
    /// Parses a name.
    ///
    /// # Errors
    /// The text has another character, is empty or too long, or is a step of a path.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if is_word(text, 255) && !is_path_step(text) {
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

/// Whether a text is 1 to `most` of the characters that names are made of.
pub(crate) fn is_word(text: &str, most: usize) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':');
    (1..=most).contains(&text.len()) && text.bytes().all(good)
}

/// Whether a text is a step to another place in a path. What has it as its name cannot be reached: clients take the
/// step before they send the request (RFC 3986, section 5.2.4), however it is escaped.
pub(crate) fn is_path_step(text: &str) -> bool {
    matches!(text, "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_their_alphabet() {
        for good in ["a", "nightly-backup", "team:a.b_C", "...", ".a", "-", &"x".repeat(255)] {
            assert_eq!(JobName::parse(good).expect(good).as_str(), good);
        }
        for bad in ["", ".", "..", "a b", "a/b", "ä", "a\n", &"x".repeat(256)] {
            assert!(JobName::parse(bad).is_err(), "{bad:?}");
        }
    }
}

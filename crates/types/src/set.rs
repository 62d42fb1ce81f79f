//! Sets of jobs, and the applies that write them.

use std::fmt;

use crate::clip;
use crate::name::{is_path_step, is_word};

/// The longest of both, as of the name of a job.
const MAX_BYTES: usize = 255;

/// Why a text is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not {what}; expected 1 to 255 of letters, digits, '-', '_', '.' and ':', not '.' or '..'"
)]
pub struct WordError {
    text: String,
    what: &'static str,
}

macro_rules! word {
    ($(#[$attribute:meta])* $name:ident $what:literal) => {
        $(#[$attribute])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// Parses it, by the rule for names of jobs.
            ///
            /// # Errors
            /// The text has another character, is empty or too long, or is a step of a path.
            pub fn parse(text: &str) -> Result<Self, WordError> {
                if is_word(text, MAX_BYTES) && !is_path_step(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(WordError { text: clip(text).into_owned(), what: $what })
                }
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

word! {
    /// The name of a set of jobs: those that one source describes, such as a directory of files.
    SetName "the name of a set"
}

word! {
    /// A client's own name for one apply of a set: all requests that write its jobs together.
    ApplyId "an apply_id"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_keep_to_the_rule_for_names_of_jobs_and_say_what_they_are() {
        let of_set = SetName::parse("team/b").expect_err("a slash").to_string();
        assert!(of_set.starts_with("\"team/b\" is not the name of a set; expected "), "{of_set}");
        let of_apply = ApplyId::parse("").expect_err("empty").to_string();
        assert!(of_apply.starts_with("\"\" is not an apply_id; expected "), "{of_apply}");
        for good in ["team-a", "2026-11-27T04:00:00Z", &"x".repeat(255)] {
            assert_eq!(SetName::parse(good).expect(good).as_str(), good);
            assert_eq!(ApplyId::parse(good).expect(good).as_str(), good);
        }
        for bad in [".", "..", "a b", "ä", &"x".repeat(256)] {
            assert!(SetName::parse(bad).is_err() && ApplyId::parse(bad).is_err(), "{bad}");
        }
    }
}

//! A text that is searched for, in any case and in any script.
//!
//! SQLite's `LIKE` folds the case of ASCII alone, ends both texts at a NUL, and takes patterns of 50,000 bytes at
//! most. So the rows are read by SQLite and compared here.

use rusqlite::Row;

use crate::error::StateError;

/// What is searched for.
pub(super) struct Needle(String);

impl Needle {
    pub(super) fn new(text: &str) -> Self {
        Self(folded(text))
    }

    /// Whether one of these columns has it. What is no text has nothing.
    pub(super) fn is_in(&self, row: &Row<'_>, columns: [usize; 2]) -> Result<bool, StateError> {
        for column in columns {
            let text = row.get_ref(column)?;
            if text.as_str().is_ok_and(|text| self.is_part_of(text)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_part_of(&self, text: &str) -> bool {
        folded(text).contains(&self.0)
    }
}

/// The text without its case. By way of capital letters, so that small letters which share one are the same:
/// `σ` and `ς`, `ß` and `ss`.
fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_in_any_case_and_script() {
        for (needle, text, found) in [
            ("BACK", "Nightly backup", true),
            ("übung", "ÜBUNG MACHT", true),
            ("ÜBUNG", "eine übung", true),
            ("резерв", "РЕЗЕРВНАЯ копия", true),
            ("ΟΔΟΣ", "η οδος", true),
            ("οδοσ", "Η ΟΔΟΣ", true),
            ("STRASSE", "Straße", true),
            ("straße", "STRASSE", true),
            ("備份", "每日備份", true),
            ("", "anything", true),
            ("a\0c", "a\0b", false),
            ("\0", "a", false),
            ("u", "ü", false),
            ("%", "a", false),
            ("_", "a", false),
        ] {
            assert_eq!(Needle::new(needle).is_part_of(text), found, "{needle:?} in {text:?}");
        }
    }
}

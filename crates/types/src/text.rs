//! Texts that people write and read.

/// The first character of a text that no person types: a control character other than a tab or the end of a line.
/// SQLite takes NUL for the end of a text, and a terminal takes others for commands.
#[must_use]
pub fn control_character(text: &str) -> Option<char> {
    text.chars().find(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
}

#[cfg(test)]
mod tests {
    use super::control_character;

    #[test]
    fn lines_and_tabs_are_typed_and_other_controls_are_not() {
        assert_eq!(control_character("ä line\tand\r\nanother 🙂"), None);
        for found in ['\0', '\u{7}', '\u{8}', '\u{b}', '\u{c}', '\u{1b}', '\u{7f}', '\u{85}', '\u{9f}'] {
            assert_eq!(control_character(&format!("a{found}b")), Some(found));
        }
    }
}

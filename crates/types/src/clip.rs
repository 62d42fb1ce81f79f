//! Texts of others, shortened where they enter.

use std::borrow::Cow;

/// The most bytes that are kept of a text that is quoted: a `Location` header, the names in a certificate, a
/// field of a request, the refusal of another node. It is as much as a person reads. The text stands in the record of each attempt, in the
/// log and in answers of the API, so its length must not be its author's choice.
pub const MAX_QUOTED_BYTES: usize = 512;

/// The start of a text, for quoting: at most [`MAX_QUOTED_BYTES`] and whole characters. An ellipsis at its end
/// says that it was cut.
#[must_use]
pub fn clip(text: &str) -> Cow<'_, str> {
    clip_to(text, MAX_QUOTED_BYTES)
}

/// The same with at most `most` bytes, for what is never long where it is good.
pub(crate) fn clip_to(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let end = text.floor_char_boundary(most);
    Cow::Owned(format!("{}…", &text[..end]))
}

#[cfg(test)]
mod tests {
    use super::{MAX_QUOTED_BYTES, clip};

    #[test]
    fn a_text_is_cut_between_characters_and_says_so() {
        let fits = "x".repeat(MAX_QUOTED_BYTES);
        assert_eq!(clip(&fits), fits);
        assert_eq!(clip(&format!("{fits}y")), format!("{fits}…"));
        // A character of two bytes stands across the limit.
        let across = format!("{}éé", &fits[1..]);
        assert_eq!(clip(&across), format!("{}…", &fits[1..]));
        assert_eq!(clip(""), "");
    }
}

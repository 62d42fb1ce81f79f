//! Keys of the API: how each is called, and whom it may see.

use std::collections::BTreeSet;
use std::fmt;

use crate::clip;

/// Bytes of an id.
const ID_BYTES: usize = 8;
/// The longest name, in bytes.
const MAX_NAME_BYTES: usize = 100;
/// So many requests a second may be the limit of a key.
pub const MAX_KEY_PER_SECOND: u32 = 100_000;

/// The id of a key or of a session: 16 hexadecimal digits. It is no secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; ID_BYTES]);

/// What people call a key: a line of text. Two keys may have one name, as while one takes the place of the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyName(String);

/// The teams that a key is limited to. A key without a scope sees all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyScope(pub BTreeSet<String>);

impl KeyId {
    /// An id of these bytes, which are random or part of a hash.
    #[must_use]
    pub fn new(bytes: [u8; ID_BYTES]) -> Self {
        Self(bytes)
    }

    /// Reads an id.
    ///
    /// # Errors
    /// The text is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        from_hex(text)
            .map(Self)
            .ok_or_else(|| format!("{:?} is not the id of a key; expected 16 hexadecimal digits", clip(text)))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl KeyName {
    /// Reads a name.
    ///
    /// # Errors
    /// It is empty, too long, has control characters, or blanks around it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = || format!("expected 1 to {MAX_NAME_BYTES} bytes of text without control characters");
        if let Some(found) = text.chars().find(|c| c.is_control()) {
            return Err(format!("{:?} has the control character {found:?}; {}", clip(text), expected()));
        }
        match text.len() {
            _ if text.trim() != text => {
                Err(format!("{:?} begins or ends with a blank; {}", clip(text), expected()))
            }
            0 => Err(format!("is empty; {}", expected())),
            1..=MAX_NAME_BYTES => Ok(Self(text.to_owned())),
            bytes => Err(format!("{:?} has {bytes} bytes; {}", clip(text), expected())),
        }
    }

    /// A name that was read before.
    #[must_use]
    pub fn unchecked(text: String) -> Self {
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The bytes that hexadecimal digits in lower case stand for.
pub(crate) fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_shown_and_nothing_else_is() {
        let id = KeyId::new([0, 1, 2, 0xab, 0xcd, 0xef, 9, 0xff]);
        assert_eq!(id.to_string(), "000102abcdef09ff");
        assert_eq!(KeyId::parse("000102abcdef09ff"), Ok(id));
        for wrong in ["", "000102abcdef09f", "000102abcdef09ff0", "000102ABCDEF09FF", "000102abcdef09fg"] {
            let refused = KeyId::parse(wrong).expect_err(wrong);
            assert!(refused.contains(&format!("{wrong:?}")) && refused.contains("expected"), "{refused}");
        }
    }

    #[test]
    fn a_name_is_a_line_of_text_with_a_bound() {
        for good in ["ci", "Deploy für Änne", &"x".repeat(MAX_NAME_BYTES)] {
            assert_eq!(KeyName::parse(good).as_ref().map(KeyName::as_str), Ok(good));
        }
        for bad in ["", " ci", "ci ", "a\nb", &"x".repeat(MAX_NAME_BYTES + 1)] {
            assert!(KeyName::parse(bad).expect_err("refused").contains("1 to 100 bytes"), "{bad:?}");
        }
    }
}

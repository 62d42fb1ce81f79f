//! Keys of the API: how each is called, and whom it may see.

use std::collections::BTreeSet;
use std::fmt;

use crate::job::check_tag_value;
use crate::{Role, clip};

/// Bytes of an id.
const ID_BYTES: usize = 8;
/// The longest name, in bytes.
const MAX_NAME_BYTES: usize = 100;
/// So many requests a second may be the limit of a key.
pub const MAX_KEY_PER_SECOND: u32 = 100_000;
/// So many teams may be named by the scope of a key.
pub const MAX_KEY_SCOPE: usize = 32;

/// The id of a key or of a session: 16 hexadecimal digits. It is no secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; ID_BYTES]);

/// What people call a key: a line of text. Two keys may have one name, as while one takes the place of the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyName(String);

/// The teams that a key is limited to: values of the tag that `security.scope_tag` names. A key without a scope sees all.
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

impl KeyScope {
    /// Reads a scope. None where it is empty: that is no limit.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(values: impl IntoIterator<Item = String>) -> Result<Option<Self>, String> {
        let (mut scope, mut count) = (BTreeSet::new(), 0);
        for value in values {
            count += 1;
            if value.is_empty() {
                return Err("has an empty value; expected values of the tag that is the scope".to_owned());
            }
            check_tag_value(&value).map_err(|why| format!("{:?}: {why}", clip(&value)))?;
            if !scope.insert(value.clone()) {
                return Err(format!("names {:?} twice; expected each value once", clip(&value)));
            }
        }
        if count > MAX_KEY_SCOPE {
            return Err(format!("has {count} values; expected at most {MAX_KEY_SCOPE}"));
        }
        Ok(Some(Self(scope)).filter(|scope| !scope.0.is_empty()))
    }

    /// Checks that a key may be limited so.
    ///
    /// # Errors
    /// It is an admin's, or there is no tag that is the scope.
    pub fn check(&self, role: Role, scope_tag: Option<&str>) -> Result<(), String> {
        let given = self.shown();
        if role == Role::Admin {
            return Err(format!(
                "{given} is given to an admin, who sees all; expected none, or another role"
            ));
        }
        self.check_tag(scope_tag)
    }

    /// Checks that there is a tag that is the scope.
    ///
    /// # Errors
    /// There is none.
    pub fn check_tag(&self, scope_tag: Option<&str>) -> Result<(), String> {
        if scope_tag.is_some() {
            return Ok(());
        }
        let why =
            "is given, and no tag is the scope; expected none, or security.scope_tag in the configuration";
        Err(format!("{} {why}", self.shown()))
    }

    fn shown(&self) -> String {
        let values: Vec<_> = self.0.iter().map(|value| format!("{:?}", clip(value))).collect();
        format!("[{}]", values.join(", "))
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
    fn a_scope_is_some_values_of_a_tag() {
        let scope = |values: &[&str]| KeyScope::parse(values.iter().map(|value| (*value).to_owned()));
        assert_eq!(scope(&[]), Ok(None));
        let two = scope(&["web", "ops"]).expect("a scope").expect("some");
        assert_eq!(two.0.iter().collect::<Vec<_>>(), ["ops", "web"]);
        let many: Vec<_> = (0..=MAX_KEY_SCOPE).map(|number| number.to_string()).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert!(scope(&many[1..]).is_ok());
        for bad in [&["web", "web"][..], &[""], &["a\nb"], &[&"x".repeat(256)], &many] {
            assert!(scope(bad).expect_err("refused").contains("expected"), "{bad:?}");
        }
        assert_eq!(two.check(Role::Editor, Some("team")), Ok(()));
        assert!(two.check(Role::Admin, Some("team")).expect_err("refused").contains("[\"ops\", \"web\"]"));
        assert!(two.check(Role::Editor, None).expect_err("refused").contains("security.scope_tag"));
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

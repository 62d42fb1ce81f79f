//! A sealed value, and its form as a text.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::KeyId;

/// Bytes of a nonce.
pub const NONCE_BYTES: usize = 24;

/// A value as it is kept: sealed by a key, or in the clear where nothing is configured to seal with. Whoever holds one
/// can write and compare it, and needs a [`Keyring`](crate::Keyring) to open it.
///
/// As a text it is `1.<key>.<nonce and sealed bytes>`, or `0.<value>` in the clear, in base64url without padding. `Debug`
/// shows nothing of the value.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(pub(crate) Form);

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Form {
    Clear(String),
    Closed { key: KeyId, nonce: [u8; NONCE_BYTES], bytes: Vec<u8> },
}

/// A text is no sealed value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not a sealed value")]
pub struct BadSealed;

impl Sealed {
    /// The key that opens it; none where it is in the clear.
    #[must_use]
    pub fn key(&self) -> Option<KeyId> {
        match &self.0 {
            Form::Clear(_) => None,
            Form::Closed { key, .. } => Some(*key),
        }
    }

    /// A rough count of the bytes of its text.
    #[must_use]
    pub fn weight(&self) -> usize {
        match &self.0 {
            Form::Clear(value) => 2 + value.len() * 4 / 3,
            Form::Closed { bytes, .. } => 20 + (NONCE_BYTES + bytes.len()) * 4 / 3,
        }
    }

    /// Its text.
    #[must_use]
    pub fn to_text(&self) -> String {
        match &self.0 {
            Form::Clear(value) => format!("0.{}", BASE64.encode(value)),
            Form::Closed { key, nonce, bytes } => {
                format!("1.{key}.{}", BASE64.encode([nonce.as_slice(), bytes].concat()))
            }
        }
    }

    /// Reads its text.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, BadSealed> {
        let decode = |text: &str| BASE64.decode(text).map_err(|_| BadSealed);
        let (kind, rest) = text.split_once('.').ok_or(BadSealed)?;
        match kind {
            "0" => Ok(Self(Form::Clear(String::from_utf8(decode(rest)?).map_err(|_| BadSealed)?))),
            "1" => {
                let (key, rest) = rest.split_once('.').ok_or(BadSealed)?;
                let key = KeyId::parse(key).ok_or(BadSealed)?;
                let bytes = decode(rest)?;
                let (nonce, bytes) = bytes.split_first_chunk().ok_or(BadSealed)?;
                Ok(Self(Form::Closed { key, nonce: *nonce, bytes: bytes.to_vec() }))
            }
            _ => Err(BadSealed),
        }
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key() {
            None => f.write_str("Sealed(in the clear)"),
            Some(key) => write!(f, "Sealed(by {key})"),
        }
    }
}

impl Serialize for Sealed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_text())
    }
}

impl<'de> Deserialize<'de> for Sealed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed() -> Sealed {
        Sealed(Form::Closed { key: KeyId::from([0xab; 8]), nonce: [7; NONCE_BYTES], bytes: vec![1, 2, 3] })
    }

    #[test]
    fn a_sealed_value_has_one_form() {
        for (sealed, text) in [
            (Sealed(Form::Clear(String::new())), "0."),
            (Sealed(Form::Clear("hünter".to_owned())), "0.aMO8bnRlcg"),
            (closed(), "1.abababababababab.BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHAQID"),
        ] {
            assert_eq!(sealed.to_text(), text);
            assert_eq!(Sealed::parse(text), Ok(sealed.clone()));
            let json = serde_json::to_string(&sealed).expect("JSON");
            assert_eq!(json, format!("{text:?}"));
            assert_eq!(serde_json::from_str::<Sealed>(&json).expect("read"), sealed);
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "",
            "0",
            "0.!",
            "0._w",
            "0.aA==",
            "2.aA",
            "1.abababababababab",
            "1.abababababababab.",
            "1.abababababababab.BwcH",
            "1.ABABABABABABABAB.BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHAQID",
            "1.abab.BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHAQID",
        ] {
            assert_eq!(Sealed::parse(text), Err(BadSealed), "{text}");
        }
    }

    #[test]
    fn nothing_of_the_value_shows() {
        let clear = Sealed(Form::Clear("hunter2".to_owned()));
        assert_eq!(format!("{clear:?}"), "Sealed(in the clear)");
        assert_eq!(format!("{:?}", closed()), "Sealed(by abababababababab)");
    }
}

//! Keys: those of the configuration, and those that they wrap.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::{Place, Sealed};

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;

/// What an encryption key's id is a hash of, before the key.
const ID_DOMAIN: &[u8] = b"chronos encryption key id";

/// The id of a key. Nothing of the key follows from it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 8]);

/// A key of the configuration: it seals data keys, and opens them.
pub struct EncryptionKey {
    id: KeyId,
    pub(crate) bytes: Zeroizing<[u8; KEY_BYTES]>,
}

/// A data key as it is kept: sealed by an encryption key, and in the state of the cluster. It seals values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrappedKey {
    /// Its id, which is drawn with it.
    pub id: KeyId,
    /// The key itself.
    pub sealed: Sealed,
}

/// A text is no key. It is not quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it is not a key; expected {KEY_BYTES} random bytes in base64, as `openssl rand -base64 {KEY_BYTES}` makes them"
)]
pub struct BadKey;

impl KeyId {
    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }

    /// Reads its text: 16 lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 16 || !text.bytes().all(is_digit) {
            return None;
        }
        u64::from_str_radix(text, 16).ok().map(|number| Self(number.to_be_bytes()))
    }
}

impl From<[u8; 8]> for KeyId {
    fn from(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("it is not the id of a key"))
    }
}

impl EncryptionKey {
    /// Reads a key: 32 bytes in base64. Blanks and line ends around it do not count.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let decoded = Zeroizing::new(BASE64.decode(text.trim()).map_err(|_| BadKey)?);
        let bytes: [u8; KEY_BYTES] = decoded.as_slice().try_into().map_err(|_| BadKey)?;
        Ok(Self::from(bytes))
    }

    /// Its id: the begin of a hash of it, so that it is the same on all nodes.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }
}

impl From<[u8; KEY_BYTES]> for EncryptionKey {
    fn from(bytes: [u8; KEY_BYTES]) -> Self {
        let digest = Sha256::new().chain_update(ID_DOMAIN).chain_update(bytes).finalize();
        let mut id = [0; 8];
        id.copy_from_slice(&digest[..8]);
        Self { id: KeyId(id), bytes: Zeroizing::new(bytes) }
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptionKey({})", self.id)
    }
}

impl WrappedKey {
    /// The encryption key that opens it.
    #[must_use]
    pub fn by(&self) -> Option<KeyId> {
        self.sealed.key()
    }

    /// What its own place is called.
    pub(crate) fn object(id: KeyId) -> String {
        format!("key/{id}")
    }

    /// Where a data key belongs, by the name of its object.
    pub(crate) fn place(object: &str) -> Place<'_> {
        Place { object, field: "key" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_32_bytes_in_base64() {
        let text = BASE64.encode([7; 32]);
        let key = EncryptionKey::parse(&text).expect("a key");
        assert_eq!(key.id(), EncryptionKey::parse(&format!(" {text}\n")).expect("the same").id());
        assert_eq!(key.id(), EncryptionKey::from([7; 32]).id());
        assert_ne!(key.id(), EncryptionKey::from([8; 32]).id());
        let shown = format!("{key:?}");
        assert!(!shown.contains(&text) && shown.contains(&key.id().to_string()), "{shown}");
        for bad in ["", "hunter2", &BASE64.encode([7; 31]), &BASE64.encode([7; 33]), &text[1..]] {
            let error = EncryptionKey::parse(bad).expect_err(bad).to_string();
            assert!(
                error.contains("openssl rand -base64 32") && (bad.is_empty() || !error.contains(bad)),
                "{error}"
            );
        }
    }

    #[test]
    fn an_id_has_one_text() {
        let id = KeyId::from([0, 1, 2, 3, 4, 5, 6, 0xff]);
        assert_eq!(id.to_string(), "00010203040506ff");
        assert_eq!(KeyId::parse("00010203040506ff"), Some(id));
        for bad in ["", "00010203040506f", "00010203040506FF", "+0010203040506ff", "00010203040506ff0"] {
            assert_eq!(KeyId::parse(bad), None, "{bad}");
        }
    }
}

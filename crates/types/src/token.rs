//! Tokens: what a client shows to say who it is. `chr_<id>_<secret>_<crc>` is that of a key, `chs_...` that of a session.
//!
//! The id says which record to look at, so nothing is searched by the secret. The checksum tells a token that was cut or
//! mistyped from one that is not known, and lets scanners of source code know one by its form. Of a token only the
//! SHA-256 is kept: its secret has 256 random bits, so nobody finds it by trying, and a slow hash would buy nothing.

use std::fmt;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::KeyId;
use crate::key::from_hex;

/// Random bytes of a secret.
const SECRET_BYTES: usize = 32;

/// What a token is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A key of the API.
    Key,
    /// A session of a browser.
    Session,
}

/// A token. `Debug` shows its id alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    kind: TokenKind,
    id: KeyId,
    text: String,
}

/// The SHA-256 of a token, which is what is kept of it. `Debug` shows nothing of it.
#[derive(Clone, Copy)]
pub struct TokenHash([u8; 32]);

impl TokenKind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Key => "chr",
            Self::Session => "chs",
        }
    }
}

impl Token {
    /// A token of random bytes: those of its id, and those of its secret.
    #[must_use]
    pub fn new(kind: TokenKind, id: [u8; 8], secret: [u8; SECRET_BYTES]) -> Self {
        let id = KeyId::new(id);
        let secret: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let body = format!("{}_{id}_{secret}", kind.prefix());
        let text = format!("{body}_{:08x}", crc32fast::hash(body.as_bytes()));
        Self { kind, id, text }
    }

    /// Reads a token; none where the text has not the form of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (body, sum) = text.rsplit_once('_')?;
        let mut parts = body.split('_');
        let kind = match parts.next()? {
            "chr" => TokenKind::Key,
            "chs" => TokenKind::Session,
            _ => return None,
        };
        let id = KeyId::parse(parts.next()?).ok()?;
        from_hex::<SECRET_BYTES>(parts.next()?)?;
        let is_whole = parts.next().is_none()
            && from_hex::<4>(sum).map(u32::from_be_bytes) == Some(crc32fast::hash(body.as_bytes()));
        is_whole.then(|| Self { kind, id, text: text.to_owned() })
    }

    /// What it is of.
    #[must_use]
    pub fn kind(&self) -> TokenKind {
        self.kind
    }

    /// The id of the key or the session.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The whole of it: a secret.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.text
    }

    /// What is kept of it.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&self.text)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("kind", &self.kind).field("id", &self.id).finish_non_exhaustive()
    }
}

impl TokenHash {
    /// The hash of what a client shows.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// A hash that is on record.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads a hash in hexadecimal digits, as `sha256sum` writes it.
    ///
    /// # Errors
    /// The text is none. The error does not quote it: somebody may have written the token itself.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bytes = from_hex(&text.to_ascii_lowercase());
        bytes.map(Self).ok_or_else(|| "is not a SHA-256; expected 64 hexadecimal digits".to_owned())
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The id of a key of which only the hash is known: that of the configuration.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        KeyId::new([a, b, c, d, e, f, g, h])
    }
}

impl PartialEq for TokenHash {
    /// It takes the same time wherever the two differ.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for TokenHash {}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenHash").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_made_and_no_other_text_is() {
        for (kind, prefix) in [(TokenKind::Key, "chr_"), (TokenKind::Session, "chs_")] {
            let token = Token::new(kind, [7; 8], [9; 32]);
            let text = token.secret();
            assert!(text.starts_with(&format!("{prefix}0707070707070707_09")) && text.len() == 94, "{text}");
            assert_eq!(Token::parse(text).as_ref(), Some(&token));
            assert_eq!((token.kind(), token.id()), (kind, KeyId::new([7; 8])));
            // One character more, less, or another one anywhere.
            for at in 0..text.len() {
                let mut other = text.as_bytes().to_vec();
                other[at] = if other[at] == b'1' { b'2' } else { b'1' };
                assert_eq!(Token::parse(std::str::from_utf8(&other).expect("ASCII")), None, "at {at}");
                assert_eq!(Token::parse(&text[..at]), None, "cut at {at}");
            }
            assert_eq!(Token::parse(&format!("{text}0")), None);
            assert_eq!(Token::parse(&text.to_uppercase()), None);
        }
    }

    #[test]
    fn nothing_shows_a_token_or_its_hash() {
        let token = Token::new(TokenKind::Key, [7; 8], [0xab; 32]);
        let shown = format!("{token:?} {:?}", token.hash());
        assert!(!shown.contains("abab") && shown.contains("0707070707070707"), "{shown}");
    }

    #[test]
    fn a_hash_is_read_as_sha256sum_writes_it() {
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let hash = TokenHash::of("abc");
        assert_eq!(TokenHash::parse(text), Ok(hash));
        assert_eq!(TokenHash::parse(&text.to_uppercase()), Ok(hash));
        assert_eq!(hash.id().to_string(), "ba7816bf8f01cfea");
        assert!(hash != TokenHash::of("abd"));
        let refused = TokenHash::parse("chr_secret").expect_err("refused");
        assert!(refused.contains("64 hexadecimal digits") && !refused.contains("chr_"), "{refused}");
    }
}

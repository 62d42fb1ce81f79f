//! How requests are signed, by Standard Webhooks 1.0 (<https://www.standardwebhooks.com>): with which keys, and which
//! headers are those of the signature.

use std::fmt;

use base64::Engine as _;
// The padding may be left out.
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT as BASE64;

use crate::{Millis, REDACTED, SecretValues, is_secret_reference, secrets_in};

/// How a key begins as a text.
pub const KEY_PREFIX: &str = "whsec_";
/// The shortest and the longest key, in bytes, that Standard Webhooks allows.
pub const SIGNING_KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// The header that says which message it is: the execution's id, the same on each attempt.
pub const ID_HEADER: &str = "webhook-id";
/// How the names of the headers begin that belong to the signature.
const HEADER_PREFIX: &[u8] = b"webhook-";

/// The keys that requests are signed with. `Debug` shows nothing of them.
#[derive(Clone, PartialEq, Eq)]
pub struct Signing {
    /// `whsec_` and the key in base64, or `{{secret.NAME}}`.
    pub secret: String,
    /// The one before, while targets change over to the new one.
    pub previous: Option<PreviousSecret>,
}

/// A secret whose time ends.
#[derive(Clone, PartialEq, Eq)]
pub struct PreviousSecret {
    /// As that of [`Signing`].
    pub secret: String,
    /// From this instant on nothing is signed with it.
    pub expires_at: Millis,
}

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningKeyError {
    /// It does not begin as one.
    #[error("does not begin with {KEY_PREFIX:?}")]
    Prefix,
    /// What follows is something else.
    #[error("is not base64 behind {KEY_PREFIX:?}")]
    Base64,
    /// It is too short or too long.
    #[error("has a key of {0} bytes")]
    Length(usize),
}

/// A key, as its bytes. It has no `Debug`, for it is secret.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(Vec<u8>);

/// The keys of one attempt. They have no `Debug`, for they are secret.
pub struct SigningKeys {
    /// The one that counts.
    pub key: SigningKey,
    /// The one before, and when its time ends.
    pub previous: Option<(SigningKey, Millis)>,
}

impl Signing {
    /// Checks the texts. An error names the field inside `signing`, and quotes nothing.
    ///
    /// # Errors
    /// The field and what was expected of it.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let check = |(field, text): (&'static str, &str)| check(text).map_err(|error| (field, error));
        self.texts().try_for_each(check)
    }

    /// Its secrets, by their fields.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let previous = self.previous.as_ref().map(|previous| ("previous.secret", previous.secret.as_str()));
        [("secret", self.secret.as_str())].into_iter().chain(previous)
    }

    /// Puts the stored secrets back in place of [`REDACTED`]. The error is the field that has no stored secret.
    pub(crate) fn restore(&mut self, stored: Option<&Self>) -> Result<(), &'static str> {
        if self.secret == REDACTED {
            stored.ok_or("secret")?.secret.clone_into(&mut self.secret);
        }
        if let Some(PreviousSecret { secret, .. }) = &mut self.previous
            && secret == REDACTED
        {
            let old = stored.and_then(|stored| stored.previous.as_ref()).ok_or("previous.secret")?;
            old.secret.clone_into(secret);
        }
        Ok(())
    }

    /// The keys, with the values of the named secrets.
    ///
    /// # Errors
    /// Which of them is none, and why. It quotes nothing.
    pub fn keys(&self, secrets: &SecretValues) -> Result<SigningKeys, String> {
        let key = |field: &str, text: &str| {
            let key = SigningKey::parse(&secrets.fill_plain(text));
            key.map_err(|error| {
                // A reference is no secret.
                let which = if is_secret_reference(text) { format!(" ({text})") } else { String::new() };
                format!("signing.{field}{which} {}", expected(error))
            })
        };
        let previous = self.previous.as_ref().map(|PreviousSecret { secret, expires_at }| {
            Ok::<_, String>((key("previous.secret", secret)?, *expires_at))
        });
        Ok(SigningKeys { key: key("secret", &self.secret)?, previous: previous.transpose()? })
    }
}

impl SigningKey {
    /// Reads a key.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, SigningKeyError> {
        let coded = text.strip_prefix(KEY_PREFIX).ok_or(SigningKeyError::Prefix)?;
        let bytes = BASE64.decode(coded).map_err(|_| SigningKeyError::Base64)?;
        if SIGNING_KEY_BYTES.contains(&bytes.len()) {
            Ok(Self(bytes))
        } else {
            Err(SigningKeyError::Length(bytes.len()))
        }
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Whether a header of this name belongs to the signature. Where requests are signed, nobody else sets one.
#[must_use]
pub fn is_signature_header(name: &str) -> bool {
    let begin = name.as_bytes().get(..HEADER_PREFIX.len());
    begin.is_some_and(|begin| begin.eq_ignore_ascii_case(HEADER_PREFIX))
}

/// A text is a key, or names one.
fn check(text: &str) -> Result<(), String> {
    let names = secrets_in(text).map_err(|error| error.to_string())?;
    if !names.is_empty() {
        return match text.starts_with("{{") && is_secret_reference(text) {
            true => Ok(()),
            false => {
                Err("has more than the placeholder of a secret; expected {{secret.NAME}} alone".to_owned())
            }
        };
    }
    if text == REDACTED {
        return Ok(());
    }
    SigningKey::parse(text).map(drop).map_err(expected)
}

fn expected(error: SigningKeyError) -> String {
    let (least, most) = SIGNING_KEY_BYTES.into_inner();
    format!("{error}; expected {KEY_PREFIX:?} and {least} to {most} random bytes in base64")
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signing").finish_non_exhaustive()
    }
}

impl fmt::Debug for PreviousSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreviousSecret").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SecretHosts, SecretName};

    /// 24 bytes.
    const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn of(bytes: usize) -> String {
        format!("{KEY_PREFIX}{}", BASE64.encode(vec![7; bytes]))
    }

    fn signing(secret: &str, previous: Option<&str>) -> Signing {
        let previous = previous.map(|secret| PreviousSecret { secret: secret.into(), expires_at: 9 });
        Signing { secret: secret.into(), previous }
    }

    #[test]
    fn a_key_has_the_form_of_the_standard() {
        for good in [KEY.to_owned(), of(24), of(25), of(64), of(25).trim_end_matches('=').to_owned()] {
            assert!(SigningKey::parse(&good).is_ok(), "{good}");
        }
        for (bad, why) in [
            (String::new(), SigningKeyError::Prefix),
            (KEY.replace("whsec_", ""), SigningKeyError::Prefix),
            (KEY.replace("whsec_", "WHSEC_"), SigningKeyError::Prefix),
            ("whsec_".to_owned(), SigningKeyError::Length(0)),
            (of(23), SigningKeyError::Length(23)),
            (of(65), SigningKeyError::Length(65)),
            (format!("{KEY} "), SigningKeyError::Base64),
            (KEY.replace('9', "-"), SigningKeyError::Base64),
        ] {
            assert_eq!(SigningKey::parse(&bad).err(), Some(why), "{bad}");
        }
    }

    #[test]
    fn a_secret_is_a_key_or_names_one_and_is_never_quoted() {
        for good in [KEY, "{{secret.a}}", "{{ secret.a }}", REDACTED] {
            assert_eq!(signing(good, Some(good)).check(), Ok(()), "{good}");
        }
        for (bad, say) in [
            ("hunter2", "does not begin with \"whsec_\""),
            ("whsec_hunter2", "expected \"whsec_\" and 24 to 64"),
            ("whsec_{{secret.a}}", "{{secret.NAME}} alone"),
            ("x {{secret.a}}", "{{secret.NAME}} alone"),
            ("{{secret.a}}{{secret.a}}", "{{secret.NAME}} alone"),
            ("{{secret.}}", "{{secret.NAME}}"),
        ] {
            for (field, signing) in
                [("secret", signing(bad, None)), ("previous.secret", signing(KEY, Some(bad)))]
            {
                let (found, message) = signing.check().expect_err(bad);
                assert!(found == field && message.contains(say), "{found}: {message}");
                assert!(
                    !message.contains("hunter2") && !format!("{signing:?}").contains("whsec"),
                    "{message}"
                );
            }
        }
    }

    #[test]
    fn keys_are_those_of_the_named_secrets() {
        let mut secrets = SecretValues::default();
        let mut add = |name: &str, value: &str| {
            let hosts = SecretHosts::unchecked(vec!["*".into()]);
            secrets.insert(&SecretName::parse(name).expect("a name"), value.into(), hosts);
        };
        add("good", KEY);
        add("bad", "hunter2");
        let keys =
            signing("{{secret.good}}", Some(&of(30))).keys(&secrets).map_err(|_| "keys").expect("keys");
        assert!(keys.key.as_bytes().starts_with(&[0x31, 0xf2, 0x90]));
        assert!(keys.previous.is_some_and(|(key, at)| key.as_bytes() == [7; 30] && at == 9));
        let why = signing("{{secret.bad}}", None).keys(&secrets).err().expect("no key");
        assert!(why.starts_with("signing.secret ({{secret.bad}}) does not begin"), "{why}");
        assert!(!why.contains("hunter2"), "{why}");
    }

    #[test]
    fn a_redacted_secret_is_the_one_in_the_same_place() {
        let stored = signing(KEY, None);
        let mut new = signing(REDACTED, None);
        assert_eq!(new.restore(Some(&stored)), Ok(()));
        assert!(new == stored);
        assert_eq!(signing(REDACTED, None).restore(None), Err("secret"));
        // Which of the secrets was meant would be a guess.
        assert_eq!(signing(KEY, Some(REDACTED)).restore(Some(&stored)), Err("previous.secret"));
    }

    #[test]
    fn headers_of_a_signature_are_told_by_their_names() {
        for (name, is_one) in [
            ("webhook-id", true),
            ("Webhook-Signature", true),
            ("WEBHOOK-", true),
            ("webhook", false),
            ("x-webhook-id", false),
            ("webhooké", false),
        ] {
            assert_eq!(is_signature_header(name), is_one, "{name}");
        }
    }
}

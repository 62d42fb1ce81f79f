//! Signs requests by Standard Webhooks 1.0: HMAC-SHA256 over the id of the message, the second at which it is sent, and
//! the bytes of the body that is sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chronos_types::request::Request;
use chronos_types::{ID_HEADER, Millis, SecretValues, Signing, SigningKey};
use ring::hmac;

/// The headers that say when a request was signed, and by what.
const TIMESTAMP: &str = "webhook-timestamp";
const SIGNATURE: &str = "webhook-signature";

/// What the requests of one attempt are signed with.
#[derive(Clone)]
pub(crate) struct Signer {
    id: String,
    key: hmac::Key,
    /// The key before, and when its time ends.
    previous: Option<(hmac::Key, Millis)>,
}

impl Signer {
    /// Signs an attempt whose first request this is.
    ///
    /// # Errors
    /// Which secret is no key.
    pub(crate) fn new(signing: &Signing, request: &Request, secrets: &SecretValues) -> Result<Self, String> {
        let keys = signing.keys(secrets)?;
        let of = |key: &SigningKey| hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
        let id = request.headers.iter().find(|(name, _)| name == ID_HEADER);
        let id = id.map(|(_, value)| value.clone()).unwrap_or_default();
        let previous = keys.previous.as_ref().map(|(key, expires_at)| (of(key), *expires_at));
        Ok(Self { id, key: of(&keys.key), previous })
    }

    /// The headers of a request with this body that is sent now. The signature by the key that counts comes first.
    pub(crate) fn headers(&self, now: Millis, body: &[u8]) -> [(&'static str, String); 2] {
        let at = now.div_euclid(1_000).to_string();
        let previous = self.previous.as_ref().filter(|(_, expires_at)| now < *expires_at);
        let keys = std::iter::once(&self.key).chain(previous.map(|(key, _)| key));
        let signatures: Vec<_> = keys.map(|key| self.signature(key, &at, body)).collect();
        [(TIMESTAMP, at), (SIGNATURE, signatures.join(" "))]
    }

    fn signature(&self, key: &hmac::Key, at: &str, body: &[u8]) -> String {
        let mut signed = hmac::Context::with_key(key);
        for part in [self.id.as_bytes(), b".", at.as_bytes(), b".", body] {
            signed.update(part);
        }
        format!("v1,{}", STANDARD.encode(signed.sign()))
    }
}

/// Nothing of the keys is shown.
impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use chronos_types::{Method, PreviousSecret};

    use super::*;

    const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const OTHER: &str = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
    const AT: Millis = 1_614_265_330_999;
    const BODY: &[u8] = b"{\"test\": 2432232314}";
    /// Of that body at that time, made with Python's hmac.
    const BY_KEY: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const BY_OTHER: &str = "v1,frM35V2Z51bxs4v81I6TpLnscXkhXtKLP/7WPYVyj3A=";

    fn signer(secret: &str, previous: Option<(&str, Millis)>) -> Signer {
        let previous =
            previous.map(|(secret, expires_at)| PreviousSecret { secret: secret.into(), expires_at });
        let signing = Signing { secret: secret.into(), previous };
        let headers = vec![(ID_HEADER.to_owned(), "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned())];
        let request = Request { method: Method::Post, url: "http://h/".into(), headers, body: None };
        Signer::new(&signing, &request, &SecretValues::default()).expect("keys")
    }

    #[test]
    fn a_signature_is_that_of_the_standard() {
        let [timestamp, signature] = signer(KEY, None).headers(AT, BODY);
        assert_eq!(timestamp, (TIMESTAMP, "1614265330".to_owned()));
        assert_eq!(signature, (SIGNATURE, BY_KEY.to_owned()));
        assert_ne!(signer(KEY, None).headers(AT, b"")[1].1, BY_KEY);
        assert_ne!(signer(KEY, None).headers(AT + 1, BODY)[1].1, BY_KEY);
    }

    #[test]
    fn the_secret_before_signs_too_until_it_expires() {
        for (expires_at, signatures) in
            [(AT + 1, format!("{BY_OTHER} {BY_KEY}")), (AT, BY_OTHER.to_owned()), (0, BY_OTHER.to_owned())]
        {
            let [_, (_, found)] = signer(OTHER, Some((KEY, expires_at))).headers(AT, BODY);
            assert_eq!(found, signatures, "{expires_at}");
        }
    }
}

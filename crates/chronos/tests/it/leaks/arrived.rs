//! What was planted arrives where it is to: a test that plants nothing finds nothing

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use super::credentials::Credentials;
use super::search::Search;
use super::targets::text_of;
use super::world::World;
use crate::support::*;

/// What is to arrive at targets. The others prove themselves: signatures and certificates by what was made with them,
/// tokens by what they open.
const ARRIVES: [&str; 37] = [
    "access_token of a query",
    "api_key of a query",
    "password of a query",
    "the token of bearer",
    "the header X-Token",
    "a cookie",
    "a header of a signature",
    "the password of basic",
    "the API key",
    "a header of a secret",
    "a header of a password",
    "a header of its own",
    "a header of a session",
    "a header of an assertion",
    "the secret path",
    "the secret query",
    "the secret key",
    "the secret header",
    "the secret token",
    "the secret bearer",
    "the secret body",
    "the secret run",
    "the secret client",
    "the client secret",
    "api_key of a token endpoint",
    "a parameter of a token endpoint",
    "the token of the token server",
    "a client secret that is refused",
    "what gets no token",
    "a creation",
    "a job of a set",
    "a batch that is atomic",
    "a patch of many",
    "what goes by a proxy",
    "what goes with a certificate",
    "a header of one run",
    "a header of a replay",
];

impl World {
    /// What was planted has arrived where it was to, and nothing of it where it was not.
    pub fn arrived(&self) {
        let planted = self.credentials.planted();
        let search = Search::of(&planted);
        let calls = self.targets.calls();
        let arrived = search.found(calls.as_bytes());
        for name in ARRIVES {
            assert!(arrived.contains_key(name), "{name} did not arrive");
        }
        let refused: Vec<_> = arrived.keys().filter(|name| name.starts_with("refused")).collect();
        assert!(refused.is_empty(), "{refused:?}");
        let heads = self.proxy.heads().join("\n");
        assert!(search.found(heads.as_bytes()).contains_key("the password of a proxy"), "{heads}");
        assert!(self.targets.main.look(|calls| calls.iter().any(|call| is_signed(call, &self.credentials))));
        // The host of the secrets is that of the other origin, too; all else stays behind.
        let other = self.targets.other.look(|calls| calls.iter().map(text_of).collect::<Vec<_>>().join("\n"));
        assert!(other.contains("/landed"), "{other}");
        let came = search.found(other.as_bytes());
        assert!(came.is_empty(), "{came:#?}");
        assert!(planted.len() >= 100, "{}", planted.len());
    }
}

/// Whether a call is signed by both of the secrets that are planted for it.
fn is_signed(call: &Call, credentials: &Credentials) -> bool {
    let Some(signatures) = call.header("webhook-signature") else { return false };
    let signed = format!("{}.{}.{}", call.sent("webhook-id"), call.sent("webhook-timestamp"), call.body);
    let made = ["the signing secret", "the signing secret before"].map(|name| {
        let key = STANDARD.decode(credentials.value(name).strip_prefix("whsec_").unwrap()).unwrap();
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
        format!("v1,{}", STANDARD.encode(tag))
    });
    signatures == made.join(" ")
}

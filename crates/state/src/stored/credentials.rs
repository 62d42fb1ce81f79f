//! Takes the credentials out of what is to be stored, and puts what they were sealed to beside it.
//!
//! What is a credential is what reads back redacted. Whoever proposes a command does this, and so nothing here is part of
//! what commands mean.

use std::borrow::Cow;

use chronos_seal::Sealed;
use chronos_types::{
    Auth, Credentials, REDACTED, SealedCredentials, TargetUrl, is_credential_header, is_secret_reference,
    redacted_url,
};
use serde::{Deserialize, Serialize};

use super::client_credentials::StoredClientCredentials;
use super::overrides::StoredOverrides;
use super::webhook::{StoredAuth, StoredSigning, StoredWebhook};

/// The stored form of [`SealedCredentials`]. `Debug` shows nothing of it but the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredSealed {
    /// The credentials.
    pub value: Sealed,
    /// The names of the secrets that stand among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
}

impl StoredSealed {
    /// Bytes of its texts.
    pub(crate) fn weight(&self) -> usize {
        self.value.weight() + self.secrets.iter().map(|name| name.len() + 3).sum::<usize>()
    }
}

impl From<StoredSealed> for SealedCredentials {
    fn from(stored: StoredSealed) -> Self {
        let StoredSealed { value, secrets } = stored;
        Self { value: value.to_text(), secrets }
    }
}

impl StoredSealed {
    /// The stored form, where the text is a sealed value.
    pub(crate) fn of(sealed: &SealedCredentials) -> Option<Self> {
        let SealedCredentials { value, secrets } = sealed;
        Some(Self { value: Sealed::parse(value).ok()?, secrets: secrets.clone() })
    }
}

impl StoredWebhook<'_> {
    /// Takes the credentials out, and leaves `"[redacted]"` in their places. One that is sealed has none.
    pub fn take_credentials(&mut self) -> Credentials {
        let mut taken = Credentials::default();
        if self.sealed.is_some() {
            return taken;
        }
        let Self { url, headers, auth, signing, .. } = self;
        take_url(&mut taken, "url", url);
        let sent = auth.as_ref().map(StoredAuth::header_name);
        for (name, value) in headers {
            if is_secret_header(name, sent) {
                take(&mut taken, || format!("headers.{name}"), value);
            }
        }
        match auth {
            None => {}
            Some(StoredAuth::Bearer { token }) => take(&mut taken, || "auth.token".to_owned(), token),
            Some(StoredAuth::Basic { username: _, password }) => {
                take(&mut taken, || "auth.password".to_owned(), password);
            }
            Some(StoredAuth::ApiKey { api_key, header: _ }) => {
                take(&mut taken, || "auth.api_key".to_owned(), api_key);
            }
            Some(StoredAuth::ClientCredentials(credentials)) => {
                let StoredClientCredentials { token_url, client_secret, parameters, .. } = &mut **credentials;
                take_url(&mut taken, "auth.token_url", token_url);
                take(&mut taken, || "auth.client_secret".to_owned(), client_secret);
                for (name, value) in parameters {
                    if is_credential_header(name) {
                        take(&mut taken, || format!("auth.parameters.{name}"), value);
                    }
                }
            }
        }
        if let Some(StoredSigning { secret, previous }) = signing {
            take(&mut taken, || "signing.secret".to_owned(), secret);
            if let Some(previous) = previous {
                take(&mut taken, || "signing.previous.secret".to_owned(), &mut previous.secret);
            }
        }
        taken
    }

    /// The header in which `auth` is sent.
    #[must_use]
    pub fn auth_header(&self) -> Option<String> {
        self.auth.as_ref().map(|auth| auth.header_name().to_owned())
    }
}

impl StoredAuth<'_> {
    fn header_name(&self) -> &str {
        match self {
            Self::Bearer { .. } | Self::Basic { .. } | Self::ClientCredentials(_) => "Authorization",
            Self::ApiKey { api_key: _, header } => header.as_deref().unwrap_or(Auth::DEFAULT_HEADER),
        }
    }
}

impl StoredOverrides {
    /// Takes the credentials out, as [`StoredWebhook::take_credentials`] does. `sent` is the header in which the `auth` of
    /// the job is sent.
    pub fn take_credentials(&mut self, sent: Option<&str>) -> Credentials {
        let mut taken = Credentials::default();
        if self.sealed.is_some() {
            return taken;
        }
        for (name, value) in &mut self.headers {
            if is_secret_header(name, sent) && !is_secret_reference(value) {
                taken.add(format!("headers.{name}"), value);
                REDACTED.clone_into(value);
            }
        }
        taken
    }
}

fn is_secret_header(name: &str, sent: Option<&str>) -> bool {
    is_credential_header(name) || sent.is_some_and(|sent| sent.eq_ignore_ascii_case(name))
}

/// Takes a URL out, where a credential stands in it, and leaves what is shown of it.
fn take_url(taken: &mut Credentials, field: &str, url: &mut Cow<'_, str>) {
    // One that is refused for its user info has a password in it. No release that refuses it opens it either.
    let has_password = url.contains('@') && TargetUrl::parse(url).is_err();
    let shown = match redacted_url(url) {
        _ if has_password => Some(REDACTED.to_owned()),
        Cow::Owned(shown) => Some(shown),
        Cow::Borrowed(_) => None,
    };
    if let Some(shown) = shown {
        taken.add(field, url);
        *url = Cow::Owned(shown);
    }
}

/// Takes a value out, unless it only names a secret.
fn take(taken: &mut Credentials, field: impl FnOnce() -> String, value: &mut Cow<'_, str>) {
    if !is_secret_reference(value) {
        taken.add(field(), value);
        *value = Cow::Borrowed(REDACTED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stored::webhook::StoredPrevious;

    fn webhook() -> StoredWebhook<'static> {
        let text = r#"{"url": "http://h/?a=1&token=t&sig_token={{secret.a}}", "headers": [["X-A", "a"],
            ["Cookie", "c"], ["X-Secret", "Bearer {{secret.a}}"], ["x-plain", "p"]],
            "auth": {"api_key": {"api_key": "k", "header": "X-Plain"}}}"#;
        let mut webhook: StoredWebhook<'static> = serde_json::from_str(text).expect("a webhook");
        let previous = StoredPrevious { secret: "{{secret.a}}".into(), expires_at: 0 };
        webhook.signing = Some(StoredSigning { secret: "s".into(), previous: Some(previous) });
        webhook
    }

    #[test]
    fn what_reads_back_redacted_is_taken_out_and_nothing_else() {
        let mut stored = webhook();
        let taken = stored.take_credentials();
        let shown = serde_json::to_string(&taken).expect("JSON");
        let expected = [
            r#"["url","http://h/?a=1&token=t&sig_token={{secret.a}}"]"#,
            r#"["headers.Cookie","c"]"#,
            r#"["headers.x-plain","p"]"#,
            r#"["auth.api_key","k"]"#,
            r#"["signing.secret","s"]"#,
        ];
        assert_eq!(shown, format!("[{}]", expected.join(",")));
        assert_eq!(taken.secrets(), ["a"]);
        let left = serde_json::to_string(&stored).expect("JSON");
        for credential in ["token=t&", r#""c""#, r#""p""#, r#""k""#, r#""s""#] {
            assert!(!left.contains(credential), "{credential}: {left}");
        }
        assert_eq!(&*stored.url, "http://h/?a=1&token=[redacted]&sig_token={{secret.a}}");
        assert_eq!(left.matches("{{secret.a}}").count(), 3);
    }

    #[test]
    fn what_was_taken_out_comes_back() {
        let before = chronos_types::Webhook::try_from(webhook()).expect("a webhook");
        let mut stored = webhook();
        let taken = stored.take_credentials();
        let left = chronos_types::Webhook::try_from(stored).expect("a webhook");
        assert_ne!(left, before);
        assert_eq!(left.with_credentials(&taken), Ok(before));
    }

    #[test]
    fn what_a_token_is_asked_for_with_is_taken_out_and_comes_back() {
        let text = r#"{"url": "http://h/", "headers": [["authorization", "a"]], "auth": {"oauth2_client_credentials":
            {"token_url": "https://l/token?key=k", "client_id": "c", "client_secret": "s", "scope": "x",
            "parameters": [["audience", "a"], ["password", "p"], ["api_token", "{{secret.a}}"]]}}}"#;
        let mut stored: StoredWebhook<'static> = serde_json::from_str(text).expect("a webhook");
        let before = chronos_types::Webhook::try_from(stored.clone()).expect("a webhook");
        let taken = stored.take_credentials();
        let shown = serde_json::to_string(&taken).expect("JSON");
        let expected = [
            r#"["headers.authorization","a"]"#,
            r#"["auth.token_url","https://l/token?key=k"]"#,
            r#"["auth.client_secret","s"]"#,
            r#"["auth.parameters.password","p"]"#,
        ];
        assert_eq!(shown, format!("[{}]", expected.join(",")));
        let left = serde_json::to_string(&stored).expect("JSON");
        for credential in ["key=k", r#""s""#, r#""p""#] {
            assert!(!left.contains(credential), "{credential}: {left}");
        }
        let left = chronos_types::Webhook::try_from(stored).expect("a webhook");
        assert_eq!(left.with_credentials(&taken), Ok(before));
    }

    #[test]
    fn a_url_with_a_password_is_taken_out_as_a_whole() {
        for (url, left) in [
            ("http://u:hunter2@h/", REDACTED),
            ("http://h/@", "http://h/@"),
            ("http://h/?a=@", "http://h/?a=@"),
        ] {
            let mut stored = StoredWebhook { url: url.into(), ..webhook() };
            let taken = serde_json::to_string(&stored.take_credentials()).expect("JSON");
            assert_eq!((&*stored.url, taken.contains("hunter2")), (left, left == REDACTED), "{url}");
        }
    }

    #[test]
    fn nothing_is_taken_out_of_what_is_sealed() {
        let mut stored = webhook();
        let value = chronos_seal::Keyring::in_the_clear("x");
        stored.sealed = Some(StoredSealed { value, secrets: Vec::new() });
        assert!(stored.take_credentials().is_empty());
    }

    #[test]
    fn of_a_run_the_header_counts_too_that_auth_is_sent_in() {
        let headers = [("X-Plain", "p"), ("x-token", "{{secret.a}}"), ("X-Token-2", "t"), ("X-A", "a")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let mut stored = StoredOverrides { headers, ..StoredOverrides::default() };
        let taken = stored.take_credentials(Some("x-plain"));
        let shown = serde_json::to_string(&taken).expect("JSON");
        assert_eq!(shown, r#"[["headers.X-Plain","p"],["headers.X-Token-2","t"]]"#);
        let left: Vec<_> = stored.headers.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(left, [REDACTED, "{{secret.a}}", REDACTED, "a"]);
    }
}

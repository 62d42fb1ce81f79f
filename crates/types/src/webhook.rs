//! A webhook: what is called, how, and what counts as success.

use std::collections::BTreeSet;

use crate::{
    Auth, ClientCertificate, DurationMs, Headers, MAX_SECRET_BYTES, MAX_TOKEN_BYTES, SealedCredentials,
    SecretName, Signing, TargetUrl, Template, clip, is_credential_header, is_signature_header, secrets_in,
};

/// Largest request body, before template variables are filled in.
pub const MAX_BODY_BYTES: usize = 256 * 1024;
/// Most redirects that a webhook may opt in to.
pub const MAX_REDIRECTS: u8 = 10;
/// The bytes of the three headers of a signature with two keys are fewer.
const SIGNED_BYTES: usize = 256;

/// A webhook's whole configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// Where the request goes.
    pub url: TargetUrl,
    /// The method as the user gave it; see [`Webhook::method`] for the one used.
    pub method: Option<Method>,
    /// The user's own headers.
    pub headers: Headers,
    /// The body, with its template variables.
    pub body: Option<Template>,
    /// Credentials that are sent along.
    pub auth: Option<Auth>,
    /// The keys that each request is signed with.
    pub signing: Option<Signing>,
    /// The certificate that it shows to its target.
    pub client_certificate: Option<ClientCertificate>,
    /// Status codes that count as success; any 2xx if none are listed.
    pub success_codes: Option<SuccessCodes>,
    /// Time for one attempt, from connect to the last body byte.
    pub timeout: Option<DurationMs>,
    /// Accepts any server certificate (for development only).
    pub tls_skip_verify: bool,
    /// How many redirects are followed; with 0 a 3xx is a failure.
    pub max_redirects: u8,
    /// Its credentials, where they are sealed: then `"[redacted]"` stands in their places. They are opened before it is
    /// sent, compared or changed.
    pub sealed: Option<SealedCredentials>,
}

impl Webhook {
    /// The method that is used: the given one, else POST if there is a body and GET if there is none.
    #[must_use]
    pub fn method(&self) -> Method {
        self.method.unwrap_or(if self.body.is_some() { Method::Post } else { Method::Get })
    }

    /// Bytes of its texts, as they are kept.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes_beside_body() + self.body.as_ref().map_or(0, |body| body.source().len())
    }

    /// Bytes that its request has at most, where each value of its body's variables has at most `value`. A byte of a
    /// secret takes three in a URL.
    #[must_use]
    pub fn request_bytes(&self, value: usize) -> usize {
        let fields = self.secret_fields();
        // What it is signed with is not sent, and a certificate is no part of the request.
        let is_sent =
            |field: &str| !field.starts_with("signing.") && !field.starts_with("client_certificate.");
        let beside = fields.iter().filter(|(field, _)| field != "body" && is_sent(field)).count();
        let among_sealed = self.sealed.as_ref().map_or(0, |sealed| sealed.secrets.len());
        let secrets = 3 * MAX_SECRET_BYTES * (beside + among_sealed);
        let signed = if self.signing.is_some() { SIGNED_BYTES } else { 0 };
        let is_fetched = self.auth.as_ref().is_some_and(|auth| auth.client_credentials().is_some());
        let token = if is_fetched { MAX_TOKEN_BYTES } else { 0 };
        secrets
            + signed
            + token
            + self.bytes_beside_body()
            + self.body.as_ref().map_or(0, |body| body.most_bytes(value))
    }

    /// The names of the secrets that it is sent with, also of those among its sealed credentials.
    #[must_use]
    pub fn secrets(&self) -> BTreeSet<SecretName> {
        let sealed = self.sealed.iter().flat_map(|sealed| &sealed.secrets).map(String::as_str);
        self.secret_uses().chain(sealed).map(SecretName::unchecked).collect()
    }

    /// The names of the secrets that stand in the open, each as often as it stands there.
    pub fn secret_uses(&self) -> impl Iterator<Item = &str> {
        self.secret_fields().into_iter().map(|(_, name)| name)
    }

    /// The same, each with the field that it stands in: `headers.X-Token`, `auth.token`, `signing.secret`,
    /// `url` or `body`.
    #[must_use]
    pub fn secret_fields(&self) -> Vec<(String, &str)> {
        let mut fields: Vec<_> = self.url.secrets().map(|name| ("url".to_owned(), name)).collect();
        // What is no placeholder was refused when it was written.
        let named = |text| secrets_in(text).unwrap_or_default();
        for (header, value) in self.headers.iter() {
            fields.extend(named(value).into_iter().map(|name| (format!("headers.{header}"), name)));
        }
        let auth = self.auth.iter().flat_map(Auth::secret_fields);
        fields.extend(auth.map(|(field, name)| (format!("auth.{field}"), name)));
        for (field, value) in self.signing.iter().flat_map(Signing::texts) {
            fields.extend(named(value).into_iter().map(|name| (format!("signing.{field}"), name)));
        }
        for (field, value) in self.client_certificate.iter().flat_map(ClientCertificate::texts) {
            fields.extend(named(value).into_iter().map(|name| (format!("client_certificate.{field}"), name)));
        }
        fields.extend(self.body.iter().flat_map(Template::secrets).map(|name| ("body".to_owned(), name)));
        fields
    }

    /// The credentials that stand in it: those of `auth` and `signing`, the values of headers that carry some, also
    /// without the word that stands before them (`Bearer`), and each of a cookie. Those in the URL are told by
    /// [`TargetUrl::credentials`].
    pub fn credentials(&self) -> impl Iterator<Item = &str> {
        let headers = self.headers.iter().filter(|(name, _)| is_credential_header(name));
        let headers = headers.flat_map(|(name, value)| {
            let behind_word = value.split_once(' ').map(|(_, rest)| rest);
            let is_cookie = name.eq_ignore_ascii_case("cookie");
            let cookies = is_cookie.then(|| value.split(';')).into_iter().flatten();
            let cookies = cookies.filter_map(|pair| pair.split_once('=').map(|(_, value)| value.trim()));
            std::iter::once(value).chain(behind_word).chain(cookies)
        });
        let signing = self.signing.iter().flat_map(Signing::texts).map(|(_, secret)| secret);
        headers.chain(self.auth.iter().flat_map(Auth::credentials)).chain(signing)
    }

    /// The fields that set a header which belongs to the signature of its requests: `headers.webhook-id`, or
    /// `auth.header`. There are none where nothing is signed.
    #[must_use]
    pub fn signature_conflicts(&self) -> Vec<String> {
        if self.signing.is_none() {
            return Vec::new();
        }
        let names = self.headers.iter().map(|(name, _)| name);
        let headers = names.filter(|name| is_signature_header(name)).map(|name| format!("headers.{name}"));
        let auth = self.auth.as_ref().filter(|auth| is_signature_header(auth.header_name()));
        headers.chain(auth.map(|_| "auth.header".to_owned())).collect()
    }

    fn bytes_beside_body(&self) -> usize {
        let pair = |(name, value): (&str, &str)| name.len() + value.len();
        let auth = self.auth.as_ref().map_or(0, Auth::bytes);
        let shown = self.client_certificate.as_ref().map_or(0, |shown| shown.cert.len() + shown.key.len());
        let signing: usize =
            self.signing.iter().flat_map(Signing::texts).map(|(_, secret)| secret.len()).sum();
        // It is longer than what it comes to.
        let sealed = self.sealed.as_ref().map_or(0, |sealed| sealed.value.len());
        self.url.as_str().len()
            + self.headers.iter().map(pair).sum::<usize>()
            + auth
            + signing
            + shown
            + sealed
    }

    /// Whether a response with this status is a success.
    #[must_use]
    pub fn is_success(&self, status: u16) -> bool {
        match &self.success_codes {
            Some(codes) => codes.as_slice().contains(&status),
            None => (200..300).contains(&status),
        }
    }

    /// Puts the stored secrets back in place of each `"[redacted]"` that a user has sent. None of them comes back where
    /// the URL moves to another origin: whoever may write a job could have it sent to themselves.
    ///
    /// # Errors
    /// The path of a redacted value for which there is no secret among the `stored`.
    pub fn restore_secrets(&mut self, stored: Secrets<'_>) -> Result<(), String> {
        let stored = if stored.is_moved(&self.url) { Secrets::default() } else { stored };
        self.url.restore(stored.url).map_err(|()| "webhook.url".to_owned())?;
        self.headers.restore(stored.headers).map_err(|name| format!("webhook.headers.{name}"))?;
        if let Some(new) = &mut self.auth {
            new.restore(stored.auth).map_err(|field| format!("webhook.auth.{field}"))?;
        }
        match &mut self.signing {
            Some(new) => new.restore(stored.signing).map_err(|field| format!("webhook.signing.{field}")),
            None => Ok(()),
        }
    }
}

/// The parts of a stored webhook in which its secrets are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Secrets<'a> {
    /// Its headers.
    pub headers: Option<&'a Headers>,
    /// Its credentials.
    pub auth: Option<&'a Auth>,
    /// What it is signed with.
    pub signing: Option<&'a Signing>,
    /// Its URL, where that can be read.
    pub url: Option<&'a TargetUrl>,
}

impl Secrets<'_> {
    /// Whether they are those of another origin than a URL has. Where their own cannot be read, nobody knows whose they
    /// are, and they stay where they are too.
    #[must_use]
    pub fn is_moved(&self, to: &TargetUrl) -> bool {
        let Self { headers, auth, signing, url } = self;
        match url {
            Some(url) => url.origin() != to.origin(),
            None => headers.is_some() || auth.is_some() || signing.is_some(),
        }
    }
}

impl<'a> From<&'a Webhook> for Secrets<'a> {
    fn from(webhook: &'a Webhook) -> Self {
        let Webhook { headers, auth, signing, url, .. } = webhook;
        Self { headers: Some(headers), auth: auth.as_ref(), signing: signing.as_ref(), url: Some(url) }
    }
}

macro_rules! methods {
    ($($variant:ident $text:literal),*) => {
        /// The methods a webhook may use.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Method {
            $(#[doc = $text] $variant),*
        }

        impl Method {
            /// Parses a method, in any case.
            ///
            /// # Errors
            /// The text is none of the seven.
            pub fn parse(text: &str) -> Result<Self, String> {
                match text.to_ascii_uppercase().as_str() {
                    $($text => Ok(Self::$variant),)*
                    _ => Err(format!(
                        "{:?} is not a method; expected one of {}", clip(text), [$($text),*].join(", ")
                    )),
                }
            }

            /// The method's name.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }
    };
}
methods!(Get "GET", Head "HEAD", Post "POST", Put "PUT", Patch "PATCH", Delete "DELETE", Options "OPTIONS");

/// The status codes that count as success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuccessCodes(Vec<u16>);

impl SuccessCodes {
    /// Checks the list: 1 to 100 codes, each from 200 to 599.
    ///
    /// # Errors
    /// What is wrong with the list.
    pub fn parse(codes: Vec<u16>) -> Result<Self, String> {
        if codes.is_empty() || codes.len() > 100 {
            return Err(format!("has {} codes; expected 1 to 100", codes.len()));
        }
        match codes.iter().find(|code| !(200..=599).contains(*code)) {
            Some(bad) => Err(format!("{bad} is not a final status code; expected 200 to 599")),
            None => Ok(Self(codes)),
        }
    }

    /// The codes.
    #[must_use]
    pub fn as_slice(&self) -> &[u16] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::REDACTED;

    #[test]
    fn no_secret_comes_back_at_another_origin_nor_where_its_own_is_not_known() {
        let headers =
            |value: &str| Headers::parse(vec![("X-Token".to_owned(), value.to_owned())]).expect("headers");
        let stored = headers("kept");
        for (url, is_kept) in [
            (Some("https://h/other"), true),
            (Some("https://h:444/"), false),
            (Some("http://h/"), false),
            (Some("https://x.h/"), false),
            (None, false),
        ] {
            let url = url.map(|url| TargetUrl::parse(url).expect("a URL"));
            let secrets = Secrets { headers: Some(&stored), url: url.as_ref(), ..Secrets::default() };
            let mut webhook = Webhook {
                url: TargetUrl::parse("https://h/").expect("a URL"),
                method: None,
                headers: headers(REDACTED),
                body: None,
                auth: None,
                signing: None,
                client_certificate: None,
                success_codes: None,
                timeout: None,
                tls_skip_verify: false,
                max_redirects: 0,
                sealed: None,
            };
            let restored = webhook.restore_secrets(secrets);
            assert_eq!(restored.is_ok(), is_kept, "{url:?}");
            assert_eq!(webhook.headers.get("X-Token"), Some(if is_kept { "kept" } else { REDACTED }));
        }
    }
}

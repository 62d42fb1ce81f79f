//! The stored form of a webhook.

use std::borrow::Cow;
use std::fmt;

use chronos_types::{
    Auth, ClientCertificate, DurationMs, Headers, Method, Millis, PreviousSecret, SealedCredentials, Signing,
    SuccessCodes, TargetUrl, Template, Webhook,
};
use serde::{Deserialize, Serialize};

use super::client_credentials::StoredClientCredentials;
use super::credentials::StoredSealed;
use super::omit::is_default;
use super::spec::{length, owned};

/// The stored form of a [`Webhook`]. `Debug` shows nothing of it, for it has secrets.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of `Webhook`; durations are in milliseconds")]
pub struct StoredWebhook<'a> {
    pub url: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<StoredAuth<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_codes: Option<Cow<'a, [u16]>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub tls_skip_verify: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub max_redirects: u8,
    /// Said from [`SIGNING_SINCE`] on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing: Option<StoredSigning<'a>>,
    /// Said from [`CLIENT_CERTIFICATES_SINCE`] on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<StoredClientCertificate<'a>>,
    /// Said from [`SECRETS_SINCE`](crate::SECRETS_SINCE) on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<StoredSealed>,
}

/// The first cluster version whose webhooks may be signed.
pub const SIGNING_SINCE: u32 = 2;

/// The first cluster version whose webhooks may show a certificate.
pub const CLIENT_CERTIFICATES_SINCE: u32 = 2;

/// The stored form of a [`ClientCertificate`].
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of `ClientCertificate`")]
pub struct StoredClientCertificate<'a> {
    pub cert: Cow<'a, str>,
    pub key: Cow<'a, str>,
}

/// The stored form of a [`Signing`]. It has no `Debug`, for it is secret.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of `Signing`")]
pub struct StoredSigning<'a> {
    pub secret: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<StoredPrevious<'a>>,
}

/// The stored form of a [`PreviousSecret`]. It has no `Debug`, for it is secret.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of `PreviousSecret`")]
pub struct StoredPrevious<'a> {
    pub secret: Cow<'a, str>,
    pub expires_at: Millis,
}

/// The stored form of an [`Auth`]. It has no `Debug`, for it is secret.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of `Auth`")]
pub enum StoredAuth<'a> {
    Bearer {
        token: Cow<'a, str>,
    },
    Basic {
        username: Cow<'a, str>,
        password: Cow<'a, str>,
    },
    ApiKey {
        api_key: Cow<'a, str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        header: Option<Cow<'a, str>>,
    },
    /// Said from [`crate::OAUTH_SINCE`] on.
    #[serde(rename = "oauth2_client_credentials")]
    ClientCredentials(Box<StoredClientCredentials<'a>>),
}

impl StoredWebhook<'_> {
    /// The bytes of its texts.
    pub(crate) fn weight(&self) -> usize {
        let Self { url, headers, body, auth, signing, client_certificate, sealed, .. } = self;
        let headers: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        let body = body.as_ref().map_or(0, |body| body.len());
        let auth = match auth {
            None => 0,
            Some(StoredAuth::Bearer { token }) => token.len(),
            Some(StoredAuth::Basic { username, password }) => username.len() + password.len(),
            Some(StoredAuth::ApiKey { api_key, header }) => {
                api_key.len() + header.as_ref().map_or(0, |header| header.len())
            }
            Some(StoredAuth::ClientCredentials(credentials)) => credentials.weight(),
        };
        let signing = signing.as_ref().map_or(0, |signing| {
            let StoredSigning { secret, previous } = signing;
            secret.len() + previous.as_ref().map_or(0, |previous| previous.secret.len())
        });
        let shown = client_certificate.as_ref().map_or(0, |shown| shown.cert.len() + shown.key.len());
        let sealed = sealed.as_ref().map_or(0, StoredSealed::weight);
        url.len() + headers + body + auth + signing + shown + sealed
    }
}

impl<'a> From<&'a Webhook> for StoredWebhook<'a> {
    fn from(webhook: &'a Webhook) -> Self {
        let Webhook {
            url,
            method,
            headers,
            body,
            auth,
            success_codes,
            timeout,
            tls_skip_verify,
            max_redirects,
            signing,
            client_certificate,
            sealed,
        } = webhook;
        Self {
            url: url.source().into(),
            method: method.map(|m| m.as_str().into()),
            headers: headers.iter().map(|(name, value)| (name.into(), value.into())).collect(),
            body: body.as_ref().map(|b| b.source().into()),
            auth: auth.as_ref().map(StoredAuth::from),
            success_codes: success_codes.as_ref().map(|codes| codes.as_slice().into()),
            timeout_ms: timeout.map(DurationMs::as_millis),
            tls_skip_verify: *tls_skip_verify,
            max_redirects: *max_redirects,
            signing: signing.as_ref().map(StoredSigning::from),
            client_certificate: client_certificate.as_ref().map(StoredClientCertificate::from),
            sealed: sealed.as_ref().and_then(StoredSealed::of),
        }
    }
}

impl TryFrom<StoredWebhook<'_>> for Webhook {
    type Error = String;

    fn try_from(stored: StoredWebhook<'_>) -> Result<Self, String> {
        let StoredWebhook {
            url,
            method,
            headers,
            body,
            auth,
            success_codes,
            timeout_ms,
            tls_skip_verify,
            max_redirects,
            signing,
            client_certificate,
            sealed,
        } = stored;
        let headers = headers.into_iter().map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
        Ok(Self {
            url: TargetUrl::parse(&url).map_err(|e| e.to_string())?,
            method: method.as_deref().map(Method::parse).transpose()?,
            headers: Headers::parse(headers).map_err(|errors| format!("{errors:?}"))?,
            body: body.as_deref().map(Template::parse).transpose().map_err(|e| e.to_string())?,
            auth: auth.map(Auth::try_from).transpose()?,
            success_codes: success_codes.map(|c| SuccessCodes::parse(c.into_owned())).transpose()?,
            timeout: timeout_ms.map(length).transpose()?,
            tls_skip_verify,
            max_redirects,
            signing: signing.map(Signing::from),
            client_certificate: client_certificate.map(ClientCertificate::from),
            sealed: sealed.map(SealedCredentials::from),
        })
    }
}

impl<'a> From<&'a Auth> for StoredAuth<'a> {
    fn from(auth: &'a Auth) -> Self {
        match auth {
            Auth::Bearer { token } => Self::Bearer { token: token.into() },
            Auth::Basic { username, password } => {
                Self::Basic { username: username.into(), password: password.into() }
            }
            Auth::ApiKey { api_key, header } => {
                Self::ApiKey { api_key: api_key.into(), header: header.as_deref().map(Cow::from) }
            }
            Auth::ClientCredentials(credentials) => {
                Self::ClientCredentials(Box::new((&**credentials).into()))
            }
        }
    }
}

impl TryFrom<StoredAuth<'_>> for Auth {
    type Error = String;

    fn try_from(stored: StoredAuth<'_>) -> Result<Self, String> {
        Ok(match stored {
            StoredAuth::Bearer { token } => Self::Bearer { token: token.into_owned() },
            StoredAuth::Basic { username, password } => {
                Self::Basic { username: username.into_owned(), password: password.into_owned() }
            }
            StoredAuth::ApiKey { api_key, header } => {
                Self::ApiKey { api_key: api_key.into_owned(), header: header.map(Cow::into_owned) }
            }
            StoredAuth::ClientCredentials(credentials) => {
                Self::ClientCredentials(Box::new((*credentials).try_into()?))
            }
        })
    }
}

impl<'a> From<&'a ClientCertificate> for StoredClientCertificate<'a> {
    fn from(certificate: &'a ClientCertificate) -> Self {
        let ClientCertificate { cert, key } = certificate;
        Self { cert: cert.into(), key: key.into() }
    }
}

impl From<StoredClientCertificate<'_>> for ClientCertificate {
    fn from(stored: StoredClientCertificate<'_>) -> Self {
        let StoredClientCertificate { cert, key } = stored;
        Self { cert: cert.into_owned(), key: key.into_owned() }
    }
}

impl<'a> From<&'a Signing> for StoredSigning<'a> {
    fn from(signing: &'a Signing) -> Self {
        let Signing { secret, previous } = signing;
        let previous = previous.as_ref().map(|PreviousSecret { secret, expires_at }| StoredPrevious {
            secret: secret.into(),
            expires_at: *expires_at,
        });
        Self { secret: secret.into(), previous }
    }
}

impl From<StoredSigning<'_>> for Signing {
    fn from(stored: StoredSigning<'_>) -> Self {
        let StoredSigning { secret, previous } = stored;
        let previous = previous.map(|StoredPrevious { secret, expires_at }| PreviousSecret {
            secret: secret.into_owned(),
            expires_at,
        });
        Self { secret: secret.into_owned(), previous }
    }
}

impl fmt::Debug for StoredWebhook<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredWebhook").finish_non_exhaustive()
    }
}

impl StoredWebhook<'_> {
    /// Takes over all that it borrows.
    #[must_use]
    pub fn into_owned(self) -> StoredWebhook<'static> {
        let Self {
            url,
            method,
            headers,
            body,
            auth,
            success_codes,
            timeout_ms,
            tls_skip_verify,
            max_redirects,
            signing,
            client_certificate,
            sealed,
        } = self;
        StoredWebhook {
            url: owned(url),
            method: method.map(owned),
            headers: headers.into_iter().map(|(name, value)| (owned(name), owned(value))).collect(),
            body: body.map(owned),
            auth: auth.map(|auth| match auth {
                StoredAuth::Bearer { token } => StoredAuth::Bearer { token: owned(token) },
                StoredAuth::Basic { username, password } => {
                    StoredAuth::Basic { username: owned(username), password: owned(password) }
                }
                StoredAuth::ApiKey { api_key, header } => {
                    StoredAuth::ApiKey { api_key: owned(api_key), header: header.map(owned) }
                }
                StoredAuth::ClientCredentials(credentials) => {
                    StoredAuth::ClientCredentials(Box::new(credentials.into_owned()))
                }
            }),
            success_codes: success_codes.map(|codes| Cow::Owned(codes.into_owned())),
            timeout_ms,
            tls_skip_verify,
            max_redirects,
            sealed,
            client_certificate: client_certificate.map(|StoredClientCertificate { cert, key }| {
                StoredClientCertificate { cert: owned(cert), key: owned(key) }
            }),
            signing: signing.map(|StoredSigning { secret, previous }| StoredSigning {
                secret: owned(secret),
                previous: previous.map(|StoredPrevious { secret, expires_at }| StoredPrevious {
                    secret: owned(secret),
                    expires_at,
                }),
            }),
        }
    }
}

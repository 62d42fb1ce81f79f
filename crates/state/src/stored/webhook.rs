//! The stored form of a webhook.

use std::borrow::Cow;

use chronos_types::{Auth, DurationMs, Headers, Method, SuccessCodes, TargetUrl, Template, Webhook};
use serde::{Deserialize, Serialize};

use super::omit::is_default;

/// The stored form of a [`Webhook`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredWebhook<'a> {
    url: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    method: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth: Option<StoredAuth<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    success_codes: Option<Cow<'a, [u16]>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    tls_skip_verify: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    max_redirects: u8,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum StoredAuth<'a> {
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
        } = webhook;
        Self {
            url: url.source().into(),
            method: method.map(|m| m.as_str().into()),
            headers: headers.iter().map(|(name, value)| (name.into(), value.into())).collect(),
            body: body.as_ref().map(|b| b.source().into()),
            auth: auth.as_ref().map(|auth| match auth {
                Auth::Bearer { token } => StoredAuth::Bearer { token: token.into() },
                Auth::Basic { username, password } => {
                    StoredAuth::Basic { username: username.into(), password: password.into() }
                }
                Auth::ApiKey { api_key, header } => {
                    StoredAuth::ApiKey { api_key: api_key.into(), header: header.as_deref().map(Cow::from) }
                }
            }),
            success_codes: success_codes.as_ref().map(|codes| codes.as_slice().into()),
            timeout_ms: timeout.map(DurationMs::as_millis),
            tls_skip_verify: *tls_skip_verify,
            max_redirects: *max_redirects,
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
        } = stored;
        let headers = headers.into_iter().map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
        Ok(Self {
            url: TargetUrl::parse(&url).map_err(|e| e.to_string())?,
            method: method.as_deref().map(Method::parse).transpose()?,
            headers: Headers::parse(headers).map_err(|errors| format!("{errors:?}"))?,
            body: body.as_deref().map(Template::parse).transpose().map_err(|e| e.to_string())?,
            auth: auth.map(|auth| match auth {
                StoredAuth::Bearer { token } => Auth::Bearer { token: token.into_owned() },
                StoredAuth::Basic { username, password } => {
                    Auth::Basic { username: username.into_owned(), password: password.into_owned() }
                }
                StoredAuth::ApiKey { api_key, header } => {
                    Auth::ApiKey { api_key: api_key.into_owned(), header: header.map(Cow::into_owned) }
                }
            }),
            success_codes: success_codes.map(|c| SuccessCodes::parse(c.into_owned())).transpose()?,
            timeout: timeout_ms.map(DurationMs::from_millis),
            tls_skip_verify,
            max_redirects,
        })
    }
}

//! Webhooks as clients write them and read them back. Secrets read back as `"[redacted]"`.

use std::collections::HashMap;

use chronos_types::{self as domain, REDACTED, format_rfc3339, is_credential_header, is_secret_reference};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::TextMap;

/// What is called, how, and what counts as success.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Webhook {
    /// An `http` or `https` URL without user info or fragment, at most 2,083 characters.
    #[schema(example = "https://api.example.com/endpoint")]
    pub url: String,
    /// GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS. If omitted: POST if there is a body, else GET.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "POST")]
    pub method: Option<String>,
    /// Headers; they override the automatic ones, except `User-Agent`. The values of those that
    /// carry credentials read back as `"[redacted]"`.
    #[serde(default, skip_serializing_if = "TextMap::is_empty")]
    #[schema(value_type = HashMap<String, String>)]
    pub headers: TextMap,
    /// The body, at most 256 KiB. `{{.JobID}}`, `{{.JobName}}`, `{{.ExecutionID}}`,
    /// `{{.ScheduledTime}}` and `{{.Attempt}}` are filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "{\"execution\": \"{{.ExecutionID}}\"}")]
    pub body: Option<String>,
    /// Credentials sent with each request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// Signs each request by Standard Webhooks. Headers that begin with `webhook-` are those of the signature then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing: Option<Signing>,
    /// The certificate that is shown to a target that asks for one. The URL must be `https`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<ClientCertificate>,
    /// Status codes that count as success, from 200 to 599; any 2xx where omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_codes: Option<Vec<u16>>,
    /// Time for one attempt, from connect to the last body byte; at most 24h. If omitted: the job's
    /// `timeout`, else the server's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "30s")]
    pub timeout: Option<String>,
    /// Accepts any server certificate. For development only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tls_skip_verify: bool,
    /// Redirects followed, 0 to 10; with 0 a 3xx is a failure.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schema(maximum = 10)]
    pub max_redirects: u8,
}

/// Credentials. The secret part reads back as `"[redacted]"`; if that is written, the stored secret stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Auth {
    /// Sends `Authorization: Bearer <token>`.
    #[schema(title = "BearerAuth")]
    Bearer {
        /// The token.
        token: String,
    },
    /// Sends `Authorization: Basic base64(username:password)`.
    #[schema(title = "BasicAuth")]
    Basic {
        /// The user's name, without a colon. It may be empty.
        username: String,
        /// The password. It may be empty where `username` is not.
        password: String,
    },
    /// Sends `<header>: <api_key>`.
    #[schema(title = "ApiKeyAuth")]
    ApiKey {
        /// The key.
        api_key: String,
        /// The header's name; `X-API-Key` where omitted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        header: Option<String>,
    },
    /// Sends `Authorization: Bearer` with a token that is fetched by the client credentials grant of OAuth 2.0 (RFC
    /// 6749, section 4.4), and kept until it expires.
    #[serde(rename = "oauth2_client_credentials")]
    #[schema(title = "ClientCredentialsAuth")]
    ClientCredentials {
        /// The token endpoint: a URL as that of a webhook.
        #[schema(example = "https://login.example.com/oauth/token")]
        token_url: String,
        /// Who asks for the token.
        #[schema(example = "chronos")]
        client_id: String,
        /// What proves it.
        #[schema(example = "{{secret.oauth}}")]
        client_secret: String,
        /// What the token is to allow: names with a blank between them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(example = "jobs:run")]
        scope: Option<String>,
        /// What else the endpoint is sent, such as `audience` or `resource`; at most 20. The values of those whose names
        /// are those of credentials read back as `"[redacted]"`.
        #[serde(default, skip_serializing_if = "TextMap::is_empty")]
        #[schema(value_type = TokenParameters)]
        parameters: TextMap,
        /// How the client says who it is: `basic`, in a header, or `post`, in the body. If omitted: `basic`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(example = "post")]
        client_auth_method: Option<String>,
    },
}

/// Names and values. It has a name of its own, for generated clients would give its form the same name twice.
#[derive(ToSchema)]
#[schema(example = json!({"audience": "https://api.example.com"}))]
#[expect(dead_code, reason = "the document is made of it")]
struct TokenParameters(HashMap<String, String>);

/// The certificate of a client, by the secrets that hold it and its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClientCertificate {
    /// The secret that holds the certificate in PEM, and those of its issuers behind it.
    #[schema(example = "{{secret.client-cert}}")]
    pub cert: String,
    /// The secret that holds its private key in PEM.
    #[schema(example = "{{secret.client-key}}")]
    pub key: String,
}

impl From<&domain::ClientCertificate> for ClientCertificate {
    fn from(certificate: &domain::ClientCertificate) -> Self {
        let domain::ClientCertificate { cert, key } = certificate;
        Self { cert: shown(cert), key: shown(key) }
    }
}

/// What requests are signed with. A secret that does not name one reads back as `"[redacted]"`; if that is written, the
/// stored one in the same place stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Signing {
    /// `whsec_` and 24 to 64 random bytes in base64, or `{{secret.NAME}}`, which holds that.
    #[schema(example = "{{secret.signing}}")]
    pub secret: String,
    /// The secret before that, while the target changes over. Requests are signed with both until it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousSecret>,
}

/// A secret for signing whose time ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreviousSecret {
    /// As that of `signing`.
    #[schema(example = "{{secret.signing-2026}}")]
    pub secret: String,
    /// From this instant on nothing is signed with it.
    #[schema(format = DateTime, example = "2026-12-01T00:00:00.000Z")]
    pub expires_at: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u8) -> bool {
    *number == 0
}

impl From<&domain::Webhook> for Webhook {
    fn from(webhook: &domain::Webhook) -> Self {
        let domain::Webhook {
            url,
            method,
            headers,
            body,
            auth,
            signing,
            client_certificate,
            success_codes,
            timeout,
            tls_skip_verify,
            max_redirects,
            sealed: _,
        } = webhook;
        // A header that overrides the one of `auth` carries a credential, whatever its name is.
        let sent = auth.as_ref().map(domain::Auth::header_name);
        let secret = |name: &str| {
            is_credential_header(name) || sent.is_some_and(|sent| sent.eq_ignore_ascii_case(name))
        };
        let show = |(name, value): (&str, &str)| {
            let is_shown = !secret(name) || is_secret_reference(value);
            (name.to_owned(), if is_shown { value } else { REDACTED }.to_owned())
        };
        Self {
            url: url.shown().into_owned(),
            method: method.map(|method| method.as_str().to_owned()),
            headers: TextMap(headers.iter().map(show).collect()),
            body: body.as_ref().map(|body| body.source().to_owned()),
            auth: auth.as_ref().map(Auth::from),
            signing: signing.as_ref().map(Signing::from),
            client_certificate: client_certificate.as_ref().map(ClientCertificate::from),
            success_codes: success_codes.as_ref().map(|codes| codes.as_slice().to_vec()),
            timeout: timeout.map(|timeout| timeout.to_string()),
            tls_skip_verify: *tls_skip_verify,
            max_redirects: *max_redirects,
        }
    }
}

impl From<&domain::Auth> for Auth {
    fn from(auth: &domain::Auth) -> Self {
        match auth {
            domain::Auth::Bearer { token } => Self::Bearer { token: shown(token) },
            domain::Auth::Basic { username, password } => {
                Self::Basic { username: username.clone(), password: shown(password) }
            }
            domain::Auth::ApiKey { api_key, header } => {
                Self::ApiKey { api_key: shown(api_key), header: header.clone() }
            }
            domain::Auth::ClientCredentials(credentials) => Self::of_client(credentials),
        }
    }
}

impl Auth {
    fn of_client(credentials: &domain::ClientCredentials) -> Self {
        let domain::ClientCredentials {
            token_url,
            client_id,
            client_secret,
            scope,
            parameters,
            client_auth_method,
        } = credentials;
        let show = |(name, value): &(String, String)| {
            let value = if is_credential_header(name) { shown(value) } else { value.clone() };
            (name.clone(), value)
        };
        Self::ClientCredentials {
            token_url: token_url.shown().into_owned(),
            client_id: client_id.clone(),
            client_secret: shown(client_secret),
            scope: scope.clone(),
            parameters: TextMap(parameters.iter().map(show).collect()),
            client_auth_method: client_auth_method.map(|method| method.as_str().to_owned()),
        }
    }
}

impl From<&domain::Signing> for Signing {
    fn from(signing: &domain::Signing) -> Self {
        let domain::Signing { secret, previous } = signing;
        Self { secret: shown(secret), previous: previous.as_ref().map(PreviousSecret::from) }
    }
}

impl From<&domain::PreviousSecret> for PreviousSecret {
    fn from(previous: &domain::PreviousSecret) -> Self {
        let domain::PreviousSecret { secret, expires_at } = previous;
        Self { secret: shown(secret), expires_at: format_rfc3339(*expires_at) }
    }
}

/// What only names a secret is none.
fn shown(text: &str) -> String {
    if is_secret_reference(text) { text } else { REDACTED }.to_owned()
}

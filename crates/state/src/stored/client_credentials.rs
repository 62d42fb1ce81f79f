//! The stored form of what a token is asked for with.

use std::borrow::Cow;

use chronos_types::{ClientAuthMethod, ClientCredentials, TargetUrl};
use serde::{Deserialize, Serialize};

use super::spec::owned;

/// The first cluster version whose webhooks may have a token fetched, and whose attempts may fail for the want of one.
pub const OAUTH_SINCE: u32 = 2;

/// The stored form of [`ClientCredentials`]. It has no `Debug`, for it is secret.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of `ClientCredentials`")]
pub struct StoredClientCredentials<'a> {
    pub token_url: Cow<'a, str>,
    pub client_id: Cow<'a, str>,
    pub client_secret: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_auth_method: Option<Cow<'a, str>>,
}

impl StoredClientCredentials<'_> {
    /// Its texts, but for the names of the parameters and the method.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let Self { token_url, client_id, client_secret, scope, parameters, client_auth_method: _ } = self;
        let own = [token_url, client_id, client_secret].into_iter().chain(scope);
        own.chain(parameters.iter().map(|(_, value)| value)).map(|text| &**text)
    }

    /// The bytes of its texts.
    pub(super) fn weight(&self) -> usize {
        let names: usize = self.parameters.iter().map(|(name, _)| name.len()).sum();
        names + self.texts().map(str::len).sum::<usize>()
    }

    /// Takes over all that it borrows.
    pub(super) fn into_owned(self) -> StoredClientCredentials<'static> {
        let Self { token_url, client_id, client_secret, scope, parameters, client_auth_method } = self;
        StoredClientCredentials {
            token_url: owned(token_url),
            client_id: owned(client_id),
            client_secret: owned(client_secret),
            scope: scope.map(owned),
            parameters: parameters.into_iter().map(|(name, value)| (owned(name), owned(value))).collect(),
            client_auth_method: client_auth_method.map(owned),
        }
    }
}

impl<'a> From<&'a ClientCredentials> for StoredClientCredentials<'a> {
    fn from(credentials: &'a ClientCredentials) -> Self {
        let ClientCredentials { token_url, client_id, client_secret, scope, parameters, client_auth_method } =
            credentials;
        Self {
            token_url: token_url.source().into(),
            client_id: client_id.into(),
            client_secret: client_secret.into(),
            scope: scope.as_deref().map(Cow::from),
            parameters: parameters.iter().map(|(name, value)| (name.into(), value.into())).collect(),
            client_auth_method: client_auth_method.map(|method| method.as_str().into()),
        }
    }
}

impl TryFrom<StoredClientCredentials<'_>> for ClientCredentials {
    type Error = String;

    fn try_from(stored: StoredClientCredentials<'_>) -> Result<Self, String> {
        let StoredClientCredentials {
            token_url,
            client_id,
            client_secret,
            scope,
            parameters,
            client_auth_method,
        } = stored;
        let pair = |(name, value): (Cow<'_, str>, Cow<'_, str>)| (name.into_owned(), value.into_owned());
        Ok(Self {
            token_url: TargetUrl::parse(&token_url).map_err(|error| error.to_string())?,
            client_id: client_id.into_owned(),
            client_secret: client_secret.into_owned(),
            scope: scope.map(Cow::into_owned),
            parameters: parameters.into_iter().map(pair).collect(),
            client_auth_method: client_auth_method.as_deref().map(ClientAuthMethod::parse).transpose()?,
        })
    }
}

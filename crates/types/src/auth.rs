//! The credentials of a webhook.

use std::fmt;

use crate::headers::{MAX_HEADER_VALUE_BYTES, check_header};
use crate::{HeaderError, REDACTED};

/// Credentials that are sent with each request. `Debug` shows them redacted.
#[derive(Clone, PartialEq, Eq)]
pub enum Auth {
    /// `Authorization: Bearer <token>`
    Bearer {
        /// The token.
        token: String,
    },
    /// `Authorization: Basic base64(username:password)` (RFC 7617)
    Basic {
        /// The user's name, without a colon.
        username: String,
        /// The password.
        password: String,
    },
    /// `<header>: <api_key>`
    ApiKey {
        /// The key.
        api_key: String,
        /// The header's name; `X-API-Key` where omitted.
        header: Option<String>,
    },
}

impl Auth {
    /// The header that carries an API key where none is named.
    pub const DEFAULT_HEADER: &'static str = "X-API-Key";

    /// Checks the parts. An error names the field inside `auth`.
    ///
    /// # Errors
    /// The field and what was expected of it.
    pub fn check(self) -> Result<Self, (&'static str, String)> {
        let usable = |field: &'static str, value: &str| {
            if value.is_empty() {
                Err((field, "is empty; expected the credential".to_owned()))
            } else {
                check_header("authorization", value).map_err(|error| (field, error.to_string()))
            }
        };
        match &self {
            Self::Bearer { token } => usable("token", token)?,
            Self::Basic { username, password } => {
                if username.contains(':') {
                    return Err(("username", "contains a colon, which RFC 7617 forbids".to_owned()));
                }
                if username.is_empty() {
                    return Err(("username", "is empty; expected a user name".to_owned()));
                }
                if username.len() + password.len() > MAX_HEADER_VALUE_BYTES / 2 {
                    return Err(("password", HeaderError::TooLong.to_string()));
                }
            }
            Self::ApiKey { api_key, header } => {
                usable("api_key", api_key)?;
                if let Some(header) = header {
                    check_header(header, "x").map_err(|error| ("header", error.to_string()))?;
                }
            }
        }
        Ok(self)
    }

    /// The name of the header that it is sent in.
    #[must_use]
    pub fn header_name(&self) -> &str {
        match self {
            Self::Bearer { .. } | Self::Basic { .. } => "Authorization",
            Self::ApiKey { api_key: _, header } => header.as_deref().unwrap_or(Self::DEFAULT_HEADER),
        }
    }

    /// Puts the stored secret back in place of [`REDACTED`]. The error is the name of the field that has
    /// no stored secret.
    pub(crate) fn restore(&mut self, stored: Option<&Self>) -> Result<(), &'static str> {
        let (field, secret) = self.secret_mut();
        if secret != REDACTED {
            return Ok(());
        }
        // A stored secret of another kind does not fit here.
        let old = stored.map(Self::secret).filter(|(other, _)| *other == field);
        old.ok_or(field)?.1.clone_into(secret);
        Ok(())
    }

    /// The field that is secret, by its name.
    fn secret(&self) -> (&'static str, &str) {
        match self {
            Self::Bearer { token } => ("token", token),
            Self::Basic { username: _, password } => ("password", password),
            Self::ApiKey { api_key, header: _ } => ("api_key", api_key),
        }
    }

    fn secret_mut(&mut self) -> (&'static str, &mut String) {
        match self {
            Self::Bearer { token } => ("token", token),
            Self::Basic { username: _, password } => ("password", password),
            Self::ApiKey { api_key, header: _ } => ("api_key", api_key),
        }
    }

    /// The header's name and value.
    #[must_use]
    pub fn header(&self) -> (&str, String) {
        use base64::Engine as _;
        match self {
            Self::Bearer { token } => ("Authorization", format!("Bearer {token}")),
            Self::Basic { username, password } => {
                let pair = base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}"));
                ("Authorization", format!("Basic {pair}"))
            }
            Self::ApiKey { api_key, header } => {
                (header.as_deref().unwrap_or(Self::DEFAULT_HEADER), api_key.clone())
            }
        }
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bearer { .. } => "Bearer([redacted])",
            Self::Basic { .. } => "Basic([redacted])",
            Self::ApiKey { .. } => "ApiKey([redacted])",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Headers;

    #[test]
    fn credentials_never_show_in_debug_output() {
        let headers = Headers::parse(vec![("Authorization".into(), "hunter2".into())]).expect("good");
        let auth = Auth::Bearer { token: "hunter2".into() };
        assert!(!format!("{headers:?} {auth:?}").contains("hunter2"));
    }
}

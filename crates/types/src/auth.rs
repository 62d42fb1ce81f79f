//! The credentials of a webhook.

use std::borrow::Cow;
use std::fmt;

use crate::headers::{MAX_HEADER_VALUE_BYTES, check_header};
use crate::request::USER_AGENT;
use crate::{ClientCredentials, HeaderError, REDACTED, SecretValues, TargetUrl, secrets_in};

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
        /// The user's name, without a colon. It may be empty.
        username: String,
        /// The password. It may be empty where the name is not.
        password: String,
    },
    /// `<header>: <api_key>`
    ApiKey {
        /// The key.
        api_key: String,
        /// The header's name; `X-API-Key` where omitted.
        header: Option<String>,
    },
    /// `Authorization: Bearer` with a token that is fetched for it.
    ClientCredentials(Box<ClientCredentials>),
}

impl Auth {
    /// The header that carries an API key where none is named.
    pub const DEFAULT_HEADER: &'static str = "X-API-Key";

    /// Checks the parts. An error names the field inside `auth`.
    ///
    /// # Errors
    /// The field and what was expected of it.
    pub fn check(&self) -> Result<(), (String, String)> {
        let usable = |field: &str, value: &str| {
            if value.is_empty() {
                Err((field.to_owned(), "is empty; expected the credential".to_owned()))
            } else {
                check_header("authorization", value).map_err(|error| (field.to_owned(), error.to_string()))
            }
        };
        match self {
            Self::Bearer { token } => usable("token", token),
            Self::Basic { username, password } => {
                check_basic(username, password).map_err(|(field, message)| (field.to_owned(), message))
            }
            Self::ApiKey { api_key, header } => {
                usable("api_key", api_key)?;
                let checked = header.as_deref().map_or(Ok(()), check_key_header);
                checked.map_err(|message| ("header".to_owned(), message))
            }
            Self::ClientCredentials(credentials) => credentials.check(),
        }
    }

    /// The name of the header that it is sent in.
    #[must_use]
    pub fn header_name(&self) -> &str {
        match self {
            Self::Bearer { .. } | Self::Basic { .. } | Self::ClientCredentials(_) => "Authorization",
            Self::ApiKey { api_key: _, header } => header.as_deref().unwrap_or(Self::DEFAULT_HEADER),
        }
    }

    /// What a token is fetched with, where one is.
    #[must_use]
    pub fn client_credentials(&self) -> Option<&ClientCredentials> {
        match self {
            Self::ClientCredentials(credentials) => Some(credentials),
            Self::Bearer { .. } | Self::Basic { .. } | Self::ApiKey { .. } => None,
        }
    }

    /// Where a token is fetched, where one is.
    #[must_use]
    pub fn token_url(&self) -> Option<&TargetUrl> {
        self.client_credentials().map(|credentials| &credentials.token_url)
    }

    /// Puts the stored secrets back in place of each [`REDACTED`]. The error is the name of the field that has
    /// no stored secret.
    pub(crate) fn restore(&mut self, stored: Option<&Self>) -> Result<(), String> {
        if let Self::ClientCredentials(new) = self {
            return new.restore(stored.and_then(Self::client_credentials));
        }
        let Some((field, secret)) = self.secret_mut().filter(|(_, secret)| *secret == REDACTED) else {
            return Ok(());
        };
        // A stored secret of another kind does not fit here.
        let old = stored.and_then(Self::secret).filter(|(other, _)| *other == field);
        old.ok_or(field)?.1.clone_into(secret);
        Ok(())
    }

    /// The field that is secret, by its name, where there is one.
    fn secret(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Bearer { token } => Some(("token", token)),
            Self::Basic { username: _, password } => Some(("password", password)),
            Self::ApiKey { api_key, header: _ } => Some(("api_key", api_key)),
            Self::ClientCredentials(_) => None,
        }
    }

    pub(crate) fn secret_mut(&mut self) -> Option<(&'static str, &mut String)> {
        match self {
            Self::Bearer { token } => Some(("token", token)),
            Self::Basic { username: _, password } => Some(("password", password)),
            Self::ApiKey { api_key, header: _ } => Some(("api_key", api_key)),
            Self::ClientCredentials(_) => None,
        }
    }

    /// The names of the secrets in it, each with its field.
    #[must_use]
    pub fn secret_fields(&self) -> Vec<(String, &str)> {
        if let Self::ClientCredentials(credentials) = self {
            return credentials.secret_fields();
        }
        let username = match self {
            Self::Basic { username, password: _ } => Some(("username", username.as_str())),
            Self::Bearer { .. } | Self::ApiKey { .. } | Self::ClientCredentials(_) => None,
        };
        let mut fields = Vec::new();
        for (field, text) in username.into_iter().chain(self.secret()) {
            // What is no placeholder was refused when it was written.
            let names = secrets_in(text).unwrap_or_default();
            fields.extend(names.into_iter().map(|name| (field.to_owned(), name)));
        }
        fields
    }

    /// The parts that are secret.
    #[must_use]
    pub fn credentials(&self) -> Vec<&str> {
        match self {
            Self::ClientCredentials(credentials) => credentials.credentials(),
            Self::Bearer { .. } | Self::Basic { .. } | Self::ApiKey { .. } => {
                self.secret().into_iter().map(|(_, secret)| secret).collect()
            }
        }
    }

    /// Bytes of what is kept of it, as a header where it is one.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::ClientCredentials(credentials) => credentials.bytes(),
            Self::Bearer { .. } | Self::Basic { .. } | Self::ApiKey { .. } => {
                let (name, value) = self.header();
                name.len() + value.len()
            }
        }
    }

    /// The header's name and value. A token that is fetched is not known here, and is redacted: whoever sends the request
    /// puts it in its place.
    #[must_use]
    pub fn header(&self) -> (&str, String) {
        self.header_with(&SecretValues::default())
    }

    /// The same, with secrets in place of what names them.
    #[must_use]
    pub fn header_with(&self, secrets: &SecretValues) -> (&str, String) {
        use base64::Engine as _;
        let fill = |text| secrets.fill_plain(text);
        let value = match self {
            Self::Bearer { token } => format!("Bearer {}", fill(token)),
            Self::Basic { username, password } => {
                let pair = format!("{}:{}", fill(username), fill(password));
                format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
            }
            Self::ApiKey { api_key, header: _ } => Cow::into_owned(fill(api_key)),
            Self::ClientCredentials(_) => format!("Bearer {REDACTED}"),
        };
        (self.header_name(), value)
    }
}

/// RFC 7617, section 2: either part may be empty, and neither has control characters.
fn check_basic(username: &str, password: &str) -> Result<(), (&'static str, String)> {
    if username.contains(':') {
        // It is not quoted: what follows the colon may be the password.
        return Err(("username", "has a colon, which RFC 7617 forbids; expected none".to_owned()));
    }
    if username.is_empty() && password.is_empty() {
        let message = "is empty, and so is the password; expected at least one of them";
        return Err(("username", message.to_owned()));
    }
    for (field, value) in [("username", username), ("password", password)] {
        if value.chars().any(char::is_control) {
            let message = "has a control character, which RFC 7617 forbids; expected none";
            return Err((field, message.to_owned()));
        }
        secrets_in(value).map_err(|error| (field, error.to_string()))?;
    }
    if username.len() + password.len() > MAX_HEADER_VALUE_BYTES / 2 {
        return Err(("password", HeaderError::TooLong.to_string()));
    }
    Ok(())
}

/// A key in a header that is never sent would be missing at the target.
fn check_key_header(header: &str) -> Result<(), String> {
    check_header(header, "x").map_err(|error| error.to_string())?;
    if header.eq_ignore_ascii_case("user-agent") {
        return Err(format!("{header:?} is always {USER_AGENT} and carries no key; expected another header"));
    }
    Ok(())
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bearer { .. } => "Bearer([redacted])",
            Self::Basic { .. } => "Basic([redacted])",
            Self::ApiKey { .. } => "ApiKey([redacted])",
            Self::ClientCredentials(_) => "ClientCredentials([redacted])",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Headers;

    #[test]
    fn basic_auth_is_what_rfc_7617_allows() {
        let basic = |username: &str, password: &str| {
            Auth::Basic { username: username.into(), password: password.into() }.check()
        };
        for (username, password) in [("u", "p"), ("", "p"), ("u", ""), ("ü ", ":p:"), ("", " ")] {
            assert_eq!(basic(username, password), Ok(()), "{username:?} {password:?}");
        }
        for (username, password, field, say) in [
            ("", "", "username", "so is the password; expected at least one"),
            ("u:v", "", "username", "has a colon"),
            ("u\0", "p", "username", "a control character"),
            ("", "p\r\n", "password", "a control character"),
            ("u", "\u{7f}", "password", "a control character"),
            ("u", &"p".repeat(4_096), "password", "longer than"),
        ] {
            let (found, message) = basic(username, password).expect_err(say);
            assert!(found == field && message.contains(say), "{found}: {message}");
        }
    }

    #[test]
    fn a_key_goes_into_a_header_that_is_sent() {
        let key = |header: &str| Auth::ApiKey { api_key: "k".into(), header: Some(header.into()) }.check();
        assert_eq!(key("X-Key"), Ok(()));
        for (header, say) in [
            ("user-AGENT", "always Chronos/1.0"),
            ("a b", "not a header"),
            ("te", "itself"),
            ("Chronos-Node", "nodes know each other"),
        ] {
            let (field, message) = key(header).expect_err(header);
            assert!(field == "header" && message.contains(say), "{field}: {message}");
        }
    }

    #[test]
    fn credentials_never_show_in_debug_output() {
        let headers = Headers::parse(vec![("Authorization".into(), "hunter2".into())]).expect("good");
        let auth = Auth::Bearer { token: "hunter2".into() };
        assert!(!format!("{headers:?} {auth:?}").contains("hunter2"));
    }
}

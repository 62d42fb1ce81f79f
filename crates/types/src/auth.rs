//! The credentials of a webhook.

use std::borrow::Cow;
use std::fmt;

use crate::headers::{MAX_HEADER_VALUE_BYTES, check_header};
use crate::request::USER_AGENT;
use crate::{HeaderError, REDACTED, SecretValues, secrets_in};

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
}

impl Auth {
    /// The header that carries an API key where none is named.
    pub const DEFAULT_HEADER: &'static str = "X-API-Key";

    /// Checks the parts. An error names the field inside `auth`.
    ///
    /// # Errors
    /// The field and what was expected of it.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let usable = |field: &'static str, value: &str| {
            if value.is_empty() {
                Err((field, "is empty; expected the credential".to_owned()))
            } else {
                check_header("authorization", value).map_err(|error| (field, error.to_string()))
            }
        };
        match self {
            Self::Bearer { token } => usable("token", token),
            Self::Basic { username, password } => check_basic(username, password),
            Self::ApiKey { api_key, header } => {
                usable("api_key", api_key)?;
                header.as_deref().map_or(Ok(()), check_key_header).map_err(|message| ("header", message))
            }
        }
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

    pub(crate) fn secret_mut(&mut self) -> (&'static str, &mut String) {
        match self {
            Self::Bearer { token } => ("token", token),
            Self::Basic { username: _, password } => ("password", password),
            Self::ApiKey { api_key, header: _ } => ("api_key", api_key),
        }
    }

    /// The fields in which a secret may be named.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let username = match self {
            Self::Basic { username, password: _ } => Some(("username", username.as_str())),
            Self::Bearer { .. } | Self::ApiKey { .. } => None,
        };
        username.into_iter().chain([self.secret()])
    }

    /// The part that is secret.
    #[must_use]
    pub fn credential(&self) -> &str {
        self.secret().1
    }

    /// The header's name and value.
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

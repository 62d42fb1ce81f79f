//! Tokens by the client credentials grant of OAuth 2.0 (RFC 6749, section 4.4): what is asked for, where, and as whom.

use std::borrow::Cow;
use std::fmt;

use crate::choice::choice;
use crate::{REDACTED, SecretValues, TargetUrl, clip, is_credential_header, secrets_in};

/// The longest token: as long as the longest header.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// Most parameters of a webhook's own. Token endpoints know one or two.
pub const MAX_TOKEN_PARAMETERS: usize = 20;
/// The longest name of one.
const MAX_NAME_BYTES: usize = 128;
/// The longest of each text.
const MAX_TEXT_BYTES: usize = 2_048;
/// What is asked for by fields of their own, or always the same.
const OWN_PARAMETERS: [&str; 4] = ["grant_type", "client_id", "client_secret", "scope"];

choice! {
    /// How a client says to the token endpoint who it is (RFC 6749, section 2.3.1).
    ClientAuthMethod "a way for a client to say who it is" {
        /// In the header `Authorization`, as `Basic`.
        Basic "basic",
        /// In the body.
        Post "post",
    }
}

/// What a token is asked for with. `Debug` shows nothing of the secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCredentials {
    /// The token endpoint.
    pub token_url: TargetUrl,
    /// Who asks.
    pub client_id: String,
    /// What proves it.
    pub client_secret: String,
    /// What the token is to allow: names with a blank between them.
    pub scope: Option<String>,
    /// Further parameters, in the order given: `audience`, `resource` and whatever else the endpoint wants.
    pub parameters: Vec<(String, String)>,
    /// How the client says who it is; `Basic` where omitted, as each endpoint must know it.
    pub client_auth_method: Option<ClientAuthMethod>,
}

impl ClientCredentials {
    /// Checks the texts. An error names the field inside `auth`, and quotes no secret.
    ///
    /// # Errors
    /// The field and what was expected of it.
    pub(crate) fn check(&self) -> Result<(), (String, String)> {
        let Self { token_url: _, client_id, client_secret, scope, parameters, client_auth_method: _ } = self;
        for (field, text) in [("client_id", client_id), ("client_secret", client_secret)] {
            check_text(text, 1).map_err(|message| (field.to_owned(), message))?;
        }
        if let Some(scope) = scope {
            check_scope(scope).map_err(|message| ("scope".to_owned(), message))?;
        }
        if parameters.len() > MAX_TOKEN_PARAMETERS {
            let count = parameters.len();
            let message = format!("there are {count} parameters; expected at most {MAX_TOKEN_PARAMETERS}");
            return Err(("parameters".to_owned(), message));
        }
        for (name, value) in parameters {
            check_name(name)
                .and_then(|()| check_text(value, 0))
                .map_err(|message| (format!("parameters.{}", clip(name)), message))?;
        }
        Ok(())
    }

    /// How the client says who it is.
    #[must_use]
    pub fn method(&self) -> ClientAuthMethod {
        self.client_auth_method.unwrap_or(ClientAuthMethod::Basic)
    }

    /// The fields in which a secret may be named, but for the URL.
    fn texts(&self) -> impl Iterator<Item = (Cow<'static, str>, &str)> {
        let Self { client_id, client_secret, scope, parameters, .. } = self;
        let own = [("client_id", client_id), ("client_secret", client_secret)].into_iter();
        let own = own.chain(scope.iter().map(|scope| ("scope", scope)));
        let own = own.map(|(field, text)| (Cow::Borrowed(field), text.as_str()));
        own.chain(
            parameters.iter().map(|(name, value)| (format!("parameters.{name}").into(), value.as_str())),
        )
    }

    /// The names of the secrets in it, each with its field inside `auth`.
    #[must_use]
    pub fn secret_fields(&self) -> Vec<(String, &str)> {
        let mut fields: Vec<_> =
            self.token_url.secrets().map(|name| ("token_url".to_owned(), name)).collect();
        for (field, text) in self.texts() {
            // What is no placeholder was refused when it was written.
            let names = secrets_in(text).unwrap_or_default();
            fields.extend(names.into_iter().map(|name| (field.clone().into_owned(), name)));
        }
        fields
    }

    /// The credentials in it, but for those in the URL.
    pub(crate) fn credentials(&self) -> Vec<&str> {
        let own = self.parameters.iter().filter(|(name, _)| is_credential_header(name));
        std::iter::once(self.client_secret.as_str()).chain(own.map(|(_, value)| value.as_str())).collect()
    }

    /// Bytes of its texts.
    pub(crate) fn bytes(&self) -> usize {
        let Self { token_url, client_id, client_secret, scope, parameters, .. } = self;
        let parameters: usize = parameters.iter().map(|(name, value)| name.len() + value.len()).sum();
        let scope = scope.as_ref().map_or(0, String::len);
        token_url.as_str().len() + client_id.len() + client_secret.len() + scope + parameters
    }

    /// Puts the stored secrets back in place of each [`REDACTED`]. None comes back where the token endpoint moves to
    /// another origin: it would be sent there. The error is the field that has no stored secret.
    pub(crate) fn restore(&mut self, stored: Option<&Self>) -> Result<(), String> {
        let stored = stored.filter(|stored| stored.token_url.origin() == self.token_url.origin());
        let url = self.token_url.restore(stored.map(|stored| &stored.token_url));
        url.map_err(|()| "token_url".to_owned())?;
        if self.client_secret == REDACTED {
            stored.ok_or("client_secret")?.client_secret.clone_into(&mut self.client_secret);
        }
        for (name, value) in &mut self.parameters {
            if value == REDACTED {
                let old = stored.and_then(|stored| stored.parameters.iter().find(|(old, _)| old == name));
                *value = old.ok_or_else(|| format!("parameters.{name}"))?.1.clone();
            }
        }
        Ok(())
    }

    /// The same, with secrets in place of what names them: what is sent.
    #[must_use]
    pub fn filled(&self, secrets: &SecretValues) -> FilledCredentials {
        let fill = |text: &str| secrets.filled(text).into_owned();
        let Self { token_url, client_id, client_secret, scope, parameters, .. } = self;
        FilledCredentials {
            token_url: token_url.filled(secrets).into_owned(),
            client_id: fill(client_id),
            client_secret: fill(client_secret),
            scope: scope.as_deref().map(fill),
            parameters: parameters.iter().map(|(name, value)| (name.clone(), fill(value))).collect(),
            method: self.method(),
        }
    }
}

/// What a token is asked for with, as it is sent. It has no `Debug`, for it is secret.
#[derive(Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of `ClientCredentials`")]
pub struct FilledCredentials {
    pub token_url: String,
    pub client_id: String,
    pub client_secret: String,
    pub scope: Option<String>,
    pub parameters: Vec<(String, String)>,
    pub method: ClientAuthMethod,
}

/// A text that is sent in a form. It is not quoted.
fn check_text(text: &str, least: usize) -> Result<(), String> {
    if text.len() < least {
        return Err("is empty; expected the credential".to_owned());
    }
    if text.len() > MAX_TEXT_BYTES {
        return Err(format!("has {} bytes; expected at most {MAX_TEXT_BYTES}", text.len()));
    }
    if text.chars().any(char::is_control) {
        return Err("has a control character; expected none".to_owned());
    }
    secrets_in(text).map(|_| ()).map_err(|error| error.to_string())
}

/// RFC 6749, section 3.3.
fn check_scope(scope: &str) -> Result<(), String> {
    check_text(scope, 0)?;
    let is_of_scopes = |c: char| c == ' ' || c.is_ascii_graphic() && !matches!(c, '"' | '\\');
    if scope.trim().is_empty() || !scope.chars().all(is_of_scopes) {
        return Err(format!(
            "{:?} is no scope; expected names of visible ASCII with a blank between them, such as \"read write\"",
            clip(scope)
        ));
    }
    Ok(())
}

/// RFC 6749, section 8.2.
fn check_name(name: &str) -> Result<(), String> {
    let is_of_names = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.bytes().all(is_of_names) {
        return Err(format!(
            "{:?} is not the name of a parameter; expected 1 to {MAX_NAME_BYTES} of letters, digits, '-', '.' and '_'",
            clip(name)
        ));
    }
    match OWN_PARAMETERS.into_iter().find(|own| *own == name) {
        Some("grant_type") => {
            Err("\"grant_type\" is always client_credentials; expected another parameter".to_owned())
        }
        Some(own) => Err(format!("{own:?} is a field of \"auth\" itself; expected another parameter")),
        None => Ok(()),
    }
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials").field("token_url", &self.token_url).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> ClientCredentials {
        ClientCredentials {
            token_url: TargetUrl::parse("https://login.example/token?tenant=a").expect("a URL"),
            client_id: "chronos".into(),
            client_secret: "hunter2-hunter2".into(),
            scope: Some("read write".into()),
            parameters: vec![
                ("audience".into(), "https://api.example".into()),
                ("password".into(), "swordfish".into()),
            ],
            client_auth_method: None,
        }
    }

    #[test]
    fn what_a_token_is_asked_for_with_is_checked_by_the_field() {
        assert_eq!(credentials().check(), Ok(()));
        let long = "x".repeat(MAX_TEXT_BYTES + 1);
        let many: Vec<_> = (0..=MAX_TOKEN_PARAMETERS).map(|n| (format!("p{n}"), String::new())).collect();
        let with = |change: &dyn Fn(&mut ClientCredentials)| {
            let mut changed = credentials();
            change(&mut changed);
            changed.check()
        };
        let parameter =
            |name: &str, value: &str| with(&|all| all.parameters = vec![(name.to_owned(), value.to_owned())]);
        for (checked, field, say) in [
            (with(&|all| all.client_id.clear()), "client_id", "is empty"),
            (with(&|all| all.client_id = "a\n".into()), "client_id", "control character"),
            (with(&|all| all.client_secret.clear()), "client_secret", "is empty"),
            (with(&|all| all.client_secret.clone_from(&long)), "client_secret", "at most 2048"),
            (with(&|all| all.client_secret = "{{secret.a".into()), "client_secret", "{{secret.NAME}}"),
            (with(&|all| all.scope = Some(" ".into())), "scope", "is no scope"),
            (with(&|all| all.scope = Some("a\"b".into())), "scope", "is no scope"),
            (with(&|all| all.parameters.clone_from(&many)), "parameters", "at most 20"),
            (parameter("", ""), "parameters.", "not the name"),
            (parameter("a b", ""), "parameters.a b", "not the name"),
            (parameter("scope", ""), "parameters.scope", "a field of \"auth\""),
            (parameter("grant_type", ""), "parameters.grant_type", "always"),
            (parameter("audience", &long), "parameters.audience", "at most 2048"),
        ] {
            let (found, message) = checked.expect_err(say);
            assert!(found == field && message.contains(say), "{found}: {message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
        assert_eq!(parameter("audience", ""), Ok(()));
    }

    #[test]
    fn secrets_come_back_where_the_token_endpoint_stays() {
        let redacted = || {
            let mut all = credentials();
            all.client_secret = REDACTED.into();
            all.parameters[1].1 = REDACTED.into();
            all
        };
        let mut kept = redacted();
        assert_eq!(kept.restore(Some(&credentials())), Ok(()));
        assert!(kept == credentials());
        assert_eq!(redacted().restore(None), Err("client_secret".to_owned()));
        let mut moved = redacted();
        moved.token_url = TargetUrl::parse("https://evil.example/token").expect("a URL");
        assert_eq!(moved.restore(Some(&credentials())), Err("client_secret".to_owned()));
        let mut other = redacted();
        other.parameters[1].0 = "passwd".into();
        assert_eq!(other.restore(Some(&credentials())), Err("parameters.passwd".to_owned()));
    }

    #[test]
    fn secrets_are_named_in_each_field_and_never_shown() {
        let mut all = credentials();
        all.token_url = TargetUrl::parse("https://login.example/{{secret.tenant}}/token").expect("a URL");
        all.client_secret = "{{secret.oauth}}".into();
        all.parameters[1].1 = "{{secret.p}}".into();
        let named = [("token_url", "tenant"), ("client_secret", "oauth"), ("parameters.password", "p")];
        let found = all.secret_fields();
        assert_eq!(found, named.map(|(field, name)| (field.to_owned(), name)));
        assert_eq!(credentials().credentials(), ["hunter2-hunter2", "swordfish"]);
        let shown = format!("{:?}", credentials());
        assert!(!shown.contains("hunter2") && !shown.contains("swordfish"), "{shown}");
    }
}

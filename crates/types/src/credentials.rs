//! The credentials that stand in a webhook, apart from it.
//!
//! Where they are sealed, the webhook has [`REDACTED`] in their places. What is a credential is said where one is taken
//! out; to put one back only its place is needed, so that a later release with other rules opens what is on record.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Auth, ClientCredentials, Headers, Overrides, REDACTED, Signing, TargetUrl, Webhook, secrets_in};

/// Credentials, each with the field that it stands in: `url`, `headers.X-Token`, `auth.token`, `signing.secret`. `Debug`
/// shows the fields alone.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Credentials(Vec<(String, String)>);

/// Credentials as they are kept: sealed, as a text. Whoever holds it can do nothing with it but keep it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedCredentials {
    /// The sealed text.
    pub value: String,
    /// The names of the secrets that stand among them, each as often as it stands there.
    pub secrets: Vec<String>,
}

/// A credential belongs to no place of what it is put back into.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealed credential belongs to the field {0}, which is not there")]
pub struct MisplacedCredential(pub String);

impl Credentials {
    /// Adds one.
    pub fn add(&mut self, field: impl Into<String>, value: &str) {
        self.0.push((field.into(), value.to_owned()));
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names of the secrets in them, each as often as it stands there.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        // What is no placeholder was refused when it was written.
        let named = |value: &str| match TargetUrl::parse(value) {
            Ok(url) => url.secrets().map(str::to_owned).collect(),
            Err(_) => {
                secrets_in(value).unwrap_or_default().into_iter().map(str::to_owned).collect::<Vec<_>>()
            }
        };
        self.0.iter().flat_map(|(_, value)| named(value)).collect()
    }

    fn of<'a>(&'a self, prefix: &'static str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let fields = self.0.iter();
        fields.filter_map(move |(field, value)| Some((field.strip_prefix(prefix)?, value.as_str())))
    }
}

impl Webhook {
    /// The webhook with its credentials in their places. A header that a run has put in the place of another keeps the
    /// value of that run.
    ///
    /// # Errors
    /// One of them has no place here.
    pub fn with_credentials(mut self, credentials: &Credentials) -> Result<Self, MisplacedCredential> {
        let misplaced = |field: &str| MisplacedCredential(field.to_owned());
        for (_, url) in credentials.of("url") {
            if !put_url(&mut self.url, url) {
                return Err(misplaced("url"));
            }
        }
        for (name, value) in credentials.of("headers.") {
            if !self.headers.put_back(name, value) {
                return Err(misplaced(&format!("headers.{name}")));
            }
        }
        for (field, value) in credentials.of("auth.") {
            let is_put = self.auth.as_mut().is_some_and(|auth| auth.put_back(field, value));
            if !is_put {
                return Err(misplaced(&format!("auth.{field}")));
            }
        }
        for (field, value) in credentials.of("signing.") {
            let is_put = self.signing.as_mut().is_some_and(|signing| signing.put_back(field, value));
            if !is_put {
                return Err(misplaced(&format!("signing.{field}")));
            }
        }
        self.sealed = None;
        Ok(self)
    }
}

impl Overrides {
    /// What one run sends, with its credentials in their places.
    ///
    /// # Errors
    /// One of them has no place here.
    pub fn with_credentials(mut self, credentials: &Credentials) -> Result<Self, MisplacedCredential> {
        for (name, value) in credentials.of("headers.") {
            if !self.headers.put_back(name, value) {
                return Err(MisplacedCredential(format!("headers.{name}")));
            }
        }
        self.sealed = None;
        Ok(self)
    }
}

impl Headers {
    /// Puts a value in the place of [`REDACTED`]. Answers whether there is such a header.
    fn put_back(&mut self, name: &str, value: &str) -> bool {
        let found = self.values_mut().find(|(known, _)| known.eq_ignore_ascii_case(name));
        if let Some((_, place)) = found {
            put(place, value);
            return true;
        }
        false
    }
}

impl Auth {
    fn put_back(&mut self, field: &str, value: &str) -> bool {
        if let Self::ClientCredentials(credentials) = self {
            return credentials.put_back(field, value);
        }
        let place = self.secret_mut().filter(|(own, _)| *own == field);
        place.map(|(_, place)| put(place, value)).is_some()
    }
}

impl ClientCredentials {
    fn put_back(&mut self, field: &str, value: &str) -> bool {
        if field == "token_url" {
            return put_url(&mut self.token_url, value);
        }
        let place = match field.strip_prefix("parameters.") {
            Some(name) => {
                let found = self.parameters.iter_mut().find(|(known, _)| known == name);
                found.map(|(_, place)| place)
            }
            None => (field == "client_secret").then_some(&mut self.client_secret),
        };
        place.map(|place| put(place, value)).is_some()
    }
}

impl Signing {
    fn put_back(&mut self, field: &str, value: &str) -> bool {
        let place = match field {
            "secret" => Some(&mut self.secret),
            "previous.secret" => self.previous.as_mut().map(|previous| &mut previous.secret),
            _ => None,
        };
        place.map(|place| put(place, value)).is_some()
    }
}

fn put(place: &mut String, value: &str) {
    if place == REDACTED {
        value.clone_into(place);
    }
}

/// Puts a URL in the place of what is shown of it. Answers whether it is the same one.
fn put_url(place: &mut TargetUrl, value: &str) -> bool {
    let url = TargetUrl::parse(value).ok().filter(|url| *url.shown() == *place.shown());
    url.map(|url| *place = url).is_some()
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(field, _)| field)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(url: &str, headers: &[(&str, &str)], auth: Option<Auth>) -> Webhook {
        let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Webhook {
            url: TargetUrl::parse(url).expect("a URL"),
            method: None,
            headers: Headers::parse(headers).expect("headers"),
            body: None,
            auth,
            signing: None,
            client_certificate: None,
            success_codes: None,
            timeout: None,
            tls_skip_verify: false,
            max_redirects: 0,
            sealed: None,
        }
    }

    fn credentials(all: &[(&str, &str)]) -> Credentials {
        let mut credentials = Credentials::default();
        all.iter().for_each(|(field, value)| credentials.add(*field, value));
        credentials
    }

    #[test]
    fn credentials_come_back_into_their_places() {
        let bearer = |token: &str| Some(Auth::Bearer { token: token.into() });
        let kept =
            webhook("http://h/?a=1&key=b&token=[redacted]", &[("X-Token", REDACTED)], bearer(REDACTED));
        let all = credentials(&[
            ("url", "http://h/?a=1&key=b&token=t"),
            ("headers.x-token", "h"),
            ("auth.token", "{{secret.a}}x"),
        ]);
        let opened = kept.with_credentials(&all).expect("opened");
        let expected = webhook("http://h/?a=1&key=b&token=t", &[("X-Token", "h")], bearer("{{secret.a}}x"));
        assert_eq!(opened, expected);
        assert_eq!(all.secrets(), ["a"]);
        assert_eq!(format!("{all:?}"), r#"{"url", "headers.x-token", "auth.token"}"#);
    }

    #[test]
    fn what_a_token_is_asked_for_with_comes_back_into_its_places() {
        let fetching = |url: &str, secret: &str, password: &str| {
            let credentials = ClientCredentials {
                token_url: TargetUrl::parse(url).expect("a URL"),
                client_id: "chronos".into(),
                client_secret: secret.into(),
                scope: None,
                parameters: vec![("audience".into(), "a".into()), ("password".into(), password.into())],
                client_auth_method: None,
            };
            webhook("http://h/", &[], Some(Auth::ClientCredentials(Box::new(credentials))))
        };
        let kept = fetching("https://l/token?key=[redacted]", REDACTED, REDACTED);
        let all = credentials(&[
            ("auth.token_url", "https://l/token?key=k"),
            ("auth.client_secret", "s"),
            ("auth.parameters.password", "{{secret.p}}x"),
        ]);
        let opened = fetching("https://l/token?key=k", "s", "{{secret.p}}x");
        assert_eq!(kept.clone().with_credentials(&all), Ok(opened));
        assert_eq!(all.secrets(), ["p"]);
        for (field, value) in [
            ("auth.token_url", "https://evil.example/token?key=k"),
            ("auth.token", "t"),
            ("auth.parameters.passwd", "p"),
        ] {
            let found = kept.clone().with_credentials(&credentials(&[(field, value)]));
            assert_eq!(found, Err(MisplacedCredential(field.to_owned())), "{value}");
        }
    }

    #[test]
    fn a_header_of_a_run_stays() {
        let kept = webhook("http://h/", &[("x-token", "of the run")], None);
        let opened = kept.clone().with_credentials(&credentials(&[("headers.X-Token", "of the job")]));
        assert_eq!(opened, Ok(kept));
    }

    #[test]
    fn what_has_no_place_is_refused() {
        let kept = webhook("http://h/?token=[redacted]", &[], Some(Auth::Bearer { token: REDACTED.into() }));
        for (field, value) in [
            ("url", "http://evil.example/?token=t"),
            ("url", "http://h/other?token=t"),
            ("headers.X-Token", "t"),
            ("auth.password", "t"),
            ("signing.secret", "t"),
        ] {
            let found = kept.clone().with_credentials(&credentials(&[(field, value)]));
            assert_eq!(found, Err(MisplacedCredential(field.to_owned())), "{value}");
        }
    }
}

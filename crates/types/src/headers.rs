//! The headers that a user gives a webhook.

use std::fmt;

use http::{HeaderName, HeaderValue};

use crate::{PlaceholderError, clip, secrets_in};

/// What is shown in place of a secret.
pub const REDACTED: &str = "[redacted]";

/// Most headers of a webhook, and the longest name and value of one: well inside what servers accept.
pub(crate) const MAX_HEADERS: usize = 100;
const MAX_HEADER_NAME_BYTES: usize = 256;
pub(crate) const MAX_HEADER_VALUE_BYTES: usize = 8 * 1024;

/// The user's own headers, in the order given; no name occurs twice in any case.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Headers(Vec<(String, String)>);

/// Why a header is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The name has a character that names cannot have.
    #[error("{0:?} is not a header name; expected letters, digits and '-'")]
    Name(String),
    /// Too long a name.
    #[error("the name has {0} bytes; expected at most {MAX_HEADER_NAME_BYTES}")]
    LongName(usize),
    /// The value has a line break or another character that values cannot have.
    #[error("the value has a character that no header may carry; expected visible ASCII, blanks and tabs")]
    Value,
    /// A header that belongs to the connection, not to the request.
    #[error("{0:?} is set by the HTTP connection itself; expected a header that belongs to the request")]
    Connection(String),
    /// A header by which nodes know each other.
    #[error(
        "{0:?} is a header by which Chronos's nodes know each other; expected a name that does not begin with \
         {NODES_PREFIX:?}"
    )]
    OfNodes(String),
    /// The same name twice.
    #[error("{0:?} is given twice; expected each name once, in whichever case")]
    Twice(String),
    /// Too many headers.
    #[error("there are {0} headers; expected at most {MAX_HEADERS}")]
    TooMany(usize),
    /// Too long a value.
    #[error("the value is longer than {MAX_HEADER_VALUE_BYTES} bytes; expected at most that many")]
    TooLong,
    /// The value has what begins as a placeholder of a secret and is none.
    #[error(transparent)]
    Secret(#[from] PlaceholderError),
}

/// How the names of the headers begin that say, between two nodes, who calls. A webhook that sent them could speak to
/// the port at which a node listens for others.
pub const NODES_PREFIX: &str = "chronos-";

/// Hop-by-hop headers of RFC 9110 section 7.6.1, and those that frame the message.
const CONNECTION_HEADERS: [&str; 11] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];

impl Headers {
    /// Checks the headers.
    ///
    /// # Errors
    /// The name of each bad header, and why it is refused.
    pub fn parse(pairs: Vec<(String, String)>) -> Result<Self, Vec<(String, HeaderError)>> {
        let mut errors = Vec::new();
        if pairs.len() > MAX_HEADERS {
            return Err(vec![(String::new(), HeaderError::TooMany(pairs.len()))]);
        }
        let mut seen = std::collections::BTreeSet::new();
        for (name, value) in &pairs {
            if let Err(error) = check_header(name, value) {
                errors.push((name.clone(), error));
            } else if !seen.insert(name.to_ascii_lowercase()) {
                errors.push((name.clone(), HeaderError::Twice(name.clone())));
            }
        }
        if errors.is_empty() { Ok(Self(pairs)) } else { Err(errors) }
    }

    /// The value of a header, its name in any case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v)
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Names and values, to change the values.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = (&str, &mut String)> {
        self.0.iter_mut().map(|(name, value)| (name.as_str(), value))
    }

    /// Puts the stored values back in place of [`REDACTED`]. The error is the name of a header that has no
    /// stored value.
    pub(crate) fn restore(&mut self, stored: Option<&Self>) -> Result<(), String> {
        for (name, value) in &mut self.0 {
            if value == REDACTED {
                let old = stored.and_then(|stored| stored.get(name));
                *value = old.ok_or_else(|| name.clone())?.to_owned();
            }
        }
        Ok(())
    }

    /// These, with others: one takes the place of that of its name, in any case, or comes behind.
    #[must_use]
    pub(crate) fn with(&self, others: &Self) -> Self {
        let mut all = self.0.clone();
        for (name, value) in &others.0 {
            match all.iter_mut().find(|(have, _)| have.eq_ignore_ascii_case(name)) {
                Some(place) => *place = (name.clone(), value.clone()),
                None => all.push((name.clone(), value.clone())),
            }
        }
        Self(all)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.iter().map(|(n, v)| (n, if is_credential_header(n) { REDACTED } else { v }));
        f.debug_map().entries(shown).finish()
    }
}

/// Checks that a header can be sent as it is.
pub(crate) fn check_header(name: &str, value: &str) -> Result<(), HeaderError> {
    if name.len() > MAX_HEADER_NAME_BYTES {
        return Err(HeaderError::LongName(name.len()));
    }
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        return Err(HeaderError::Name(clip(name).into_owned()));
    }
    let lower = name.to_ascii_lowercase();
    if CONNECTION_HEADERS.contains(&lower.as_str()) {
        return Err(HeaderError::Connection(name.to_owned()));
    }
    if lower.starts_with(NODES_PREFIX) {
        return Err(HeaderError::OfNodes(name.to_owned()));
    }
    if value.len() > MAX_HEADER_VALUE_BYTES {
        return Err(HeaderError::TooLong);
    }
    HeaderValue::from_str(value).map_err(|_| HeaderError::Value)?;
    secrets_in(value)?;
    Ok(())
}

/// Whether a header or a parameter of this name is taken to carry a credential. It is asked when a run is fired, so it
/// copies nothing.
#[must_use]
pub fn is_credential_header(name: &str) -> bool {
    const MARKS: [&[u8]; 11] = [
        b"auth",
        b"token",
        b"secret",
        b"password",
        b"passwd",
        b"key",
        b"cookie",
        b"credential",
        b"signature",
        b"jwt",
        b"session",
    ];
    let begins = |rest: &[u8], mark: &[u8]| {
        rest.get(..mark.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(mark))
    };
    let name = name.as_bytes();
    (0..name.len()).any(|at| MARKS.iter().any(|mark| begins(&name[at..], mark)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_headers_are_named() {
        for (name, value, say) in [
            ("X-A", "a\r\nX-B: c", "visible ASCII"),
            ("X A", "a", "not a header name"),
            ("", "a", "not a header name"),
            ("Transfer-Encoding", "chunked", "HTTP connection"),
            ("content-length", "3", "HTTP connection"),
            ("chronos-cluster", "c", "does not begin with \"chronos-\""),
            ("CHRONOS-Message-Bytes", "9", "nodes know each other"),
            ("Chronos-", "a", "nodes know each other"),
            (&"x".repeat(257), "a", "257 bytes; expected at most 256"),
        ] {
            let errors = Headers::parse(vec![(name.into(), value.into())]).expect_err(name);
            assert!(errors[0].1.to_string().contains(say), "{name}: {}", errors[0].1);
        }
        let ok = ["X-Chronos-Attempt", "Chronos", "chronos_cluster", "my-chronos-id"];
        let ok = ok.map(|name| (name.to_owned(), "a".to_owned())).to_vec();
        assert_eq!(Headers::parse(ok).map_err(|errors| errors.len()).map(|headers| headers.0.len()), Ok(4));
        let twice = vec![("X-A".into(), "1".into()), ("x-a".into(), "2".into())];
        assert!(Headers::parse(twice).is_err());
    }

    #[test]
    fn names_of_credentials_are_told_by_a_part_of_them_in_any_case() {
        for (name, is_one) in [
            ("Authorization", true),
            ("X-API-Key", true),
            ("apikey", true),
            ("key", true),
            ("X-Jwt-Assertion", true),
            ("PHPSESSIONID", true),
            ("Set-Cookie", true),
            ("x-hub-signature-256", true),
            ("id_token", true),
            ("client_secret", true),
            ("", false),
            ("ke", false),
            ("Accept", false),
            ("X-Request-Id", false),
            ("Keep-Order", false),
        ] {
            assert_eq!(is_credential_header(name), is_one, "{name}");
        }
    }
}

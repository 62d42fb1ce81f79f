//! A webhook: what is called, how, and what counts as success.

use std::fmt;

use http::{HeaderName, HeaderValue};

use crate::duration::clip;
use crate::{DurationMs, Template};

/// Longest URL, in characters: what common clients and proxies take.
pub const MAX_URL_CHARS: usize = 2_083;
/// Largest request body, before template variables are filled in.
pub const MAX_BODY_BYTES: usize = 256 * 1024;
/// Most redirects that a webhook may opt in to.
pub const MAX_REDIRECTS: u8 = 10;
/// What stands for a secret wherever one is read back.
pub const REDACTED: &str = "[redacted]";

/// Most headers of a webhook, and the longest value of one: well inside what servers accept.
const MAX_HEADERS: usize = 100;
const MAX_HEADER_VALUE_BYTES: usize = 8 * 1024;

/// A webhook's whole configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// Where the request goes.
    pub url: TargetUrl,
    /// The method as the user gave it; see [`Webhook::method`] for the one used.
    pub method: Option<Method>,
    /// The user's own headers.
    pub headers: Headers,
    /// The body, with its template variables.
    pub body: Option<Template>,
    /// Credentials that are sent along.
    pub auth: Option<Auth>,
    /// Status codes that count as success; any 2xx where none are listed.
    pub success_codes: Option<SuccessCodes>,
    /// Time for one attempt, from connect to the last body byte.
    pub timeout: Option<DurationMs>,
    /// Accepts any server certificate (for development only).
    pub tls_skip_verify: bool,
    /// Redirects followed; 0 makes a 3xx a failure.
    pub max_redirects: u8,
}

impl Webhook {
    /// The method used: the given one, else POST where there is a body and GET where there is none.
    #[must_use]
    pub fn method(&self) -> Method {
        self.method.unwrap_or(if self.body.is_some() { Method::Post } else { Method::Get })
    }

    /// Whether a response with this status is a success.
    #[must_use]
    pub fn is_success(&self, status: u16) -> bool {
        match &self.success_codes {
            Some(codes) => codes.as_slice().contains(&status),
            None => (200..300).contains(&status),
        }
    }

    /// Puts the stored secrets back where `self`, written by a user, says `"[redacted]"`.
    ///
    /// # Errors
    /// The path of a redacted value for which `stored` holds no secret.
    pub fn restore_secrets(&mut self, stored: Option<&Webhook>) -> Result<(), String> {
        for (name, value) in &mut self.headers.0 {
            if value == REDACTED {
                let old = stored.and_then(|w| w.headers.get(name));
                *value = old.ok_or_else(|| format!("webhook.headers.{name}"))?.to_owned();
            }
        }
        let old = stored.and_then(|w| w.auth.as_ref());
        match (&mut self.auth, old) {
            (Some(Auth::Bearer { token }), Some(Auth::Bearer { token: old })) if token == REDACTED => {
                token.clone_from(old);
            }
            (Some(Auth::Basic { password, .. }), Some(Auth::Basic { password: old, .. }))
                if password == REDACTED =>
            {
                password.clone_from(old);
            }
            (Some(Auth::ApiKey { api_key, .. }), Some(Auth::ApiKey { api_key: old, .. }))
                if api_key == REDACTED =>
            {
                api_key.clone_from(old);
            }
            (Some(Auth::Bearer { token }), _) if token == REDACTED => {
                return Err("webhook.auth.token".into());
            }
            (Some(Auth::Basic { password, .. }), _) if password == REDACTED => {
                return Err("webhook.auth.password".into());
            }
            (Some(Auth::ApiKey { api_key, .. }), _) if api_key == REDACTED => {
                return Err("webhook.auth.api_key".into());
            }
            _ => {}
        }
        Ok(())
    }
}

/// An `http` or `https` URL without user info or fragment.
#[derive(Clone, PartialEq, Eq)]
pub struct TargetUrl {
    source: String,
    normal: String,
    host_at: (usize, usize),
    authority_end: usize,
}

/// Why a text is not a webhook URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} {why}; expected an http or https URL such as \"https://api.example.com/run\"")]
pub struct UrlError {
    value: String,
    why: String,
}

impl TargetUrl {
    /// Parses a URL by the WHATWG rules, as browsers do, so that every spelling of an address
    /// (`0x7f.1`) becomes its plain form before the egress guard sees it.
    ///
    /// # Errors
    /// What is wrong with the text. The text is quoted without its user info.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let refuse = |why: String| {
            let value = match (text.find("://"), text.rfind('@')) {
                (Some(scheme), Some(at)) if at > scheme => {
                    format!("{}://{REDACTED}{}", &text[..scheme], &text[at..])
                }
                _ => text.to_owned(),
            };
            Err(UrlError { value: clip(&value).to_owned(), why })
        };
        if text.chars().count() > MAX_URL_CHARS {
            return refuse(format!("is longer than {MAX_URL_CHARS} characters"));
        }
        if text.bytes().any(|b| b.is_ascii_control() || b == b' ') {
            return refuse("contains a blank or a control character".into());
        }
        let url = match url::Url::parse(text) {
            Ok(url) => url,
            Err(error) => return refuse(format!("is not a URL ({error})")),
        };
        if !matches!(url.scheme(), "http" | "https") {
            return refuse(format!("has the scheme {:?}", clip(url.scheme())));
        }
        if !url.username().is_empty() || url.password().is_some() || text.contains("://@") {
            return refuse("contains user info (use \"auth\" instead)".into());
        }
        if url.fragment().is_some() {
            return refuse("contains a fragment, which is never sent".into());
        }
        let normal = url.as_str().to_owned();
        let start = url.scheme().len() + 3;
        let authority_end = normal[start..].find(['/', '?']).map_or(normal.len(), |i| start + i);
        let host = url.host_str().map_or(0, str::len);
        Ok(Self { source: text.to_owned(), normal, host_at: (start, start + host), authority_end })
    }

    /// The text as the user wrote it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The normal form that is requested.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.normal
    }

    /// Scheme, host and port: `https://api.example.com:8443`.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.normal[..self.authority_end]
    }

    /// The host, with brackets where it is an IPv6 address.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.normal[self.host_at.0..self.host_at.1]
    }
}

impl fmt::Debug for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.source, f)
    }
}

macro_rules! methods {
    ($($variant:ident $text:literal),*) => {
        /// The methods a webhook may use.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Method {
            $(#[doc = $text] $variant),*
        }

        impl Method {
            /// Parses a method, in any case.
            ///
            /// # Errors
            /// The text is none of the seven.
            pub fn parse(text: &str) -> Result<Self, String> {
                match text.to_ascii_uppercase().as_str() {
                    $($text => Ok(Self::$variant),)*
                    _ => Err(format!(
                        "{:?} is not a method; expected one of {}", clip(text), [$($text),*].join(", ")
                    )),
                }
            }

            /// The method's name.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }
    };
}
methods!(Get "GET", Head "HEAD", Post "POST", Put "PUT", Patch "PATCH", Delete "DELETE", Options "OPTIONS");

/// The user's own headers, in the order given; no name occurs twice in any case.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Headers(Vec<(String, String)>);

/// Why a header is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The name has a character that names cannot have.
    #[error("{0:?} is not a header name; expected letters, digits and '-'")]
    Name(String),
    /// The value has a line break or another character that values cannot have.
    #[error("the value has a character that no header may carry; expected visible ASCII, blanks and tabs")]
    Value,
    /// A header that belongs to the connection, not to the request.
    #[error("{0:?} is set by the HTTP connection itself and cannot be given")]
    Connection(String),
    /// The same name twice.
    #[error("{0:?} is given twice (names compare in any case)")]
    Twice(String),
    /// Too many headers.
    #[error("there are {0} headers; at most {MAX_HEADERS} are taken")]
    TooMany(usize),
    /// Too long a value.
    #[error("the value is longer than {MAX_HEADER_VALUE_BYTES} bytes")]
    TooLong,
}

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
    /// Checks the headers; the index in an error is that of the bad one.
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

fn check_header(name: &str, value: &str) -> Result<(), HeaderError> {
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        return Err(HeaderError::Name(clip(name).to_owned()));
    }
    if CONNECTION_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
        return Err(HeaderError::Connection(name.to_owned()));
    }
    if value.len() > MAX_HEADER_VALUE_BYTES {
        return Err(HeaderError::TooLong);
    }
    HeaderValue::from_str(value).map(|_| ()).map_err(|_| HeaderError::Value)
}

/// Whether a header's value is taken for a credential, by its name.
#[must_use]
pub fn is_credential_header(name: &str) -> bool {
    const MARKS: [&str; 12] = [
        "auth",
        "token",
        "secret",
        "password",
        "passwd",
        "api-key",
        "apikey",
        "api_key",
        "cookie",
        "credential",
        "signature",
        "access-key",
    ];
    let name = name.to_ascii_lowercase();
    MARKS.iter().any(|mark| name.contains(mark))
}

/// Credentials sent with each request. Shown only redacted.
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

    /// Checks the parts; an error names the field inside `auth`.
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

/// The status codes that count as success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuccessCodes(Vec<u16>);

impl SuccessCodes {
    /// Checks the list: 1 to 100 codes, each from 200 to 599.
    ///
    /// # Errors
    /// What is wrong with the list.
    pub fn parse(codes: Vec<u16>) -> Result<Self, String> {
        if codes.is_empty() || codes.len() > 100 {
            return Err(format!("has {} codes; expected 1 to 100", codes.len()));
        }
        match codes.iter().find(|code| !(200..=599).contains(*code)) {
            Some(bad) => Err(format!("{bad} is not a final status code; expected 200 to 599")),
            None => Ok(Self(codes)),
        }
    }

    /// The codes.
    #[must_use]
    pub fn as_slice(&self) -> &[u16] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_checked_and_normalised() {
        for (text, expected) in [
            ("https://api.example.com/run?a=b", "https://api.example.com/run?a=b"),
            ("http://LOCALHOST:80", "http://localhost/"),
            ("http://0x7f.1/x", "http://127.0.0.1/x"),
            ("http://2130706433/", "http://127.0.0.1/"),
            ("http://[::ffff:127.0.0.1]:8080/", "http://[::ffff:7f00:1]:8080/"),
            ("http://h/ä", "http://h/%C3%A4"),
        ] {
            let url = TargetUrl::parse(text).expect(text);
            assert_eq!(url.as_str(), expected, "{text}");
            assert_eq!(url.source(), text);
        }
        for (text, say) in [
            ("ftp://h/", "scheme"),
            ("h/path", "not a URL"),
            ("http://", "not a URL"),
            ("http://u:secret@h/", "user info"),
            ("http://h/#f", "fragment"),
            ("http://h/a b", "blank"),
            ("http://h/\r\nX: y", "blank or a control"),
            (&format!("http://h/{}", "a".repeat(2100)), "longer than"),
        ] {
            let error = TargetUrl::parse(text).expect_err(text).to_string();
            assert!(error.contains(say) && !error.contains("secret"), "{text}: {error}");
        }
        let url = TargetUrl::parse("https://[::1]:8443/a").expect("url");
        assert_eq!((url.origin(), url.host()), ("https://[::1]:8443", "[::1]"));
    }

    #[test]
    fn bad_headers_are_named() {
        for (name, value, say) in [
            ("X-A", "a\r\nX-B: c", "visible ASCII"),
            ("X A", "a", "not a header name"),
            ("", "a", "not a header name"),
            ("Transfer-Encoding", "chunked", "HTTP connection"),
            ("content-length", "3", "HTTP connection"),
        ] {
            let errors = Headers::parse(vec![(name.into(), value.into())]).expect_err(name);
            assert!(errors[0].1.to_string().contains(say), "{name}: {}", errors[0].1);
        }
        let twice = vec![("X-A".into(), "1".into()), ("x-a".into(), "2".into())];
        assert!(Headers::parse(twice).is_err());
    }

    #[test]
    fn credentials_never_show_in_debug_output() {
        let headers = Headers::parse(vec![("Authorization".into(), "hunter2".into())]).expect("good");
        let auth = Auth::Bearer { token: "hunter2".into() };
        assert!(!format!("{headers:?} {auth:?}").contains("hunter2"));
    }
}

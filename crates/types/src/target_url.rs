//! The URL that a webhook calls.

use std::fmt;

use crate::REDACTED;
use crate::clip;

/// Longest URL, in characters: what common clients and proxies take.
pub const MAX_URL_CHARS: usize = 2_083;

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
    /// Parses a URL by the WHATWG rules, as browsers do. So every spelling of an address (`0x7f.1`)
    /// becomes its plain form before the rules of egress judge it.
    ///
    /// # Errors
    /// What is wrong with the text. The text is quoted without its user info.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let refuse = |why: String| {
            // What may be user info, also where the slashes before it are not as they should be.
            let begin =
                text.find("://").map(|colon| colon + 3).or_else(|| text.find(':').map(|colon| colon + 1));
            let value = match (begin, text.rfind('@')) {
                (Some(begin), Some(at)) if at >= begin => {
                    format!("{}{REDACTED}{}", &text[..begin], &text[at..])
                }
                _ => text.to_owned(),
            };
            Err(UrlError { value: clip(&value).into_owned(), why })
        };
        if text.chars().count() > MAX_URL_CHARS {
            return refuse(format!("is longer than {MAX_URL_CHARS} characters"));
        }
        if text.chars().any(|c| c.is_control() || c == ' ') {
            return refuse("contains a blank or a control character".into());
        }
        let url = match url::Url::parse(text) {
            Ok(url) => url,
            Err(error) => return refuse(format!("is not a URL ({error})")),
        };
        if !matches!(url.scheme(), "http" | "https") {
            return refuse(format!("has the scheme {:?}", clip(url.scheme())));
        }
        // A browser mends the slashes. Where one is missing, it takes the first step of the path for the host.
        let authority = text.get(url.scheme().len()..).and_then(|rest| rest.strip_prefix("://"));
        if authority.is_none_or(|text| text.starts_with(['/', '\\'])) {
            return refuse("does not have two slashes before its host".into());
        }
        if !url.username().is_empty() || url.password().is_some() || text.contains("://@") {
            return refuse("contains user info (use \"auth\" instead)".into());
        }
        if url.fragment().is_some() {
            return refuse("contains a fragment, which is never sent".into());
        }
        if url.port() == Some(0) {
            return refuse("has port 0, at which nothing listens".into());
        }
        if url.domain().is_some_and(|name| !is_dns_name(name)) {
            return refuse("has a host that no DNS name can be".into());
        }
        let normal = url.as_str().to_owned();
        // Browsers take more. No name server knows such a host, and each run would find out anew.
        let is_of_names = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if let Some(host) = url.domain().filter(|host| !host.bytes().all(is_of_names)) {
            return refuse(format!("has the host {:?}, which has characters that no name has", clip(host)));
        }
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

/// Whether a host can be looked up: labels of 1 to 63 bytes, 253 in all, and a dot may end it (RFC 1035, section 2.3.4).
fn is_dns_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.len() <= 253 && name.split('.').all(|label| (1..=63).contains(&label.len()))
}

impl fmt::Debug for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.source, f)
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
            ("HTTP://h.example./", "http://h.example./"),
            ("http://a_b.example:65535", "http://a_b.example:65535/"),
            ("http://bücher.example/", "http://xn--bcher-kva.example/"),
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
            ("http:/u:secret@h/", "two slashes"),
            ("http:u:secret@h/", "two slashes"),
            ("u:secret@h/", "scheme"),
            ("http://h/#f", "fragment"),
            ("http://{{host}}/", "has the host \"{{host}}\""),
            ("http://a`b/", "has the host \"a`b\""),
            ("http://h/a b", "blank"),
            ("http://h/\r\nX: y", "blank or a control"),
            ("http://h/\0", "blank or a control"),
            ("http://h/\u{85}", "blank or a control"),
            ("http:/h/x", "two slashes"),
            ("https:h/x?u=http://y", "two slashes"),
            ("http:///h/x", "two slashes"),
            ("http:\\\\h\\x", "two slashes"),
            ("http://h:0/", "port 0"),
            ("http://h:65536/", "not a URL"),
            ("http://a..b/", "no DNS name"),
            ("http://./", "no DNS name"),
            (&format!("http://{}.example/", "a".repeat(64)), "no DNS name"),
            (&format!("http://{}example/", "a.".repeat(130)), "no DNS name"),
            (&format!("http://h/{}", "a".repeat(2100)), "longer than"),
        ] {
            let error = TargetUrl::parse(text).expect_err(text).to_string();
            assert!(error.contains(say) && !error.contains("secret"), "{text}: {error}");
        }
        let url = TargetUrl::parse("https://[::1]:8443/a").expect("url");
        assert_eq!((url.origin(), url.host()), ("https://[::1]:8443", "[::1]"));
    }
}

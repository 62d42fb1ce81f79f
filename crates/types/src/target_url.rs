//! The URL that a webhook calls.

use std::borrow::Cow;
use std::fmt;

use crate::{REDACTED, SecretValues, clip, is_credential_header, is_secret_reference, secrets_in};

/// Longest URL, in characters: what common clients and proxies take.
pub const MAX_URL_CHARS: usize = 2_083;

/// How a placeholder of a secret stands in the path of a normal form, before and behind the name.
const IN_PATH: (&str, &str) = ("%7B%7Bsecret.", "%7D%7D");
/// What a value keeps as it is, beside letters and digits, where it is a segment of the path, and where it is in a value of the
/// query.
const IN_SEGMENTS: &[u8] = b"-._~:@!$&()*+,;=";
const IN_VALUES: &[u8] = b"-._~:";

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
    /// What is wrong with the text. The text is quoted without its user info, the credentials in its query, and its fragment.
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
            // What some put into a fragment is a token, and none is ever sent.
            let shown = match value.split_once('#') {
                Some((front, _)) => format!("{}#{REDACTED}", redacted_url(front)),
                None => redacted_url(&value).into_owned(),
            };
            Err(UrlError { value: clip(&shown).into_owned(), why })
        };
        // A credential that is redacted stands for one that is kept, which may be shorter.
        let hidden = || pairs(text).filter_map(credential).filter(|(_, value)| *value == REDACTED).count();
        let length = text.chars().count();
        if length > MAX_URL_CHARS && length - hidden() * (REDACTED.len() - 1) > MAX_URL_CHARS {
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
        if let Err(why) = check_secrets(&normal[authority_end..]) {
            return refuse(why);
        }
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

    /// As it is shown: as the user wrote it, but for the credentials in its query.
    #[must_use]
    pub fn shown(&self) -> Cow<'_, str> {
        redacted_url(&self.source)
    }

    /// The credentials in its query: each decoded, and as it is sent where that is another text.
    #[must_use]
    pub fn credentials(&self) -> Vec<String> {
        let query = split(&self.normal[self.authority_end..]).1;
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        let decoded =
            pairs.filter(|(name, _)| is_credential_header(name)).map(|(_, value)| value.into_owned());
        let mut all: Vec<_> = decoded.collect();
        for (_, sent) in query.split('&').filter_map(credential) {
            if !all.iter().any(|known| known == sent) {
                all.push(sent.to_owned());
            }
        }
        all
    }

    /// Puts the stored credentials back in place of each [`REDACTED`] in the query: the first stands for the first of its
    /// name, and so on.
    ///
    /// # Errors
    /// There is none for one of them.
    pub(crate) fn restore(&mut self, stored: Option<&Self>) -> Result<(), ()> {
        let Some((front, query)) = self.source.split_once('?') else { return Ok(()) };
        let asks = |pair: &str| credential(pair).is_some_and(|(_, value)| is_redacted(value));
        if !query.split('&').any(asks) {
            return Ok(());
        }
        let mut kept: Vec<_> = stored.into_iter().flat_map(|stored| pairs(&stored.source)).collect();
        let mut restored = Vec::new();
        for pair in query.split('&') {
            let Some((name, _)) = credential(pair).filter(|(_, value)| is_redacted(value)) else {
                restored.push(pair);
                continue;
            };
            let place = kept.iter().position(|pair| credential(pair).is_some_and(|(kept, _)| kept == name));
            restored.push(kept.remove(place.ok_or(())?));
        }
        let text = format!("{front}?{}", restored.join("&"));
        *self = Self::parse(&text).map_err(|_| ())?;
        Ok(())
    }

    /// The names of the secrets that it has in its path and its query, each as often as it stands there.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        let (path, query) = split(&self.normal[self.authority_end..]);
        // What is no placeholder was refused.
        path.split('/').filter_map(segment).chain(secrets_in(query).unwrap_or_default())
    }

    /// The normal form with secrets in place of what names them, percent-encoded.
    #[must_use]
    pub(crate) fn filled(&self, secrets: &SecretValues) -> Cow<'_, str> {
        let (origin, rest) = self.normal.split_at(self.authority_end);
        if secrets.is_empty() || self.secrets().next().is_none() {
            return Cow::Borrowed(&self.normal);
        }
        let (path, query) = split(rest);
        let mut filled = origin.to_owned();
        for (place, text) in path.split('/').enumerate() {
            filled.push_str(if place > 0 { "/" } else { "" });
            match segment(text).and_then(|name| secrets.get(name)) {
                Some(value) => push_encoded(&mut filled, value, IN_SEGMENTS),
                None => filled.push_str(text),
            }
        }
        if rest.contains('?') {
            filled.push('?');
            filled.push_str(&secrets.fill(query, |out, value| push_encoded(out, value, IN_VALUES)));
        }
        Cow::Owned(filled)
    }

    /// The host, with brackets where it is an IPv6 address.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.normal[self.host_at.0..self.host_at.1]
    }
}

/// A URL without the credentials in its query: the values of parameters whose names are those of some. What only names a
/// secret is none.
#[must_use]
pub fn redacted_url(url: &str) -> Cow<'_, str> {
    let Some((front, query)) = url.split_once('?') else { return Cow::Borrowed(url) };
    if !query.split('&').any(|pair| credential(pair).is_some()) {
        return Cow::Borrowed(url);
    }
    let shown = query.split('&').map(|pair| match credential(pair) {
        Some((name, _)) => Cow::Owned(format!("{name}={REDACTED}")),
        None => Cow::Borrowed(pair),
    });
    Cow::Owned(format!("{front}?{}", shown.collect::<Vec<_>>().join("&")))
}

/// The name and the value of a parameter that is a credential, as they are written.
fn credential(pair: &str) -> Option<(&str, &str)> {
    let (name, value) = pair.split_once('=')?;
    let is_one = || url::form_urlencoded::parse(name.as_bytes()).any(|(name, _)| is_credential_header(&name));
    (!value.is_empty() && !is_secret_reference(value) && is_one()).then_some((name, value))
}

fn is_redacted(value: &str) -> bool {
    value == REDACTED || value.eq_ignore_ascii_case("%5Bredacted%5D")
}

/// The parameters of a URL, as they are written.
fn pairs(url: &str) -> impl Iterator<Item = &str> {
    url.split_once('?').into_iter().flat_map(|(_, query)| query.split('&'))
}

/// The path, and the query behind the question mark.
fn split(rest: &str) -> (&str, &str) {
    rest.split_once('?').unwrap_or((rest, ""))
}

/// The secret that a segment of a path names.
fn segment(text: &str) -> Option<&str> {
    let name = text.strip_prefix(IN_PATH.0)?.strip_suffix(IN_PATH.1)?;
    crate::SecretName::parse(name).is_ok().then_some(name)
}

/// Whether secrets are named only where they may be.
fn check_secrets(rest: &str) -> Result<(), String> {
    let (path, query) = split(rest);
    if path.split('/').any(|text| text.contains(IN_PATH.0) && segment(text).is_none()) {
        return Err(
            "names a secret in a part of a segment of its path (a secret is a whole one: /{{secret.NAME}}/)"
                .to_owned(),
        );
    }
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if name.contains("{{secret.") {
            return Err(
                "names a secret in its query outside of a value (expected ?name={{secret.NAME}})".to_owned()
            );
        }
        secrets_in(value).map_err(|error| format!("has a query in which {error}"))?;
    }
    Ok(())
}

/// How a value is sent in the place of a segment of the path, and in a value of the query.
pub(crate) fn sent_in_urls(value: &str) -> [String; 2] {
    [IN_SEGMENTS, IN_VALUES].map(|kept| {
        let mut sent = String::new();
        push_encoded(&mut sent, value, kept);
        sent
    })
}

/// Writes a value with all but letters, digits and these percent-encoded.
fn push_encoded(out: &mut String, value: &str, kept: &[u8]) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || kept.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

/// Whether a host can be looked up: labels of 1 to 63 bytes, 253 in all, and a dot may end it (RFC 1035, section 2.3.4).
fn is_dns_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.len() <= 253 && name.split('.').all(|label| (1..=63).contains(&label.len()))
}

impl fmt::Debug for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.shown(), f)
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
            ("http://h/#access_token=secret", "fragment"),
            ("http://h/?token=secret#f", "fragment"),
            ("http://h:0/?a=b&API_KEY=secret", "port 0"),
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

    #[test]
    fn secrets_stand_in_whole_segments_and_in_values_of_the_query() {
        let mut secrets = SecretValues::default();
        let hosts = crate::SecretHosts::unchecked(vec!["*".to_owned()]);
        secrets.insert(&crate::SecretName::unchecked("t"), "a/b ?&=:ü".to_owned(), hosts);
        for (text, filled) in [
            ("https://h/{{secret.t}}/x", "https://h/a%2Fb%20%3F&=:%C3%BC/x"),
            ("https://h/x?k={{secret.t}}&n=1", "https://h/x?k=a%2Fb%20%3F%26%3D:%C3%BC&n=1"),
            ("https://h/?k=Bearer+{{secret.t}}", "https://h/?k=Bearer+a%2Fb%20%3F%26%3D:%C3%BC"),
            ("https://h/{{secret.other}}", "https://h/%7B%7Bsecret.other%7D%7D"),
            ("https://h/{{x}}?{{y}}={{z}}", "https://h/%7B%7Bx%7D%7D?{{y}}={{z}}"),
        ] {
            let url = TargetUrl::parse(text).expect(text);
            assert_eq!(url.filled(&secrets), filled, "{text}");
            assert_eq!(url.filled(&SecretValues::default()), url.as_str());
            assert_eq!(url.secrets().count(), text.matches("{{secret.").count(), "{text}");
            // What is sent is parsed once more.
            assert_eq!(url::Url::parse(filled).expect("a URL").as_str(), filled);
        }
        for (bad, say) in [
            ("https://h/bot{{secret.t}}/x", "a whole one"),
            ("https://h/{{secret.t}}x", "a whole one"),
            ("https://h/{{secret.}}", "a whole one"),
            ("https://h/?{{secret.t}}=1", "outside of a value"),
            ("https://h/?{{secret.t}}", "outside of a value"),
            ("https://h/?k={{secret.t", "no placeholder"),
            ("https://{{secret.t}}/", "which has characters that no name has"),
        ] {
            let error = TargetUrl::parse(bad).expect_err(bad).to_string();
            assert!(error.contains(say), "{bad}: {error}");
        }
    }

    #[test]
    fn credentials_in_the_query_are_not_shown_and_come_back() {
        for (text, shown) in [
            ("https://h/?a=b", "https://h/?a=b"),
            ("https://h/?a=b&api_key=k1&x=", "https://h/?a=b&api_key=[redacted]&x="),
            ("https://h/?Access%2DToken=t&token=u", "https://h/?Access%2DToken=[redacted]&token=[redacted]"),
            ("https://h/?token={{secret.a}}&token=", "https://h/?token={{secret.a}}&token="),
            ("https://h/?token", "https://h/?token"),
        ] {
            let url = TargetUrl::parse(text).expect(text);
            assert_eq!(url.shown(), shown);
            let mut back = TargetUrl::parse(shown).expect(shown);
            back.restore(Some(&url)).expect(text);
            assert_eq!(back, url);
        }
        let stored = TargetUrl::parse("https://h/?token=one&token=two").expect("a URL");
        assert_eq!(stored.credentials(), ["one", "two"]);
        let encoded = TargetUrl::parse("https://h/?a=%2F&token=a%2Fb&key=c").expect("a URL");
        assert_eq!(encoded.credentials(), ["a/b", "c", "a%2Fb"]);
        for (text, restored) in [
            ("https://h/x?token=%5bredacted%5D&token=new", Some("https://h/x?token=one&token=new")),
            ("https://h/?token=[redacted]&token=[redacted]&token=[redacted]", None),
            ("https://h/?api_key=[redacted]", None),
            ("https://h/?a=[redacted]", Some("https://h/?a=[redacted]")),
        ] {
            let mut url = TargetUrl::parse(text).expect(text);
            let outcome = url.restore(Some(&stored));
            assert_eq!(outcome.is_ok().then_some(url.source()), restored, "{text}");
        }
    }
}

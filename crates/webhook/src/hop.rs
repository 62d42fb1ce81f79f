//! The requests of one attempt: the first, and those that redirects ask for.

use bytes::buf::Chain;
use bytes::{Buf as _, Bytes};
use chronos_types::{Method, Millis, SecretValues, Webhook, is_signature_header, request::Request};
use http::{HeaderName, HeaderValue};
use url::{Position, Url};

use super::head::Head;
use super::identity::Identity;
use super::origin::Origin;
use super::signer::Signer;

/// A body up to this size is put into one buffer with its head, and leaves in one piece.
const JOINED_BYTES: usize = 16 * 1024;

/// Custom headers that also go to another origin: they say what the request is like, and nothing of who sends it.
const HARMLESS: [&str; 14] = [
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "pragma",
    "prefer",
    "traceparent",
    "tracestate",
    "user-agent",
];

/// One request of a chain of redirects.
#[derive(Debug)]
pub(crate) struct Hop {
    url: Url,
    skip_verify: bool,
    method: Method,
    headers: Vec<Header>,
    body: Bytes,
    /// It is signed as it is sent: what counts is the time, and the body of this very request.
    signer: Option<Signer>,
    /// What is shown within TLS.
    identity: Option<Identity>,
}

#[derive(Clone)]
struct Header {
    name: String,
    value: String,
    /// It goes to no other origin.
    is_private: bool,
}

impl Header {
    fn is_authorization(&self) -> bool {
        self.name.eq_ignore_ascii_case("authorization")
    }
}

/// A request as it goes over a connection.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) bytes: Chain<Bytes, Bytes>,
    pub(crate) has_body: bool,
    /// No response to it has a body.
    pub(crate) is_bodiless: bool,
}

impl Hop {
    /// The first request, whose headers go out as they are written in it.
    ///
    /// # Errors
    /// What cannot be sent. All of it was checked when the job came in; a failure here is still an outcome, not a panic.
    pub(crate) fn first(webhook: &Webhook, request: Request, secrets: &SecretValues) -> Result<Self, String> {
        let url =
            Url::parse(&request.url).map_err(|error| format!("the URL cannot be requested: {error}"))?;
        let signer = webhook.signing.as_ref().map(|signing| Signer::new(signing, &request, secrets));
        let signer = signer.transpose()?;
        let certificate = webhook.client_certificate.as_ref();
        let identity = certificate.map(|certificate| Identity::read(certificate, secrets)).transpose()?;
        let auth = webhook.auth.as_ref().map(chronos_types::Auth::header_name);
        let is_signed = |name: &str| signer.is_some() && is_signature_header(name);
        let mut headers = Vec::with_capacity(request.headers.len());
        for (name, value) in request.headers {
            HeaderName::from_bytes(name.as_bytes()).map_err(|error| format!("header {name:?}: {error}"))?;
            HeaderValue::from_str(&value).map_err(|_| format!("header {name:?} has a bad value"))?;
            let is_auth = auth.is_some_and(|auth| auth.eq_ignore_ascii_case(&name));
            let is_custom = webhook.headers.get(&name).is_some();
            let is_private = is_auth
                || is_signed(&name)
                || is_custom && !HARMLESS.iter().any(|ok| ok.eq_ignore_ascii_case(&name));
            headers.push(Header { name, value, is_private });
        }
        let body = Bytes::from(request.body.unwrap_or_default());
        let (method, skip_verify) = (request.method, webhook.tls_skip_verify);
        Ok(Self { url, skip_verify, method, headers, body, signer, identity })
    }

    /// A request of our own, beside those of a webhook.
    ///
    /// # Errors
    /// What cannot be sent.
    pub(crate) fn own(request: Request) -> Result<Self, String> {
        let Request { method, url, headers, body } = request;
        let url = Url::parse(&url).map_err(|error| format!("the URL cannot be requested: {error}"))?;
        let private = |(name, value)| Header { name, value, is_private: true };
        let headers = headers.into_iter().map(private).collect();
        let body = Bytes::from(body.unwrap_or_default());
        Ok(Self { url, skip_verify: false, method, headers, body, signer: None, identity: None })
    }

    /// Puts the token that was fetched into the header that is kept free for it.
    pub(crate) fn authorize(&mut self, token: &str) {
        if let Some(header) = self.headers.iter_mut().find(|header| header.is_authorization()) {
            header.value = format!("Bearer {token}");
        }
    }

    /// Whether it carries a token. Behind a redirect to another origin it does not.
    pub(crate) fn is_authorized(&self) -> bool {
        self.headers.iter().any(Header::is_authorization)
    }

    pub(crate) fn origin(&self) -> Origin {
        Origin::of(&self.url, self.skip_verify, self.identity.clone())
    }

    /// The host that it goes to, with brackets where it is an IPv6 address.
    pub(crate) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The request, as it is sent now.
    pub(crate) fn message(&self, now: Millis) -> Message {
        let mut head = Vec::with_capacity(1024);
        let mut put = |parts: &[&str]| parts.iter().for_each(|part| head.extend_from_slice(part.as_bytes()));
        let target = &self.url[Position::BeforePath..Position::AfterQuery];
        put(&[self.method.as_str(), " ", target, " HTTP/1.1\r\n"]);
        let is_host = |header: &&Header| header.name.eq_ignore_ascii_case("host");
        let own = self.headers.iter().find(is_host).map(|header| header.value.as_str());
        put(&["Host: ", own.unwrap_or(&self.url[Position::BeforeHost..Position::AfterPort]), "\r\n"]);
        for Header { name, value, is_private: _ } in self.headers.iter().filter(|header| !is_host(header)) {
            put(&[name.as_str(), ": ", value.as_str(), "\r\n"]);
        }
        if let Some(signer) = &self.signer {
            for (name, value) in signer.headers(now, &self.body) {
                put(&[name, ": ", value.as_str(), "\r\n"]);
            }
        }
        if let Some(length) = self.content_length() {
            put(&["Content-Length: ", length.to_string().as_str(), "\r\n"]);
        }
        put(&["\r\n"]);
        let mut body = self.body.clone();
        if body.len() <= JOINED_BYTES {
            head.extend_from_slice(&body);
            body = Bytes::new();
        }
        Message {
            bytes: Bytes::from(head).chain(body),
            has_body: !self.body.is_empty(),
            is_bodiless: self.method == Method::Head,
        }
    }

    /// A request whose method is made for a body says how long it is, also where there is none (RFC 9110, section 8.6).
    fn content_length(&self) -> Option<usize> {
        let expects_body = matches!(self.method, Method::Post | Method::Put | Method::Patch);
        (expects_body || !self.body.is_empty()).then_some(self.body.len())
    }

    /// The request that a redirect asks for, by RFC 9110, section 15.4, and as browsers have it. After a 303, and after
    /// a 301 or 302 to a POST, it is a GET without a body. A 307 or 308 repeats the request. To another origin no
    /// custom header goes that may carry a secret, no signature and no certificate, and none of them comes back on the
    /// way from there.
    ///
    /// # Errors
    /// Why the redirect cannot be followed.
    pub(crate) fn redirected(&self, head: &Head) -> Result<Option<Self>, String> {
        let status = head.status.as_u16();
        let is_post = self.method == Method::Post;
        let (method, repeats_body) = match status {
            301 | 302 if is_post => (Method::Get, false),
            303 if self.method == Method::Head => (Method::Head, false),
            303 => (Method::Get, false),
            301 | 302 | 307 | 308 => (self.method, true),
            _ => return Ok(None),
        };
        let Some(location) = &head.location else { return Ok(None) };
        if head.is_ambiguous {
            return Err("it names two locations".to_owned());
        }
        let mut url = self.url.join(&text(location)).map_err(|error| error.to_string())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("expected an http or https URL".to_owned());
        }
        url.set_fragment(None);
        // User info in a Location is never used, because it is not the operator's credential.
        let _ = (url.set_username(""), url.set_password(None));
        let is_away = url.origin() != self.url.origin();
        let keeps = |header: &&Header| {
            !(is_away && header.is_private || !repeats_body && describes_body(&header.name))
        };
        let headers = self.headers.iter().filter(keeps).cloned().collect();
        let body = if repeats_body { self.body.clone() } else { Bytes::new() };
        let signer = self.signer.clone().filter(|_| !is_away);
        let identity = self.identity.clone().filter(|_| !is_away);
        Ok(Some(Self { url, skip_verify: self.skip_verify, method, headers, body, signer, identity }))
    }
}

/// Whether a header makes no sense without the body that it came with (RFC 9110, section 15.4).
fn describes_body(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("content-") || matches!(name.as_str(), "digest" | "repr-digest" | "last-modified")
}

/// A location as text. A byte that is no part of UTF-8 is what it is, in the form that URLs have for it.
fn text(location: &[u8]) -> String {
    let chunks = location.utf8_chunks().map(|chunk| {
        let invalid = chunk.invalid().iter().map(|byte| format!("%{byte:02X}"));
        chunk.valid().to_owned() + &invalid.collect::<String>()
    });
    chunks.collect()
}

/// The values may be secrets.
impl std::fmt::Debug for Header {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests;

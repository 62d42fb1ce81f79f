//! The requests of one attempt: the first, and those that redirects ask for.

use bytes::Bytes;
use chronos_types::{Webhook, is_credential_header, request::Request};
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use http_body_util::Full;

/// One request of a chain of redirects.
pub(crate) struct Hop {
    uri: Uri,
    method: http::Method,
    headers: HeaderMap,
    body: Bytes,
    /// The header in which `auth` sends its credential.
    auth_header: Option<HeaderName>,
}

impl Hop {
    pub(crate) fn first(webhook: &Webhook, request: Request) -> Result<Self, String> {
        // All of this was checked when the job came in. A failure here is still an outcome, not a panic.
        let uri = request.url.parse().map_err(|error| format!("the URL cannot be requested: {error}"))?;
        let method = request.method.as_str().parse().map_err(|error| format!("the method: {error}"))?;
        let mut headers = HeaderMap::with_capacity(request.headers.len());
        for (name, value) in &request.headers {
            let name: HeaderName = name.parse().map_err(|error| format!("header {name:?}: {error}"))?;
            let value =
                HeaderValue::from_str(value).map_err(|_| format!("header {name:?} has a bad value"))?;
            headers.insert(name, value);
        }
        let auth_header = webhook.auth.as_ref().and_then(|auth| auth.header().0.parse().ok());
        let body = Bytes::from(request.body.unwrap_or_default());
        Ok(Self { uri, method, headers, body, auth_header })
    }

    pub(crate) fn to_http(&self) -> http::Request<Full<Bytes>> {
        let mut request = http::Request::new(Full::new(self.body.clone()));
        *request.uri_mut() = self.uri.clone();
        *request.method_mut() = self.method.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }

    /// The request that a redirect asks for, by RFC 9110 section 15.4. After a 303, and after a 301 or 302 to
    /// a POST, it is a GET. A 307 or 308 repeats the request.
    pub(crate) fn redirected<B>(&self, response: &http::Response<B>) -> Option<Self> {
        let status = response.status().as_u16();
        let to_get = match status {
            301 | 302 => self.method == http::Method::POST,
            303 => self.method != http::Method::HEAD,
            307 | 308 => false,
            _ => return None,
        };
        let location = response.headers().get(header::LOCATION)?.to_str().ok()?;
        let base = url::Url::parse(&self.uri.to_string()).ok()?;
        let mut target = base.join(location).ok()?;
        target.set_fragment(None);
        if !matches!(target.scheme(), "http" | "https") {
            return None;
        }
        // User info in a Location is never used, because it is not the operator's credential.
        target.set_username("").ok()?;
        target.set_password(None).ok()?;
        let mut headers = self.headers.clone();
        let mut body = self.body.clone();
        let mut method = self.method.clone();
        if to_get {
            method = http::Method::GET;
            body = Bytes::new();
            headers.remove(header::CONTENT_TYPE);
        }
        headers.remove(header::HOST);
        if target.origin() != base.origin() {
            let secret: Vec<_> = headers
                .keys()
                .filter(|name| {
                    is_credential_header(name.as_str()) || Some(*name) == self.auth_header.as_ref()
                })
                .cloned()
                .collect();
            for name in secret {
                headers.remove(name);
            }
        }
        let uri = target.as_str().parse().ok()?;
        Some(Self { uri, method, headers, body, auth_header: self.auth_header.clone() })
    }
}

//! Where a browser says that a request comes from: `Sec-Fetch-Site`
//! (<https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header>) and `Origin` (RFC 6454).
//!
//! No page can set either. Browsers send the first to hosts that they trust, which loopback is, and the second with every
//! request that could change something.

use axum::extract::Request;
use axum::http::{HeaderMap, Method, header};
use chronos_types::clip;

use super::authority::Authority;
use crate::caller::Secured;

const SITE: &str = "sec-fetch-site";
const MODE: &str = "sec-fetch-mode";
const DEST: &str = "sec-fetch-dest";

/// An origin: `https://ui.example.com`, with a port where it is not that of the scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebOrigin {
    is_https: bool,
    /// Always with a port.
    authority: Authority,
}

impl WebOrigin {
    /// Reads one as browsers write it.
    ///
    /// # Errors
    /// It is none. The error says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let found = text.split_once("://").and_then(|(scheme, authority)| {
            let is_https = match scheme.to_ascii_lowercase().as_str() {
                "https" => true,
                "http" => false,
                _ => return None,
            };
            let authority = Authority::parse(authority)?;
            Some(Self { is_https, authority: with_port(&authority, is_https) })
        });
        found.ok_or_else(|| {
            format!(
                "{:?} is no origin; expected a scheme, a host and at most a port, such as \"https://ui.example.com\"",
                clip(text)
            )
        })
    }

    /// Whether it is that of a request to this authority.
    fn is_of(&self, authority: &Authority, is_secured: bool) -> bool {
        // Behind a proxy that nobody told us of, a page of https is answered over http.
        (self.is_https || !is_secured) && self.authority == with_port(authority, self.is_https)
    }
}

fn with_port(authority: &Authority, is_https: bool) -> Authority {
    let usual = if is_https { 443 } else { 80 };
    Authority { port: Some(authority.port.unwrap_or(usual)), ..authority.clone() }
}

/// The value of a header that may be there once.
pub(super) enum Once<'a> {
    None,
    One(&'a str),
    /// More than one, or not text.
    Bad,
}

impl<'a> Once<'a> {
    pub(super) fn of(headers: &'a HeaderMap, name: &str) -> Self {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => Self::None,
            (Some(value), None) => value.to_str().map_or(Self::Bad, Self::One),
            _ => Self::Bad,
        }
    }
}

/// Whence a request comes that a page of another origin sent; for people. None where no page did, or one of our own.
pub(super) fn foreign(request: &Request, authority: &Authority) -> Option<String> {
    let headers = request.headers();
    let site = match Once::of(headers, SITE) {
        Once::One("same-origin" | "none") => return None,
        Once::One(site) => Some(site),
        Once::Bad => Some("unclear"),
        Once::None => None,
    };
    let origin = match Once::of(headers, header::ORIGIN.as_str()) {
        Once::One(origin) => Some(origin),
        Once::Bad => Some("unclear"),
        Once::None => None,
    };
    if let Some(site) = site {
        if is_navigation(request) {
            return None;
        }
        return Some(match origin {
            Some(origin) => format!("Sec-Fetch-Site is {:?} and Origin {:?}", clip(site), clip(origin)),
            None => format!("Sec-Fetch-Site is {:?}", clip(site)),
        });
    }
    let origin = origin?;
    let is_secured = request.extensions().get::<Secured>().is_some_and(|Secured(is)| *is);
    let is_own = WebOrigin::parse(origin).is_ok_and(|origin| origin.is_of(authority, is_secured));
    (!is_own).then(|| format!("Origin is {:?}", clip(origin)))
}

/// Whether somebody follows a link to a page for people: they see it, and the page that has the link does not.
fn is_navigation(request: &Request) -> bool {
    let says = |name, value| matches!(Once::of(request.headers(), name), Once::One(said) if said == value);
    let path = request.uri().path();
    let is_page = !path.starts_with("/api/") || path == "/api/docs" || path.starts_with("/api/docs/");
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    is_page && is_read && says(MODE, "navigate") && says(DEST, "document")
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn an_origin_is_that_of_a_request_where_scheme_host_and_port_are() {
        for (origin, authority, is_secured, is_own) in [
            ("http://localhost:8080", "localhost:8080", false, true),
            ("http://LOCALHOST:8080", "localhost:8080", false, true),
            ("http://[::1]:8080", "[::1]:8080", false, true),
            ("http://localhost", "localhost:80", false, true),
            ("https://chronos.example", "chronos.example", true, true),
            ("https://chronos.example", "chronos.example:443", true, true),
            ("https://chronos.example", "chronos.example", false, true),
            ("http://chronos.example", "chronos.example", true, false),
            ("http://localhost:3000", "localhost:8080", false, false),
            ("http://127.0.0.1:8080", "localhost:8080", false, false),
            ("null", "localhost:8080", false, false),
            ("http://localhost:8080/", "localhost:8080", false, false),
            ("file://", "localhost:8080", false, false),
        ] {
            let request = Request::builder().header(header::ORIGIN, origin).extension(Secured(is_secured));
            let request = request.body(Body::empty()).expect("a request");
            let authority = Authority::parse(authority).expect("an authority");
            assert_eq!(foreign(&request, &authority).is_none(), is_own, "{origin} {authority:?}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused_with_what_was_expected() {
        for bad in [
            "",
            "*",
            "null",
            "ui.example.com",
            "ftp://a",
            "https://a/",
            "https://a/b",
            "https://u@a",
            "https://",
        ] {
            let error = WebOrigin::parse(bad).expect_err(bad);
            assert!(error.contains("expected"), "{error}");
        }
    }
}

//! Which client a request is of, where a proxy that is trusted passes it on.
//!
//! Each proxy appends the address that it was called from to `X-Forwarded-For`. What stands before the last one that is
//! not trusted may be anybody's invention, and is not looked at.

use std::net::{IpAddr, SocketAddr};

use axum::extract::Request;
use axum::http::HeaderMap;
use chronos_webhook::Network;

use crate::caller::{ClientAddress, Secured};

const FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// Puts the address of the client in the place of that of the proxy.
pub(super) fn resolve(request: &mut Request, trusted: &[Network]) {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let Some(ClientAddress(proxy)) = request.extensions().get::<ClientAddress>().copied() else { return };
    if !is_trusted(proxy) {
        return;
    }
    let client = client(request.headers(), proxy, is_trusted);
    let is_https =
        last(request.headers(), FORWARDED_PROTO).is_some_and(|said| said.eq_ignore_ascii_case("https"));
    request.extensions_mut().insert(ClientAddress::from(client));
    if is_https {
        request.extensions_mut().insert(Secured(true));
    }
}

/// The first address from the end that is no trusted proxy's.
fn client(headers: &HeaderMap, proxy: IpAddr, is_trusted: impl Fn(IpAddr) -> bool) -> IpAddr {
    let mut client = proxy;
    for value in headers.get_all(FORWARDED_FOR).iter().rev() {
        let Ok(text) = value.to_str() else { return client };
        for item in text.rsplit(',') {
            let Some(address) = address(item.trim()) else { return client };
            client = address;
            if !is_trusted(address) {
                return client;
            }
        }
    }
    client
}

/// An address; some proxies write its port behind it.
fn address(text: &str) -> Option<IpAddr> {
    let plain = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    plain.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// What the last proxy said.
fn last<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let value = headers.get_all(name).iter().next_back()?;
    value.to_str().ok()?.rsplit(',').next().map(str::trim)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn the_client_is_whoever_the_last_trusted_proxy_was_called_by() {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|text| Network::parse(text).expect("a network"));
        for (from, forwarded, client) in [
            ("10.0.0.1", &["203.0.113.7"][..], "203.0.113.7"),
            ("10.0.0.1", &["203.0.113.7, 10.0.0.2"], "203.0.113.7"),
            ("10.0.0.1", &["1.1.1.1, 203.0.113.7"], "203.0.113.7"),
            ("10.0.0.1", &["1.1.1.1", "203.0.113.7", "10.9.9.9"], "203.0.113.7"),
            ("10.0.0.1", &["203.0.113.7:4711"], "203.0.113.7"),
            ("fd00::1", &["[2001:db8::7]:4711"], "2001:db8::7"),
            ("10.0.0.1", &["2001:db8::7"], "2001:db8::7"),
            ("10.0.0.1", &["::ffff:203.0.113.7"], "203.0.113.7"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["10.0.0.3"], "10.0.0.3"),
            // What cannot be read ends the chain at whoever passed it on.
            ("10.0.0.1", &["unknown"], "10.0.0.1"),
            ("10.0.0.1", &["1.1.1.1, unknown, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &[""], "10.0.0.1"),
            // Whoever is not trusted is not believed.
            ("203.0.113.9", &["10.0.0.1"], "203.0.113.9"),
            ("203.0.113.9", &["1.1.1.1"], "203.0.113.9"),
        ] {
            let from: IpAddr = from.parse().expect("an address");
            let mut request = Request::builder().extension(ClientAddress::from(from));
            for value in forwarded {
                request = request.header(FORWARDED_FOR, *value);
            }
            let mut request = request.body(Body::empty()).expect("a request");
            resolve(&mut request, &trusted);
            let ClientAddress(found) = request.extensions().get::<ClientAddress>().expect("an address");
            assert_eq!(found.to_string(), client, "{from} {forwarded:?}");
        }
    }

    #[test]
    fn a_trusted_proxy_says_whether_its_client_speaks_https() {
        let trusted = [Network::parse("10.0.0.1").expect("a network")];
        for (from, said, is_secured) in [
            ([10_u8, 0, 0, 1], "https", true),
            ([10, 0, 0, 1], "http, HTTPS", true),
            ([10, 0, 0, 1], "https, http", false),
            ([10, 0, 0, 2], "https", false),
        ] {
            let request = Request::builder().extension(ClientAddress::from(IpAddr::from(from)));
            let request = request.extension(Secured(false)).header(FORWARDED_PROTO, said);
            let mut request = request.body(Body::empty()).expect("a request");
            resolve(&mut request, &trusted);
            let Secured(found) = request.extensions().get::<Secured>().expect("it is said");
            assert_eq!(*found, is_secured, "{from:?} {said}");
        }
    }
}

//! What a request shows of who sends it: a key in `Authorization`, or a session in a cookie.

use axum::http::{HeaderMap, header};

/// The cookie that has the token of a session.
pub(crate) const SESSION: &str = "chronos_session";

/// What a request shows.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// Nothing.
    Nothing,
    /// A token.
    Token(String),
    /// An `Authorization` that is none of ours.
    Unreadable,
}

impl Shown {
    /// A key in `Authorization` counts where both are there: a program says it on purpose, and a browser sends its cookies
    /// always. What else stands there may be for a proxy in front, so a session counts beside it.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        match (values.next(), values.next()) {
            (None, _) => session(headers).map_or(Self::Nothing, Self::Token),
            (Some(value), None) => {
                let token = bearer(value.as_bytes()).or_else(|| session(headers));
                token.map_or(Self::Unreadable, Self::Token)
            }
            (Some(_), Some(_)) => Self::Unreadable,
        }
    }
}

/// The token of `Bearer token` (RFC 6750, section 2.1).
fn bearer(value: &[u8]) -> Option<String> {
    let (scheme, token) = std::str::from_utf8(value).ok()?.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| token.to_owned())
}

/// The token of a session. A key in a cookie is none: no page should keep one there.
pub(super) fn session(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, token) = pairs.find(|(name, token)| *name == SESSION && token.starts_with("chs_"))?;
    Some(token.to_owned())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn a_token_is_read_from_authorization_or_else_from_the_cookie_of_a_session() {
        let shown = |given: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in given {
                headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value"));
            }
            Shown::of(&headers)
        };
        let token = |text: &str| Shown::Token(text.to_owned());
        assert_eq!(shown(&[]), Shown::Nothing);
        assert_eq!(shown(&[("authorization", "Bearer chr_1")]), token("chr_1"));
        assert_eq!(shown(&[("authorization", "bearer  chr_1 ")]), token("chr_1"));
        assert_eq!(shown(&[("cookie", "a=b; chronos_session=chs_1; c=d")]), token("chs_1"));
        assert_eq!(shown(&[("cookie", "a=b"), ("cookie", "chronos_session=chs_1")]), token("chs_1"));
        assert_eq!(
            shown(&[("authorization", "Bearer chr_1"), ("cookie", "chronos_session=chs_1")]),
            token("chr_1")
        );
        // A proxy in front asks for something else.
        let both = [("authorization", "Basic YTpi"), ("cookie", "chronos_session=chs_1")];
        assert_eq!(shown(&both), token("chs_1"));
        assert_eq!(shown(&[("cookie", "chronos_session=chr_1")]), Shown::Nothing);
        for bad in ["Basic YTpi", "Bearer", "Bearer ", "chr_1", ""] {
            assert_eq!(shown(&[("authorization", bad)]), Shown::Unreadable, "{bad:?}");
        }
        assert_eq!(shown(&[("authorization", "Bearer a"), ("authorization", "Bearer b")]), Shown::Unreadable);
    }
}

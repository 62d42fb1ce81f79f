//! Who asks for a change. Each page that changes something takes a [`Caller`], and hands it to its use case.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use chronos_engine::Principal;
use chronos_types::{By, Invalid, KeyScope, Note, Scope, clip};
use utoipa::IntoParams;

use crate::problem::ApiError;

/// What a client says of a change, in a header of this name.
const NOTE: &str = "Chronos-Note";

/// Who sends a request, and what they say of it: as it is put on record.
pub(crate) struct Caller(pub(crate) By);

/// The same in its parts, for a page that goes by who it is.
pub(crate) struct Asker {
    /// Who it is, and what they may do.
    pub(crate) principal: Principal,
    /// Where they ask from.
    pub(crate) address: Option<IpAddr>,
    /// What they say.
    pub(crate) note: Option<Note>,
}

/// What whoever sends a request may see. Each page hands it to its use case.
pub(crate) struct Within(pub(crate) Scope);

/// The header of what changes something.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "the document is made of it")]
pub(crate) struct NoteHeader {
    /// What you say of it: it is kept with the version or the execution that comes of it, and with what is cancelled, or
    /// logged where the cluster is changed. At most 1,024 bytes of text in UTF-8, without control characters
    #[param(
        rename = "Chronos-Note",
        required = false,
        max_length = 1_024,
        example = "moved to the new host"
    )]
    chronos_note: String,
}

/// The client, with each of its requests: the other end of the connection, or whom a trusted proxy names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

/// Whether nobody between the client and this node can read a request, with each of its requests: it came over TLS, or
/// over a proxy that is trusted and says so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Secured(pub(crate) bool);

impl From<IpAddr> for ClientAddress {
    /// An IPv4 address is told as one, also where the listener takes it for one of IPv6.
    fn from(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }
}

impl ClientAddress {
    /// The address.
    pub(crate) fn get(self) -> IpAddr {
        self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Secured {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or(Self(false)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Asker {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let principal = parts.extensions.get::<Principal>().cloned();
        Ok(Self {
            // The layer around all pages puts it there. What came by another way may do nothing.
            principal: principal.unwrap_or_else(Principal::nobody),
            address: parts.extensions.get::<ClientAddress>().map(|address| address.get()),
            note: note(&parts.headers)?,
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Within {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let principal = parts.extensions.get::<Principal>();
        // The layer around all pages puts it there. What came by another way sees nothing.
        let nothing = || Scope::of(None, KeyScope(BTreeSet::new()));
        Ok(Self(principal.map_or_else(nothing, |principal| principal.scope().clone())))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Asker { principal, address, note } = Asker::from_request_parts(parts, state).await?;
        Ok(Self(principal.by(address, note)))
    }
}

/// The note of a request. A header without a text is none: so a script can always send it.
fn note(headers: &HeaderMap) -> Result<Option<Note>, Invalid> {
    let mut values = headers.get_all(NOTE).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let refuse = |why: String| Err(Invalid::one(NOTE, why));
    if values.next().is_some() {
        return refuse("is given more than once; expected one note".to_owned());
    }
    match std::str::from_utf8(value.as_bytes()) {
        Ok("") => Ok(None),
        Ok(text) => Note::parse(text).map(Some).or_else(refuse),
        Err(_) => {
            let shown = String::from_utf8_lossy(value.as_bytes());
            refuse(format!("{:?} is not UTF-8; expected text in UTF-8", clip(&shown)))
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_client_is_known_by_its_address_as_people_write_it() {
        for (address, told) in
            [("::ffff:10.0.0.7", "10.0.0.7"), ("10.0.0.7", "10.0.0.7"), ("2001:db8::7", "2001:db8::7")]
        {
            let ClientAddress(found) = address.parse::<IpAddr>().expect("an address").into();
            assert_eq!(found.to_string(), told);
        }
    }

    #[test]
    fn a_note_is_one_line_of_text_or_none() {
        let read = |values: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(NOTE, HeaderValue::from_bytes(value).expect("a value"));
            }
            note(&headers).map(|note| note.map(|note| note.as_str().to_owned()))
        };
        assert_eq!(read(&[]).expect("none"), None);
        assert_eq!(read(&[b""]).expect("none"), None);
        assert_eq!(read(&["für Änne".as_bytes()]).expect("a note"), Some("für Änne".to_owned()));
        let long = [b'x'; 1_025];
        for bad in [&[b"a".as_slice(), b"b"][..], &[b"a\tb"], &[b"\xff"], &[&long], &["a\u{9f}".as_bytes()]] {
            let refused = read(bad).expect_err("refused").to_string();
            assert!(refused.contains("Chronos-Note") && refused.contains("expected"), "{refused}");
        }
    }
}

//! An answer as it came, and what it says.

use bytes::Bytes;
use chronos_api::Problem;
use http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

use crate::Error;

/// So much of an unexpected answer is shown.
const SHOWN_CHARS: usize = 200;

/// A whole answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The body as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The value of a header, where it is there and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON of this type.
    ///
    /// # Errors
    /// It is something else.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| self.unexpected(&error.to_string()))
    }

    /// The same answer, where its status is one of these.
    ///
    /// # Errors
    /// [`Error::Problem`] where the answer says so, else [`Error::Unexpected`].
    pub fn expect(self, expected: &[StatusCode]) -> Result<Self, Error> {
        if expected.contains(&self.status) { Ok(self) } else { Err(self.refusal()) }
    }

    /// What an answer says whose status is none that is hoped for.
    pub(crate) fn refusal(&self) -> Error {
        self.problem().unwrap_or_else(|| self.unexpected(&self.shown()))
    }

    fn problem(&self) -> Option<Error> {
        let kind = self.header(header::CONTENT_TYPE.as_str())?;
        let problem: Option<Problem> = kind
            .starts_with("application/problem+json")
            .then(|| serde_json::from_slice(&self.body).ok())
            .flatten();
        problem.map(|problem| Error::Problem(Box::new(problem)))
    }

    fn unexpected(&self, why: &str) -> Error {
        Error::Unexpected { status: self.status.as_u16(), why: why.to_owned() }
    }

    /// The beginning of the body, for a person.
    fn shown(&self) -> String {
        let text = self.text();
        if text.is_empty() { "no body".to_owned() } else { text.chars().take(SHOWN_CHARS).collect() }
    }
}

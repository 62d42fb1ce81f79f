//! Errors as clients see them: problem documents by RFC 9457, `application/problem+json`.

use chronos_types::{FieldError, Invalid};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What went wrong, for programs (`code`) and for people (`detail`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `urn:chronos:problem:` and the code.
    #[serde(rename = "type")]
    #[schema(example = "urn:chronos:problem:invalid")]
    pub kind: String,
    /// The status code's own phrase.
    #[schema(example = "Bad Request")]
    pub title: String,
    /// The status code.
    #[schema(example = 400)]
    pub status: u16,
    /// What happened, in a sentence.
    pub detail: String,
    /// A word that stays the same from release to release.
    #[schema(example = "invalid")]
    pub code: String,
    /// Every bad field of the request, or the first hundred and an entry that says how many more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<BadField>,
}

/// A field that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BadField {
    /// Its path in the body (`webhook.url`), or the name of the query parameter or header.
    #[schema(example = "webhook.timeout")]
    pub field: String,
    /// What is wrong with it, and what was expected.
    #[schema(example = "30 is a number; expected a duration string such as \"30s\"")]
    pub message: String,
}

impl Problem {
    /// A problem without bad fields.
    #[must_use]
    pub fn new(status: u16, title: &str, code: &str, detail: String) -> Self {
        let kind = format!("urn:chronos:problem:{code}");
        Self { kind, title: title.to_owned(), status, detail, code: code.to_owned(), errors: Vec::new() }
    }
}

impl From<&FieldError> for BadField {
    fn from(error: &FieldError) -> Self {
        let FieldError { field, message } = error;
        Self { field: field.clone(), message: message.clone() }
    }
}

impl BadField {
    /// The bad fields of an input. Where there are too many to list, the last entry says how many more.
    #[must_use]
    pub fn all(invalid: &Invalid) -> Vec<Self> {
        let more = (invalid.more() > 0).then(|| Self {
            field: String::new(),
            message: format!("there are {} more bad fields, which are not listed", invalid.more()),
        });
        invalid.fields().iter().map(Self::from).chain(more).collect()
    }
}

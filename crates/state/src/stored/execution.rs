//! The stored form of what came of an execution: its detail column, and parts of reports.

use std::borrow::Cow;

use chronos_types::{Attempt, By, ErrorKind, Millis, OperationId, Phases, Response, Waited};
use rusqlite::types::ValueRef;
use serde::{Deserialize, Serialize};

use super::bad::why_no_form;
use super::by;
use super::omit::is_default;
use super::text;
use super::timing::{phases, waited};
use crate::error::StateError;

/// What a record keeps in its detail column.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredDetail {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_kind: Option<Cow<'static, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<StoredResponse<'static>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<StoredAttempt>,
    /// Whether a node that held it before may have begun it and cannot be asked.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unsure: bool,
    /// The instants that it stands for, where it is no run. Why they are passed over is its error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<StoredMissed>,
    /// Who asked for it, where that was no schedule and is known.
    #[serde(default, with = "by", skip_serializing_if = "Option::is_none")]
    pub by: Option<By>,
    /// Who cancelled it, where that is known.
    #[serde(default, with = "by", skip_serializing_if = "Option::is_none")]
    pub cancelled_by: Option<By>,
    /// The operation that asked for it, where one did.
    #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationId>,
    /// Whether it sends something in place of what its job says: that stands in a table of its own.
    #[serde(default, skip_serializing_if = "is_default")]
    pub overridden: bool,
    /// When it was to fire, where it has begun and that was not its scheduled time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fire_at: Option<Millis>,
    /// What it waited for.
    #[serde(default, with = "waited", skip_serializing_if = "is_default")]
    pub waited: Waited,
    /// Whether nothing else of it could be read. It is not written.
    #[serde(skip)]
    pub unknown: bool,
}

/// A stretch of instants that were passed over, in [`StoredDetail`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredMissed {
    pub from: Millis,
    pub to: Millis,
    pub count: u64,
}

/// An attempt in [`StoredDetail`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredAttempt {
    pub number: u32,
    pub started_at: Millis,
    pub duration_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_kind: Option<Cow<'static, str>>,
    #[serde(default, with = "phases", skip_serializing_if = "Option::is_none")]
    pub phases: Option<Phases>,
}

/// A response in [`StoredDetail`] and in reports.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredResponse<'a> {
    #[serde(default, skip_serializing_if = "is_default")]
    status_code: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "is_default")]
    truncated: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<Cow<'a, str>>,
}

impl<'a> From<&'a Response> for StoredResponse<'a> {
    fn from(response: &'a Response) -> Self {
        let Response { status_code, body, truncated, error } = response;
        let (body, error) = (body.as_deref().map(Cow::from), error.as_deref().map(Cow::from));
        Self { status_code: *status_code, body, truncated: *truncated, error }
    }
}

impl From<Response> for StoredResponse<'static> {
    fn from(response: Response) -> Self {
        let Response { status_code, body, truncated, error } = response;
        Self { status_code, body: body.map(Cow::from), truncated, error: error.map(Cow::from) }
    }
}

impl From<StoredResponse<'_>> for Response {
    fn from(stored: StoredResponse<'_>) -> Self {
        let StoredResponse { status_code, body, truncated, error } = stored;
        let (body, error) = (body.map(Cow::into_owned), error.map(Cow::into_owned));
        Self { status_code, body, truncated, error }
    }
}

impl StoredAttempt {
    /// What it says. A kind of error that is not known is left out, and `invalid` says so.
    pub(crate) fn read(self, invalid: &mut Option<String>) -> Attempt {
        let Self { number, started_at, duration_ms, status_code, error, error_kind, phases } = self;
        let error_kind = error_kind_of(error_kind.as_deref(), invalid);
        Attempt { number, started_at, duration_ms, status_code, error, error_kind, phases }
    }
}

/// Reads the kind of an error by its name. One that is not known is left out, and `invalid` says so.
pub(crate) fn error_kind_of(name: Option<&str>, invalid: &mut Option<String>) -> Option<ErrorKind> {
    ErrorKind::parse(name?).map_err(|why| invalid.get_or_insert(why).clone()).ok()
}

impl StoredDetail {
    /// Whether there is nothing to tell.
    pub(crate) fn is_empty(&self) -> bool {
        let Self {
            error,
            error_kind,
            response,
            attempts,
            unsure,
            missed,
            by,
            cancelled_by,
            operation,
            overridden,
            fire_at,
            waited,
            unknown: _,
        } = self;
        let is_told = error.is_some() || error_kind.is_some() || response.is_some() || missed.is_some();
        let is_asked = by.is_some() || cancelled_by.is_some() || operation.is_some() || *overridden;
        let is_timed = fire_at.is_some() || !waited.is_nothing();
        !is_told && !is_asked && !is_timed && attempts.is_empty() && !unsure
    }

    /// The text of the column.
    pub(crate) fn to_json(&self) -> Result<String, StateError> {
        serde_json::to_string(self).map_err(StateError::encode)
    }

    /// Reads the column. It is null until there is something to tell. The error says why it cannot be read.
    pub(crate) fn read(column: ValueRef<'_>) -> Result<Self, String> {
        match column.as_str_or_null() {
            Ok(None) => Ok(Self::default()),
            Ok(Some(text)) => serde_json::from_str(text)
                .map_err(|error| format!("what came of it is not on record: {}", why_no_form(&error))),
            Err(_) => Err("what came of it is not on record: it is no text".to_owned()),
        }
    }

    /// The same for whoever has to go on: of what cannot be read nothing is known, so its execution may have begun.
    pub(crate) fn or_unknown(column: ValueRef<'_>) -> Self {
        Self::read(column).unwrap_or_else(|_| Self { unsure: true, unknown: true, ..Self::default() })
    }

    /// Whether what it sends is to be looked for among the overrides.
    pub(crate) fn may_be_overridden(&self) -> bool {
        self.overridden || self.unknown
    }
}

/// `serde(with)` for a response.
pub(crate) mod response {
    use chronos_types::Response;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::StoredResponse;

    pub(crate) fn serialize<S: Serializer>(response: &Response, serializer: S) -> Result<S::Ok, S::Error> {
        StoredResponse::from(response).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Response, D::Error> {
        StoredResponse::deserialize(deserializer).map(Response::from)
    }
}

/// `serde(with)` for what went wrong in an attempt: its kind and a message.
pub(crate) mod failure {
    use std::borrow::Cow;

    use chronos_types::ErrorKind;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        failure: &Option<(ErrorKind, String)>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        failure.as_ref().map(|(kind, message)| (kind.as_str(), message)).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<(ErrorKind, String)>, D::Error> {
        let pair = Option::<(Cow<'_, str>, String)>::deserialize(deserializer)?;
        pair.map(|(kind, message)| Ok((ErrorKind::parse(&kind).map_err(D::Error::custom)?, message)))
            .transpose()
    }
}

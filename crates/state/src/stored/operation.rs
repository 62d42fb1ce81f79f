//! The stored form of an operation: what was asked for, and by whom.

use chronos_types::By;
use rusqlite::types::ValueRef;
use serde::{Deserialize, Serialize};

use super::by;
use crate::command::{Cursor, ItemError, OperationSpec};
use crate::error::StateError;

/// What a record keeps of what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredOperation {
    pub spec: OperationSpec,
    #[serde(default, with = "by", skip_serializing_if = "Option::is_none")]
    pub by: Option<By>,
}

/// Who ended an operation before its end.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredEnd {
    #[serde(default, with = "by", skip_serializing_if = "Option::is_none")]
    pub by: Option<By>,
}

/// The text of a column.
pub(crate) fn to_json<T: Serialize>(value: &T) -> Result<String, StateError> {
    serde_json::to_string(value).map_err(StateError::encode)
}

/// What a column says. The error says why it cannot be read, and quotes nothing of it.
pub(crate) fn read<'a, T: Deserialize<'a>>(column: ValueRef<'a>) -> Result<T, String> {
    let text = column.as_str().unwrap_or_default();
    serde_json::from_str(text).map_err(|error| super::bad::why_no_form(&error))
}

/// How far an operation has come. One that cannot be read has a step by nobody, so it stands still.
pub(crate) fn cursor(column: ValueRef<'_>) -> Option<Cursor> {
    read(column).ok()
}

/// Why nothing was done with a target.
pub(crate) fn error(column: ValueRef<'_>) -> ItemError {
    read(column).unwrap_or_else(|why| ItemError::Invalid(format!("the reason is not on record: {why}")))
}

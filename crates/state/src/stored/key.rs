//! The stored forms of what is kept of keys beside their columns.

use std::collections::BTreeSet;

use chronos_types::{By, KeyScope};
use rusqlite::types::ValueRef;
use serde::{Deserialize, Serialize};

use super::by;
use crate::error::StateError;

/// Who made a key, or ended one.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredAsker {
    #[serde(with = "by")]
    by: Option<By>,
}

/// The text of a column that says who asked; none where nobody is known.
pub(crate) fn asker(by: Option<&By>) -> Result<Option<String>, StateError> {
    let Some(by) = by else { return Ok(None) };
    let text = serde_json::to_string(&StoredAsker { by: Some(by.clone()) });
    text.map(Some).map_err(StateError::encode)
}

/// Who asked; none where nobody is on record, or that cannot be read.
pub(crate) fn read_asker(column: ValueRef<'_>) -> Option<By> {
    let text = column.as_str().ok()?;
    serde_json::from_str::<StoredAsker>(text).ok()?.by
}

/// The text of a column that says what a key is limited to; none where it is not.
pub(crate) fn scope(values: &[String]) -> Result<Option<String>, StateError> {
    if values.is_empty() {
        return Ok(None);
    }
    serde_json::to_string(values).map(Some).map_err(StateError::encode)
}

/// What a key is limited to. Where that cannot be read, it is limited to nothing at all.
pub(crate) fn read_scope(column: ValueRef<'_>) -> Option<KeyScope> {
    let text = match column {
        ValueRef::Null => return None,
        column => column.as_str().unwrap_or_default(),
    };
    Some(KeyScope(serde_json::from_str::<BTreeSet<String>>(text).unwrap_or_default()))
}
